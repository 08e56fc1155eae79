//! Properties of the schedule, for every order of events.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use super::schedule::{
    ATTEMPT_LIMIT, Action, COOLDOWN, Demand, FLOOR, Freshness, Jitter, RENEWAL, Schedule, Timing,
};

/// The longest pause after a failure, and the longest `Retry-After` that is honoured, each with a tenth of jitter.
const LONGEST_PAUSE: Duration = Duration::from_secs(66);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(330);

#[derive(Debug, Clone)]
enum Step {
    Wait(Duration),
    /// The timer of `keep_warm`: sleeps until upkeep is due, and asks.
    Timer,
    Upkeep,
    Operator,
    /// With or without the leave of the budget over all issuers.
    Stranger(bool),
    Succeed(Freshness, Jitter),
    Fail(Option<Duration>, Jitter),
    /// The attempt finds what an earlier process saved.
    Recall(Freshness, Jitter),
    /// The end of an attempt that was given up for lost, so many attempts ago.
    LateEnd(u64),
    Adopt(Freshness, Jitter),
}

fn seconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    (range.start * 1_000..range.end * 1_000).prop_map(Duration::from_millis)
}

fn jitter() -> impl Strategy<Value = Jitter> {
    any::<u8>().prop_map(Jitter)
}

/// Mostly an answer of the issuer itself; else one that another replica got a while ago.
fn freshness() -> impl Strategy<Value = Freshness> {
    let age =
        prop_oneof![3 => Just(Duration::ZERO), 1 => seconds(0..1_000), 1 => seconds(0..200_000)];
    (age, proptest::option::of(seconds(0..100_000)))
        .prop_map(|(age, max_age)| Freshness { age, max_age })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => seconds(0..20).prop_map(Step::Wait),
        1 => seconds(0..90_000).prop_map(Step::Wait),
        3 => Just(Step::Timer),
        3 => Just(Step::Upkeep),
        1 => Just(Step::Operator),
        6 => prop::bool::weighted(0.8).prop_map(Step::Stranger),
        3 => (freshness(), jitter()).prop_map(|(freshness, jitter)| Step::Succeed(freshness, jitter)),
        3 => (proptest::option::of(seconds(0..1_000)), jitter()).prop_map(|(after, jitter)| Step::Fail(after, jitter)),
        1 => (freshness(), jitter()).prop_map(|(freshness, jitter)| Step::Recall(freshness, jitter)),
        1 => (1..5_u64).prop_map(Step::LateEnd),
        1 => (freshness(), jitter()).prop_map(|(freshness, jitter)| Step::Adopt(freshness, jitter)),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..100)
}

