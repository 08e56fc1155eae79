//! The log line about a network that went over its budget: one for each that does, but no more than strangers
//! should be able to write.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use oauthgate_core::quota::{Quota, Verdict, decide};

use crate::ClientNetwork;

/// How many lines a minute.
pub(super) const LINES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(6).unwrap();

/// Writes the lines, and counts those that it did not.
#[derive(Debug)]
pub(super) struct Announcements {
    quota: Quota,
    arrival: AtomicU64,
    unsaid: AtomicU64,
}

impl Default for Announcements {
    fn default() -> Self {
        Self {
            quota: Quota::new(LINES_PER_MINUTE, Duration::from_secs(60)),
            arrival: AtomicU64::default(),
            unsaid: AtomicU64::default(),
        }
    }
}

impl Announcements {
    /// This network used its budget up.
    pub(super) fn say(&self, network: ClientNetwork, budget: Quota, now: u64) {
        if !spend(&self.arrival, self.quota, now) {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let unsaid = self.unsaid.swap(0, Ordering::Relaxed);
        tracing::warn!(
            %network,
            %budget,
            more_networks = (unsaid > 0).then_some(unsaid),
            "a client network used up its budget of refused tokens: until it recovers, tokens from there that were \
             not good lately are verified at 10 a second, and the rest of them hear 429. Good traffic passes. If these \
             are your users, set OAUTHGATE_REFUSED_TOKENS higher (in a program: `RefusedTokenBudget`)"
        );
    }
}

/// Spends one event of a quota that many threads share.
pub(super) fn spend(arrival: &AtomicU64, quota: Quota, now: u64) -> bool {
    let spent = arrival.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| match decide(
        quota, before, now, 1,
    ) {
        Verdict::Within { arrival, .. } => Some(arrival),
        Verdict::Over { .. } => None,
    });
    spent.is_ok()
}
