//! Holds one issuer's keys: readers load a snapshot, a detached task per fetch replaces it.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use oauthgate_core::{Issuer, JwkSet, KeyHint, KeyId};
use tokio::{runtime::Handle, sync::Semaphore};

use super::{
    JwksSource, KeySourceError,
    absent::AbsentKeys,
    flight::Flight,
    held::{Held, Outcome},
    ring::KeyRing,
    schedule::{ATTEMPT_LIMIT, Action, Demand, Jitter, Schedule, Timing},
};
use crate::{KeyStatus, clock::Clock};

/// How long a token with an unknown `kid` waits for the shared fetch.
pub(super) const STRANGER_WAIT: Duration = Duration::from_millis(300);
/// How many such tokens may wait at a time; the others are answered at once.
pub(super) const STRANGERS_WAITING: usize = 256;
/// How long a request waits while no set was ever loaded.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(2);
/// How many such requests may wait at a time.
pub(super) const FIRST_WAITING: usize = 4_096;
/// The time a whole attempt may take, metadata and keys together; less than [`ATTEMPT_LIMIT`], so
/// that an attempt reports its end before it is given up for lost.
pub(super) const ATTEMPT_TIME: Duration = Duration::from_secs(15);
const NEVER: u64 = u64::MAX;

/// One issuer's keys.
#[derive(Debug)]
pub struct KeyStore {
    issuer: Issuer,
    source: Arc<dyn JwksSource>,
    clock: Arc<dyn Clock>,
    held: ArcSwapOption<Held>,
    stale_limit: Duration,
    most_prepared: usize,
    /// When upkeep is due, in milliseconds: read on every request, so kept outside the lock.
    upkeep_at: AtomicU64,
    state: Mutex<State>,
    flight: Flight,
    absent: AbsentKeys,
    strangers: Semaphore,
    first_requests: Semaphore,
    randomness: RandomState,
}

/// Never locked across an await.
#[derive(Debug)]
struct State {
    schedule: Schedule,
    last_failure: Option<KeySourceError>,
}

