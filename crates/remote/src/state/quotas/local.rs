//! Quotas counted in this process.

use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};
use oauthgate_core::quota::{Standing, Verdict, decide, microseconds};
use quick_cache::sync::Cache;

use super::{Charge, Decisions, QuotaKey, Quotas, Spent, Uncounted, count::Count};
use crate::clock::Clock;

/// Counts in memory: two numbers per key, for so many keys. When more come, those are forgotten that were
/// asked for least, and begin anew: about a hundred bytes per key. No lock is held while a key is counted.
pub struct LocalQuotas {
    clock: Arc<dyn Clock>,
    /// In microseconds of the clock's elapsed time.
    counts: Cache<QuotaKey, Arc<Count>>,
    decisions: AtomicU64,
}

impl LocalQuotas {
    /// For so many keys at a time.
    #[must_use]
    pub fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            counts: Cache::new(capacity),
            decisions: AtomicU64::new(0),
        }
    }

    /// How many keys are remembered.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.counts.len()
    }

    /// As [`Quotas::spend`], which never waits here.
    #[must_use]
    pub fn spend_now(&self, charges: &[Charge]) -> Spent {
        self.spend_part(charges, 100)
    }

    /// As [`Self::spend_now`], out of so many percent of each quota.
    pub(in crate::state) fn spend_part(&self, charges: &[Charge], share: u8) -> Spent {
        self.decisions.fetch_add(1, Ordering::Relaxed);
        let now = self.now();
        // Where one charge alone is over, nothing is taken of the others, not even for a moment: a key that
        // somebody invented would stay, and push out what others spent.
        if charges.len() > 1
            && let Some(over) = self.look(charges, share, now).foreseen()
        {
            return over;
        }
        let mut taken = Vec::with_capacity(charges.len());
        for (which, charge) in charges.iter().enumerate() {
            match self.take(charge, share, now) {
                Ok(took) => taken.push(took),
                Err(wait) => {
                    self.give_back(charges, share, &taken);
                    return self.look(charges, share, now).over(which, wait);
                }
            }
        }
        Spent::Within(taken.into_iter().map(|took| took.standing).collect())
    }

    /// The refusal, if it is known that some of these are over their quotas. Nothing is charged.
    #[cfg(feature = "redis")]
    pub(in crate::state) fn foresee(&self, charges: &[Charge]) -> Option<Spent> {
        self.look(charges, 100, self.now()).foreseen()
    }

    /// Counts a charge that somebody who counts for all replicas has decided on. `sent` is when he was
    /// asked, and `ahead` how far ahead of then the arrival time is that he remembers: it may be that of
    /// others too. Without a cost, nothing of it was ours.
    #[cfg(feature = "redis")]
    pub(in crate::state) fn follow(&self, charge: &Charge, sent: u64, ahead: u64) {
        let price = charge.quota.price(charge.cost);
        let theirs = sent.saturating_add(ahead);
        match ahead {
            0 => self.with(charge, |count| count.follow(price, sent, theirs)),
            1.. => self.count_of(charge).follow(price, sent, theirs),
        }
    }

    /// Takes the cost of one charge, or tells how long until it is there.
    pub(in crate::state) fn take(
        &self,
        charge: &Charge,
        share: u8,
        now: u64,
    ) -> Result<Taken, Duration> {
        let Charge { quota, cost, .. } = charge.part(share);
        if cost == 0 {
            let arrival = self.arrival(charge);
            let standing = quota.standing(arrival.saturating_sub(now));
            return Ok(Taken { arrival, standing });
        }
        if let Verdict::Over { wait, .. } = decide(quota, 0, now, cost) {
            return Err(wait);
        }
        match self.count_of(charge).take(quota, now, cost) {
            Verdict::Within { arrival, standing } => Ok(Taken { arrival, standing }),
            Verdict::Over { wait, .. } => Err(wait),
        }
    }

    /// Gives back what was taken, as far as time has not done it: for others who were charged in the
    /// meantime that time counts as well.
    pub(in crate::state) fn give_back(&self, charges: &[Charge], share: u8, taken: &[Taken]) {
        let now = self.now();
        for (charge, taken) in charges.iter().zip(taken) {
            let Charge { quota, cost, .. } = charge.part(share);
            let price = quota.price(cost);
            let amount = taken.arrival.saturating_sub(now).min(price);
            if amount > 0 {
                self.with(charge, |count| count.give_back(amount));
            }
        }
    }

    /// How charges stand that are not made.
    fn look(&self, charges: &[Charge], share: u8, now: u64) -> Look {
        let mut look = Look::default();
        for (which, charge) in charges.iter().enumerate() {
            let Charge { quota, cost, .. } = charge.part(share);
            let arrival = self.arrival(charge);
            if let Verdict::Over { wait, .. } = decide(quota, arrival, now, cost) {
                look.wait_for(which, wait);
            }
            let ahead = arrival.saturating_sub(now);
            look.standings.push(quota.standing(ahead));
        }
        look
    }

    pub(in crate::state) fn arrival(&self, charge: &Charge) -> u64 {
        let count = self.counts.get(&charge.place());
        count.map_or(0, |count| count.arrival())
    }

    fn with(&self, charge: &Charge, change: impl FnOnce(&Count)) {
        if let Some(count) = self.counts.get(&charge.place()) {
            change(&count);
        }
    }

    fn count_of(&self, charge: &Charge) -> Arc<Count> {
        let Ok(count) = self
            .counts
            .get_or_insert_with(&charge.place(), || Ok::<_, Infallible>(Arc::default()));
        count
    }

    /// In microseconds.
    pub(in crate::state) fn now(&self) -> u64 {
        microseconds(self.clock.elapsed())
    }
}

/// What was taken out of a quota.
pub(in crate::state) struct Taken {
    arrival: u64,
    standing: Standing,
}

/// How charges stand.
#[derive(Default)]
struct Look {
    standings: Vec<Standing>,
    longest: Option<(usize, Duration)>,
}

impl Look {
    fn wait_for(&mut self, which: usize, wait: Duration) {
        if self.longest.is_none_or(|(_, longest)| wait > longest) {
            self.longest = Some((which, wait));
        }
    }

    /// The refusal, if there is a reason for one.
    fn foreseen(self) -> Option<Spent> {
        let (which, wait) = self.longest?;
        Some(Spent::Over {
            standings: self.standings,
            which,
            wait,
        })
    }

    /// One of the charges is known to be over its quota; another may take longer.
    fn over(mut self, which: usize, wait: Duration) -> Spent {
        self.wait_for(which, wait);
        let (which, wait) = self.longest.unwrap_or((which, wait));
        Spent::Over {
            standings: self.standings,
            which,
            wait,
        }
    }
}

impl Quotas for LocalQuotas {
    fn spend<'a>(&'a self, charges: &'a [Charge]) -> BoxFuture<'a, Result<Spent, Uncounted>> {
        ready(Ok(self.spend_now(charges))).boxed()
    }

    fn decisions(&self) -> Decisions {
        Decisions {
            local: self.decisions.load(Ordering::Relaxed),
            ..Decisions::default()
        }
    }
}

impl fmt::Debug for LocalQuotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalQuotas")
            .field("keys", &self.keys())
            .finish_non_exhaustive()
    }
}
