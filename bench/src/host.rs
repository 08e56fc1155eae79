//! Where figures were taken.

use std::{fs, thread::available_parallelism};

/// Cores, processor, system, and how busy it is.
pub(crate) fn describe() -> String {
    let cores = available_parallelism().map_or(0, usize::from);
    format!(
        "{cores} cores ({}), {} {}, load average {} before",
        processor(),
        std::env::consts::OS,
        std::env::consts::ARCH,
        load_average(),
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
