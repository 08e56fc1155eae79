//! When to fetch a key set: `(state, now, event) → action`, with no clock and no async inside.
//!
//! Two budgets that cannot starve each other:
//!
//! - **Upkeep** renews a set before its life ends, and backs off after failures. Nothing that a
//!   stranger sends makes it later.
//! - **Strangers** (tokens with an unknown `kid` or a wrong signature, or any token while no set is
//!   held) may start one attempt per cooldown. Attempts count, not successes: an outage or an empty set changes nothing.
//!
//! An **operator** may ask at any time; that joins an attempt under way like everybody else.
//!
//! There is one attempt at a time; whoever comes during it joins it. Every attempt has a number, and
//! an answer whose number is not the current one is dropped: a late old answer never replaces a newer.

use std::time::Duration;

use crate::KeySettings;

/// The shortest life of a set, whatever `Cache-Control` says (a provider was seen answering 15 s).
pub const FLOOR: Duration = Duration::from_secs(60);
/// How far apart the attempts are that strangers may cause.
pub const COOLDOWN: Duration = Duration::from_secs(10);
/// How often an issuer is asked at least whether a key was removed, unless a life was set explicitly.
pub const RENEWAL: Duration = Duration::from_secs(5 * 60);
/// How long a set is served while its issuer cannot confirm it, unless set otherwise.
pub const STALE_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// An attempt that has not ended by then is given up for lost.
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(20);
/// The longest pause between failing upkeep attempts, so that recovery is noticed within a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that is honoured.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);
/// The first pause after a failure while nothing is held: services often start together.
const FIRST_COLD_PAUSE: Duration = Duration::from_secs(1);

/// The configured figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The ceiling of a set's life.
    pub ceiling: Duration,
    /// Whether the ceiling was set explicitly; it is then the life itself, without regard to
    /// `Cache-Control` and to [`FLOOR`].
    pub explicit: bool,
    /// How far apart strangers' attempts are.
    pub cooldown: Duration,
    /// How long an unconfirmed set is served.
    pub stale_limit: Duration,
}

impl Timing {
    /// The default figures with this ceiling.
    #[must_use]
    pub fn new(ceiling: Duration, explicit: bool) -> Self {
        Self {
            ceiling,
            explicit,
            cooldown: COOLDOWN,
            stale_limit: STALE_LIMIT,
        }
    }

    /// The figures of an issuer's settings.
    pub(crate) fn of(settings: &KeySettings) -> Self {
        Self {
            stale_limit: settings.stale_limit,
            ..Self::new(settings.ttl, settings.ttl_is_explicit)
        }
    }

    /// How long a set is fresh, as far as its source says.
    fn life(&self, max_age: Option<Duration>) -> Duration {
        match max_age {
            Some(max_age) if !self.explicit => max_age.max(FLOOR).min(self.ceiling),
            _ => self.ceiling,
        }
    }

    /// How long a set may be used without another word from its issuer: for its life in any case.
    #[must_use]
    pub fn longest_use(&self, max_age: Option<Duration>) -> Duration {
        self.life(max_age).max(self.stale_limit)
    }

    /// Whether a set this old should have been renewed by now.
    #[must_use]
    pub fn is_due(&self, freshness: Freshness) -> bool {
        freshness.age >= self.renewal(freshness.max_age, Jitter(0))
    }

    /// When to renew a set: in the last fifth of its life or of [`RENEWAL`], spread so that replicas do
    /// not march in step.
    fn renewal(&self, max_age: Option<Duration>, jitter: Jitter) -> Duration {
        let life = self.life(max_age);
        let asked = if self.explicit {
            life
        } else {
            life.min(RENEWAL)
        };
        let early = asked - asked / 10 - jitter.of(asked / 10);
        if self.explicit {
            return early;
        }
        // Where nothing is served beyond its life, there must be time to ask before it ends.
        let latest = self.longest_use(max_age) / 5 * 4;
        early.max(FLOOR.min(self.ceiling)).min(latest)
    }
}

/// A random fraction, from outside: this file has no randomness of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter(pub u8);

impl Jitter {
    fn of(self, whole: Duration) -> Duration {
        whole.saturating_mul(u32::from(self.0)) / 255
    }
}

/// Why somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// A token whose key is held, or the timer: only renews what is due.
    Upkeep,
    /// A token whose key is not held: spends the strangers' budget.
    Stranger,
    /// Somebody who may: fetches now, whatever rests.
    Operator,
}

