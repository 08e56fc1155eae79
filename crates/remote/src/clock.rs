//! Time from outside, behind a trait with a fake twin, so that a day of outage takes a test no time.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use oauthgate_core::UnixTime;
use tokio::time::Instant;

/// How long before the start of the process the machine's elapsed time begins, so that the age of a
/// saved key set can be told in it: longer than any set is served.
const BEFORE_THE_START: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Two clocks: one for claims (`exp`, `nbf`, `iat`), one that never jumps, for the schedule of fetches.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time of day, for the claims of tokens.
    fn now(&self) -> UnixTime;

    /// Time since an arbitrary fixed moment; never goes back.
    fn elapsed(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug, Clone)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose elapsed time is a year now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    /// A machine whose clock stands before 1970 reads as 1970: every token is then `not_yet_valid`
    /// or `issued_in_future`, which refuses.
    fn now(&self) -> UnixTime {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        UnixTime::from_secs(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
    }

    fn elapsed(&self) -> Duration {
        BEFORE_THE_START + self.origin.elapsed()
    }
}
