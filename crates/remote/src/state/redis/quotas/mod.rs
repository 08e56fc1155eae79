//! Quotas that all replicas count together, in Redis or Valkey.
//!
//! Each charge is one run of a script on one key, so that the keys may lie on different servers of a
//! cluster; all charges of a request go out together and take one round trip. When one of them is over its
//! quota, the others are given back.
//!
//! This replica counts along: what Redis takes for us, and what it said last about all of us. A caller who
//! is over his quota by that need not be asked about, so a flood of his requests does not reach Redis. When Redis is away, slow or lying, or forgets everything, it goes on
//! from there; whoever can write to Redis can make callers wait, and nobody gets more through than this
//! replica would let through alone.

mod answer;
pub(super) mod script;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use tokio::time::Instant;

use self::answer::{Answer, given_back};
use super::{
    link::{Link, NoAnswer},
    names,
    script::{Call, Script},
    shared::Shared,
};
use crate::state::quotas::{Charge, Decisions, LocalQuotas, Quotas, Spent, Uncounted};

/// How quotas are counted in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaSettings {
    /// How long a request waits for the count at most.
    pub timeout: Duration,
    /// What happens when there is no count in that time.
    pub when_away: WhenAway,
}

/// Who decides when Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenAway {
    /// This replica alone.
    Fallback {
        /// Percent of each quota that it gives, from 1 to 100: what costs more than is left of the burst
        /// then costs all of it.
        share: u8,
    },
    /// Nobody: the answer is [`Uncounted`].
    Require,
}

impl Default for QuotaSettings {
    /// Twenty milliseconds, and then all of each quota.
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(20),
            when_away: WhenAway::Fallback { share: 100 },
        }
    }
}

/// Counts with the other replicas.
pub struct RedisQuotas {
    shared: Arc<Shared>,
    local: Arc<LocalQuotas>,
    settings: QuotaSettings,
    spend: Script,
    give_back: Arc<Script>,
    counted: AtomicU64,
    foreseen: AtomicU64,
    uncounted: AtomicU64,
}

impl RedisQuotas {
    pub(super) fn new(
        shared: Arc<Shared>,
        local: Arc<LocalQuotas>,
        settings: QuotaSettings,
    ) -> Self {
        Self {
            shared,
            local,
            settings,
            spend: Script::new(script::SPEND),
            give_back: Arc::new(Script::new(script::GIVE_BACK)),
            counted: AtomicU64::new(0),
            foreseen: AtomicU64::new(0),
            uncounted: AtomicU64::new(0),
        }
    }

    async fn spend(&self, charges: &[Charge]) -> Result<Spent, Uncounted> {
        if charges.is_empty() {
            return Ok(Spent::Within(Vec::new()));
        }
        if let Some(over) = self.local.foresee(charges) {
            self.foreseen.fetch_add(1, Ordering::Relaxed);
            return Ok(over);
        }
        let until = Instant::now() + self.settings.timeout;
        let sent = self.local.now();
        let answers = self.ask(charges).await;
        match answers.iter().copied().collect::<Option<Vec<_>>>() {
            Some(answers) => {
                self.counted.fetch_add(1, Ordering::Relaxed);
                Ok(self.judge(charges, &answers, sent, until).await)
            }
            None => self.judge_some(charges, &answers, sent, until).await,
        }
    }

    /// Asks about all charges in one round trip. Of a cluster some servers may be away.
    async fn ask(&self, charges: &[Charge]) -> Vec<Option<Answer>> {
        let answers = join_all(charges.iter().map(|charge| self.ask_about(charge))).await;
        answers.into_iter().map(Result::ok).collect()
    }

    async fn ask_about(&self, charge: &Charge) -> Result<Answer, NoAnswer> {
        let price = charge.quota.price(charge.cost);
        let call = self.call(charge, [price, charge.quota.depth()]);
        let read = |value| Answer::to(charge, value);
        run(
            &self.shared.link,
            &self.spend,
            call,
            self.settings.timeout,
            read,
        )
        .await
    }

    fn call(&self, charge: &Charge, arguments: [u64; 2]) -> Call {
        Call {
            key: names::quota(&self.shared.seal, &charge.place()),
            arguments: arguments.map(|number| number.to_string()).to_vec(),
        }
    }

    /// All or nothing.
    async fn judge(
        &self,
        charges: &[Charge],
        answers: &[Answer],
        sent: u64,
        until: Instant,
    ) -> Spent {
        let pairs = || charges.iter().zip(answers);
        let waits = pairs().map(|(charge, answer)| answer.wait(charge));
        let longest = waits.enumerate().max_by_key(|(_, wait)| *wait);
        let Some((which, Some(wait))) = longest else {
            for (charge, answer) in pairs() {
                self.local.follow(charge, sent, answer.ahead);
            }
            let standings = pairs().map(|(charge, answer)| answer.standing(charge));
            return Spent::Within(standings.collect());
        };
        for (charge, answer) in pairs().filter(|(_, answer)| !answer.fits) {
            let not_ours = Charge { cost: 0, ..*charge };
            self.local.follow(&not_ours, sent, answer.ahead);
        }
        self.return_taken(charges, answers, until).await;
        let standings = pairs().map(|(charge, answer)| answer.standing_before(charge));
        Spent::Over {
            standings: standings.collect(),
            which,
            wait,
        }
    }

