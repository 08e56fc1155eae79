//! What a process has cost so far.

use std::{fs, io, time::Duration};

/// The time that the threads of a process have run on a processor, to the nanosecond (Linux, `schedstat`).
pub(crate) fn used_by(process: u32) -> io::Result<Duration> {
    let mut total = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end between the two looks; what it used is then missing, and was little.
        let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        let used = text.split(' ').next().and_then(|text| text.parse().ok());
        total += used.unwrap_or(0_u64);
    }
    Ok(Duration::from_nanos(total))
}