/// What a good answer says about its set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// How long ago the issuer confirmed the set; zero for an answer that came from it now.
    pub age: Duration,
    /// How long the issuer says the set stays good, counted from its confirmation.
    pub max_age: Option<Duration>,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Start this attempt.
    Fetch(u64),
    /// This attempt is under way.
    Join(u64),
    /// Nothing to do, or nothing allowed.
    Rest,
}

#[derive(Debug, Clone, Copy)]
struct Attempt {
    number: u64,
    started: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    confirmed: Duration,
    stale_at: Duration,
    renew_at: Duration,
    serve_until: Duration,
}

/// The state of one issuer's fetches. Times are counted from the same arbitrary moment.
#[derive(Debug, Clone)]
pub struct Schedule {
    timing: Timing,
    held: Option<Held>,
    in_flight: Option<Attempt>,
    attempts: u64,
    failures: u32,
    upkeep_rests_until: Duration,
    strangers_rest_until: Duration,
}

impl Schedule {
    /// Nothing held, nothing under way.
    #[must_use]
    pub fn new(timing: Timing) -> Self {
        Self {
            timing,
            held: None,
            in_flight: None,
            attempts: 0,
            failures: 0,
            upkeep_rests_until: Duration::ZERO,
            strangers_rest_until: Duration::ZERO,
        }
    }

    /// Somebody needs keys. `shared` is asked last, and only for an attempt that a stranger would start:
    /// the budget of all issuers together. It hears whether strangers let this one rest for [`RENEWAL`].
    pub fn demand(
        &mut self,
        now: Duration,
        demand: Demand,
        shared: impl FnOnce(bool) -> bool,
    ) -> Action {
        if let Some(attempt) = self.under_way(now) {
            return Action::Join(attempt.number);
        }
        let allowed_from = match demand {
            Demand::Upkeep => self.upkeep_at(),
            Demand::Stranger => self.strangers_rest_until,
            Demand::Operator => now,
        };
        if now < allowed_from {
            return Action::Rest;
        }
        // The very first attempt has to be made whoever asks, so it is upkeep.
        if demand == Demand::Stranger && self.attempts > 0 {
            let was_quiet = now >= self.strangers_rest_until.saturating_add(RENEWAL);
            if !shared(was_quiet) {
                return Action::Rest;
            }
            self.strangers_rest_until = now.saturating_add(self.timing.cooldown);
        }
        Action::Fetch(self.begin(now))
    }

    /// The attempt brought a good set, or the word that the held one is still good. Returns whether
    /// the answer may be used: an attempt given up for lost is not, nor a set older than the held one.
    pub fn succeeded(
        &mut self,
        now: Duration,
        number: u64,
        freshness: Freshness,
        jitter: Jitter,
    ) -> bool {
        if !self.end(number) {
            return false;
        }
        self.failures = 0;
        // A set that is old already, or not newer than the held one, may be due again at once; asking
        // at once would bring the same.
        let rest = self.timing.renewal(freshness.max_age, jitter);
        self.upkeep_rests_until = now.saturating_add(rest.min(self.timing.cooldown));
        self.hold(now, freshness, jitter)
    }

    /// A set came from elsewhere: a snapshot, another replica. Returns whether it may be used: it is
    /// newer than the held one, and young enough. It is due for renewal as if it had been fetched when
    /// it was confirmed.
    pub fn adopted(&mut self, now: Duration, freshness: Freshness, jitter: Jitter) -> bool {
        freshness.age <= self.timing.longest_use(freshness.max_age)
            && self.hold(now, freshness, jitter)
    }

    /// The attempt ended without asking the issuer: an earlier process had saved a set, which is due for
    /// renewal at once. Returns whether it may be used; if not, the attempt goes on.
    pub fn recalled(
        &mut self,
        now: Duration,
        number: u64,
        freshness: Freshness,
        jitter: Jitter,
    ) -> bool {
        if !self.is_current(number) || !self.adopted(now, freshness, jitter) {
            return false;
        }
        if let Some(held) = &mut self.held {
            held.renew_at = now;
        }
        self.end(number)
    }

