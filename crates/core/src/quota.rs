//! The generic cell rate algorithm (ITU-T I.371) as a pure function: time is an argument.
//!
//! One number per client, the *theoretical arrival time* of the next event in a steady stream. An event
//! conforms when it does not come earlier than the burst tolerance before that time.

use std::{num::NonZeroU32, time::Duration};

/// So many events in a period; all of them may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    interval: Duration,
    tolerance: Duration,
}

impl Quota {
    /// `events` in `period`.
    #[must_use]
    pub fn new(events: NonZeroU32, period: Duration) -> Self {
        let interval = period.checked_div(events.get()).unwrap_or(period);
        Self {
            interval,
            tolerance: interval.saturating_mul(events.get().saturating_sub(1)),
        }
    }

    /// How many events could come at `now` without one being over the quota.
    #[must_use]
    pub fn left(self, theoretical_arrival: Duration, now: Duration) -> u32 {
        let room = now
            .saturating_add(self.tolerance)
            .checked_sub(theoretical_arrival);
        room.map_or(0, |room| self.events_in(room.min(self.tolerance)))
    }

    /// One event, and as many more as intervals fit into the time.
    fn events_in(self, time: Duration) -> u32 {
        let more = time
            .as_nanos()
            .checked_div(self.interval.as_nanos())
            .unwrap_or(u128::MAX);
        u32::try_from(more.saturating_add(1)).unwrap_or(u32::MAX)
    }
}

/// Whether an event is within the quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is; the theoretical arrival time to remember.
    Within(Duration),
    /// It is not; how long until one is. Nothing to remember: being refused costs nothing more.
    Over(Duration),
}

/// Decides on an event at `now`, both times counted from the same arbitrary moment. A client that was
/// never seen has an arrival time of zero.
#[must_use]
pub fn decide(quota: Quota, theoretical_arrival: Duration, now: Duration) -> Verdict {
    let earliest = theoretical_arrival.saturating_sub(quota.tolerance);
    if now < earliest {
        return Verdict::Over(earliest.saturating_sub(now));
    }
    Verdict::Within(theoretical_arrival.max(now).saturating_add(quota.interval))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quota(events: u32, seconds: u64) -> Quota {
        Quota::new(
            NonZeroU32::new(events).unwrap(),
            Duration::from_secs(seconds),
        )
    }

    /// The times at which events were within the quota.
    fn accepted(quota: Quota, times: impl IntoIterator<Item = Duration>) -> Vec<Duration> {
        let mut arrival = Duration::ZERO;
        let mut accepted = Vec::new();
        for now in times {
            if let Verdict::Within(next) = decide(quota, arrival, now) {
                arrival = next;
                accepted.push(now);
            }
        }
        accepted
    }

    #[test]
    fn lets_a_whole_burst_through_and_not_one_more() {
        let moments = std::iter::repeat_n(Duration::from_secs(7), 100);
        assert_eq!(accepted(quota(60, 60), moments).len(), 60);
    }

    #[test]
    fn says_when_the_next_event_will_be_within_the_quota() {
        let Verdict::Over(wait) = decide(quota(60, 60), Duration::from_secs(60), Duration::ZERO)
        else {
            panic!("within")
        };
        assert_eq!(wait, Duration::from_secs(1));
        assert!(matches!(
            decide(quota(60, 60), Duration::from_secs(60), wait),
            Verdict::Within(_)
        ));
    }

    #[test]
    fn gives_back_the_whole_burst_after_a_quiet_period() {
        let quota = quota(3, 30);
        let times = [0, 0, 0, 0, 30, 30, 30, 30].map(Duration::from_secs);
        assert_eq!(accepted(quota, times).len(), 6);
    }

    fn schedule() -> impl Strategy<Value = Vec<Duration>> {
        prop::collection::vec(0_u64..3_000, 0..300).prop_map(|gaps| {
            let mut now = 0;
            gaps.into_iter()
                .map(|gap| {
                    now += gap;
                    Duration::from_millis(now)
                })
                .collect()
        })
    }

    proptest! {
        /// In any window: no more than the burst and what the window refills.
        #[test]
        fn never_lets_more_through_than_burst_and_refill(times in schedule(), events in 1_u32..40) {
            let quota = quota(events, 40);
            let accepted = accepted(quota, times);
            for (first, start) in accepted.iter().enumerate() {
                for (last, end) in accepted.iter().enumerate().skip(first) {
                    let refill = (*end - *start).as_nanos() / quota.interval.as_nanos();
                    prop_assert!((last - first) as u128 <= u128::from(events - 1) + refill);
                }
            }
        }

        /// A client that keeps the steady rate is never refused.
        #[test]
        fn never_refuses_a_steady_stream(events in 1_u32..1_000, start in 0_u64..1_000_000) {
            let quota = quota(events, 60);
            let times = (0..200_u32).map(|n| Duration::from_millis(start) + quota.interval * n);
            prop_assert_eq!(accepted(quota, times).len(), 200);
        }

        /// What is left is what gets through.
        #[test]
        fn what_is_left_is_what_gets_through(times in schedule(), events in 1_u32..40) {
            let quota = quota(events, 40);
            let mut arrival = Duration::ZERO;
            for now in times {
                let mut probe = arrival;
                let mut through = 0;
                while let Verdict::Within(next) = decide(quota, probe, now) {
                    (probe, through) = (next, through + 1);
                }
                prop_assert_eq!(quota.left(arrival, now), through);
                if let Verdict::Within(next) = decide(quota, arrival, now) {
                    arrival = next;
                }
            }
        }

        /// Waiting as long as we say is enough, and a moment less is not.
        #[test]
        fn retry_after_is_exact(events in 1_u32..100, arrival in 0_u64..10_000_000, now in 0_u64..10_000_000) {
            let quota = quota(events, 60);
            let (arrival, now) = (Duration::from_micros(arrival), Duration::from_micros(now));
            if let Verdict::Over(wait) = decide(quota, arrival, now) {
                prop_assert!(matches!(decide(quota, arrival, now + wait), Verdict::Within(_)));
                let early = now + wait - Duration::from_nanos(1);
                prop_assert!(matches!(decide(quota, arrival, early), Verdict::Over(_)));
            }
        }
    }
}