    /// All or nothing, where some servers of a cluster do not answer: this replica decides in their place
    /// only.
    async fn judge_some(
        &self,
        charges: &[Charge],
        answers: &[Option<Answer>],
        sent: u64,
        until: Instant,
    ) -> Result<Spent, Uncounted> {
        let pairs = || charges.iter().zip(answers);
        let (theirs, told): (Vec<_>, Vec<_>) = pairs()
            .filter_map(|(charge, answer)| Some((*charge, (*answer)?)))
            .unzip();
        let is_over = told.iter().any(|answer| !answer.fits);
        let ours = pairs().filter(|(_, answer)| answer.is_none());
        let ours: Vec<_> = ours
            .map(|(charge, _)| match is_over {
                true => Charge { cost: 0, ..*charge },
                false => *charge,
            })
            .collect();
        let alone = self.spend_alone(&ours);
        let is_within = matches!(alone, Ok(Spent::Within(_)));
        let together = if is_within {
            self.judge(&theirs, &told, sent, until).await
        } else {
            self.return_taken(&theirs, &told, until).await;
            let before = theirs.iter().zip(&told);
            Spent::Within(
                before
                    .map(|(charge, answer)| answer.standing_before(charge))
                    .collect(),
            )
        };
        let is_told: Vec<_> = answers.iter().map(Option::is_some).collect();
        Ok(merged(&is_told, together, alone?))
    }

    /// Gives back what was taken, also if the caller goes away meanwhile.
    async fn return_taken(&self, charges: &[Charge], answers: &[Answer], until: Instant) {
        let taken = charges.iter().zip(answers);
        let calls: Vec<_> = taken
            .filter(|(charge, answer)| answer.fits && charge.cost > 0)
            .map(|(charge, answer)| {
                let price = charge.quota.price(charge.cost);
                self.call(charge, [price, answer.arrival])
            })
            .collect();
        if calls.is_empty() {
            return;
        }
        let (link, script) = (Arc::clone(&self.shared.link), Arc::clone(&self.give_back));
        let limit = self.settings.timeout;
        let returning = tokio::spawn(async move {
            let read = |value| given_back(&value);
            let runs = calls
                .into_iter()
                .map(|call| run(&link, &script, call, limit, read));
            join_all(runs).await;
        });
        // What nobody gives back comes back with time.
        let _ = tokio::time::timeout_at(until, returning).await;
    }

    fn spend_alone(&self, charges: &[Charge]) -> Result<Spent, Uncounted> {
        match self.settings.when_away {
            WhenAway::Require => {
                self.uncounted.fetch_add(1, Ordering::Relaxed);
                Err(Uncounted)
            }
            WhenAway::Fallback { share } => Ok(self.local.spend_part(charges, share)),
        }
    }
}

/// What became of all charges, out of what became of those that others decided on and of the rest.
fn merged(is_told: &[bool], told: Spent, rest: Spent) -> Spent {
    let place = |of_told: bool, which: usize| {
        let places = is_told.iter().enumerate();
        let mut places = places.filter(|(_, is_told)| **is_told == of_told);
        places.nth(which).map_or(0, |(place, _)| place)
    };
    let parts = |spent, of_told| match spent {
        Spent::Within(standings) => (standings, None),
        Spent::Over {
            standings,
            which,
            wait,
        } => (standings, Some((place(of_told, which), wait))),
    };
    let (told, over) = parts(told, true);
    let (rest, over_alone) = parts(rest, false);
    let (mut told, mut rest) = (told.into_iter(), rest.into_iter());
    let standings = is_told.iter().filter_map(|is_told| match is_told {
        true => told.next(),
        false => rest.next(),
    });
    let standings = standings.collect();
    match over.or(over_alone) {
        None => Spent::Within(standings),
        Some((which, wait)) => Spent::Over {
            standings,
            which,
            wait,
        },
    }
}

/// Runs a script once.
async fn run<T>(
    link: &Arc<Link>,
    script: &Script,
    call: Call,
    limit: Duration,
    read: impl Fn(redis::Value) -> Option<T>,
) -> Result<T, NoAnswer> {
    let answers = link.run(script, &[call], limit, read).await;
    answers.into_iter().next().unwrap_or(Err(NoAnswer::Away))
}

impl Quotas for RedisQuotas {
    fn spend<'a>(&'a self, charges: &'a [Charge]) -> BoxFuture<'a, Result<Spent, Uncounted>> {
        self.spend(charges).boxed()
    }

    fn decisions(&self) -> Decisions {
        Decisions {
            shared: self.counted.load(Ordering::Relaxed),
            foreseen: self.foreseen.load(Ordering::Relaxed),
            local: self.local.decisions().local,
            uncounted: self.uncounted.load(Ordering::Relaxed),
        }
    }
}

impl fmt::Debug for RedisQuotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQuotas")
            .field("settings", &self.settings)
            .field("decisions", &self.decisions())
            .finish_non_exhaustive()
    }
}