fn timing() -> impl Strategy<Value = Timing> {
    (seconds(1..86_400), any::<bool>(), seconds(0..200_000)).prop_map(
        |(ceiling, explicit, stale_limit)| Timing {
            stale_limit,
            ..Timing::new(ceiling, explicit)
        },
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Started(Demand),
    Succeeded {
        age: Duration,
    },
    /// Without asking the issuer, which is then due to be asked.
    Recalled,
    Failed {
        held: bool,
        asked: Duration,
    },
}

/// Plays steps, checks each answer of the schedule, and writes down what happened.
struct Play {
    timing: Timing,
    schedule: Schedule,
    now: Duration,
    current: Option<(u64, Duration)>,
    /// When the held set was confirmed, and until when it may be used.
    held: Option<(Duration, Duration)>,
    log: Vec<(Duration, Event)>,
}

impl Play {
    fn new(timing: Timing) -> Self {
        Self {
            schedule: Schedule::new(timing.clone()),
            timing,
            // Long enough after zero that every age is in the past.
            now: Duration::from_secs(1_000_000),
            current: None,
            held: None,
            log: Vec::new(),
        }
    }

    fn of(timing: Timing, steps: &[Step]) -> Self {
        let mut play = Self::new(timing);
        steps.iter().for_each(|step| play.play(step));
        play
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Wait(time) => self.now += time,
            Step::Timer => {
                self.now = self.now.max(self.schedule.upkeep_at());
                self.demand(Demand::Upkeep, true);
            }
            Step::Upkeep => self.demand(Demand::Upkeep, true),
            Step::Operator => self.demand(Demand::Operator, true),
            Step::Stranger(leave) => self.demand(Demand::Stranger, leave),
            Step::Succeed(freshness, jitter) => self.succeed(freshness, jitter),
            Step::Fail(retry_after, jitter) => self.fail(retry_after, jitter),
            Step::Recall(freshness, jitter) => self.recall(freshness, jitter),
            Step::LateEnd(attempts_ago) => self.late_end(attempts_ago),
            Step::Adopt(freshness, jitter) => self.adopt(freshness, jitter),
        }
    }

    fn demand(&mut self, demand: Demand, leave: bool) {
        let (mut asked, first) = (false, self.schedule.attempts() == 0);
        let (upkeep_at, rest) = (
            self.schedule.upkeep_at(),
            self.schedule.strangers_rest(self.now),
        );
        let next_upkeep_at = self.schedule.next_upkeep_at();
        let action = self.schedule.demand(self.now, demand, || {
            asked = true;
            leave
        });
        if demand == Demand::Upkeep {
            assert_eq!(
                matches!(action, Action::Fetch(_)),
                self.now >= next_upkeep_at
            );
        }
        assert_eq!(
            self.schedule.upkeep_at(),
            upkeep_at,
            "a demand delayed upkeep"
        );
        let spends = demand == Demand::Stranger && !first;
        match action {
            Action::Fetch(number) => {
                assert!(!self.is_fetching(), "two attempts at a time");
                assert_eq!(number, self.schedule.attempts());
                assert_eq!(asked, spends);
                assert!(leave || !spends, "started without leave");
                self.current = Some((number, self.now));
                let cause = if first { Demand::Upkeep } else { demand };
                self.log.push((self.now, Event::Started(cause)));
            }
            Action::Join(number) => {
                assert!(self.is_fetching(), "joined an attempt given up for lost");
                assert_eq!(Some(number), self.current.map(|(number, _)| number));
            }
            Action::Rest => match demand {
                Demand::Upkeep => assert!(self.now < upkeep_at),
                Demand::Stranger => assert!(rest > Duration::ZERO || asked && !leave),
                Demand::Operator => panic!("an operator had to wait"),
            },
        }
        if !(spends && matches!(action, Action::Fetch(_))) {
            assert_eq!(self.schedule.strangers_rest(self.now), rest);
        }
    }

    fn is_fetching(&self) -> bool {
        self.current
            .is_some_and(|(_, started)| self.now < started + ATTEMPT_LIMIT)
    }

    fn succeed(&mut self, freshness: Freshness, jitter: Jitter) {
        let Some((number, _)) = self.current.take() else {
            return;
        };
        let used = self.schedule.succeeded(self.now, number, freshness, jitter);
        assert_eq!(used, self.hold(freshness));
        let age = freshness.age;
        self.log.push((self.now, Event::Succeeded { age }));
    }

    fn fail(&mut self, retry_after: Option<Duration>, jitter: Jitter) {
        let Some((number, _)) = self.current.take() else {
            return;
        };
        assert!(self.schedule.failed(self.now, number, retry_after, jitter));
        let asked = retry_after.unwrap_or_default();
        let asked = asked.min(Duration::from_secs(300));
        let held = self.held.is_some();
        self.log.push((self.now, Event::Failed { held, asked }));
    }

    fn recall(&mut self, freshness: Freshness, jitter: Jitter) {
        let Some((number, _)) = self.current else {
            return;
        };
        let used = self.schedule.recalled(self.now, number, freshness, jitter);
        let usable = freshness.age <= self.longest_use(freshness.max_age);
        assert_eq!(used, usable && self.hold(freshness));
        if used {
            self.current = None;
            self.log.push((self.now, Event::Recalled));
        }
    }

    fn late_end(&mut self, attempts_ago: u64) {
        let Some(number) = self.schedule.attempts().checked_sub(attempts_ago) else {
            return;
        };
        if self.current.is_some_and(|(current, _)| current == number) {
            return;
        }
        let before = format!("{:?}", self.schedule);
        let fresh = Freshness::default();
        assert!(!self.schedule.succeeded(self.now, number, fresh, Jitter(0)));
        assert!(!self.schedule.failed(self.now, number, None, Jitter(0)));
        assert!(!self.schedule.recalled(self.now, number, fresh, Jitter(0)));
        assert_eq!(format!("{:?}", self.schedule), before);
    }

    fn adopt(&mut self, freshness: Freshness, jitter: Jitter) {
        let used = self.schedule.adopted(self.now, freshness, jitter);
        let usable = freshness.age <= self.longest_use(freshness.max_age);
        assert_eq!(used, usable && self.hold(freshness));
    }

    /// The rule in its own words: the newer confirmation wins.
    fn hold(&mut self, freshness: Freshness) -> bool {
        let confirmed = self.now - freshness.age;
        let newer = self.held.is_none_or(|(held, _)| held <= confirmed);
        if newer {
            self.held = Some((confirmed, confirmed + self.longest_use(freshness.max_age)));
        }
        newer
    }

    /// A set's own life, or the stale limit if that is longer.
    fn longest_use(&self, max_age: Option<Duration>) -> Duration {
        let said = max_age.filter(|_| !self.timing.explicit);
        let life = said.map_or(self.timing.ceiling, |said| {
            said.max(FLOOR).min(self.timing.ceiling)
        });
        life.max(self.timing.stale_limit)
    }

    fn latest_upkeep(&self) -> Duration {
        let most = if self.timing.explicit {
            self.timing.ceiling
        } else {
            self.timing.ceiling.min(RENEWAL)
        };
        let renewal = self
            .held
            .map_or(Duration::ZERO, |(confirmed, _)| confirmed + most);
        let ends = self
            .log
            .iter()
            .rev()
            .filter(|(_, event)| !matches!(event, Event::Started(_) | Event::Recalled));
        let failures = ends
            .clone()
            .take_while(|(_, event)| matches!(event, Event::Failed { .. }));
        let doublings = u32::try_from(failures.count())
            .unwrap()
            .saturating_sub(1)
            .min(6);
        let rest = ends
            .clone()
            .next()
            .map_or(Duration::ZERO, |(ended, event)| {
                let pause = match event {
                    Event::Failed { held, asked } => {
                        let first = if *held {
                            COOLDOWN
                        } else {
                            Duration::from_secs(1)
                        };
                        (first * 2_u32.pow(doublings))
                            .min(Duration::from_secs(60))
                            .max(*asked)
                    }
                    _ => COOLDOWN.min(most),
                };
                *ended + pause * 11 / 10
            });
        renewal.max(rest)
    }

    fn starts(&self, cause: Demand) -> impl Iterator<Item = Duration> {
        self.log
            .iter()
            .filter(move |(_, event)| *event == Event::Started(cause))
            .map(|(at, _)| *at)
    }

    /// The pauses between the end of an attempt and the next start, with how it ended and why the next started.
    fn pauses(&self) -> impl Iterator<Item = (Event, Duration, Demand)> {
        self.log.windows(2).filter_map(|pair| match pair {
            [(ended, end), (started, Event::Started(cause))]
                if !matches!(end, Event::Started(_)) =>
            {
                Some((*end, *started - *ended, *cause))
            }
            _ => None,
        })
    }
}

