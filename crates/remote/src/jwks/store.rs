//! Holds one issuer's keys: readers load a snapshot, an attempt that belongs to nobody replaces it.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use oauthgate_core::{Issuer, JwkSet, KeyHint, KeyId, UnixTime};
use tokio::sync::Semaphore;

use super::{
    Ask, Fetched, FetchedSet, HeldKey, JwksSource, KeySourceError, KeyStatus, SnapshotKeeper,
    StrangersBudget,
    absent::AbsentKeys,
    attempt::{Runner, RunningAttempt},
    flight::Flight,
    held::{Held, Outcome, Reading},
    keeping::Keeping,
    ring::KeyRing,
    rule::KeyRule,
    schedule::{ATTEMPT_LIMIT, Action, Demand, Jitter, Schedule, Timing},
};
use crate::{KeySettings, clock::Clock};

/// How long a token with an unknown `kid` waits for the shared fetch.
pub(super) const STRANGER_WAIT: Duration = Duration::from_millis(300);
/// How many such tokens may wait at a time; the others are answered at once.
pub(super) const STRANGERS_WAITING: usize = 256;
/// How long a request waits while no set was ever loaded.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(2);
/// How many such requests may wait at a time.
pub(super) const FIRST_WAITING: usize = 4_096;
const NEVER: u64 = u64::MAX;

/// One issuer's keys.
#[derive(Debug)]
pub struct KeyStore {
    issuer: Issuer,
    source: Arc<dyn JwksSource>,
    surroundings: Surroundings,
    held: ArcSwapOption<Held>,
    /// When upkeep is due, in milliseconds: read on every request, so kept outside the lock.
    upkeep_at: AtomicU64,
    state: Mutex<State>,
    fetches: AtomicU64,
    flight: Flight,
    runner: Runner,
    pub(super) keeping: Option<Arc<Keeping>>,
    /// Read on every request, so kept outside the lock.
    pub(super) is_suspended: AtomicBool,
    place: String,
    absent: AbsentKeys,
    waiting_strangers: Semaphore,
    first_requests: Semaphore,
    randomness: RandomState,
}

/// What the stores of a process share.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What strangers may cause over all issuers.
    pub strangers: Arc<StrangersBudget>,
    /// Whether fetches run as tasks of their own; else whoever waits for one makes it go on.
    pub in_background: bool,
    /// Where keys and withdrawals outlive the process, if anywhere.
    pub keeper: Option<Arc<dyn SnapshotKeeper>>,
}

impl Surroundings {
    /// This clock, a budget of its own, tasks, and no keeper.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            strangers: Arc::default(),
            in_background: true,
            keeper: None,
        }
    }
}

/// Never locked across an await.
#[derive(Debug)]
pub(super) struct State {
    pub(super) schedule: Schedule,
    pub(super) reading: Reading,
    last_failure: Option<KeySourceError>,
}

impl KeyStore {
    /// Holds nothing yet; nothing is fetched before the first demand.
    #[must_use]
    pub fn new(
        issuer: Issuer,
        source: Arc<dyn JwksSource>,
        settings: &KeySettings,
        surroundings: Surroundings,
    ) -> Arc<Self> {
        Arc::new(Self {
            issuer,
            source,
            runner: Runner::new(surroundings.in_background),
            keeping: surroundings.keeper.clone().map(Keeping::new).map(Arc::new),
            is_suspended: AtomicBool::new(false),
            place: settings.place(),
            surroundings,
            held: ArcSwapOption::empty(),
            upkeep_at: AtomicU64::new(0),
            state: Mutex::new(State {
                schedule: Schedule::new(Timing::of(settings)),
                reading: Reading {
                    rule: KeyRule::new(settings),
                    most_prepared: settings.max_prepared,
                },
                last_failure: None,
            }),
            fetches: AtomicU64::new(0),
            flight: Flight::new(),
            absent: AbsentKeys::new(),
            waiting_strangers: Semaphore::new(STRANGERS_WAITING),
            first_requests: Semaphore::new(FIRST_WAITING),
            randomness: RandomState::new(),
        })
    }

