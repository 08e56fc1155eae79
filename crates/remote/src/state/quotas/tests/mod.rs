//! Quotas in memory, on a clock that tests move.

mod governor;
pub(crate) mod schedules;

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use oauthgate_core::{UnixTime, quota::Quota};
use proptest::prelude::*;

use super::*;
use crate::clock::{Clock, SystemClock};

/// A clock that moves by microseconds, when told to.
#[derive(Debug, Default)]
pub(crate) struct StillClock(AtomicU64);

impl StillClock {
    pub(crate) fn set(&self, microseconds: u64) {
        self.0.store(microseconds, Ordering::SeqCst);
    }

    fn advance(&self, time: Duration) {
        let microseconds = u64::try_from(time.as_micros()).unwrap();
        self.0.fetch_add(microseconds, Ordering::SeqCst);
    }
}

impl Clock for StillClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(0)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst))
    }
}

fn quotas(capacity: usize) -> (LocalQuotas, Arc<StillClock>) {
    let clock = Arc::new(StillClock::default());
    clock.set(1_000_000);
    (LocalQuotas::new(capacity, clock.clone()), clock)
}

pub(crate) fn charge(name: &str, rate: &str, burst: u32, cost: u32) -> Charge {
    let quota: Quota = rate.parse().unwrap();
    Charge {
        key: QuotaKey::of(&[name]),
        quota: quota.with_burst(NonZeroU32::new(burst).unwrap()),
        cost,
    }
}

pub(crate) fn is_within(spent: &Spent) -> bool {
    matches!(spent, Spent::Within(_))
}

fn remaining(quotas: &LocalQuotas, charge: Charge) -> u32 {
    match quotas.spend_now(&[Charge { cost: 0, ..charge }]) {
        Spent::Within(standings) => standings[0].remaining,
        Spent::Over { .. } => panic!("looking is always within"),
    }
}

#[test]
fn each_key_has_its_own_quota() {
    let (quotas, _) = quotas(100);
    for name in ["anna", "ben"] {
        let one = charge(name, "60/min", 3, 1);
        let within = (0..10)
            .filter(|_| is_within(&quotas.spend_now(&[one])))
            .count();
        assert_eq!(within, 3, "{name}");
    }
}

#[test]
fn nothing_charged_is_within_and_leaves_nothing_behind() {
    let (quotas, _) = quotas(100);
    assert_eq!(quotas.spend_now(&[]), Spent::Within(Vec::new()));
    assert_eq!(remaining(&quotas, charge("anna", "60/min", 3, 1)), 3);
    assert_eq!(quotas.keys(), 0);
}

#[test]
fn a_caller_over_one_quota_spends_nothing_of_the_others() {
    let (quotas, clock) = quotas(100);
    let wide = charge("tenant", "60/min", 100, 1);
    let narrow = charge("anna", "6/min", 2, 1);
    for order in [[wide, narrow], [narrow, wide]] {
        clock.advance(Duration::from_secs(3_600));
        let within = (0..50)
            .filter(|_| is_within(&quotas.spend_now(&order)))
            .count();
        assert_eq!(within, 2);
        assert_eq!(remaining(&quotas, wide), 98);
    }
}

#[test]
fn tells_of_the_charge_that_takes_longest() {
    let (quotas, clock) = quotas(100);
    let all = [
        charge("a", "60/min", 1, 1),
        charge("b", "6/min", 1, 1),
        charge("c", "60/min", 9, 1),
    ];
    assert!(is_within(&quotas.spend_now(&all)));
    let Spent::Over {
        standings,
        which,
        wait,
    } = quotas.spend_now(&all)
    else {
        panic!("within");
    };
    assert_eq!((which, wait), (1, Duration::from_secs(10)));
    let left: Vec<_> = standings
        .iter()
        .map(|standing| standing.remaining)
        .collect();
    assert_eq!(left, [0, 0, 8]);
    clock.advance(wait - Duration::from_micros(1));
    assert!(!is_within(&quotas.spend_now(&all)));
    clock.advance(Duration::from_micros(1));
    assert!(is_within(&quotas.spend_now(&all)));
}

#[test]
fn charges_of_one_key_add_up() {
    let (quotas, _) = quotas(100);
    let two = charge("anna", "60/min", 5, 2);
    assert!(is_within(&quotas.spend_now(&[two, two])));
    assert!(!is_within(&quotas.spend_now(&[two])));
    assert_eq!(remaining(&quotas, two), 1);
}

