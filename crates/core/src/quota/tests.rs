use proptest::prelude::*;

use super::*;

fn quota(events: u32, seconds: u64, burst: u32) -> Quota {
    Quota::new(
        NonZeroU32::new(events).unwrap(),
        Duration::from_secs(seconds),
    )
    .with_burst(NonZeroU32::new(burst).unwrap())
}

fn is_within(quota: Quota, arrival: u64, now: u64, cost: u32) -> bool {
    matches!(decide(quota, arrival, now, cost), Verdict::Within { .. })
}

/// The events that were within the quota: when, and at what cost.
fn accepted(quota: Quota, events: impl IntoIterator<Item = (u64, u32)>) -> Vec<(u64, u32)> {
    let mut arrival = 0;
    let mut accepted = Vec::new();
    for (now, cost) in events {
        if let Verdict::Within { arrival: next, .. } = decide(quota, arrival, now, cost) {
            arrival = next;
            accepted.push((now, cost));
        }
    }
    accepted
}

#[test]
fn lets_a_whole_burst_through_and_not_one_more() {
    for burst in [1, 7, 60, 200] {
        let moments = std::iter::repeat_n((7_000_000, 1), 1_000);
        let through = accepted(quota(60, 60, burst), moments).len();
        assert_eq!(through, burst as usize);
    }
}

#[test]
fn gives_back_the_whole_burst_after_a_quiet_period() {
    let times = [0, 0, 0, 0, 30, 30, 30, 30].map(|second| (second * 1_000_000, 1));
    assert_eq!(accepted(quota(3, 30, 3), times).len(), 6);
}

#[test]
fn says_how_a_client_stands_and_when_to_come_back() {
    let quota = quota(60, 60, 20);
    // Cost, verdict, what is left, seconds until all is there again, seconds to wait.
    let table = [
        (15, true, 5, 15, 0),
        (5, true, 0, 20, 0),
        (0, true, 0, 20, 0),
        (1, false, 0, 20, 1),
        (20, false, 0, 20, 20),
        // Never; as if it cost one more than the burst.
        (21, false, 0, 20, 21),
        (u32::MAX, false, 0, 20, 21),
    ];
    let (mut arrival, now) = (0, 5_000_000);
    for (cost, within, remaining, reset, wait) in table {
        let expected = Standing {
            limit: 20,
            remaining,
            reset: Duration::from_secs(reset),
        };
        match decide(quota, arrival, now, cost) {
            Verdict::Within {
                arrival: next,
                standing,
            } => {
                assert!(within, "{cost}");
                assert_eq!(standing, expected, "{cost}");
                arrival = next;
            }
            Verdict::Over {
                wait: said,
                standing,
            } => {
                assert!(!within, "{cost}");
                assert_eq!((standing, said), (expected, Duration::from_secs(wait)));
            }
        }
    }
}

#[test]
fn what_costs_more_than_the_burst_is_never_within_the_quota() {
    assert!(!is_within(quota(60, 60, 20), 0, u64::MAX, 21));
    assert!(!is_within(quota(1, 60, 1), 0, 1 << 50, u32::MAX));
}

#[test]
fn an_arrival_time_from_nowhere_locks_nobody_out_for_longer_than_the_burst_takes() {
    let quota = quota(60, 60, 20);
    let now = 1_800_000_000_000_000;
    for arrival in [u64::MAX, 1 << 53, now + quota.depth() + 1] {
        let Verdict::Over { wait, .. } = decide(quota, arrival, now, 20) else {
            panic!("within");
        };
        assert_eq!(wait, Duration::from_secs(20));
        let remembered = quota.credible(arrival, now);
        assert!(is_within(quota, remembered, now + 1_000_000, 1));
    }
    assert_eq!(quota.credible(now + 1, now), now + 1);
    assert_eq!(quota.credible(7, now), 7);
}

#[test]
fn a_share_has_its_part_of_rate_and_burst_and_at_least_one_event() {
    // Percent; the burst of it, and how long that takes to come back, in milliseconds.
    for (percent, burst, depth) in [
        (100, 20, 20_000),
        (50, 10, 20_000),
        (25, 5, 20_000),
        (33, 6, 18_181),
        (1, 1, 100_000),
        (0, 1, 100_000),
        (255, 20, 20_000),
    ] {
        let share = quota(60, 60, 20).share(percent);
        assert_eq!(share.burst().get(), burst, "{percent}");
        assert_eq!(share.depth() / 1_000, depth, "{percent}");
    }
}

#[test]
fn no_quota_counts_further_than_lua_can() {
    let now = 1_u64 << 51; // the year 2041
    for (events, period) in [
        (1, Duration::MAX),
        (u32::MAX, Duration::MAX),
        (1, Duration::ZERO),
        (u32::MAX, Duration::from_micros(1)),
        (u32::MAX, Duration::from_secs(1)),
        (1, Duration::from_secs(86_400)),
    ] {
        let quota = Quota::new(NonZeroU32::new(events).unwrap(), period)
            .with_burst(NonZeroU32::new(u32::MAX).unwrap());
        assert!(quota.depth() <= LONGEST);
        let most = now + quota.depth() + quota.price(u32::MAX);
        assert!(most < 1 << 53, "{quota:?}");
        assert!(quota.interval >= SHORTEST);
        for percent in [1, 33, 100] {
            assert!(quota.share(percent).depth() <= LONGEST);
        }
    }
}