    /// The issuer whose keys these are.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Where the keys come from: the URL that the operator named, or "metadata".
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The keys to try on a token with this header. A set that does not hold the `kid` comes back as
    /// it is, after the one fetch that the strangers' budget may allow: the verifier then says
    /// `unknown_kid`.
    ///
    /// # Errors
    /// When no set was ever loaded, or the issuer has not confirmed it for too long, or the operator
    /// suspended the issuer.
    pub async fn keys(self: &Arc<Self>, hint: &KeyHint) -> Result<Arc<JwkSet>, KeySourceError> {
        if self.is_suspended.load(Ordering::Relaxed) {
            return Err(KeySourceError::issuer_suspended());
        }
        let held = match self.servable() {
            Some(held) => held,
            None => {
                let first = self.first_set(hint).await?;
                // Withdrawals are recalled together with the first set.
                if self.is_suspended.load(Ordering::Relaxed) {
                    return Err(KeySourceError::issuer_suspended());
                }
                if !first.is_recalled {
                    return Ok(first.ring.set_for(hint));
                }
                first
            }
        };
        match &hint.key_id {
            Some(key_id) if !held.ring.contains(key_id) => {
                Ok(self.set_for_stranger(key_id, hint, &held).await)
            }
            _ => {
                self.upkeep().await;
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
        let _waiting = self.waiting_strangers.try_acquire().ok()?;
        let attempt = self.demand(Demand::Stranger)?;
        self.wait(attempt, STRANGER_WAIT).await;
        self.other_than(hint, tried)
    }

    /// Fetches the set if the strangers' budget allows it, without waiting for it: for a signature that
    /// a held key does not verify. It is forged, or another key took this one's `kid`.
    pub fn look_again(self: &Arc<Self>) {
        self.demand(Demand::Stranger);
    }

    /// Whether the operator lets no key of this name in: a token that names it needs no look.
    #[must_use]
    pub fn bars(&self, key_id: &KeyId) -> bool {
        self.state().reading.rule.bars(key_id)
    }

    /// Renews the set if that is due. Waits for nothing where tasks do the work; without them one
    /// request spends a bounded moment on it.
    async fn upkeep(self: &Arc<Self>) {
        if self.milliseconds() < self.upkeep_at.load(Ordering::Relaxed) {
            return;
        }
        let attempt = self.demand(Demand::Upkeep);
        if let (Runner::Callers(callers), Some(attempt)) = (&self.runner, attempt) {
            callers.carry(attempt, STRANGER_WAIT).await;
        }
    }

    /// Renews the set if that is due, and waits until no attempt is under way.
    pub async fn upkeep_and_wait(self: &Arc<Self>) {
        if let Some(attempt) = self.demand(Demand::Upkeep) {
            self.wait(attempt, ATTEMPT_LIMIT).await;
        }
    }

    /// Fetches the set now, whatever rests, and waits for the end of the attempt: for an operator.
    pub async fn refresh(self: &Arc<Self>) {
        if let Some(attempt) = self.demand(Demand::Operator) {
            self.wait(attempt, ATTEMPT_LIMIT).await;
        }
    }

    /// Loads the set: what an earlier process saved, then what the issuer says now. Waits for both.
    pub async fn warm(self: &Arc<Self>) {
        self.upkeep_and_wait().await;
        let recalled = self
            .held
            .load()
            .as_ref()
            .is_some_and(|held| held.is_recalled);
        if recalled {
            self.upkeep_and_wait().await;
        }
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

    /// Takes over what another replica fetched, if the source knows of such a thing.
    pub async fn look_for_news(self: &Arc<Self>) {
        let age = self.state().schedule.age(self.now());
        if let Some(news) = self.source.news(age).await
            && self.adopt(news)
        {
            self.save().await;
        }
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

    /// How the keys are doing.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        let now = self.now();
        let held = self.held.load();
        let state = self.state();
        let failure = state.last_failure.as_ref();
        let suspended = self.is_suspended.load(Ordering::Relaxed);
        let serve_until = state.schedule.serve_until();
        KeyStatus {
            issuer: self.issuer.as_str().to_owned(),
            keys: held.as_ref().map_or(0, |held| held.ring.usable()),
            skipped: held.as_ref().map_or(0, |held| held.ring.skipped().len()),
            age: state.schedule.age(now),
            servable: state.schedule.may_serve(now) && !suspended,
            remaining: serve_until.map(|until| until.saturating_sub(now)),
            stale: state.schedule.is_stale(now),
            suspended,
            withdrawn: state.reading.rule.withdrawn_names(),
            place: self.place.clone(),
            last_failure: failure.map(KeySourceError::code),
            failure_detail: failure.map(|error| error.detail().to_owned()),
            fetches: self.fetches.load(Ordering::Relaxed),
            fetching: state.schedule.is_fetching(),
            next_attempt: state.schedule.next_attempt_in(now),
            strangers_rest: state.schedule.strangers_rest(now),
        }
    }

    /// The keys that are held and used.
    #[must_use]
    pub fn held_keys(&self) -> Vec<HeldKey> {
        self.held()
            .map(|held| held.ring.listed().to_vec())
            .unwrap_or_default()
    }

    fn servable(&self) -> Option<Arc<Held>> {
        let held = self.held.load_full()?;
        (self.now() <= held.serve_until).then_some(held)
    }

    async fn first_set(self: &Arc<Self>, hint: &KeyHint) -> Result<Arc<Held>, KeySourceError> {
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
        if let (Some(key_id), false) = (&hint.key_id, held.is_recalled) {
            self.note_if_absent(key_id, &held);
        }
        Ok(held)
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
        if self.absent.remembers(key_id, self.now()) || self.bars(key_id) {
            return false;
        }
        let Ok(_waiting) = self.waiting_strangers.try_acquire() else {
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
            self.absent.note(key_id, self.now());
        }
    }

    /// Asks the schedule and starts what it wants. Returns the attempt under way, if there is one.
    fn demand(self: &Arc<Self>, demand: Demand) -> Option<u64> {
        let now = self.now();
        let (action, age) = {
            let mut state = self.state();
            let strangers = &self.surroundings.strangers;
            let action = state.schedule.demand(now, demand, || strangers.take(now));
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
        if state.reading.rule != read_by.rule
            && let Ok(reread) = state.reading.reread(&held)
        {
            held = reread;
        }
        if replaces {
            self.absent.clear();
        }
        if replaces && !held.is_recalled {
            self.log_replacement(&held.ring);
        } else {
            tracing::debug!(target: "oauthgate::keys", issuer = %self.issuer, outcome = "unchanged", keys = held.ring.usable(), "key set confirmed");
        }
        self.put(held);
    }

    fn log_replacement(&self, ring: &KeyRing) {
        tracing::info!(target: "oauthgate::keys", issuer = %self.issuer, outcome = "loaded", keys = ring.usable(), skipped = ring.skipped().len(), "key set loaded");
        for key in ring.skipped().iter().take(16) {
            tracing::warn!(target: "oauthgate::keys", issuer = %self.issuer, position = key.position, kid = key.key_id.as_deref().unwrap_or(""), why = %key.why, "key not used");
        }
    }

    pub(super) fn log_recalled(&self) {
        let (keys, age) = (self.status().keys, self.status().age.unwrap_or_default());
        tracing::info!(target: "oauthgate::keys", issuer = %self.issuer, outcome = "recalled", keys, age_s = age.as_secs(), "key set of an earlier run is in use until the issuer answers");
    }

    fn log_failure(&self, error: &KeySourceError, next: Duration) {
        tracing::warn!(target: "oauthgate::keys", issuer = %self.issuer, outcome = error.code(), detail = error.detail(), next_attempt_s = next.as_secs_f32(), "key set not fetched");
    }

    fn unavailable(&self) -> KeySourceError {
        let now = self.now();
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
        self.runner.wait(&self.flight, attempt, limit).await;
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

    pub(super) fn held(&self) -> Option<Arc<Held>> {
        self.held.load_full()
    }

    /// To be called with the state locked: whoever replaces what is held knows what is held.
    pub(super) fn put(&self, held: Held) {
        self.held.store(Some(Arc::new(held)));
    }

    pub(super) fn forget_absent(&self) {
        self.absent.clear();
    }

    /// Whoever waits for this attempt goes on.
    pub(super) fn end_of(&self, number: u64) {
        self.flight.ended(number);
    }

    pub(super) fn time_of_day(&self) -> UnixTime {
        self.surroundings.clock.now()
    }

    pub(super) fn now(&self) -> Duration {
        self.surroundings.clock.elapsed()
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.now().as_millis()).unwrap_or(NEVER)
    }

    pub(super) fn jitter(&self, number: u64) -> Jitter {
        let [first, ..] = self.randomness.hash_one(number).to_ne_bytes();
        Jitter(first)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
