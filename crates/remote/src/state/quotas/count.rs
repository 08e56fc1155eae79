//! What is known of one key. `tests/count_model.rs` compiles this file with the primitives of a model
//! checker, so it knows no others than those of `super::sync`.

use oauthgate_core::quota::{Quota, Verdict, decide};

use super::sync::{AtomicU64, Ordering::Relaxed};

/// Two theoretical arrival times, in microseconds; the later one counts.
#[derive(Debug, Default)]
pub(super) struct Count {
    /// By what was counted here.
    ours: AtomicU64,
    /// By what was said last by whoever counts for all replicas.
    theirs: AtomicU64,
}

impl Count {
    pub(super) fn arrival(&self) -> u64 {
        self.ours.load(Relaxed).max(self.theirs.load(Relaxed))
    }

    /// Takes a cost, if it is there.
    pub(super) fn take(&self, quota: Quota, now: u64, cost: u32) -> Verdict {
        let mut verdict = decide(quota, self.arrival(), now, cost);
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
