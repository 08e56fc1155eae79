//! What limits cost a gate, beside a gate that has none.

use std::{io, time::Duration};

use crate::{
    cpu,
    report::{Goal, Report, median},
    stand::{Gate, Stand},
    wire::{Statuses, Wire},
};

/// Of one gate, in one round.
const REQUESTS: usize = 2_000;
const ONE: &str = r#"
[[resource.limit]]
name = "per-user"
by = ["subject"]
rate = "10000/s"
"#;
const THREE: &str = r#"
[[resource.limit]]
name = "per-user"
by = ["subject"]
rate = "10000/s"
[[resource.limit]]
name = "per-client"
by = ["client"]
rate = "10000/s"
[[resource.limit]]
name = "all"
by = []
rate = "10000/s"
"#;
const GATES: [(&str, &str); 3] = [
    ("no limit", ""),
    ("one limit", ONE),
    ("three limits", THREE),
];

/// The gates take turns, on one connection each.
pub(crate) fn run(stand: &Stand, rounds: usize, report: &mut Report) -> Result<(), String> {
    let mut gates = Vec::new();
    for (name, resource) in GATES {
        gates.push((name, stand.gate(&[], resource)?, Vec::new()));
    }
    for round in 0..=rounds {
        for (_, gate, costs) in &mut gates {
            let cost = cost(gate).map_err(|error| format!("a request failed: {error}"))?;
            // The first round warms everything up.
            if round > 0 {
                costs.push(cost.as_secs_f64() * 1e6);
            }
        }
    }
    let none = median(gates[0].2.clone());
    for (name, _, costs) in gates {
        let cost = median(costs);
        let text = format!("{cost:.1} µs ({:.3}x)", cost / none);
        let what = format!("processor time of the gate per request, {name}");
        report.line(&what, cost / none, &text, Goal::None);
    }
    Ok(())
}

/// What one request costs the process.
fn cost(gate: &Gate) -> io::Result<Duration> {
    let mut heard = Statuses::new();
    let mut wire = Wire::open(gate.port)?;
    let request = gate.request(&gate.token, None);
    let before = cpu::used_by(gate.process.id())?;
    for _ in 0..REQUESTS {
        wire.exchange(&request, 1, &mut heard)?;
    }
    let used = cpu::used_by(gate.process.id())? - before;
    if heard.keys().any(|status| *status != 200) {
        return Err(io::Error::other(format!("answered {heard:?}")));
    }
    Ok(used / u32::try_from(REQUESTS).expect("some thousands"))
}
