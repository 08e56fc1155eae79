//! What an operator, a snapshot or another replica says to a key store: keys taken away, given back,
//! recalled.

use std::sync::{Arc, atomic::Ordering};

use oauthgate_core::{JwkSet, keys::Jwk};

use super::{
    KeySnapshot, Merged, Ruled, Saved, SnapshotKeys, Withdrawals, WithdrawalsFull, WithdrawnName,
    held::Held,
    schedule::Freshness,
    store::{KeyStore, State},
};

impl KeyStore {
    /// Takes keys away: before this returns their tokens are refused. With a `kid` go the held keys that
    /// have it, under whatever name they come again.
    ///
    /// # Errors
    /// When more is withdrawn than is ever remembered; nothing changes then.
    pub async fn withdraw(
        self: &Arc<Self>,
        name: &WithdrawnName,
    ) -> Result<Ruled, WithdrawalsFull> {
        let at = self.milliseconds_since_1970();
        let held = {
            let mut state = self.state();
            let keys = self.published_keys();
            let rulings = &mut state.reading.rule.rulings;
            match name {
                WithdrawnName::Key(key_id) => rulings.withdraw_key(key_id, &keys, at)?,
                WithdrawnName::Issuer => rulings.withdraw(name, at)?,
            }
            self.obey(&state);
            keys.iter().any(|key| is_named(key, name))
        };
        Ok(self.ruled(held).await)
    }

    /// Gives keys back, and looks what the issuer says about them.
    ///
    /// # Errors
    /// When there is no room to remember it; nothing changes then.
    pub async fn restore(self: &Arc<Self>, name: &WithdrawnName) -> Result<Ruled, WithdrawalsFull> {
        let at = self.milliseconds_since_1970();
        {
            let mut state = self.state();
            state.reading.rule.rulings.restore(name, at)?;
            self.forget_absent();
            self.obey(&state);
            // What is held may lack the key: the next answer must be the whole set.
            if let Some(held) = self.held() {
                self.put(held.unconditional());
            }
        }
        self.refresh().await;
        let held = self.published_keys().iter().any(|key| is_named(key, name));
        Ok(self.ruled(held).await)
    }

    /// What was withdrawn while processes ran; not what the configuration says.
    #[must_use]
    pub fn withdrawals(&self) -> Withdrawals {
        self.state().reading.rule.rulings.clone()
    }

    /// Takes over what other replicas ruled later, and saves it. Returns whether anything changed.
    pub async fn hear(self: &Arc<Self>, theirs: &Withdrawals) -> bool {
        let merged = self.merge(theirs);
        if merged.changed {
            self.save().await;
        }
        merged.changed
    }

    /// As [`Self::overhear`], of all that the other replicas have to say by now.
    pub(crate) fn hear_all(&self, theirs: &Withdrawals) -> bool {
        let changed = self.overhear(theirs);
        self.has_heard.store(true, Ordering::Relaxed);
        changed
    }

    /// As [`Self::hear`], and leaves the saving to others.
    pub(crate) fn overhear(&self, theirs: &Withdrawals) -> bool {
        // Whatever found no room is in the log.
        self.merge(theirs).changed
    }

    /// Takes over a set that was confirmed elsewhere, unless a newer one is held or it is too old.
    /// Its withdrawals hold in any case. Returns whether its keys are held now: not yet where a keeper is to
    /// be asked first, which happens with the first attempt.
    pub fn preload(&self, snapshot: &KeySnapshot) -> bool {
        if let Some(keeping) = &self.keeping
            && keeping.postpones(snapshot)
        {
            return false;
        }
        self.take_over(snapshot, |state, freshness| {
            let jitter = self.jitter(0);
            state.schedule.adopted(self.now(), freshness, jitter)
        })
    }

    /// As [`Self::preload`], as the end of this attempt, unless none of them can be used. What any of them
    /// withdrew is barred before keys of another one are used.
    pub(super) fn recall(&self, number: u64, snapshots: &[KeySnapshot]) -> bool {
        let ours = |snapshot: &&KeySnapshot| snapshot.issuer == *self.issuer();
        for snapshot in snapshots.iter().filter(ours) {
            // Whatever found no room is in the log.
            let _ = self.merge(&snapshot.withdrawals);
        }
        let mut taken = false;
        for snapshot in snapshots {
            if taken {
                self.preload(snapshot);
            } else {
                taken = self.ends_with(number, snapshot);
            }
        }
        taken
    }

    fn ends_with(&self, number: u64, snapshot: &KeySnapshot) -> bool {
        let taken = self.take_over(snapshot, |state, freshness| {
            let jitter = self.jitter(number);
            state
                .schedule
                .recalled(self.now(), number, freshness, jitter)
        });
        if taken {
            self.log_recalled();
            self.end_of(number);
        }
        taken
    }

