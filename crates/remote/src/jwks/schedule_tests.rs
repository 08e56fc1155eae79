//! Properties of the schedule, for every order of events.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use super::schedule::{
    ATTEMPT_LIMIT, Action, COOLDOWN, Demand, FLOOR, Freshness, Jitter, RENEWAL, STALE_LIMIT,
    Schedule, Timing,
};

const HOUR: Duration = Duration::from_secs(3_600);

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Stranger,
    Upkeep,
    Succeed {
        max_age: Option<u64>,
        jitter: u8,
    },
    Fail {
        retry_after: Option<u64>,
        jitter: u8,
    },
    LateAnswer {
        attempts_ago: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let seconds = || proptest::option::of(0..100_000_u64);
    prop_oneof![
        4 => (0..20_000_u64).prop_map(Step::Wait),
        1 => (0..90_000_000_u64).prop_map(Step::Wait),
        6 => Just(Step::Stranger),
        3 => Just(Step::Upkeep),
        3 => (seconds(), any::<u8>()).prop_map(|(max_age, jitter)| Step::Succeed { max_age, jitter }),
        3 => (seconds(), any::<u8>()).prop_map(|(retry_after, jitter)| Step::Fail { retry_after, jitter }),
        1 => (1..5_u64).prop_map(|attempts_ago| Step::LateAnswer { attempts_ago }),
    ]
}

fn timing() -> impl Strategy<Value = Timing> {
    (1..86_400_u64, any::<bool>())
        .prop_map(|(ceiling, explicit)| Timing::new(Duration::from_secs(ceiling), explicit))
}

/// Plays steps, and writes down what happened.
struct Play {
    schedule: Schedule,
    now: Duration,
    current: Option<u64>,
    strangers_starts: Vec<Duration>,
    starts: Vec<Duration>,
    failure_ends: Vec<Duration>,
    confirmed: Option<Duration>,
}

impl Play {
    fn new(timing: Timing) -> Self {
        Self {
            schedule: Schedule::new(timing),
            now: Duration::ZERO,
            current: None,
            strangers_starts: Vec::new(),
            starts: Vec::new(),
            failure_ends: Vec::new(),
            confirmed: None,
        }
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Wait(milliseconds) => self.now += Duration::from_millis(milliseconds),
            Step::Stranger => self.demand(Demand::Stranger),
            Step::Upkeep => self.demand(Demand::Upkeep),
            Step::Succeed { max_age, jitter } => {
                self.succeed(max_age.map(Duration::from_secs), jitter);
            }
            Step::Fail {
                retry_after,
                jitter,
            } => self.fail(retry_after.map(Duration::from_secs), jitter),
            Step::LateAnswer { attempts_ago } => self.late_answer(attempts_ago),
        }
    }

    fn demand(&mut self, demand: Demand) {
        match self.schedule.demand(self.now, demand, || true) {
            Action::Fetch(number) => {
                self.current = Some(number);
                self.starts.push(self.now);
                if demand == Demand::Stranger && number > 1 {
                    self.strangers_starts.push(self.now);
                }
            }
            Action::Join(number) => assert_eq!(
                Some(number),
                self.current,
                "joined an attempt that is not under way"
            ),
            Action::Rest => {}
        }
    }

    fn succeed(&mut self, max_age: Option<Duration>, jitter: u8) {
        if let Some(number) = self.current.take() {
            assert!(
                self.schedule
                    .succeeded(self.now, number, fresh(max_age), Jitter(jitter))
            );
            self.confirmed = Some(self.now);
        }
    }

    fn fail(&mut self, retry_after: Option<Duration>, jitter: u8) {
        if let Some(number) = self.current.take() {
            assert!(
                self.schedule
                    .failed(self.now, number, retry_after, Jitter(jitter))
            );
            self.failure_ends.push(self.now);
        }
    }

    fn late_answer(&mut self, attempts_ago: u64) {
        let Some(number) = self.schedule.attempts().checked_sub(attempts_ago) else {
            return;
        };
        if self.current == Some(number) {
            return;
        }
        let upkeep_at = self.schedule.upkeep_at();
        assert!(
            !self
                .schedule
                .succeeded(self.now, number, fresh(None), Jitter(0)),
            "a late answer was used"
        );
        assert!(
            !self.schedule.failed(self.now, number, None, Jitter(0)),
            "a late failure was counted"
        );
        assert_eq!(self.schedule.upkeep_at(), upkeep_at);
    }
}

fn fresh(max_age: Option<Duration>) -> Freshness {
    Freshness {
        age: Duration::ZERO,
        max_age,
    }
}

fn played(timing: Timing, steps: &[Step]) -> Play {
    let mut play = Play::new(timing);
    steps.iter().for_each(|step| play.play(step));
    play
}

fn gaps(times: &[Duration]) -> impl Iterator<Item = Duration> {
    times.windows(2).map(|pair| pair[1] - pair[0])
}