/// Two tokens of one caller may be of two tiers.
#[test]
fn f5_a_caller_with_two_quotas_has_both_and_no_more() {
    let (quotas, clock) = quotas(100);
    let slow = charge("anna", "60/min", 60, 1);
    let quick = charge("anna", "600/min", 100, 1);
    let mut within = [0, 0];
    for round in 0..1_000 {
        clock.advance(Duration::from_millis(1));
        let which = round % 2;
        let spent = quotas.spend_now(&[[slow, quick][which]]);
        within[which] += u32::from(is_within(&spent));
    }
    assert_eq!(within, [60, 109]);
}

#[test]
fn a_share_gives_its_part_and_lets_through_what_the_whole_would() {
    let (quotas, clock) = quotas(100);
    // Of a burst of 20: percent, cost, and how many are within at once.
    for (share, cost, within) in [
        (100, 1, 20),
        (50, 1, 10),
        (33, 1, 6),
        (1, 1, 1),
        (50, 20, 1),
        (1, 20, 1),
        (50, 21, 0),
        (100, 21, 0),
    ] {
        clock.advance(Duration::from_secs(3_600));
        let one = [charge("anna", "60/min", 20, cost)];
        let spent = (0..30).filter(|_| is_within(&quotas.spend_part(&one, share)));
        assert_eq!(spent.count(), within, "{share} {cost}");
    }
    // And of a minute.
    clock.advance(Duration::from_secs(3_600));
    let one = [charge("anna", "60/min", 1, 1)];
    let mut within = 0;
    for _ in 0..600 {
        clock.advance(Duration::from_millis(100));
        let _ = quotas.spend_now(&[Charge { cost: 0, ..one[0] }]);
        within += usize::from(is_within(&quotas.spend_part(&one, 25)));
    }
    assert_eq!(within, 15);
}