/// The rate that clients get, in parts of the one they were promised.
fn accuracy(quota: Quota) -> f64 {
    let promised = quota.period.as_micros() as f64 / f64::from(quota.events.get());
    promised / quota.interval as f64
}

proptest! {
    /// Of all that can be written down, none is given more than its rate, or less than 99 % of it.
    #[test]
    fn a_rate_is_kept_to_one_percent(events in 1_u32..=10_000, scale in 1_u32..=86_400) {
        for (events, seconds) in [(events, 1), (events.saturating_mul(scale), u64::from(scale))] {
            let accuracy = accuracy(quota(events, seconds, 1));
            prop_assert!((0.99..=1.0).contains(&accuracy), "{accuracy}");
        }
    }
}

fn schedule() -> impl Strategy<Value = Vec<(u64, u32)>> {
    prop::collection::vec((0_u64..3_000_000, 0_u32..5), 0..200).prop_map(|gaps| {
        let mut now = 0;
        gaps.into_iter()
            .map(|(gap, cost)| {
                now += gap;
                (now, cost)
            })
            .collect()
    })
}

proptest! {
    /// In any window: no more than the burst and what the window refills.
    #[test]
    fn never_lets_more_through_than_burst_and_refill(
        events in schedule(), rate in 1_u32..60, burst in 1_u32..60,
    ) {
        let quota = quota(rate, 40, burst);
        let accepted = accepted(quota, events);
        for (first, (start, _)) in accepted.iter().enumerate() {
            let mut sum = 0;
            for (end, cost) in &accepted[first..] {
                sum += u64::from(*cost);
                let refill = (end - start) / quota.interval;
                prop_assert!(sum <= u64::from(burst) + refill);
            }
        }
    }

    /// A client that keeps the steady rate is never refused.
    #[test]
    fn never_refuses_a_steady_stream(rate in 1_u32..1_000, burst in 1_u32..9, start in 0_u64..1_000_000) {
        let quota = quota(rate, 60, burst);
        let events = (0..200).map(|n| (start + quota.interval * n, 1));
        prop_assert_eq!(accepted(quota, events).len(), 200);
    }

    /// What remains is what gets through, and more does not.
    #[test]
    fn what_remains_is_what_gets_through(events in schedule(), rate in 1_u32..60, burst in 1_u32..60) {
        let quota = quota(rate, 40, burst);
        let mut arrival = 0;
        for (now, cost) in events {
            let remaining = quota.remaining(arrival, now);
            prop_assert!(is_within(quota, arrival, now, remaining));
            prop_assert!(!is_within(quota, arrival, now, remaining + 1));
            if let Verdict::Within { arrival: next, standing } = decide(quota, arrival, now, cost) {
                prop_assert_eq!(standing.remaining, remaining - cost);
                let rested = now + microseconds(standing.reset);
                prop_assert_eq!(quota.remaining(next, rested), burst);
                prop_assert!(rested == now || quota.remaining(next, rested - 1) < burst);
                arrival = next;
            }
        }
    }

    /// Waiting as long as we say is enough, and a moment less is not.
    #[test]
    fn the_wait_is_exact(
        rate in 1_u32..100, burst in 1_u32..50, cost in 1_u32..50,
        arrival in 0_u64..100_000_000, now in 0_u64..100_000_000,
    ) {
        let quota = quota(rate, 60, burst);
        prop_assume!(cost <= burst);
        if let Verdict::Over { wait, .. } = decide(quota, arrival, now, cost) {
            let arrival = quota.credible(arrival, now);
            let then = now + microseconds(wait);
            prop_assert!(is_within(quota, arrival, then, cost));
            prop_assert!(!is_within(quota, arrival, then - 1, cost));
        }
    }

    /// Nothing that can be written into a store, and no clock, makes the arithmetic fail.
    #[test]
    fn no_time_and_no_cost_overflows(arrival: u64, now: u64, cost: u32, events in 1_u32.., period: u64, burst in 1_u32..) {
        let quota = Quota::new(NonZeroU32::new(events).unwrap(), Duration::from_micros(period))
            .with_burst(NonZeroU32::new(burst).unwrap());
        let (standing, ahead) = match decide(quota, arrival, now, cost) {
            Verdict::Within { standing, arrival } => (standing, arrival - now),
            Verdict::Over { standing, .. } => (standing, quota.credible(arrival, now).saturating_sub(now)),
        };
        prop_assert!(standing.remaining <= standing.limit);
        prop_assert!(now > u64::MAX - quota.depth() || microseconds(standing.reset) == ahead);
    }
}
