//! How a key store comes to another set: renewed when due, fetched on demand, adopted from elsewhere. The
//! schedule decides, an attempt that belongs to nobody acts, and readers find what it brought.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    Ask, Fetched, FetchedSet, KeySourceError,
    attempt::{Runner, RunningAttempt},
    held::{Outcome, Reading},
    ring::KeyRing,
    schedule::{ATTEMPT_LIMIT, Action, Demand, Schedule},
    store::{KeyStore, NEVER, STRANGER_WAIT, State},
};

impl KeyStore {
    /// Renews the set if that is due. Waits for nothing where tasks do the work; without them one
    /// request spends a bounded moment on it.
    pub(super) async fn upkeep(self: &Arc<Self>) {
        if !self.is_due(self.now()) {
            return;
        }
        if let Some(attempt) = self.demand(Demand::Upkeep) {
            self.runner.help(attempt, STRANGER_WAIT).await;
        }
    }

    /// Whether the set is due for renewal, and nobody is at it.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        u64::try_from(now.as_millis()).unwrap_or(NEVER) >= self.upkeep_at.load(Ordering::Relaxed)
    }

    /// Renews the set if that is due, and waits until no attempt is under way.
    pub async fn upkeep_and_wait(self: &Arc<Self>) {
        if let Some(attempt) = self.demand(Demand::Upkeep) {
            self.wait(attempt, ATTEMPT_LIMIT).await;
        }
        self.runner.carry(ATTEMPT_LIMIT).await;
    }

    /// Fetches the set now, whatever rests, and waits for the end of the attempt: for an operator. What an
    /// attempt brings that was under way already may be from before, and what an earlier process saved is
    /// no answer: then there is another attempt.
    pub async fn refresh(self: &Arc<Self>) {
        let before = self.state().schedule.attempts();
        let attempt = self.operators_attempt().await;
        if attempt <= Some(before) || self.is_recalled() {
            self.operators_attempt().await;
        }
    }

    async fn operators_attempt(self: &Arc<Self>) -> Option<u64> {
        let attempt = self.demand(Demand::Operator)?;
        self.wait(attempt, ATTEMPT_LIMIT).await;
        Some(attempt)
    }

    /// Loads the set: what an earlier process saved, then what the issuer says now. Waits for both.
    pub async fn warm(self: &Arc<Self>) {
        self.upkeep_and_wait().await;
        if self.is_recalled() {
            self.upkeep_and_wait().await;
        }
    }

    fn is_recalled(&self) -> bool {
        let held = self.held.load();
        held.as_ref().is_some_and(|held| held.is_recalled)
    }

    /// Keeps the set warm for ever: the idle service finds fresh keys as well.
    pub async fn keep_warm(self: Arc<Self>) {
        self.warm().await;
        loop {
            self.upkeep_and_wait().await;
            let due = self.state().schedule.upkeep_at();
            let pause = due
                .saturating_sub(self.now())
                .max(Duration::from_millis(100));
            tokio::time::sleep(pause).await;
        }
    }

    /// Takes over what another replica fetched, if the source knows of such a thing. Returns whether it is
    /// held now, and worth saving.
    pub(crate) async fn look_for_news(&self) -> bool {
        let age = self.state().schedule.age(self.now());
        let news = self.source.news(age).await;
        news.is_some_and(|news| self.adopt(news))
    }

    /// Takes a set over that nobody asked for, if it is good, newer than the held one and young enough.
    /// Returns whether it is held now.
    pub(crate) fn adopt(&self, set: Fetched) -> bool {
        let reading = self.state().reading.clone();
        let Ok(outcome) = reading.outcome(self.held.load().as_deref(), set) else {
            return false;
        };
        let now = self.now();
        let mut state = self.state();
        let jitter = self.jitter(state.schedule.attempts());
        let adopted = state.schedule.adopted(now, outcome.freshness, jitter);
        if adopted {
            self.hold(outcome, &state, &reading);
            self.publish(&state.schedule);
        }
        adopted
    }

    /// Asks the schedule and starts what it wants. Returns the attempt under way, if there is one.
    pub(super) fn demand(self: &Arc<Self>, demand: Demand) -> Option<u64> {
        let now = self.now();
        let (action, age) = {
            let mut state = self.state();
            let strangers = &self.surroundings.strangers;
            let action = state
                .schedule
                .demand(now, demand, |was_quiet| strangers.take(now, was_quiet));
            self.publish(&state.schedule);
            (action, state.schedule.age(now))
        };
        match action {
            Action::Rest => None,
            Action::Join(number) => Some(number),
            Action::Fetch(number) => {
                self.start(number, demand, age);
                Some(number)
            }
        }
    }

    fn start(self: &Arc<Self>, number: u64, demand: Demand, age: Option<Duration>) {
        let held = self.held.load();
        let known = held.as_ref().and_then(|held| held.validator.clone());
        self.runner.start(RunningAttempt {
            store: Arc::downgrade(self),
            source: Arc::clone(&self.source),
            ask: Ask { known, age, demand },
            keeping: self.keeping.clone(),
            number,
        });
    }

    /// The source is asked.
    pub(super) fn count_fetch(&self) {
        self.fetches.fetch_add(1, Ordering::Relaxed);
    }

    /// An attempt ended with this answer. Returns whether it is worth saving.
    pub(super) fn finish(&self, number: u64, answer: Result<Fetched, KeySourceError>) -> bool {
        let was_asked = !matches!(&answer, Ok(answer) if answer.set == FetchedSet::Unasked);
        if was_asked {
            return self.judge(number, answer);
        }
        let mut state = self.state();
        if state.schedule.unasked(number) {
            self.publish(&state.schedule);
            drop(state);
            self.flight.ended(number);
        }
        false
    }

    fn judge(&self, number: u64, answer: Result<Fetched, KeySourceError>) -> bool {
        let now = self.now();
        let jitter = self.jitter(number);
        // A large set takes a while to read: not under the lock.
        let reading = self.state().reading.clone();
        let outcome =
            answer.and_then(|answer| reading.outcome(self.held.load().as_deref(), answer));
        let mut state = self.state();
        // Given up for lost: whoever waited for it waits for the attempt that took its place.
        if !state.schedule.is_current(number) {
            return false;
        }
        let is_news = outcome.is_ok();
        match outcome {
            Ok(outcome) => {
                if state
                    .schedule
                    .succeeded(now, number, outcome.freshness, jitter)
                {
                    state.last_failure = None;
                    self.hold(outcome, &state, &reading);
                }
            }
            Err(error) => {
                if state
                    .schedule
                    .failed(now, number, error.retry_after(), jitter)
                {
                    self.log_failure(&error, state.schedule.next_attempt_in(now));
                    state.last_failure = Some(error);
                }
            }
        }
        self.publish(&state.schedule);
        drop(state);
        self.flight.ended(number);
        is_news
    }

    pub(super) fn hold(&self, outcome: Outcome, state: &State, read_by: &Reading) {
        let Outcome {
            mut held, replaces, ..
        } = outcome;
        held.serve_until = state.schedule.serve_until().unwrap_or_default();
        // The operator's word may have changed while the set was read.
        if state.reading.rule != read_by.rule {
            held = state.reading.reread(&held);
        }
        if replaces {
            self.absent.clear();
        }
        if replaces && !held.is_recalled {
            self.log_replacement(&held.ring);
        } else {
            tracing::debug!(target: "oauthgate::keys", issuer = %self.issuer(), outcome = "unchanged", keys = held.ring.usable(), "key set confirmed");
        }
        self.put(held);
    }

    fn log_replacement(&self, ring: &KeyRing) {
        tracing::info!(target: "oauthgate::keys", issuer = %self.issuer(), outcome = "loaded", keys = ring.usable(), skipped = ring.skipped().len(), "key set loaded");
        for key in ring.skipped().iter().take(16) {
            tracing::warn!(target: "oauthgate::keys", issuer = %self.issuer(), position = key.position, kid = key.key_id.as_deref().unwrap_or(""), why = %key.why, "key not used");
        }
    }

    pub(super) fn log_recalled(&self) {
        let (keys, age) = (self.status().keys, self.status().age.unwrap_or_default());
        tracing::info!(target: "oauthgate::keys", issuer = %self.issuer(), outcome = "recalled", keys, age_s = age.as_secs(), "key set of an earlier run is in use until the issuer answers");
    }

    fn log_failure(&self, error: &KeySourceError, next: Duration) {
        if self.are_optional && self.held.load().is_none() {
            // As expected of an issuer that signs with a secret: said at start, and not every minute.
            tracing::debug!(target: "oauthgate::keys", issuer = %self.issuer(), outcome = error.code(), detail = error.detail(), "no key set, and none is needed");
            return;
        }
        tracing::warn!(target: "oauthgate::keys", issuer = %self.issuer(), outcome = error.code(), detail = error.detail(), next_attempt_s = next.as_secs_f32(), "key set not fetched");
    }

    pub(super) async fn wait(&self, attempt: u64, limit: Duration) {
        self.runner.wait(&self.flight, attempt, limit).await;
    }

    /// Whoever waits for this attempt goes on.
    pub(super) fn end_of(&self, number: u64) {
        self.flight.ended(number);
    }

    pub(super) fn publish(&self, schedule: &Schedule) {
        let due = match self.runner {
            Runner::Tasks => schedule.next_upkeep_at(),
            // Whoever comes goes on with the attempt under way.
            Runner::Callers(_) => schedule.upkeep_at(),
        };
        let due = u64::try_from(due.as_millis()).unwrap_or(NEVER);
        self.upkeep_at.store(due, Ordering::Relaxed);
    }
}
