//! Keeps threads apart that would otherwise write to the same place for every request.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// How many threads are told apart; beyond it two share a stripe, and are slower together.
pub(super) const STRIPES: usize = 16;

/// The number that this thread writes under, in turn.
pub(super) fn stripe() -> usize {
    const NONE: usize = usize::MAX;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(NONE) };
    }
    OWN.with(|own| {
        if own.get() == NONE {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
        }
        own.get()
    })
}

/// A count that many threads add to and few read.
#[derive(Debug, Default)]
pub(super) struct Tally([Padded; STRIPES]);

/// Alone on its cache line, and on the one that is fetched along with it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded(AtomicU64);

impl Tally {
    /// One more.
    pub(super) fn add(&self, stripe: usize) {
        if let Some(Padded(count)) = self.0.get(stripe) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there were.
    pub(super) fn sum(&self) -> u64 {
        let counts = self.0.iter();
        counts
            .map(|Padded(count)| count.load(Ordering::Relaxed))
            .sum()
    }
}
