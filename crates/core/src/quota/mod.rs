//! The generic cell rate algorithm (ITU-T I.371) as a pure function: time is an argument.
//!
//! One number per client, the *theoretical arrival time* of the next event in a steady stream. Each event
//! moves it on by the interval of the rate, from now on at the earliest; an event is within the quota as
//! long as it does not move it further ahead than the burst takes to come back.
//!
//! Everything is counted in whole microseconds below 2^53, so that a Lua script in Redis, whose numbers
//! are exact up to there, comes to the same verdicts. The interval is rounded up: a client never gets
//! more than its rate. It gets at most one microsecond per event less, which is 1 % at the highest rate
//! there is ([`Quota::MOST_PER_SECOND`]), and 0.0001 % at one event per second.
//!
//! ```
//! use oauthgate_core::quota::{Quota, Verdict, decide};
//!
//! let quota: Quota = "60/min".parse()?;
//! let Verdict::Within { arrival, standing } = decide(quota, 0, 1_000_000, 59) else { panic!() };
//! assert_eq!((standing.limit, standing.remaining), (60, 1));
//!
//! let Verdict::Over { wait, .. } = decide(quota, arrival, 1_000_000, 2) else { panic!() };
//! assert_eq!(wait.as_secs(), 1);
//! # Ok::<(), oauthgate_core::SettingError>(())
//! ```

mod text;

#[cfg(test)]
mod tests;

use std::{num::NonZeroU32, time::Duration};

/// Ten years. An arrival time so far ahead of this century's time of day, and the price of another burst,
/// are together below 2^52.
const LONGEST: u64 = 3_650 * 24 * 60 * 60 * 1_000_000;
/// The interval of the highest rate, in microseconds.
const SHORTEST: u64 = 1_000_000 / Quota::MOST_PER_SECOND as u64;

/// So many events in a period, and so many of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quota {
    events: NonZeroU32,
    period: Duration,
    burst: NonZeroU32,
    /// Between two events of a steady stream, in microseconds: from [`SHORTEST`] to [`LONGEST`].
    interval: u64,
}

impl Quota {
    /// The highest rate there is, in events per second.
    pub const MOST_PER_SECOND: u32 = 10_000;

    /// `events` in `period`; all of them may come at once. A rate over [`Self::MOST_PER_SECOND`] is that
    /// one, and a period over ten years is ten years.
    #[must_use]
    pub fn new(events: NonZeroU32, period: Duration) -> Self {
        let period = period.min(Duration::from_micros(LONGEST));
        let interval = microseconds(period)
            .div_ceil(u64::from(events.get()))
            .max(SHORTEST);
        Self {
            events,
            period,
            burst: events,
            interval,
        }
        .with_burst(events)
    }

    /// So many events may come at once; as many as come back within ten years, at the most.
    #[must_use]
    pub fn with_burst(mut self, burst: NonZeroU32) -> Self {
        let most = LONGEST.checked_div(self.interval).unwrap_or(1);
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        self.burst = NonZeroU32::new(burst.get().min(most)).unwrap_or(NonZeroU32::MIN);
        self
    }

    /// So many percent of rate and burst (from 1 to 100), for one of several that count by themselves.
    /// One event at a time is always left.
    #[must_use]
    pub fn share(self, percent: u8) -> Self {
        let percent = u32::from(percent.clamp(1, 100));
        let of_burst = u64::from(self.burst.get()).saturating_mul(u64::from(percent)) / 100;
        let burst = u32::try_from(of_burst).ok().and_then(NonZeroU32::new);
        let period = self.period.saturating_mul(100);
        Self::new(self.events, period.checked_div(percent).unwrap_or(period))
            .with_burst(burst.unwrap_or(NonZeroU32::MIN))
    }

    /// How many events in [`Self::period`].
    #[must_use]
    pub fn events(self) -> NonZeroU32 {
        self.events
    }

    /// In which time [`Self::events`] may come.
    #[must_use]
    pub fn period(self) -> Duration {
        self.period
    }

    /// How many events may come at once, when none came for a while.
    #[must_use]
    pub fn burst(self) -> NonZeroU32 {
        self.burst
    }

    /// How long a spent burst takes to come back, in microseconds: how far ahead of now an arrival time
    /// can be. One that is further ahead was written by somebody else, or under another quota or clock.
    #[must_use]
    pub fn depth(self) -> u64 {
        self.interval.saturating_mul(u64::from(self.burst.get()))
    }

    /// By how much `cost` events move the arrival time on, in microseconds. What costs more than the
    /// burst is never within the quota, and all of it costs the same.
    #[must_use]
    pub fn price(self, cost: u32) -> u64 {
        let cost = u64::from(cost).min(u64::from(self.burst.get()).saturating_add(1));
        self.interval.saturating_mul(cost)
    }

    /// The arrival time, but not further ahead of `now` than [`Self::depth`]: whatever it was, all of the
    /// burst is there again after that.
    #[must_use]
    pub fn credible(self, arrival: u64, now: u64) -> u64 {
        arrival.min(now.saturating_add(self.depth()))
    }

    /// How many events could come at `now`.
    #[must_use]
    pub fn remaining(self, arrival: u64, now: u64) -> u32 {
        self.standing(arrival.saturating_sub(now)).remaining
    }

    /// How a client stands whose arrival time is so many microseconds ahead.
    #[must_use]
    pub fn standing(self, ahead: u64) -> Standing {
        let ahead = ahead.min(self.depth());
        let room = self.depth().saturating_sub(ahead);
        let remaining = room.checked_div(self.interval).unwrap_or(0);
        Standing {
            limit: self.burst.get(),
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: Duration::from_micros(ahead),
        }
    }

    /// Decides for a client whose arrival time is so many microseconds ahead of `now`.
    fn verdict(self, ahead: u64, now: u64, cost: u32) -> Verdict {
        let after = ahead.saturating_add(self.price(cost));
        match after.checked_sub(self.depth()) {
            None | Some(0) => Verdict::Within {
                arrival: now.saturating_add(after),
                standing: self.standing(after),
            },
            Some(excess) => Verdict::Over {
                wait: Duration::from_micros(excess),
                standing: self.standing(ahead),
            },
        }
    }
}

/// How a client stands after a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many events may come at once, when none came for a while: the burst.
    pub limit: u32,
    /// How many could come now.
    pub remaining: u32,
    /// How long until all of them could.
    pub reset: Duration,
}

/// Whether events are within the quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are.
    Within {
        /// The arrival time to remember.
        arrival: u64,
        /// What is left afterwards.
        standing: Standing,
    },
    /// They are not. Being refused costs nothing: there is nothing to remember but what
    /// [`Quota::credible`] makes of the arrival time.
    Over {
        /// How long until they are. They never are when they cost more than the burst.
        wait: Duration,
        /// What is left.
        standing: Standing,
    },
}

/// Decides on events at `now` that cost `cost` together. Both times are microseconds since the same
/// arbitrary moment; the arrival time of a client that was never seen is zero. No cost only looks, and is
/// always within the quota.
#[must_use]
pub fn decide(quota: Quota, arrival: u64, now: u64, cost: u32) -> Verdict {
    let ahead = arrival.saturating_sub(now).min(quota.depth());
    quota.verdict(ahead, now, cost)
}

/// Whole microseconds; of very long times, as many as there are.
#[must_use]
pub fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
