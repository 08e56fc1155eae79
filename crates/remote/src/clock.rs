//! Time from outside, behind a trait with a fake twin, so that a day of outage takes a test no time.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
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

    /// Time since a fixed moment, at least a month ago, so that the age of what was saved can be told in
    /// it. Never goes back, and goes on while the machine sleeps.
    fn elapsed(&self) -> Duration;

    /// Both, for whoever asks for every request.
    fn both(&self) -> (UnixTime, Duration) {
        (self.now(), self.elapsed())
    }
}

/// The machine's clocks.
#[derive(Debug, Clone)]
pub struct SystemClock {
    origin: Instant,
    began_at: Duration,
    sleep: Arc<Sleep>,
}

impl SystemClock {
    /// A clock whose elapsed time is a year now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
            began_at: since_1970(),
            sleep: Arc::default(),
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
        unix_time(since_1970())
    }

    fn elapsed(&self) -> Duration {
        self.elapsed_at(since_1970())
    }

    /// Reads the time of day once.
    fn both(&self) -> (UnixTime, Duration) {
        let of_day = since_1970();
        (unix_time(of_day), self.elapsed_at(of_day))
    }
}

impl SystemClock {
    /// The elapsed time, at this time of day.
    fn elapsed_at(&self, of_day: Duration) -> Duration {
        let steady = self.origin.elapsed();
        let slept = self.sleep.until(steady, of_day, self.began_at);
        BEFORE_THE_START + steady + slept
    }
}

fn unix_time(since_1970: Duration) -> UnixTime {
    UnixTime::from_secs(i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX))
}

fn since_1970() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// How long the machine slept: a laptop whose lid was closed, a virtual machine that was frozen between
/// two requests. The steady clock stands still then, and keys would count as fresh that are a night old.
/// The time of day goes on, and a step of it ahead of the steady clock counts as sleep. When somebody
/// set the clock, that makes keys look older than they are, and they are fetched; a step back is none.
#[derive(Debug, Default)]
struct Sleep {
    /// By how much the time of day has gone further than the steady clock, in milliseconds, at its last
    /// step.
    ahead: AtomicI64,
    /// Milliseconds.
    slept: AtomicU64,
}

/// A smaller step is nobody's sleep, or one that does not matter.
const STEP: i64 = 60_000;

impl Sleep {
    fn until(&self, steady: Duration, now: Duration, began_at: Duration) -> Duration {
        let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let passed = milliseconds(now).saturating_sub(milliseconds(began_at));
        let ahead = passed.saturating_sub(milliseconds(steady));
        let before = self.ahead.load(Ordering::Acquire);
        let step = ahead.saturating_sub(before);
        // Of all who see the step, one counts it.
        if step.saturating_abs() >= STEP
            && self
                .ahead
                .compare_exchange(before, ahead, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
            && let Ok(slept) = u64::try_from(step)
        {
            self.slept.fetch_add(slept, Ordering::AcqRel);
        }
        Duration::from_millis(self.slept.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN_AT: Duration = Duration::from_secs(1_800_000_000);

    /// A machine: its steady clock, and its time of day.
    #[derive(Default)]
    struct Machine {
        sleep: Sleep,
        steady: u64,
        of_day: i64,
    }

    impl Machine {
        fn runs(&mut self, seconds: u64) -> u64 {
            self.steady += seconds;
            self.set(i64::try_from(seconds).unwrap())
        }

        /// The time of day only.
        fn set(&mut self, seconds: i64) -> u64 {
            self.of_day += seconds;
            let now = Duration::from_secs(BEGAN_AT.as_secs().saturating_add_signed(self.of_day));
            let steady = Duration::from_secs(self.steady);
            let slept = self.sleep.until(steady, now, BEGAN_AT);
            self.steady + slept.as_secs()
        }
    }

    #[test]
    fn a_machine_that_sleeps_grows_older() {
        let mut machine = Machine::default();
        assert_eq!(machine.runs(1_000), 1_000);
        assert_eq!(machine.set(8 * 3_600), 1_000 + 8 * 3_600);
        assert_eq!(machine.runs(10), 1_010 + 8 * 3_600);
        assert_eq!(machine.set(8 * 3_600), 1_010 + 16 * 3_600);
    }

    #[test]
    fn a_clock_that_is_set_back_takes_nothing_back() {
        let mut machine = Machine::default();
        assert_eq!(machine.runs(1_000), 1_000);
        assert_eq!(machine.set(-86_400), 1_000);
        assert_eq!(machine.runs(500), 1_500);
        assert_eq!(machine.set(-3_000_000_000), 1_500);
        assert_eq!(machine.runs(500), 2_000);
    }

    #[test]
    fn a_clock_that_is_put_right_by_a_little_changes_nothing() {
        let mut machine = Machine::default();
        for seconds in [59, -59, -30, 30, 59, -118] {
            assert_eq!(machine.set(seconds), 0);
        }
        assert_eq!(machine.set(i64::MAX / 2), machine.set(0));
    }

    #[test]
    fn a_clock_far_ahead_overflows_nothing() {
        let sleep = Sleep::default();
        let slept = sleep.until(Duration::ZERO, Duration::MAX, Duration::ZERO);
        assert!(BEFORE_THE_START.checked_add(slept).is_some());
        assert_eq!(
            sleep.until(Duration::MAX, Duration::ZERO, Duration::MAX),
            slept
        );
    }

    #[tokio::test(start_paused = true)]
    async fn elapsed_time_is_the_steady_clocks_while_nobody_sleeps() {
        let clock = SystemClock::new();
        let start = clock.elapsed();
        for _ in 0..100 {
            tokio::time::advance(Duration::from_secs(3_600)).await;
        }
        assert_eq!(clock.elapsed() - start, Duration::from_secs(360_000));
    }
}