impl KeyStore {
    /// Holds nothing yet; nothing is fetched before the first demand. Of a set with more than
    /// `most_prepared` keys only so many are held prepared.
    #[must_use]
    pub fn new(
        issuer: Issuer,
        source: Arc<dyn JwksSource>,
        timing: Timing,
        most_prepared: usize,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            issuer,
            source,
            clock,
            held: ArcSwapOption::empty(),
            stale_limit: timing.stale_limit,
            most_prepared,
            upkeep_at: AtomicU64::new(0),
            state: Mutex::new(State {
                schedule: Schedule::new(timing),
                last_failure: None,
            }),
            flight: Flight::new(),
            absent: AbsentKeys::new(),
            strangers: Semaphore::new(STRANGERS_WAITING),
            first_requests: Semaphore::new(FIRST_WAITING),
            randomness: RandomState::new(),
        }
    }

    /// The issuer whose keys these are.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The keys to try on a token with this header. A set that does not hold the `kid` comes back as
    /// it is, after the one fetch that the strangers' budget may allow: the verifier then says
    /// `unknown_kid`.
    ///
    /// # Errors
    /// When no set was ever loaded, or the issuer has not confirmed it for too long.
    pub async fn keys(self: &Arc<Self>, hint: &KeyHint) -> Result<Arc<JwkSet>, KeySourceError> {
        let Some(held) = self.servable() else {
            return self.first_set(hint).await;
        };
        match &hint.key_id {
            Some(key_id) if !held.ring.contains(key_id) => {
                Ok(self.set_for_stranger(key_id, hint, &held).await)
            }
            _ => {
                self.upkeep();
                Ok(held.ring.set_for(hint))
            }
        }
    }

    /// A set other than this one, if the strangers' budget allows a look and it brings one: for
    /// tokens without a `kid`, where only the signature shows that a key is missing.
    pub async fn newer_than(
        self: &Arc<Self>,
        tried: &Arc<JwkSet>,
        hint: &KeyHint,
    ) -> Option<Arc<JwkSet>> {
        if let Some(set) = self.other_than(hint, tried) {
            return Some(set);
        }
        let _waiting = self.strangers.try_acquire().ok()?;
        let attempt = self.demand(Demand::Stranger)?;
        self.wait(attempt, STRANGER_WAIT).await;
        self.other_than(hint, tried)
    }

    /// Fetches the set if the strangers' budget allows it, without waiting for it: for a signature that
    /// a held key does not verify. It is forged, or another key took this one's `kid`.
    pub fn look_again(self: &Arc<Self>) {
        self.demand(Demand::Stranger);
    }

    /// Renews the set if that is due, without waiting for it.
    pub fn upkeep(self: &Arc<Self>) {
        if self.milliseconds() >= self.upkeep_at.load(Ordering::Relaxed) {
            self.demand(Demand::Upkeep);
        }
    }

    /// Renews the set if that is due, and waits until no attempt is under way.
    pub async fn upkeep_and_wait(self: &Arc<Self>) {
        if let Some(attempt) = self.demand(Demand::Upkeep) {
            self.wait(attempt, ATTEMPT_LIMIT).await;
        }
    }

    /// Keeps the set warm for ever: the idle service finds fresh keys as well.
    pub async fn keep_warm(self: Arc<Self>) {
        loop {
            self.upkeep_and_wait().await;
            let due = self.state().schedule.upkeep_at();
            let pause = due
                .saturating_sub(self.clock.elapsed())
                .max(Duration::from_millis(100));
            tokio::time::sleep(pause).await;
        }
    }

    /// How the keys are doing.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        let now = self.clock.elapsed();
        let held = self.held.load();
        let state = self.state();
        KeyStatus {
            issuer: self.issuer.as_str().to_owned(),
            keys: held.as_ref().map_or(0, |held| held.ring.usable()),
            skipped: held.as_ref().map_or(0, |held| held.ring.skipped().len()),
            age: state.schedule.age(now),
            servable: state.schedule.may_serve(now),
            last_failure: state.last_failure.as_ref().map(KeySourceError::code),
            failure_detail: state
                .last_failure
                .as_ref()
                .map(|error| error.detail().to_owned()),
            fetches: state.schedule.attempts(),
            fetching: state.schedule.is_fetching(),
            next_attempt: state.schedule.next_attempt_in(now),
        }
    }

    fn servable(&self) -> Option<Arc<Held>> {
        let held = self.held.load_full()?;
        let age = self.clock.elapsed().saturating_sub(held.confirmed);
        (age <= self.stale_limit).then_some(held)
    }

    async fn first_set(self: &Arc<Self>, hint: &KeyHint) -> Result<Arc<JwkSet>, KeySourceError> {
        let Ok(_waiting) = self.first_requests.try_acquire() else {
            return Err(self.unavailable());
        };
        // Upkeep first: after a failed first fetch it rests for a second, strangers for a cooldown.
        let attempt = self
            .demand(Demand::Upkeep)
            .or_else(|| self.demand(Demand::Stranger));
        if let Some(attempt) = attempt {
            self.wait(attempt, FIRST_WAIT).await;
        }
        let held = self.servable().ok_or_else(|| self.unavailable())?;
        if let Some(key_id) = &hint.key_id {
            self.note_if_absent(key_id, &held);
        }
        Ok(held.ring.set_for(hint))
    }

    async fn set_for_stranger(
        self: &Arc<Self>,
        key_id: &KeyId,
        hint: &KeyHint,
        held: &Arc<Held>,
    ) -> Arc<JwkSet> {
        if self.looks_again_for(key_id).await
            && let Some(now_held) = self.servable()
        {
            if !Arc::ptr_eq(&now_held, held) {
                self.note_if_absent(key_id, &now_held);
            }
            return now_held.ring.set_for(hint);
        }
        held.ring.set_for(hint)
    }

    /// Waits for the fetch that this `kid` may cause or join. Returns whether there was one.
    async fn looks_again_for(self: &Arc<Self>, key_id: &KeyId) -> bool {
        if self.absent.remembers(key_id, self.clock.elapsed()) {
            return false;
        }
        let Ok(_waiting) = self.strangers.try_acquire() else {
            return false;
        };
        let Some(attempt) = self.demand(Demand::Stranger) else {
            return false;
        };
        self.wait(attempt, STRANGER_WAIT).await;
        true
    }

    fn other_than(&self, hint: &KeyHint, tried: &Arc<JwkSet>) -> Option<Arc<JwkSet>> {
        let set = self.servable()?.ring.set_for(hint);
        (!Arc::ptr_eq(&set, tried)).then_some(set)
    }

    fn note_if_absent(&self, key_id: &KeyId, held: &Held) {
        if !held.ring.contains(key_id) {
            self.absent.note(key_id, self.clock.elapsed());
        }
    }

    /// Asks the schedule and starts what it wants. Returns the attempt under way, if there is one.
    fn demand(self: &Arc<Self>, demand: Demand) -> Option<u64> {
        let now = self.clock.elapsed();
        let action = {
            let mut state = self.state();
            let action = state.schedule.demand(now, demand);
            self.publish(&state.schedule);
            action
        };
        match action {
            Action::Rest => None,
            Action::Join(number) => Some(number),
            Action::Fetch(number) => {
                self.start(number);
                Some(number)
            }
        }
    }

    /// The task is nobody's: a cancelled request leaves it running.
    fn start(self: &Arc<Self>, number: u64) {
        let attempt = RunningAttempt {
            store: Arc::clone(self),
            number,
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(attempt.run())),
            Err(_) => drop(attempt),
        }
    }

    async fn fetch(&self) -> Result<(Outcome, Option<Duration>), KeySourceError> {
        let held = self.held.load_full();
        let known = held.as_ref().and_then(|held| held.validator.clone());
        let fetched = tokio::time::timeout(ATTEMPT_TIME, self.source.fetch(known))
            .await
            .map_err(|_| {
                KeySourceError::jwks_unavailable(format!(
                    "no keys within {} s",
                    ATTEMPT_TIME.as_secs()
                ))
            })??;
        let max_age = fetched.max_age;
        let now = self.clock.elapsed();
        let outcome = Held::after(held.as_deref(), fetched, now, self.most_prepared)?;
        Ok((outcome, max_age))
    }

    fn finish(&self, number: u64, result: Result<(Outcome, Option<Duration>), KeySourceError>) {
        let now = self.clock.elapsed();
        let jitter = self.jitter(number);
        let mut state = self.state();
        match result {
            Ok((outcome, max_age)) => {
                if state.schedule.succeeded(now, number, max_age, jitter) {
                    state.last_failure = None;
                    self.hold(outcome);
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
    }

    fn hold(&self, outcome: Outcome) {
        let held = match outcome {
            Outcome::Confirmed(held) => {
                tracing::debug!(target: "oauthgate::keys", issuer = %self.issuer, outcome = "unchanged", keys = held.ring.usable(), "key set confirmed");
                held
            }
            Outcome::Replaced(held) => {
                self.absent.clear();
                self.log_replacement(&held.ring);
                held
            }
        };
        self.held.store(Some(Arc::new(held)));
    }

    fn log_replacement(&self, ring: &KeyRing) {
        tracing::info!(target: "oauthgate::keys", issuer = %self.issuer, outcome = "loaded", keys = ring.usable(), skipped = ring.skipped().len(), "key set loaded");
        for key in ring.skipped().iter().take(16) {
            tracing::warn!(target: "oauthgate::keys", issuer = %self.issuer, position = key.position, kid = key.key_id.as_deref().unwrap_or(""), why = %key.why, "key not used");
        }
    }

    fn log_failure(&self, error: &KeySourceError, next: Duration) {
        tracing::warn!(target: "oauthgate::keys", issuer = %self.issuer, outcome = error.code(), detail = error.detail(), next_attempt_s = next.as_secs_f32(), "key set not fetched");
    }

    fn unavailable(&self) -> KeySourceError {
        let now = self.clock.elapsed();
        let state = self.state();
        let after = state
            .schedule
            .next_attempt_in(now)
            .max(Duration::from_secs(1));
        let error = match (&state.last_failure, state.schedule.is_fetching()) {
            (Some(error), _) => error.clone(),
            (None, true) => KeySourceError::jwks_unavailable("the first fetch has not ended yet"),
            (None, false) => KeySourceError::jwks_unavailable("no key set is held"),
        };
        error.with_retry_after(Some(after))
    }

    async fn wait(&self, attempt: u64, limit: Duration) {
        // Both ways out are fine: the caller looks at what is held afterwards.
        let _ = tokio::time::timeout(limit, self.flight.wait(attempt)).await;
    }

    fn publish(&self, schedule: &Schedule) {
        let due = if schedule.is_fetching() {
            NEVER
        } else {
            u64::try_from(schedule.upkeep_at().as_millis()).unwrap_or(NEVER)
        };
        self.upkeep_at.store(due, Ordering::Relaxed);
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(NEVER)
    }

    fn jitter(&self, number: u64) -> Jitter {
        let [first, ..] = self.randomness.hash_one(number).to_ne_bytes();
        Jitter(first)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that reports its end whatever happens to it: a panic in a source, a runtime that shuts
/// down, no runtime at all.
struct RunningAttempt {
    store: Arc<KeyStore>,
    number: u64,
}

impl RunningAttempt {
    async fn run(self) {
        let result = self.store.fetch().await;
        self.store.finish(self.number, result);
    }
}

impl Drop for RunningAttempt {
    fn drop(&mut self) {
        // After `run` the attempt is no longer the current one, and this changes nothing.
        let aborted =
            KeySourceError::jwks_unavailable("the fetch was aborted (it needs a Tokio runtime)");
        self.store.finish(self.number, Err(aborted));
    }
}

impl KeyStatus {
    /// Whether tokens of this issuer can be verified now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.servable
    }
}
