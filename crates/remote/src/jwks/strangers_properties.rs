//! Properties of the budget over all issuers, for every order of strangers at any of them.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use super::{
    schedule::{Action, COOLDOWN, Demand, Freshness, Jitter, Schedule, Timing},
    strangers::{BURST, PERIOD, StrangersBudget},
};

const HOUR: Duration = Duration::from_secs(3_600);

#[derive(Debug, Clone, Copy)]
enum End {
    Answer,
    Failure,
    /// Never: it is given up for lost.
    None,
}

/// A pause, and then a stranger at one of the issuers.
#[derive(Debug, Clone, Copy)]
struct Visit {
    pause: Duration,
    issuer: prop::sample::Index,
    end: End,
}

fn visits() -> impl Strategy<Value = Vec<Visit>> {
    let pause = prop_oneof![6 => Just(0), 3 => 0..2_000_u64, 1 => 0..30_000_u64];
    let end = prop_oneof![3 => Just(End::Answer), 2 => Just(End::Failure), 1 => Just(End::None)];
    let visit = (pause, any::<prop::sample::Index>(), end).prop_map(|(pause, issuer, end)| Visit {
        pause: Duration::from_millis(pause),
        issuer,
        end,
    });
    vec(visit, 1..300)
}

/// The schedules of some issuers, each with a set of a moment ago, and the one budget.
struct Process {
    schedules: Vec<Schedule>,
    budget: StrangersBudget,
    now: Duration,
    /// When strangers started attempts, and where.
    starts: Vec<(Duration, usize)>,
}

impl Process {
    fn with(issuers: usize) -> Self {
        let mut loaded = Schedule::new(Timing::new(HOUR, true));
        let now = HOUR;
        loaded.demand(now, Demand::Upkeep, |_| true);
        assert!(loaded.succeeded(now, 1, Freshness::default(), Jitter(0)));
        Self {
            schedules: vec![loaded; issuers],
            budget: StrangersBudget::default(),
            now,
            starts: Vec::new(),
        }
    }

    fn demand(&mut self, issuer: usize, demand: Demand) -> Action {
        let (budget, now) = (&self.budget, self.now);
        self.schedules[issuer].demand(now, demand, |was_quiet| budget.take(now, was_quiet))
    }

    fn receive(&mut self, visit: Visit) {
        self.now += visit.pause;
        let issuer = visit.issuer.index(self.schedules.len());
        let left = self.budget.left(self.now);
        match self.demand(issuer, Demand::Stranger) {
            Action::Fetch(number) => {
                assert_eq!(self.budget.left(self.now), left - 1);
                self.starts.push((self.now, issuer));
                self.end(issuer, number, visit.end);
            }
            _ => assert_eq!(self.budget.left(self.now), left, "paid for nothing"),
        }
    }

    fn end(&mut self, issuer: usize, number: u64, end: End) {
        let (schedule, fresh) = (&mut self.schedules[issuer], Freshness::default());
        let ended = match end {
            End::Answer => schedule.succeeded(self.now, number, fresh, Jitter(0)),
            End::Failure => schedule.failed(self.now, number, None, Jitter(0)),
            End::None => true,
        };
        assert!(ended);
    }

    fn starts_at(&self, issuer: usize) -> Vec<Duration> {
        let here = self.starts.iter().filter(|(_, at)| *at == issuer);
        here.map(|(time, _)| *time).collect()
    }
}

proptest! {
    #[test]
    fn d3_strangers_keep_both_budgets(issuers in 1..60_usize, visits in visits()) {
        let mut process = Process::with(issuers);
        visits.into_iter().for_each(|visit| process.receive(visit));
        for issuer in 0..issuers {
            let starts = process.starts_at(issuer);
            prop_assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= COOLDOWN), "{starts:?}");
        }
        let burst = u128::from(BURST.get());
        for (first, (from, _)) in process.starts.iter().enumerate() {
            for (count, (to, _)) in (1_u128..).zip(&process.starts[first..]) {
                let comes_back = (*to - *from).as_nanos() * burst / PERIOD.as_nanos();
                prop_assert!(count <= burst + comes_back, "{count} within {:?}", *to - *from);
            }
        }
    }

    #[test]
    fn upkeep_does_not_ask_the_strangers_budget(issuers in 1..60_usize, visits in visits()) {
        let mut process = Process::with(issuers);
        visits.into_iter().for_each(|visit| process.receive(visit));
        process.now += HOUR;
        let spent = (0..BURST.get()).all(|_| process.budget.take(process.now, true));
        prop_assert!(spent && process.budget.left(process.now) == 0);
        for issuer in 0..issuers {
            prop_assert!(matches!(process.demand(issuer, Demand::Upkeep), Action::Fetch(_)));
        }
    }

    /// Ten issuers spend as much in a cooldown as comes back.
    #[test]
    fn a_flood_at_ten_issuers_leaves_room_for_another(flooded in 1..=10_usize, visits in visits()) {
        let mut process = Process::with(flooded);
        let quiet = process.schedules[0].clone();
        visits.into_iter().for_each(|visit| process.receive(visit));
        process.schedules.push(quiet);
        prop_assert!(matches!(process.demand(flooded, Demand::Stranger), Action::Fetch(_)));
    }
}
