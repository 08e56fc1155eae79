//! Which allowed requests have an access line.

use std::sync::atomic::{AtomicU64, Ordering};

/// Picks the first of every so many.
#[derive(Debug)]
pub(crate) struct Sample {
    of: u32,
    seen: AtomicU64,
}

/// What a request has to say in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// A line for itself alone.
    Own,
    /// A line for as many requests.
    Of(u32),
    /// Another one's line stands for it, or none.
    None,
}

impl Sample {
    /// One of so many; with 0 none.
    pub(crate) fn of(of: u32) -> Self {
        Self {
            of,
            seen: AtomicU64::new(0),
        }
    }

    /// The share of the next request.
    pub(crate) fn next(&self) -> Share {
        match self.of {
            0 => Share::None,
            1 => Share::Own,
            of => match self.seen.fetch_add(1, Ordering::Relaxed) % u64::from(of) {
                0 => Share::Of(of),
                _ => Share::None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(of: u32) -> Vec<Share> {
        let sample = Sample::of(of);
        (0..7).map(|_| sample.next()).collect()
    }

    #[test]
    fn the_first_of_every_so_many_is_picked() {
        let (third, none) = (Share::Of(3), Share::None);
        assert_eq!(shares(3), [third, none, none, third, none, none, third]);
        assert_eq!(shares(1), [Share::Own; 7]);
        assert_eq!(shares(0), [Share::None; 7]);
    }
}