    fn hold(&mut self, now: Duration, freshness: Freshness, jitter: Jitter) -> bool {
        let confirmed = now.saturating_sub(freshness.age);
        if self.held.is_some_and(|held| held.confirmed > confirmed) {
            return false;
        }
        let after = |time| confirmed.saturating_add(time);
        self.held = Some(Held {
            confirmed,
            stale_at: after(self.timing.life(freshness.max_age)),
            renew_at: after(self.timing.renewal(freshness.max_age, jitter)),
            serve_until: after(self.timing.longest_use(freshness.max_age)),
        });
        true
    }

    /// The attempt failed. Returns whether it was the current one.
    pub fn failed(
        &mut self,
        now: Duration,
        number: u64,
        retry_after: Option<Duration>,
        jitter: Jitter,
    ) -> bool {
        if !self.end(number) {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        let asked = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        let pause = self.pause().max(asked);
        self.upkeep_rests_until = now.saturating_add(pause + jitter.of(pause / 10));
        self.strangers_rest_until = self
            .strangers_rest_until
            .max(now.saturating_add(self.timing.cooldown.max(asked)));
        true
    }

    /// The attempt ended without a word from the issuer, good or bad: only the budget it came from is
    /// spent. Returns whether it was the current one.
    pub fn unasked(&mut self, number: u64) -> bool {
        self.end(number)
    }

    /// Whether a set is held that may still be used.
    #[must_use]
    pub fn may_serve(&self, now: Duration) -> bool {
        self.serve_until().is_some_and(|until| now <= until)
    }

    /// Until when the held set may be used.
    #[must_use]
    pub fn serve_until(&self) -> Option<Duration> {
        self.held.map(|held| held.serve_until)
    }

    /// Whether the held set has outlived its life: its issuer could not be asked in time.
    #[must_use]
    pub fn is_stale(&self, now: Duration) -> bool {
        self.held.is_some_and(|held| now > held.stale_at)
    }

    /// How long until a stranger may cause an attempt; zero when one may.
    #[must_use]
    pub fn strangers_rest(&self, now: Duration) -> Duration {
        self.strangers_rest_until.saturating_sub(now)
    }

    /// How long ago the issuer confirmed the held set.
    #[must_use]
    pub fn age(&self, now: Duration) -> Option<Duration> {
        self.held.map(|held| now.saturating_sub(held.confirmed))
    }

    /// When upkeep may start its next attempt, unless one is under way.
    #[must_use]
    pub fn upkeep_at(&self) -> Duration {
        let due = self.held.map_or(Duration::ZERO, |held| held.renew_at);
        due.max(self.upkeep_rests_until)
    }

    /// When upkeep may start its next attempt, and has none to join: one under way is given up first.
    #[must_use]
    pub fn next_upkeep_at(&self) -> Duration {
        let given_up = self.in_flight.map_or(Duration::ZERO, |attempt| {
            attempt.started.saturating_add(ATTEMPT_LIMIT)
        });
        self.upkeep_at().max(given_up)
    }

    /// How long until anybody may start an attempt; zero while one is under way.
    #[must_use]
    pub fn next_attempt_in(&self, now: Duration) -> Duration {
        if self.in_flight.is_some() {
            return Duration::ZERO;
        }
        self.upkeep_at()
            .min(self.strangers_rest_until)
            .saturating_sub(now)
    }

    /// Whether an attempt is under way.
    #[must_use]
    pub fn is_fetching(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether this is the attempt under way.
    #[must_use]
    pub fn is_current(&self, number: u64) -> bool {
        self.in_flight
            .is_some_and(|attempt| attempt.number == number)
    }

    /// Attempts so far.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.attempts
    }

    /// An attempt that takes too long is given up as soon as somebody may start another.
    fn under_way(&self, now: Duration) -> Option<Attempt> {
        self.in_flight
            .filter(|attempt| now.saturating_sub(attempt.started) < ATTEMPT_LIMIT)
    }

    fn begin(&mut self, now: Duration) -> u64 {
        self.attempts += 1;
        let attempt = Attempt {
            number: self.attempts,
            started: now,
        };
        self.in_flight = Some(attempt);
        attempt.number
    }

    fn end(&mut self, number: u64) -> bool {
        let current = self.is_current(number);
        if current {
            self.in_flight = None;
        }
        current
    }

    fn pause(&self) -> Duration {
        let first = if self.held.is_some() {
            self.timing.cooldown
        } else {
            FIRST_COLD_PAUSE
        };
        let doublings = self.failures.saturating_sub(1).min(16);
        first.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
    }
}