#[cfg(feature = "redis")]
#[test]
fn what_is_said_of_others_goes_up_and_down_and_what_was_ours_stays() {
    let (quotas, _) = quotas(100);
    let ours = charge("anna", "60/min", 10, 1);
    let others = Charge { cost: 0, ..ours };
    // What is said, in seconds ahead of now, and what remains.
    for (charge, ahead, left) in [
        (others, 0, 10),
        (ours, 8, 2),
        (others, 10, 0),
        (others, 3, 7),
        (ours, 4, 6),
        (others, 0, 8),
        (ours, 0, 7),
    ] {
        quotas.follow(&charge, quotas.now(), ahead * 1_000_000);
        assert_eq!(remaining(&quotas, ours), left);
        let too_much = Charge {
            cost: left + 1,
            ..ours
        };
        assert!(quotas.foresee(&[ours, too_much]).is_some());
        assert!(quotas.foresee(&[Charge { cost: left, ..ours }]).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn counts_by_the_machines_clock() {
    let quotas = LocalQuotas::new(10, Arc::new(SystemClock::new()));
    let one = [charge("anna", "10/s", 1, 1)];
    assert!(is_within(&quotas.spend(&one).await.unwrap()));
    tokio::time::advance(Duration::from_millis(99)).await;
    assert!(!is_within(&quotas.spend(&one).await.unwrap()));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(is_within(&quotas.spend(&one).await.unwrap()));
}

#[test]
fn h3_two_hundred_thousand_callers_are_not_all_remembered() {
    let (quotas, _) = quotas(10_000);
    for number in 0..200_000 {
        assert!(is_within(&quotas.spend_now(&[charge(
            &number.to_string(),
            "60/min",
            3,
            1
        )])));
        assert!(quotas.keys() <= 10_000);
    }
    assert!(quotas.keys() > 5_000);
}

#[test]
fn h4_a_flood_of_other_callers_does_not_give_a_busy_one_more() {
    let (quotas, _) = quotas(10_000);
    let busy = [charge("busy", "60/min", 10, 1)];
    let mut within = 0;
    for number in 0..100_000 {
        let _ = quotas.spend_now(&[charge(&number.to_string(), "60/min", 3, 1)]);
        within += u32::from(number % 10 == 0 && is_within(&quotas.spend_now(&busy)));
    }
    assert_eq!(within, 10);
}

/// How many were within, of those that several threads spent at the same time.
fn at_once(threads: usize, spend: impl Fn(usize) -> bool + Sync) -> usize {
    std::thread::scope(|scope| {
        let spend = &spend;
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || (0..2_000).filter(|_| spend(thread)).count()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    })
}

#[test]
fn threads_that_spend_at_the_same_time_lose_no_count() {
    let (quotas, _) = quotas(100);
    let one = [charge("anna", "60/min", 5_000, 1)];
    assert_eq!(at_once(8, |_| is_within(&quotas.spend_now(&one))), 5_000);
}

#[test]
fn threads_that_give_back_at_the_same_time_give_back_exactly_what_they_took() {
    let (quotas, _) = quotas(100);
    let wide = charge("tenant", "60/min", 20_000, 3);
    let within = at_once(8, |thread| {
        let narrow = charge(&thread.to_string(), "60/min", 100, 1);
        is_within(&quotas.spend_now(&[wide, narrow]))
    });
    assert_eq!(within, 8 * 100);
    assert_eq!(remaining(&quotas, wide), 20_000 - 3 * 800);
}

/// A request: after how long, and which charges with which costs.
fn requests() -> impl Strategy<Value = Vec<(u64, Vec<(usize, u32)>)>> {
    let charges = prop::collection::vec((0_usize..3, 0_u32..4), 0..4);
    prop::collection::vec((0_u64..2_000_000, charges), 0..60)
}

/// The events that were charged to one key, in a window.
fn most_in_any_window(events: &[(u64, u32)], burst: u64, interval: u64) -> bool {
    events.iter().enumerate().all(|(first, (start, _))| {
        let mut sum = 0;
        events[first..].iter().all(|(end, cost)| {
            sum += u64::from(*cost);
            sum <= burst + (end - start) / interval
        })
    })
}

proptest! {
    /// Whatever is charged together, in whatever order: no key ever gets more than its burst and what
    /// comes back, and a refusal changes nothing.
    #[test]
    fn no_key_gets_more_than_its_quota_and_refusals_cost_nothing(requests in requests()) {
        let (quotas, clock) = quotas(100);
        let limits = [("a", "60/min", 2), ("b", "30/min", 5), ("c", "120/min", 3)];
        let of = |(which, cost): (usize, u32)| {
            let (name, rate, burst) = limits[which];
            charge(name, rate, burst, cost)
        };
        let mut events = [const { Vec::new() }; 3];
        for (gap, charges) in requests {
            clock.advance(Duration::from_micros(gap));
            let now = clock.0.load(Ordering::SeqCst);
            let list: Vec<_> = charges.iter().copied().map(of).collect();
            let left = || [0, 1, 2].map(|which| remaining(&quotas, of((which, 0))));
            let before = left();
            match quotas.spend_now(&list) {
                Spent::Within(standings) => {
                    prop_assert_eq!(standings.len(), list.len());
                    charges.iter().for_each(|(which, cost)| events[*which].push((now, *cost)));
                }
                Spent::Over { wait, which, .. } => {
                    prop_assert_eq!(left(), before);
                    prop_assert!(wait > Duration::ZERO);
                    prop_assert!(list[which].cost > 0);
                }
            }
        }
        for (which, events) in events.iter().enumerate() {
            let quota = of((which, 0)).quota;
            prop_assert!(most_in_any_window(events, u64::from(quota.burst().get()), quota.price(1)));
        }
    }
}

/// Whoever is over a quota may go on to invent what else is counted (tools, addresses): none of that is kept, or
/// it would push out what others spent.
#[test]
fn h4_a_caller_over_a_quota_leaves_nothing_behind() {
    let (quotas, _) = quotas(1_000);
    let alice = charge("alice", "1/day", 6, 1);
    while is_within(&quotas.spend_now(&[alice])) {}
    let mallory = charge("mallory", "1/day", 6, 1);
    while is_within(&quotas.spend_now(&[mallory])) {}
    for number in 0..100_000 {
        let invented = charge(&format!("tool-{number}"), "60/min", 6, 1);
        for charges in [[invented, mallory], [mallory, invented]] {
            assert!(!is_within(&quotas.spend_now(&charges)));
        }
    }
    assert!(!is_within(&quotas.spend_now(&[alice])), "pushed out");
    assert_eq!(quotas.keys(), 2);
}