proptest! {
    #[test]
    fn d3_strangers_never_start_two_attempts_within_a_cooldown(timing in timing(), steps in vec(step(), 1..200)) {
        let play = played(timing, &steps);
        for gap in gaps(&play.strangers_starts) {
            prop_assert!(gap >= COOLDOWN, "{gap:?}");
        }
    }

    #[test]
    fn nothing_is_tried_within_a_second_of_a_failure(timing in timing(), steps in vec(step(), 1..200)) {
        let play = played(timing, &steps);
        for failure in &play.failure_ends {
            let next = play.starts.iter().find(|start| *start >= failure && **start - *failure < Duration::from_secs(1));
            // A start at the very moment of the failure belongs to the failed attempt itself.
            prop_assert!(next.is_none_or(|start| start == failure), "{failure:?} {next:?}");
        }
    }

    #[test]
    fn upkeep_leaves_a_fresh_set_alone(ceiling in 1..86_400_u64, steps in vec(step(), 1..200)) {
        let timing = Timing::new(Duration::from_secs(ceiling), false);
        let rest = FLOOR.min(timing.ceiling);
        let mut play = Play::new(timing);
        for step in &steps {
            let (starts, confirmed) = (play.starts.len(), play.confirmed);
            play.play(step);
            if matches!(step, Step::Upkeep) && play.starts.len() > starts {
                prop_assert!(confirmed.is_none_or(|confirmed| play.now - confirmed >= rest));
            }
        }
    }

    #[test]
    fn a_set_is_served_until_the_stale_limit_and_no_longer(timing in timing(), steps in vec(step(), 1..200)) {
        let mut play = Play::new(timing);
        for step in &steps {
            play.play(step);
            let age = play.confirmed.map(|confirmed| play.now - confirmed);
            prop_assert_eq!(play.schedule.may_serve(play.now), age.is_some_and(|age| age <= STALE_LIMIT));
            prop_assert_eq!(play.schedule.age(play.now), age);
        }
    }

    #[test]
    fn strangers_cannot_make_upkeep_later(timing in timing(), steps in vec(step(), 1..100), strangers in 1..50_usize) {
        let mut play = played(timing, &steps);
        let before = play.schedule.upkeep_at();
        for _ in 0..strangers {
            play.schedule.demand(play.now, Demand::Stranger, || true);
        }
        prop_assert_eq!(play.schedule.upkeep_at(), before);
        // Even an attempt that never ends is given up, and upkeep goes on.
        play.now = play.now.max(before) + ATTEMPT_LIMIT;
        prop_assert!(matches!(play.schedule.demand(play.now, Demand::Upkeep, || true), Action::Fetch(_)));
    }

    #[test]
    fn upkeep_is_never_further_off_than_the_life_of_a_set_or_the_longest_pause(timing in timing(), steps in vec(step(), 1..200)) {
        // Five minutes of `Retry-After`, and a tenth of jitter.
        let furthest = timing.ceiling.max(Duration::from_secs(330));
        let mut play = Play::new(timing);
        for step in &steps {
            play.play(step);
            prop_assert!(play.schedule.upkeep_at() <= play.now + furthest);
        }
    }
}

fn loaded(timing: Timing, max_age: Option<Duration>) -> Schedule {
    let mut schedule = Schedule::new(timing);
    let Action::Fetch(number) = schedule.demand(Duration::ZERO, Demand::Upkeep, || true) else {
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
        schedule.demand(Duration::ZERO, Demand::Upkeep, || true);
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
        let Action::Fetch(number) = schedule.demand(now, Demand::Stranger, || true) else {
            panic!("not allowed")
        };
        assert!(schedule.failed(now, number, Some(Duration::from_secs(asked)), Jitter(0)));
        let almost = now + Duration::from_secs(honoured) - Duration::from_millis(1);
        assert_eq!(
            schedule.demand(almost, Demand::Stranger, || true),
            Action::Rest
        );
        assert_eq!(
            schedule.demand(almost, Demand::Upkeep, || true),
            Action::Rest
        );
        assert!(matches!(
            schedule.demand(now + Duration::from_secs(honoured), Demand::Upkeep, || true),
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
        let Action::Fetch(number) = schedule.demand(now, Demand::Upkeep, || true) else {
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
    let Action::Fetch(slow) = schedule.demand(HOUR, Demand::Upkeep, || true) else {
        panic!("not due")
    };
    let later = HOUR + ATTEMPT_LIMIT;
    let Action::Fetch(quick) = schedule.demand(later, Demand::Upkeep, || true) else {
        panic!("not given up")
    };
    assert!(schedule.succeeded(later, quick, fresh(None), Jitter(0)));
    assert!(!schedule.succeeded(later + Duration::from_secs(1), slow, fresh(None), Jitter(0)));
    assert_eq!(
        schedule.age(later + Duration::from_secs(1)),
        Some(Duration::from_secs(1))
    );
}
