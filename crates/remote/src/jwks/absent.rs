//! Remembers which `kid`s an issuer's set does not hold, in bounded memory.
//!
//! An absence is remembered for one cooldown only, because a token may be ahead of its published key.
//! After five minutes of looks in vain it is not: each further absence doubles the time, and one junk
//! `kid`, repeated for ever, costs next to nothing.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use oauthgate_core::KeyId;
use quick_cache::sync::Cache;

use super::schedule::COOLDOWN;

/// How many `kid`s are remembered per issuer.
pub(super) const CAPACITY: usize = 1_024;
/// How often a `kid` is looked for each cooldown.
const PATIENCE: u32 = 30;
const LONGEST: Duration = Duration::from_secs(300);

#[derive(Debug, Clone, Copy)]
struct Absence {
    until: Duration,
    times: u32,
}

/// The absent `kid`s of one issuer. Holds keyed hashes, not the texts: a `kid` is as long as a
/// stranger likes.
#[derive(Debug)]
pub(super) struct AbsentKeys {
    hasher: RandomState,
    absences: Cache<u64, Absence>,
}

impl AbsentKeys {
    /// Remembers nothing yet.
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            absences: Cache::new(CAPACITY),
        }
    }

    /// Whether this `kid` was found absent a short while ago.
    pub(super) fn remembers(&self, key_id: &KeyId, now: Duration) -> bool {
        self.absences
            .get(&self.slot(key_id))
            .is_some_and(|absence| now < absence.until)
    }

    /// A fetch ended and the set does not hold this `kid`.
    pub(super) fn note(&self, key_id: &KeyId, now: Duration) {
        let slot = self.slot(key_id);
        let times = self.absences.get(&slot).map_or(0, |absence| absence.times);
        let doublings = times.saturating_add(1).saturating_sub(PATIENCE).min(8);
        let pause = COOLDOWN.saturating_mul(1 << doublings).min(LONGEST);
        self.absences.insert(
            slot,
            Absence {
                until: now.saturating_add(pause),
                times: times.saturating_add(1),
            },
        );
    }

    /// The set changed: what was absent may be present.
    pub(super) fn clear(&self) {
        self.absences.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.absences.len()
    }

    fn slot(&self, key_id: &KeyId) -> u64 {
        self.hasher.hash_one(key_id)
    }
}
