//! One decision of a quota in memory, beside `governor`, whose keyed store is a map that nothing bounds.

use std::{
    hint::black_box,
    num::NonZeroU32,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use governor::{DefaultKeyedRateLimiter, Quota as GovernorQuota, RateLimiter};
use oauthgate_core::quota::Quota;
use oauthgate_remote::{
    clock::SystemClock,
    state::quotas::{Charge, LocalQuotas, QuotaKey},
};

use crate::report::{Goal, Report, median};

/// Callers that take turns, where it is not one alone.
const CALLERS: usize = 10_000;
/// Decisions of one contender in one round, on each thread.
const DECISIONS: usize = 1_000_000;
/// Both are asked by the same rate.
const PER_SECOND: u32 = Quota::MOST_PER_SECOND;

/// Who decides.
struct Contenders {
    charges: Vec<[Charge; 1]>,
    keys: Vec<[u8; 16]>,
    ours: LocalQuotas,
    governor: DefaultKeyedRateLimiter<[u8; 16]>,
}

impl Contenders {
    fn new(callers: usize) -> Self {
        let rate = NonZeroU32::new(PER_SECOND).expect("not zero");
        let quota = Quota::new(rate, Duration::from_secs(1));
        let keys: Vec<_> = (0..callers)
            .map(|number| QuotaKey::of(&["subject", &number.to_string()]))
            .collect();
        let charge = |key: &QuotaKey| {
            [Charge {
                key: *key,
                quota,
                cost: 1,
            }]
        };
        Self {
            charges: keys.iter().map(charge).collect(),
            keys: keys.iter().map(|key| *key.as_bytes()).collect(),
            ours: LocalQuotas::new(100_000, Arc::new(SystemClock::default())),
            governor: RateLimiter::dashmap(GovernorQuota::per_second(rate)),
        }
    }

    fn ours(&self, number: usize) {
        black_box(
            self.ours
                .spend_now(&self.charges[number % self.charges.len()]),
        );
    }

    fn governor(&self, number: usize) {
        let key = &self.keys[number % self.keys.len()];
        let _ = black_box(self.governor.check_key(key));
    }
}

/// The contenders take turns in every round.
pub(crate) fn run(rounds: usize, report: &mut Report) {
    let states = [
        ("one caller, one thread", 1, 1),
        ("10,000 callers, one thread", CALLERS, 1),
        ("one caller, two threads", 1, 2),
        ("10,000 callers, two threads", CALLERS, 2),
    ];
    for (name, callers, threads) in states {
        let contenders = Contenders::new(callers);
        let (mut ours, mut governor) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            let both = [
                cost(threads, |number| contenders.ours(number)),
                cost(threads, |number| contenders.governor(number)),
            ];
            // The first round warms everything up.
            if round > 0 {
                ours.push(both[0]);
                governor.push(both[1]);
            }
        }
        let ratios = ours.iter().zip(&governor).map(|(ours, other)| ours / other);
        let ratio = median(ratios.collect());
        let text = format!(
            "{:.0} ns : {:.0} ns = {ratio:.2}x",
            median(ours),
            median(governor)
        );
        let what = format!("a decision in memory, ours : governor, {name}");
        report.line(&what, ratio, &text, Goal::None);
    }
}

/// Nanoseconds for one decision on one of the threads.
fn cost(threads: usize, decide: impl Fn(usize) + Sync) -> f64 {
    let begin = Instant::now();
    thread::scope(|scope| {
        for thread in 0..threads {
            let decide = &decide;
            // Threads that begin elsewhere do not follow each other from caller to caller.
            let first = thread * CALLERS / 2;
            scope.spawn(move || (first..first + DECISIONS).for_each(decide));
        }
    });
    begin.elapsed().as_nanos() as f64 / DECISIONS as f64
}