    fn take_over(
        &self,
        snapshot: &KeySnapshot,
        accept: impl FnOnce(&mut State, Freshness) -> bool,
    ) -> bool {
        let now = self.time_of_day();
        let fits = snapshot.clone().fit_for(self.issuer(), self.place(), now);
        let withdrawals = match &fits {
            Ok(snapshot) => &snapshot.withdrawals,
            Err(error) => error.salvaged(),
        };
        // Whatever found no room is in the log.
        let _ = self.merge(withdrawals);
        let Some(keys) = fits.ok().and_then(|snapshot| snapshot.keys) else {
            return false;
        };
        let freshness = self.freshness(&keys);
        // A large set takes a while to read: not under the lock.
        let reading = self.state().reading.clone();
        let outcome = match reading.recalled(&keys, freshness) {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(target: "oauthgate::keys", issuer = %self.issuer(), detail = %error, "key set of an earlier run is not used");
                return false;
            }
        };
        let mut state = self.state();
        if !accept(&mut state, freshness) {
            return false;
        }
        self.hold(outcome, &state, &reading);
        self.publish(&state.schedule);
        true
    }

    /// What is known now, to be saved or to be taken along.
    #[must_use]
    pub fn snapshot(&self) -> KeySnapshot {
        let mut snapshot = KeySnapshot::new(self.issuer().clone(), self.place());
        let state = self.state();
        snapshot.withdrawals = state.reading.rule.rulings.clone();
        let age = state.schedule.age(self.now());
        let held = self.held();
        drop(state);
        if let (Some(held), Some(age)) = (held, age) {
            let confirmed_at = self.time_of_day().saturating_sub(age);
            let rulings = &snapshot.withdrawals;
            let barred = |key: &Jwk| rulings.bars(key);
            let keys = SnapshotKeys::new(&held.body, barred, confirmed_at);
            snapshot.keys = keys.ok().map(|keys| {
                keys.with_validator(held.validator.clone())
                    .with_max_age(held.max_age)
            });
        }
        snapshot
    }

    fn merge(&self, theirs: &Withdrawals) -> Merged {
        let mut state = self.state();
        let merged = state.reading.rule.rulings.merge(theirs);
        if merged.changed {
            self.forget_absent();
            self.obey(&state);
            tracing::warn!(target: "oauthgate::keys", issuer = %self.issuer(), suspended = state.reading.rule.rulings.suspends_issuer(), withdrawn = ?state.reading.rule.withdrawn_names(), "withdrawals were taken over");
        }
        if merged.refused > 0 {
            tracing::error!(target: "oauthgate::keys", issuer = %self.issuer(), refused = merged.refused, "withdrawals found no room: suspend the issuer");
        }
        merged
    }

    /// Puts the operator's word into effect on what is held.
    fn obey(&self, state: &State) {
        let suspended = state.reading.rule.rulings.suspends_issuer();
        self.is_suspended.store(suspended, Ordering::SeqCst);
        if let Some(held) = self.held() {
            self.put(state.reading.reread(&held));
        }
        // The word counts where no set is held, too: for tokens that a shared secret verifies.
        self.generation.advance();
    }

    async fn ruled(self: &Arc<Self>, held: bool) -> Ruled {
        Ruled {
            issuer: self.issuer().as_str().to_owned(),
            held,
            saved: self.save().await,
        }
    }

    pub(crate) async fn save(self: &Arc<Self>) -> Saved {
        match &self.keeping {
            Some(keeping) => {
                let store = Arc::downgrade(self);
                self.runner.beside(keeping.save(&store)).await
            }
            None => Saved::Nowhere,
        }
    }

    /// The issuer's keys as they are known, the barred ones included.
    fn published_keys(&self) -> Vec<Jwk> {
        let held: Option<Arc<Held>> = self.held();
        held.and_then(|held| JwkSet::parse(&held.body).ok())
            .map(JwkSet::into_keys)
            .unwrap_or_default()
    }

    fn freshness(&self, keys: &SnapshotKeys) -> Freshness {
        let seconds = self.time_of_day().seconds_since(keys.confirmed_at());
        Freshness {
            age: std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
            max_age: keys.max_age(),
        }
    }

    fn milliseconds_since_1970(&self) -> u64 {
        let seconds = self.time_of_day().as_secs();
        u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000)
    }
}

fn is_named(key: &Jwk, name: &WithdrawnName) -> bool {
    match name {
        WithdrawnName::Issuer => true,
        WithdrawnName::Key(key_id) => {
            key.id() == Some(key_id) || key.thumbprint() == key_id.as_str()
        }
    }
}
