//! Tokens that were refused, and would be again.
//!
//! A client that goes on with an expired token, or a stranger who sends one forged token a thousand times, costs
//! one verification. What is remembered is a verdict, with its reason: 401 for whoever is within its budget of
//! refused tokens. What a client over its budget hears is decided before anybody asks here, by whoever counts
//! refused tokens, who knows clients and no verdicts.
//!
//! Only refusals that time and the same keys cannot mend are remembered: a bad signature while no other key can be
//! fetched, and a token that has expired. They lie apart from good tokens, in a fixed number of places: strangers
//! push nothing out but each other.

use std::{fmt, sync::Arc, time::Duration};

use oauthgate_core::{Denial, Reason};
use quick_cache::sync::Cache;

use super::{Moment, digest::Seal};
use crate::jwks::Ground;

/// How many are remembered.
pub(super) const CAPACITY: usize = 1_024;
/// For how long: an operator who reads why a token was refused reads of the last minute.
pub(super) const LIFE: Duration = Duration::from_secs(60);

struct Refusal {
    seal: Seal,
    ground: Ground,
    moment: Moment,
    denial: Denial,
}

impl Refusal {
    fn holds(&self, moment: Moment) -> bool {
        let age = moment.elapsed.saturating_sub(self.moment.elapsed);
        age < LIFE
            && match self.denial.reason() {
                Reason::BadSignature => self.ground.holds_in_vain(moment.elapsed),
                // A clock that stands earlier than then was set back.
                _ => moment.now >= self.moment.now && self.ground.holds(moment.elapsed),
            }
    }
}

/// The refused tokens of one provider.
pub(super) struct Refusals(Cache<u64, Arc<Refusal>>);

/// How many there are, and none of them.
impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusals({})", self.len())
    }
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// Why the token of this place was refused a moment ago, if it would be now.
    pub(super) fn recall(
        &self,
        place: u64,
        seal: impl FnOnce() -> Seal,
        moment: Moment,
    ) -> Option<Denial> {
        let refusal = self.0.get(&place)?;
        if refusal.seal != seal() {
            return None;
        }
        if !refusal.holds(moment) {
            self.0.remove(&place);
            return None;
        }
        Some(refusal.denial.clone())
    }

    /// Remembers a refusal, if it is of those that hold.
    pub(super) fn keep(
        &self,
        place: u64,
        seal: impl FnOnce() -> Seal,
        ground: Ground,
        moment: Moment,
        denial: &Denial,
    ) {
        if !matches!(denial.reason(), Reason::BadSignature | Reason::Expired) {
            return;
        }
        let refusal = Refusal {
            seal: seal(),
            ground,
            moment,
            denial: denial.clone(),
        };
        self.0.insert(place, Arc::new(refusal));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