proptest! {
    #[test]
    fn d3_strangers_never_start_two_attempts_within_a_cooldown(timing in timing(), steps in steps()) {
        let starts: Vec<_> = Play::of(timing, &steps).starts(Demand::Stranger).collect();
        for pair in starts.windows(2) {
            prop_assert!(pair[1] - pair[0] >= COOLDOWN, "{pair:?}");
        }
    }

    #[test]
    fn d3_strangers_start_nothing_while_the_issuer_asked_for_a_pause(timing in timing(), steps in steps()) {
        for (end, pause, cause) in Play::of(timing, &steps).pauses() {
            if let (Event::Failed { asked, .. }, Demand::Stranger) = (end, cause) {
                prop_assert!(pause >= asked.max(COOLDOWN), "{pause:?} {asked:?}");
            }
        }
    }

    #[test]
    fn upkeep_keeps_its_budget_whatever_the_answers(timing in timing(), steps in steps()) {
        let renewal = if timing.explicit { timing.ceiling * 8 / 10 } else { timing.ceiling.min(FLOOR) };
        for (end, pause, cause) in Play::of(timing, &steps).pauses() {
            let least = match end {
                Event::Succeeded { age: Duration::ZERO } => renewal,
                // An answer that is old already, or older than what is held, is no reason to hurry.
                Event::Succeeded { .. } => renewal.min(COOLDOWN),
                Event::Failed { held: true, asked } => asked.max(COOLDOWN),
                Event::Failed { held: false, asked } => asked.max(Duration::from_secs(1)),
                Event::Recalled => Duration::ZERO,
                Event::Started(_) => unreachable!("no end"),
            };
            prop_assert!(cause != Demand::Upkeep || pause >= least, "{end:?} {pause:?} {least:?}");
        }
    }

    #[test]
    fn a_set_is_served_until_its_limit_and_no_longer(timing in timing(), steps in steps()) {
        let mut play = Play::new(timing);
        for step in &steps {
            play.play(step);
            let servable = play.held.is_some_and(|(_, until)| play.now <= until);
            prop_assert_eq!(play.schedule.may_serve(play.now), servable);
            prop_assert_eq!(play.schedule.serve_until(), play.held.map(|(_, until)| until));
            prop_assert_eq!(play.schedule.age(play.now), play.held.map(|(confirmed, _)| play.now - confirmed));
        }
    }

    #[test]
    fn d7_what_is_held_never_becomes_older(timing in timing(), steps in steps()) {
        let mut play = Play::new(timing);
        let mut newest = None;
        for step in &steps {
            play.play(step);
            let confirmed = play.schedule.age(play.now).map(|age| play.now - age);
            prop_assert!(confirmed >= newest, "{confirmed:?} {newest:?}");
            newest = confirmed;
        }
    }

    #[test]
    fn strangers_cannot_make_upkeep_later(timing in timing(), steps in steps(), strangers in vec(seconds(0..20), 0..50)) {
        let mut play = Play::of(timing, &steps);
        let before = play.schedule.upkeep_at();
        for pause in strangers {
            play.now += pause;
            play.demand(Demand::Stranger, true);
        }
        prop_assert_eq!(play.schedule.upkeep_at(), before);
        // Even an attempt that never ends is given up, and upkeep goes on.
        play.now = play.now.max(before) + ATTEMPT_LIMIT;
        play.current = None;
        prop_assert!(matches!(play.schedule.demand(play.now, Demand::Upkeep, || false), Action::Fetch(_)));
    }

    /// Five minutes after the last word of the issuer while all is well; after failures a pause that grows
    /// to a minute, or what the issuer asked for.
    #[test]
    fn r4_upkeep_is_never_far_off(timing in timing(), steps in steps()) {
        let mut play = Play::new(timing);
        for step in &steps {
            play.play(step);
            prop_assert!(play.schedule.upkeep_at() <= play.latest_upkeep().max(play.now));
        }
    }

    #[test]
    fn recovery_is_noticed_within_the_longest_pause(timing in timing(), steps in steps(), strangers in vec((seconds(0..20), jitter()), 0..50)) {
        let mut play = Play::of(timing, &steps);
        play.now += LONGEST_RETRY_AFTER;
        for (pause, jitter) in strangers {
            play.now += pause;
            play.demand(Demand::Stranger, true);
            play.fail(None, jitter);
        }
        let due = play.held.map_or(Duration::ZERO, |_| play.schedule.upkeep_at());
        let back = play.now;
        play.play(&Step::Timer);
        prop_assert!(play.now <= back + LONGEST_PAUSE || play.now == due, "{:?}", play.now - back);
        play.succeed(Freshness::default(), Jitter(0));
        prop_assert!(play.schedule.may_serve(play.now));
    }
}
