//! Where and with what the figures were taken.

use crate::{host, stand::Bench};

/// For the head of the report.
pub(crate) fn describe(bench: &Bench) -> String {
    let plan = &bench.plan;
    format!(
        "{}; {}. {} good connections with a pause of {} ms, {} random kids per second over {} connections, {} rounds.{}",
        host::describe(),
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
