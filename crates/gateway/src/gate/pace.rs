//! How long a peer may keep us waiting: a purse of waiting time, which what it moves fills again.
//!
//! The purse alone would be an idle timeout, and one byte just before its end would buy another whole one.
//! So every byte buys no more than the least average rate says, and the purse never holds more than it did
//! at first. Only the time that is spent waiting for this peer is taken out of it.

use std::{num::NonZeroU32, time::Duration};

use tokio::time::Instant;

use crate::config::Limits;

/// What a peer is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The longest pause.
    pub(crate) pause: Duration,
    /// Bytes a second, on the average, once the longest pause is used up; none asks for pauses alone.
    pub(crate) rate: Option<NonZeroU32>,
}

impl Pace {
    /// At which clients must send the bodies of their requests.
    pub(super) fn of_bodies(limits: &Limits) -> Self {
        Self {
            pause: limits.body,
            rate: limits.rate,
        }
    }

    /// At which clients must take what they asked for.
    pub(super) fn of_answers(limits: &Limits) -> Self {
        Self {
            pause: limits.send,
            rate: limits.rate,
        }
    }
}

/// What a peer has left.
#[derive(Debug)]
pub(crate) struct Purse {
    pace: Pace,
    left: Duration,
    waiting: Option<Instant>,
}

impl Purse {
    pub(crate) fn new(pace: Pace) -> Self {
        Self {
            pace,
            left: pace.pause,
            waiting: None,
        }
    }

    /// We wait for the peer, since now unless we did already. Gives when that has taken too long.
    pub(crate) fn wait(&mut self, now: Instant) -> Instant {
        *self.waiting.get_or_insert(now) + self.left
    }

    /// When the peer has taken too long, if we wait for it.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting.map(|since| since + self.left)
    }

    /// The peer moved so many bytes, and it is not waited for. The clock is read only if it was.
    pub(crate) fn moved(&mut self, now: impl FnOnce() -> Instant, bytes: usize) {
        if let Some(since) = self.waiting.take() {
            let spent = now().saturating_duration_since(since);
            self.left = self.left.saturating_sub(spent);
        } else if self.left == self.pace.pause {
            return;
        }
        self.left = match self.pace.rate {
            Some(rate) => self.left.saturating_add(bought(bytes, rate)),
            None => self.pace.pause,
        }
        .min(self.pace.pause);
    }
}

fn bought(bytes: usize, rate: NonZeroU32) -> Duration {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    Duration::from_secs(1) * bytes / rate.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn purse(rate: u32) -> Purse {
        Purse::new(Pace {
            pause: MINUTE,
            rate: NonZeroU32::new(rate),
        })
    }

    /// How long a peer lasts that moves so many bytes every so often.
    fn lasts(mut purse: Purse, bytes: usize, every: u64) -> Option<u64> {
        let begun = Instant::now();
        for round in 0..10_000 {
            let now = begun + Duration::from_secs(round * every);
            let deadline = purse.wait(now);
            let next = now + Duration::from_secs(every);
            if next >= deadline {
                return Some((deadline - begun).as_secs());
            }
            purse.moved(|| next, bytes);
        }
        None
    }

    #[test]
    fn silence_lasts_as_long_as_the_longest_pause() {
        assert_eq!(lasts(purse(100), 1_000_000, 60), Some(60));
        assert_eq!(lasts(purse(0), 1, 60), Some(60));
    }

    #[test]
    fn a_byte_now_and_then_buys_next_to_nothing() {
        assert_eq!(lasts(purse(100), 1, 29), Some(60));
        assert_eq!(lasts(purse(100), 99, 1), Some(5_901));
    }

    #[test]
    fn the_least_rate_lasts_for_ever_with_pauses_or_without() {
        for (bytes, every) in [(100, 1), (2_900, 29), (6_000, 59)] {
            assert_eq!(lasts(purse(100), bytes, every), None, "{bytes} {every}");
        }
    }

    #[test]
    fn without_a_rate_every_byte_buys_the_whole_pause() {
        assert_eq!(lasts(purse(0), 1, 59), None);
    }

    #[test]
    fn haste_buys_no_more_than_the_longest_pause() {
        let mut purse = purse(100);
        let now = Instant::now();
        purse.moved(|| now, usize::MAX);
        assert_eq!(purse.wait(now), now + MINUTE);
    }

    #[test]
    fn time_that_others_take_is_not_counted() {
        let mut purse = purse(100);
        let now = Instant::now();
        purse.wait(now);
        purse.moved(|| now + MINUTE / 2, 0);
        let later = now + 100 * MINUTE;
        assert_eq!(purse.deadline(), None);
        assert_eq!(purse.wait(later), later + MINUTE / 2);
    }
}
