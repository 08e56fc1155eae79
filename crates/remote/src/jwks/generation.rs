//! Tells a verdict about a token that was reached before the keys changed from one that was reached after.
//!
//! The order is the whole promise, and `tests/generation_model.rs` tries it in every interleaving:
//!
//! 1. Who is about to look at a token reads the generation first, then the keys.
//! 2. Who changes keys, or the operator's word on them, changes them first, then counts on.
//!
//! So a verdict that rests on the old keys carries the old generation, also when it is reached after the change,
//! and nobody takes it for a new one.

use super::sync::{AtomicU64, Ordering};

/// Counts the changes of whatever a verdict about a token rests on.
#[derive(Debug)]
pub(super) struct Generation(AtomicU64);

impl Generation {
    /// The first.
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The one that a verdict carries: to be read before the keys are.
    pub(super) fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Everything has changed that has to: verdicts of earlier generations are worth nothing from now on.
    pub(super) fn advance(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
