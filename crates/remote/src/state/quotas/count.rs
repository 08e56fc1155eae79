//! What is known of one key.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use oauthgate_core::quota::{Quota, Verdict, decide};

/// By how much the times of two threads that look at one key may differ, in microseconds: between its look
/// at the clock and the count, a thread may have to wait for its turn.
const TURN: u64 = 1_000_000;

/// Two theoretical arrival times, in microseconds; the later one counts.
#[derive(Debug, Default)]
pub(super) struct Count {
    /// By what was counted here.
    ours: AtomicU64,
    /// By what was said last by whoever counts for all replicas.
    theirs: AtomicU64,
}

impl Count {
    /// The arrival time. If it is further ahead than this quota can make it, another quota did, and it is
    /// cut, lest that one is remembered for longer than this one takes to come back.
    pub(super) fn arrival(&self, quota: Quota, now: u64) -> u64 {
        let [ours, theirs] = [&self.ours, &self.theirs].map(|time| {
            let arrival = time.load(Relaxed);
            if arrival <= quota.credible(arrival, now).saturating_add(TURN) {
                return arrival;
            }
            let most = quota.credible(arrival, now);
            time.fetch_min(most, Relaxed);
            most
        });
        ours.max(theirs)
    }

    /// Takes a cost, if it is there.
    pub(super) fn take(&self, quota: Quota, now: u64, cost: u32) -> Verdict {
        let mut verdict = decide(quota, self.arrival(quota, now), now, cost);
        let theirs = self.theirs.load(Relaxed);
        let _ = self.ours.fetch_update(Relaxed, Relaxed, |ours| {
            verdict = decide(quota, ours.max(theirs), now, cost);
            match verdict {
                Verdict::Within { arrival, .. } => Some(arrival),
                Verdict::Over { .. } => None,
            }
        });
        verdict
    }

    /// Gives back so much of what was taken.
    pub(super) fn give_back(&self, amount: u64) {
        let _ = self.ours.fetch_update(Relaxed, Relaxed, |arrival| {
            Some(arrival.saturating_sub(amount))
        });
    }

    /// Takes note of what somebody else decided about a price of ours when the time was `sent` or later,
    /// and of the arrival time that he has now. It goes down again when others give back; what was ours
    /// stays.
    #[cfg(feature = "redis")]
    pub(super) fn follow(&self, price: u64, sent: u64, theirs: u64) {
        if price > 0 {
            let _ = self.ours.fetch_update(Relaxed, Relaxed, |ours| {
                Some(ours.max(sent).saturating_add(price))
            });
        }
        self.theirs.store(theirs, Relaxed);
    }
}
