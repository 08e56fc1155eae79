//! Where and with what the figures were taken.

use std::{fs, thread::available_parallelism};

use crate::stand::Bench;

/// For the head of the report.
pub(crate) fn describe(bench: &Bench) -> String {
    let cores = available_parallelism().map_or(0, usize::from);
    let plan = &bench.plan;
    format!(
        "{cores} cores ({}), {} {}, load average {} before; {}. {} good connections with a pause of {} ms, {} random kids per second over {} connections, {} rounds.{}",
        processor(),
        std::env::consts::OS,
        std::env::consts::ARCH,
        load_average(),
        bench.parts.interpreters(),
        plan.good_connections,
        plan.good_pause.as_millis(),
        plan.strangers_per_second,
        plan.strangers,
        plan.rounds,
        if plan.quick {
            " A quick run: not to be quoted."
        } else {
            ""
        },
    )
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(": "));
    name.map_or("processor unknown", |(_, name)| name)
        .to_owned()
}

/// Others' work on the machine makes latencies, and so their ratios, uncertain.
fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let last_minute = text.split_whitespace().next();
    last_minute.unwrap_or("unknown").to_owned()
}
