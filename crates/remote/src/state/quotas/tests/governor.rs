//! Against `governor`, which counts the same way, and shares no code with us.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use ::governor::{
    Quota as Theirs, RateLimiter,
    clock::{Clock as _, FakeRelativeClock},
};
use oauthgate_core::quota::Quota;

use super::{StillClock, schedules::Schedule};
use crate::state::quotas::{Charge, LocalQuotas, QuotaKey, Spent};

/// How long a request has to wait: not at all, so long, or for ever (`None`).
type Wait = Option<Duration>;

/// What `governor` says to requests: each with its moment, in microseconds.
fn their_waits(
    theirs: Theirs,
    start: u64,
    requests: impl Iterator<Item = (u64, u32)>,
) -> Vec<Wait> {
    let clock = FakeRelativeClock::default();
    let limiter = RateLimiter::direct_with_clock(theirs, clock.clone());
    let mut last = start;
    let mut wait = |(now, cost): (u64, u32)| {
        clock.advance(Duration::from_micros(now - last));
        last = now;
        // Looking costs nothing, and they cannot be asked to look.
        let Some(cost) = NonZeroU32::new(cost) else {
            return Some(Duration::ZERO);
        };
        match limiter.check_n(cost) {
            Ok(Ok(())) => Some(Duration::ZERO),
            Ok(Err(until)) => Some(until.wait_time_from(clock.now())),
            Err(_) => None,
        }
    };
    requests.map(&mut wait).collect()
}

/// What we say.
fn our_waits(quota: Quota, requests: impl Iterator<Item = (u64, u32)>) -> Vec<Wait> {
    let clock = Arc::new(StillClock::default());
    let quotas = LocalQuotas::new(1, clock.clone());
    let key = QuotaKey::of(&["caller"]);
    let wait = |(now, cost)| {
        clock.set(now);
        match quotas.spend_now(&[Charge { key, quota, cost }]) {
            Spent::Within(_) => Some(Duration::ZERO),
            Spent::Over { .. } if cost > quota.burst().get() => None,
            Spent::Over { wait, .. } => Some(wait),
        }
    };
    requests.map(wait).collect()
}

/// Their quota with our interval, to the nanosecond.
fn the_same(quota: Quota) -> Theirs {
    Theirs::with_period(Duration::from_micros(quota.price(1)))
        .unwrap()
        .allow_burst(quota.burst())
}

#[test]
fn a_hundred_thousand_schedules_have_the_verdicts_and_waits_of_governor() {
    for number in 0..100_000 {
        let schedule = Schedule::numbered(number);
        assert_eq!(
            our_waits(schedule.quota, schedule.requests()),
            their_waits(
                the_same(schedule.quota),
                schedule.start,
                schedule.requests()
            ),
            "{schedule:?}"
        );
    }
}

/// They count in nanoseconds, and round the interval down; we count in microseconds, and round it up.
#[test]
fn rates_that_are_no_whole_microseconds_differ_from_governors_by_one_percent_at_most() {
    for rate in [7, 60, 3_001, 6_007, 9_999] {
        let rate = NonZeroU32::new(rate).unwrap();
        let requests = || (0..400_000).map(|number| (1_000_000 + number * 25, 1));
        let within = |waits: Vec<Wait>| {
            waits
                .iter()
                .filter(|wait| **wait == Some(Duration::ZERO))
                .count()
        };
        let ours = within(our_waits(
            Quota::new(rate, Duration::from_secs(1)),
            requests(),
        ));
        let theirs = within(their_waits(Theirs::per_second(rate), 1_000_000, requests()));
        assert!(
            ours <= theirs && ours * 100 >= theirs * 99,
            "{rate}: {ours}, {theirs}"
        );
    }
}

#[test]
fn the_schedules_hit_refusals_and_edges() {
    let (mut within, mut over, mut never, mut last) = (0, 0, 0, 0);
    for number in 0..1_000 {
        let schedule = Schedule::numbered(number);
        for wait in our_waits(schedule.quota, schedule.requests()) {
            match wait {
                Some(Duration::ZERO) => within += 1,
                Some(wait) if wait == Duration::from_micros(1) => last += 1,
                Some(_) => over += 1,
                None => never += 1,
            }
        }
    }
    for count in [within, over, never, last] {
        assert!(count > 100, "{within} {over} {never} {last}");
    }
}
