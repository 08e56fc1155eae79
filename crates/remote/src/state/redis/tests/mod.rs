//! Against a real `redis-server`, started by each test.
//!
//! The machine may be busy: what has to happen is waited for, with far more patience than in life.

mod breaker;
mod clocks;
mod cluster;
mod day;
mod fleet;
mod hostile;
mod keys;
mod link;
mod quota_hostile;
mod quota_scripts;
mod quotas;
mod sentinel;
pub(crate) mod server;
mod tls;
mod withdrawals;

use std::time::{Duration, Instant};

use super::link::Limits;

/// Much longer than anything here takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until this is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// For those whom a slow Redis does not concern.
fn patient() -> Limits {
    Limits {
        command: Duration::from_secs(10),
        connect: Duration::from_secs(20),
        ..Limits::default()
    }
}
