//! Holds one issuer's keys, and finds those that a token may try. How they come and go is in `renewal`.

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
    HeldKey, JwksSource, KeySourceError, KeyStatus, SnapshotKeeper, StrangersBudget,
    absent::AbsentKeys,
    attempt::Runner,
    flight::Flight,
    generation::Generation,
    held::{Held, Reading},
    keeping::Keeping,
    rule::KeyRule,
    schedule::{Demand, Jitter, Schedule, Timing},
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
pub(super) const NEVER: u64 = u64::MAX;

/// One issuer's keys.
#[derive(Debug)]
pub struct KeyStore {
    issuer: Issuer,
    pub(super) source: Arc<dyn JwksSource>,
    pub(super) surroundings: Surroundings,
    pub(super) held: ArcSwapOption<Held>,
    pub(super) generation: Generation,
    /// When upkeep is due, in milliseconds: read on every request, so kept outside the lock.
    pub(super) upkeep_at: AtomicU64,
    state: Mutex<State>,
    pub(super) fetches: AtomicU64,
    pub(super) flight: Flight,
    pub(super) runner: Runner,
    pub(super) keeping: Option<Arc<Keeping>>,
    /// Read on every request, so kept outside the lock.
    pub(super) is_suspended: AtomicBool,
    /// Whether the other replicas were asked what they took away.
    pub(super) has_heard: AtomicBool,
    place: String,
    /// Whether a secret shared with the issuer verifies its tokens as well.
    pub(super) are_optional: bool,
    pub(super) absent: AbsentKeys,
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
    pub(super) last_failure: Option<KeySourceError>,
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
            has_heard: AtomicBool::new(false),
            place: settings.place(),
            are_optional: settings.are_optional,
            surroundings,
            held: ArcSwapOption::empty(),
            generation: Generation::new(),
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

    /// Where the keys come from: the file or the URL that the operator named, or "metadata".
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

    /// Whether tokens of this issuer that need no key of its set may be let in: the operator did not suspend
    /// the issuer. Nothing is fetched for them. Only where suspensions outlive the process or come
    /// from other replicas, the first such tokens wait until those had their say, which upkeep asks.
    ///
    /// # Errors
    /// When the issuer is suspended, or nobody knows yet whether it is.
    pub async fn admits_issuer(self: &Arc<Self>) -> Result<(), KeySourceError> {
        if !self.knows_withdrawals() {
            let Ok(_waiting) = self.first_requests.try_acquire() else {
                return Err(self.unavailable());
            };
            self.learn_withdrawals().await?;
        }
        match self.is_suspended.load(Ordering::Relaxed) {
            true => Err(KeySourceError::issuer_suspended()),
            false => Ok(()),
        }
    }

    /// The first attempt may end with what an earlier process saved; the next asks the other replicas.
    async fn learn_withdrawals(self: &Arc<Self>) -> Result<(), KeySourceError> {
        for _ in 0..2 {
            if let Some(attempt) = self.demand(Demand::Upkeep) {
                self.wait(attempt, FIRST_WAIT).await;
            }
            if self.knows_withdrawals() {
                return Ok(());
            }
        }
        Err(self.unavailable())
    }

    /// Whether an earlier process and the other replicas, if there are any, have had their say.
    fn knows_withdrawals(&self) -> bool {
        let keeping = self.keeping.as_ref();
        keeping.is_none_or(|keeping| keeping.was_asked())
            && (!self.source.shares_withdrawals() || self.has_heard.load(Ordering::Relaxed))
    }

    /// Whether the operator withdrew this `kid`, by the configuration or since. Pins speak of keys only.
    #[must_use]
    pub fn has_withdrawn(&self, key_id: &KeyId) -> bool {
        self.state().reading.rule.has_withdrawn(key_id)
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

    /// Fetches the set if the strangers' budget allows it: for a signature that a held key does not
    /// verify. It is forged, or another key took this one's `kid`. Waits for nothing where tasks do the
    /// work; without them one request spends a bounded moment on it.
    pub async fn look_again(self: &Arc<Self>) {
        if let Some(attempt) = self.demand(Demand::Stranger) {
            self.runner.help(attempt, STRANGER_WAIT).await;
        }
    }

    /// Whether the operator lets no key with this `kid` in, by whatever name the key was ruled about.
    #[must_use]
    pub fn bars(&self, key_id: &KeyId) -> bool {
        let withholds = |held: Arc<Held>| held.ring.withholds(key_id);
        self.needs_no_look(key_id) || self.held().is_some_and(withholds)
    }

    /// Whether no key with this `kid` would be let in, whatever its issuer published.
    fn needs_no_look(&self, key_id: &KeyId) -> bool {
        self.state().reading.rule.bars(key_id)
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
            servable: (self.are_optional || state.schedule.may_serve(now)) && !suspended,
            optional: self.are_optional,
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

    /// As [`Self::servable`], for those who need no key.
    pub(super) fn may_serve(&self, now: Duration) -> bool {
        let held = self.held.load();
        held.as_ref().is_some_and(|held| now <= held.serve_until)
    }

    /// Whether a token with a bad signature might get the set fetched. Where one is being fetched already, nobody
    /// needs to come for it, unless callers make fetches go on.
    pub(super) fn may_look_again(&self, now: Duration) -> bool {
        if self.state().schedule.is_fetching() {
            return matches!(self.runner, Runner::Callers(_));
        }
        self.surroundings.strangers.left(now) > 0
            && self.state().schedule.strangers_rest(now).is_zero()
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
        if self.absent.remembers(key_id, self.now()) || self.needs_no_look(key_id) {
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

    pub(super) fn held(&self) -> Option<Arc<Held>> {
        self.held.load_full()
    }

    /// To be called with the state locked: whoever replaces what is held knows what is held.
    pub(super) fn put(&self, held: Held) {
        let ring = Arc::clone(&held.ring);
        let before = self.held.swap(Some(Arc::new(held)));
        if before.is_none_or(|before| !Arc::ptr_eq(&before.ring, &ring)) {
            self.generation.advance();
        }
    }

    pub(super) fn forget_absent(&self) {
        self.absent.clear();
    }

    pub(super) fn time_of_day(&self) -> UnixTime {
        self.surroundings.clock.now()
    }

    pub(super) fn now(&self) -> Duration {
        self.surroundings.clock.elapsed()
    }

    pub(super) fn jitter(&self, number: u64) -> Jitter {
        let [first, ..] = self.randomness.hash_one(number).to_ne_bytes();
        Jitter(first)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
