//! How often memory is allocated for one token, as a program with an allocator of its own counts it.

use std::process::Command;

use crate::{
    contender::Stand,
    report::{Figure, Goal, Report, Table},
};

/// A case and the goal of it, where there is one.
const VALIDATION: &str = "validation ";
/// What a token costs that was verified before.
const HIT: &str = "recall";

pub(crate) fn run(stand: &Stand, report: &mut Report) -> Result<(), String> {
    let mut table = Table::of_goals("allocations");
    let counted = Command::new(&stand.parts.allocations)
        .env_clear()
        .output()
        .map_err(|error| format!("allocations cannot be counted: {error}"))?;
    let text = String::from_utf8_lossy(&counted.stdout);
    let mut has_hit = false;
    for (name, count) in text.lines().filter_map(|line| line.split_once('\t')) {
        let is_hit = name == HIT;
        has_hit |= is_hit;
        let goal = match name {
            name if name.starts_with(VALIDATION) => Goal::AtMost(4.0),
            _ if is_hit => Goal::AtMost(0.0),
            _ => Goal::None,
        };
        let count = count
            .parse()
            .map_err(|_| format!("{name}: {count:?} is no count"))?;
        let shown = if is_hit {
            "recall (a cached hit)"
        } else {
            name
        };
        table.goal(shown, &Figure::number(count, 1, ""), goal, "");
    }
    if !has_hit {
        table.lacking(HIT, Goal::AtMost(0.0), "there is no such case");
    }
    report.print(&table);
    Ok(())
}
