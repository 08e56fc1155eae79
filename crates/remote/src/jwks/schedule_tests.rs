//! Single rules of the schedule; `schedule_properties` plays every order of events.

use std::time::Duration;

use super::schedule::{
    ATTEMPT_LIMIT, Action, Demand, FLOOR, Freshness, Jitter, RENEWAL, Schedule, Timing,
};

const HOUR: Duration = Duration::from_secs(3_600);

fn fresh(max_age: Option<Duration>) -> Freshness {
    Freshness {
        age: Duration::ZERO,
        max_age,
    }
}

fn loaded(timing: Timing, max_age: Option<Duration>) -> Schedule {
    let mut schedule = Schedule::new(timing);
    let Action::Fetch(number) = schedule.demand(Duration::ZERO, Demand::Upkeep, |_| true) else {
        panic!("no first fetch")
    };
    assert!(schedule.succeeded(Duration::ZERO, number, fresh(max_age), Jitter(0)));
    schedule
}

fn renewal(timing: Timing, max_age: Option<u64>) -> Duration {
    loaded(timing, max_age.map(Duration::from_secs)).upkeep_at()
}

#[test]
fn cache_control_shortens_a_life_down_to_the_floor() {
    let timing = Timing::new(HOUR, false);
    assert_eq!(renewal(timing.clone(), Some(200)), Duration::from_secs(180));
    assert_eq!(renewal(timing.clone(), Some(15)), FLOOR);
    assert_eq!(renewal(timing, Some(0)), FLOOR);
}

#[test]
fn r4_an_issuer_is_asked_every_five_minutes_whether_a_key_was_removed() {
    let timing = Timing::new(HOUR, false);
    for max_age in [None, Some(600), Some(100_000)] {
        assert_eq!(renewal(timing.clone(), max_age), RENEWAL * 9 / 10);
    }
}

#[test]
fn an_explicit_life_is_obeyed_as_it_is() {
    let timing = |seconds| Timing::new(Duration::from_secs(seconds), true);
    assert_eq!(renewal(timing(10), Some(600)), Duration::from_secs(9));
    assert_eq!(renewal(timing(7_200), Some(60)), Duration::from_secs(6_480));
}

#[test]
fn jitter_spreads_renewals_over_a_tenth_of_the_life() {
    let of = |jitter| {
        let mut schedule = Schedule::new(Timing::new(HOUR, false));
        schedule.demand(Duration::ZERO, Demand::Upkeep, |_| true);
        assert!(schedule.succeeded(Duration::ZERO, 1, fresh(None), Jitter(jitter)));
        schedule.upkeep_at()
    };
    assert_eq!(of(255), RENEWAL * 8 / 10);
    assert!(of(0) > of(128) && of(128) > of(255));
}

#[test]
fn retry_after_is_honoured_by_upkeep_and_strangers_up_to_five_minutes() {
    for (asked, honoured) in [(120, 120), (100_000, 300)] {
        let mut schedule = loaded(Timing::new(HOUR, false), None);
        let now = HOUR;
        let Action::Fetch(number) = schedule.demand(now, Demand::Stranger, |_| true) else {
            panic!("not allowed")
        };
        assert!(schedule.failed(now, number, Some(Duration::from_secs(asked)), Jitter(0)));
        let almost = now + Duration::from_secs(honoured) - Duration::from_millis(1);
        assert_eq!(
            schedule.demand(almost, Demand::Stranger, |_| true),
            Action::Rest
        );
        assert_eq!(
            schedule.demand(almost, Demand::Upkeep, |_| true),
            Action::Rest
        );
        assert!(matches!(
            schedule.demand(now + Duration::from_secs(honoured), Demand::Upkeep, |_| {
                true
            }),
            Action::Fetch(_)
        ));
    }
}

#[test]
fn pauses_after_failures_double_up_to_a_minute() {
    let mut schedule = Schedule::new(Timing::new(HOUR, false));
    let mut now = Duration::ZERO;
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let Action::Fetch(number) = schedule.demand(now, Demand::Upkeep, |_| true) else {
            panic!("rests at {now:?}")
        };
        assert!(schedule.failed(now, number, None, Jitter(0)));
        pauses.push((schedule.upkeep_at() - now).as_secs());
        now = schedule.upkeep_at();
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
}

#[test]
fn d7_an_answer_after_its_attempt_was_given_up_is_dropped() {
    let mut schedule = loaded(Timing::new(HOUR, false), None);
    let Action::Fetch(slow) = schedule.demand(HOUR, Demand::Upkeep, |_| true) else {
        panic!("not due")
    };
    let later = HOUR + ATTEMPT_LIMIT;
    let Action::Fetch(quick) = schedule.demand(later, Demand::Upkeep, |_| true) else {
        panic!("not given up")
    };
    assert!(schedule.succeeded(later, quick, fresh(None), Jitter(0)));
    assert!(!schedule.succeeded(later + Duration::from_secs(1), slow, fresh(None), Jitter(0)));
    assert_eq!(
        schedule.age(later + Duration::from_secs(1)),
        Some(Duration::from_secs(1))
    );
}

#[test]
fn where_nothing_outlives_its_life_there_is_time_to_renew_it() {
    let timing = Timing {
        stale_limit: Duration::ZERO,
        ..Timing::new(Duration::from_secs(3_600), false)
    };
    for max_age in [Some(0), Some(15), Some(60), Some(70)] {
        let life = timing.longest_use(max_age.map(Duration::from_secs));
        assert!(renewal(timing.clone(), max_age) <= life / 5 * 4);
    }
}
