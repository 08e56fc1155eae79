//! Helpers for tests: keys that sign, a clock that stands still, and authorization servers that misbehave.

mod issuer;
mod names;
mod proxy;
mod scripted;
mod tls;
mod token;

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub(crate) use issuer::{FakeIssuer, Reply, metadata};
pub(crate) use names::ScriptedNames;
use oauthgate_core::UnixTime;
pub(crate) use proxy::{FakeProxy, Manner};
pub(crate) use scripted::{ScriptedSource, document};
pub(crate) use tls::{TestAuthority, TlsListener, self_signed, trusting};
pub(crate) use token::{AUDIENCE, TestKey, claims, jwks, token_for, with_mac};

use crate::clock::Clock;

/// Whole seconds since the epoch, on the machine's clock.
pub(crate) fn unix_now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "some tests want the real clock")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub(crate) struct FakeClock {
    elapsed_ms: AtomicU64,
    shift: Mutex<i64>,
}

/// As on the machine's clock, some time has passed before anything starts.
const BEFORE_THE_START: Duration = Duration::from_secs(366 * 24 * 60 * 60);

impl Default for FakeClock {
    fn default() -> Self {
        let elapsed_ms = u64::try_from(BEFORE_THE_START.as_millis()).unwrap();
        Self {
            elapsed_ms: AtomicU64::new(elapsed_ms),
            shift: Mutex::default(),
        }
    }
}

impl FakeClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.elapsed_ms
            .fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Moves the time of day only: a day passes for the tokens, no second for the schedule.
    pub(crate) fn shift_time_of_day(&self, seconds: i64) {
        *self.shift.lock().unwrap() += seconds;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(unix_now() + *self.shift.lock().unwrap())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms.load(Ordering::SeqCst))
    }
}
