//! What a verdict about a token rests on, for those who remember it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::store::KeyStore;

/// What proves who signed a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A key of the issuer's set.
    Key,
    /// The secret that the issuer shares: its set is not looked at.
    Secret,
}

/// One issuer's keys as they were before somebody looked at a token: taken before the first of them is read.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    store: Arc<KeyStore>,
    generation: u64,
    proof: Proof,
}

impl KeyStore {
    /// The ground of a verdict that is about to be reached.
    pub(crate) fn ground(self: &Arc<Self>, proof: Proof) -> Ground {
        Ground {
            store: Arc::clone(self),
            generation: self.generation.now(),
            proof,
        }
    }
}

impl Ground {
    /// Whether a verdict that was reached on it may be repeated now, in elapsed time: no key and no word of the
    /// operator has changed since, the issuer is not suspended, its keys may still be served, and nobody has to
    /// renew them. Where this says no, whoever looks at the token anew finds out why.
    pub(crate) fn holds(&self, elapsed: Duration) -> bool {
        let store = &*self.store;
        !self.is_gone()
            && !store.is_suspended.load(Ordering::Relaxed)
            && match self.proof {
                Proof::Key => store.may_serve(elapsed) && !store.is_due(elapsed),
                Proof::Secret => true,
            }
    }

    /// Whether it will never hold again.
    pub(crate) fn is_gone(&self) -> bool {
        self.store.generation.now() != self.generation
    }

    /// As [`Self::holds`], for a token that no key verified: another look might find newer keys.
    pub(crate) fn holds_in_vain(&self, elapsed: Duration) -> bool {
        let looks_at_keys = self.proof == Proof::Key;
        self.holds(elapsed) && !(looks_at_keys && self.store.may_look_again(elapsed))
    }
}
