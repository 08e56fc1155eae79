//! What strangers may cause over all issuers together.
//!
//! Each issuer has its own cooldown; with many issuers their sum would still be a way to make one
//! process call out as often as strangers like. This budget bounds the sum. Half of it is kept for
//! issuers of which strangers wanted nothing lately: floods at many issuers cannot use that up, and a
//! quiet issuer's new key is still looked for.

use std::{
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use oauthgate_core::quota::{Quota, Verdict, decide, microseconds};

/// How many attempts strangers may cause at once, over all issuers.
pub(super) const BURST: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// In which time the whole burst comes back.
pub(super) const PERIOD: Duration = Duration::from_secs(20);

/// The budget of strangers over all issuers.
#[derive(Debug)]
pub struct StrangersBudget {
    quota: Quota,
    reserve: u32,
    /// The theoretical arrival time of the next attempt, in microseconds.
    arrival: Mutex<u64>,
}

impl Default for StrangersBudget {
    fn default() -> Self {
        Self::new(BURST, PERIOD)
    }
}

impl StrangersBudget {
    /// So many attempts in a period; all of them may come at once.
    #[must_use]
    pub fn new(attempts: NonZeroU32, period: Duration) -> Self {
        Self {
            quota: Quota::new(attempts, period),
            reserve: attempts.get() / 2,
            arrival: Mutex::default(),
        }
    }

    /// Takes one attempt out of the budget, if there is one: the last half of the burst only for an issuer
    /// that was quiet.
    pub fn take(&self, now: Duration, was_quiet: bool) -> bool {
        let mut arrival = self.arrival.lock().unwrap_or_else(PoisonError::into_inner);
        let now = microseconds(now);
        if !was_quiet && self.quota.remaining(*arrival, now) <= self.reserve {
            return false;
        }
        match decide(self.quota, *arrival, now, 1) {
            Verdict::Within { arrival: next, .. } => {
                *arrival = next;
                true
            }
            Verdict::Over { .. } => false,
        }
    }

    /// How many attempts are left.
    #[must_use]
    pub fn left(&self, now: Duration) -> u32 {
        let arrival = *self.arrival.lock().unwrap_or_else(PoisonError::into_inner);
        self.quota.remaining(arrival, microseconds(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floods_leave_a_half_to_issuers_that_were_quiet() {
        let budget = StrangersBudget::default();
        let now = Duration::from_secs(1_000);
        let taken = (0..100).filter(|_| budget.take(now, false)).count();
        assert_eq!((taken, budget.left(now)), (10, 10));
        let quiet = (0..100).filter(|_| budget.take(now, true)).count();
        assert_eq!((quiet, budget.left(now)), (10, 0));
        let later = now + Duration::from_secs(10);
        assert!(!budget.take(later, false) && budget.take(later, true));
    }

    #[test]
    fn is_spent_by_a_burst_and_comes_back_with_time() {
        let budget = StrangersBudget::default();
        let now = Duration::from_secs(1_000);
        assert_eq!(budget.left(now), BURST.get());
        let taken = (0..100).filter(|_| budget.take(now, true)).count();
        assert_eq!((taken, budget.left(now)), (20, 0));
        let later = now + Duration::from_secs(1);
        assert_eq!(budget.left(later), 1);
        assert!(budget.take(later, true) && !budget.take(later, true));
        assert_eq!(budget.left(later + PERIOD), BURST.get());
    }
}
