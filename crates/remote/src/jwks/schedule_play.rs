//! Events in any order, and an account of its own of what the schedule may answer to each.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use super::schedule::{
    ATTEMPT_LIMIT, Action, COOLDOWN, Demand, FLOOR, Freshness, Jitter, RENEWAL, Schedule, Timing,
};

#[derive(Debug, Clone)]
pub(super) enum Step {
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

pub(super) fn seconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    (range.start * 1_000..range.end * 1_000).prop_map(Duration::from_millis)
}

pub(super) fn jitter() -> impl Strategy<Value = Jitter> {
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

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..100)
}

pub(super) fn timing() -> impl Strategy<Value = Timing> {
    (seconds(1..86_400), any::<bool>(), seconds(0..200_000)).prop_map(
        |(ceiling, explicit, stale_limit)| Timing {
            stale_limit,
            ..Timing::new(ceiling, explicit)
        },
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
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
pub(super) struct Play {
    timing: Timing,
    pub(super) schedule: Schedule,
    pub(super) now: Duration,
    pub(super) current: Option<(u64, Duration)>,
    /// When the held set was confirmed, and until when it may be used.
    pub(super) held: Option<(Duration, Duration)>,
    log: Vec<(Duration, Event)>,
}

impl Play {
    pub(super) fn new(timing: Timing) -> Self {
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

    pub(super) fn of(timing: Timing, steps: &[Step]) -> Self {
        let mut play = Self::new(timing);
        steps.iter().for_each(|step| play.play(step));
        play
    }

    pub(super) fn play(&mut self, step: &Step) {
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

    pub(super) fn demand(&mut self, demand: Demand, leave: bool) {
        let (mut asked, first) = (false, self.schedule.attempts() == 0);
        let (upkeep_at, rest) = (
            self.schedule.upkeep_at(),
            self.schedule.strangers_rest(self.now),
        );
        let next_upkeep_at = self.schedule.next_upkeep_at();
        let action = self.schedule.demand(self.now, demand, |_| {
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

    pub(super) fn succeed(&mut self, freshness: Freshness, jitter: Jitter) {
        let Some((number, _)) = self.current.take() else {
            return;
        };
        let used = self.schedule.succeeded(self.now, number, freshness, jitter);
        assert_eq!(used, self.hold(freshness));
        let age = freshness.age;
        self.log.push((self.now, Event::Succeeded { age }));
    }

    pub(super) fn fail(&mut self, retry_after: Option<Duration>, jitter: Jitter) {
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
            assert!(self.schedule.upkeep_at() <= self.now.max(self.longest_rest()));
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

    /// When upkeep has to be due at the latest, were time to go no further.
    pub(super) fn latest_upkeep(&self) -> Duration {
        let renewal = self
            .held
            .map_or(Duration::ZERO, |(confirmed, _)| confirmed + self.renewal());
        renewal.max(self.longest_rest())
    }

    fn renewal(&self) -> Duration {
        if self.timing.explicit {
            self.timing.ceiling
        } else {
            self.timing.ceiling.min(RENEWAL)
        }
    }

    /// Until when upkeep may rest after the last word of the issuer, or the lack of one.
    fn longest_rest(&self) -> Duration {
        let mut answers = self
            .log
            .iter()
            .rev()
            .filter(|(_, event)| !matches!(event, Event::Started(_) | Event::Recalled));
        let failed = |(_, event): &&_| matches!(event, Event::Failed { .. });
        let failures = answers.clone().take_while(failed).count();
        let pause = |event| match event {
            Event::Failed { held, asked } => longest_pause(failures, held).max(asked),
            _ => COOLDOWN.min(self.renewal()),
        };
        answers
            .next()
            .map_or(Duration::ZERO, |(at, event)| *at + pause(*event) * 11 / 10)
    }

    pub(super) fn starts(&self, cause: Demand) -> impl Iterator<Item = Duration> {
        self.log
            .iter()
            .filter(move |(_, event)| *event == Event::Started(cause))
            .map(|(at, _)| *at)
    }

    /// The pauses between the end of an attempt and the next start, with how it ended and why the next started.
    pub(super) fn pauses(&self) -> impl Iterator<Item = (Event, Duration, Demand)> {
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

/// From a second, or a cooldown while a set is held, doubled up to a minute.
fn longest_pause(failures: usize, held: bool) -> Duration {
    let first = if held {
        COOLDOWN
    } else {
        Duration::from_secs(1)
    };
    let doublings = u32::try_from(failures.saturating_sub(1).min(6)).unwrap();
    (first * 2_u32.pow(doublings)).min(Duration::from_secs(60))
}
