//! The entry of one key set in Redis, and what this replica knows of it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use oauthgate_core::UnixTime;

use super::{
    commands::Entry,
    link::NoAnswer,
    names::Names,
    shared::{Refusal, Shared},
};
use crate::{
    jwks::{Fetched, FetchedSet, KeySnapshot, SnapshotKeys, schedule::Freshness},
    state::SharedSet,
};

/// How far this replica's idea of an age may be off, which is counted in whole seconds.
const ROUNDING: Duration = Duration::from_secs(2);
/// How often an entry is written at most when others write it at the same time.
const MOST_TRIES: usize = 3;

/// One key set, as it lies in Redis.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) shared: Arc<Shared>,
    pub(super) set: SharedSet,
    pub(super) names: Names,
    last: Mutex<Last>,
}

/// What this replica brought last, from wherever.
#[derive(Debug, Default)]
struct Last {
    keys: Option<SnapshotKeys>,
    /// The document that the keys were taken out of: while they stay the same, so do these bytes.
    body: Vec<u8>,
    /// The latest confirmation seen in Redis: what is older is played back.
    newest: Option<UnixTime>,
    /// When rubbish was last written over without being asked.
    wrote_over: Option<Duration>,
    /// How the entry began when news were looked for.
    head: Option<Entry>,
}

/// What this replica knew at some moment: what is newer is news.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// When the keys were confirmed that were brought last.
    brought: Option<UnixTime>,
    /// The age of what the caller holds, if it holds anything.
    held: Option<Duration>,
}

/// What lies in Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// Keys under a good seal, and the bytes they were read from.
    Keys(SnapshotKeys, Vec<u8>),
    /// Something that may be overwritten.
    Rubbish,
}

impl Memory {
    pub(super) fn new(shared: Arc<Shared>, set: SharedSet) -> Self {
        Self {
            names: Names::of(&set.issuer, &set.place),
            shared,
            set,
            last: Mutex::default(),
        }
    }

    /// What lies in Redis now.
    pub(super) async fn look(&self) -> Result<Found, NoAnswer> {
        let key = &self.names.keys;
        let entry = self.shared.link.read(key, KeySnapshot::MAX_LENGTH).await?;
        let keys = match entry {
            Entry::Missing => return Ok(Found::Nothing),
            Entry::Text(bytes) => self.open(bytes),
            Entry::WrongType => Err(Refusal::new("wrong_type", "it is no text")),
            Entry::Oversize => Err(Refusal::new("too_large", "it is longer than 1 MiB")),
        };
        Ok(keys.unwrap_or_else(|refusal| {
            self.shared.refuse(key, &refusal);
            Found::Rubbish
        }))
    }

    /// As [`Self::look`], if the entry has changed since the last time; `None` if it has not.
    pub(super) async fn look_for_news(&self) -> Result<Option<Found>, NoAnswer> {
        let head = self.shared.link.head(&self.names.keys).await?;
        if self.last().head.as_ref() == Some(&head) {
            return Ok(None);
        }
        let found = self.look().await?;
        self.last().head = Some(head);
        Ok(Some(found))
    }

    fn open(&self, bytes: Vec<u8>) -> Result<Found, Refusal> {
        let snapshot = KeySnapshot::from_bytes(&bytes, &self.shared.seal)
            .and_then(|snapshot| {
                snapshot.fit_for(&self.set.issuer, &self.set.place, self.shared.clock.now())
            })
            .map_err(|error| Refusal::from(&error))?;
        let Some(keys) = snapshot.keys else {
            return Ok(Found::Rubbish);
        };
        let mut last = self.last();
        if last
            .newest
            .is_some_and(|newest| keys.confirmed_at() < newest)
        {
            let problem = "it is older than what lay there before";
            return Err(Refusal::new("played_back", problem));
        }
        last.newest = Some(keys.confirmed_at());
        drop(last);
        Ok(Found::Keys(keys, bytes))
    }

    /// What is known now; `held` is the age of what the caller holds.
    pub(super) fn known(&self, held: Option<Duration>) -> Known {
        let brought = self.last_confirmed();
        Known { brought, held }
    }

    /// Whether these keys are newer than what was brought by then, or than what the caller held, and young
    /// enough to be used.
    pub(super) fn is_news(&self, keys: &SnapshotKeys, known: Known) -> bool {
        let Freshness { age, max_age } = self.freshness(keys);
        age <= self.set.timing.longest_use(max_age) && is_newer(keys, age, known)
    }

    /// Whether the issuer should have been asked again since.
    pub(super) fn are_due(&self, keys: &SnapshotKeys) -> bool {
        self.set.timing.is_due(self.freshness(keys))
    }

    /// The answer that the keys of another replica make. Whoever looks for news and whoever waits for an
    /// answer may both come upon them: they count once.
    pub(super) fn adopt(&self, keys: SnapshotKeys) -> Fetched {
        if self.last_confirmed() < Some(keys.confirmed_at()) {
            self.shared.count_adopted();
        }
        self.bring(keys, None)
    }

    /// Makes an answer of these keys, and remembers them. `body` is the document they were taken out of,
    /// if it is at hand.
    pub(super) fn bring(&self, keys: SnapshotKeys, body: Option<Vec<u8>>) -> Fetched {
        let freshness = self.freshness(&keys);
        let validator = keys.validator().cloned();
        let mut last = self.last();
        let is_same = last
            .keys
            .as_ref()
            .is_some_and(|last| last.document() == keys.document());
        if !is_same {
            last.body = body.unwrap_or_else(|| keys.document().to_vec());
        }
        last.keys = Some(keys);
        let set = FetchedSet::Document {
            body: last.body.clone(),
            validator,
        };
        Fetched { set, freshness }
    }

    /// The keys that were brought last.
    pub(super) fn last_keys(&self) -> Option<SnapshotKeys> {
        self.last().keys.clone()
    }

    fn last_confirmed(&self) -> Option<UnixTime> {
        self.last().keys.as_ref().map(SnapshotKeys::confirmed_at)
    }

    /// The latest confirmation seen in Redis.
    pub(super) fn newest(&self) -> UnixTime {
        self.last().newest.unwrap_or(UnixTime::from_secs(0))
    }

    /// Whether rubbish may be written over now, though nothing was fetched: once per cooldown.
    pub(super) fn may_write_over(&self) -> bool {
        let now = self.shared.clock.elapsed();
        let cooldown = self.shared.pace.cooldown;
        let mut last = self.last();
        let rested = last
            .wrote_over
            .is_none_or(|at| now.saturating_sub(at) >= cooldown);
        if rested {
            last.wrote_over = Some(now);
        }
        rested
    }

    fn freshness(&self, keys: &SnapshotKeys) -> Freshness {
        let seconds = self.shared.clock.now().seconds_since(keys.confirmed_at());
        Freshness {
            age: Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
            max_age: keys.max_age(),
        }
    }

    /// Tells the others, unless they know something newer: that is returned.
    pub(super) async fn publish(
        &self,
        keys: &SnapshotKeys,
    ) -> Result<Option<SnapshotKeys>, NoAnswer> {
        let mut snapshot = KeySnapshot::new(self.set.issuer.clone(), self.set.place.clone());
        snapshot.keys = Some(keys.clone());
        let bytes = snapshot.to_bytes(&self.shared.seal);
        for _ in 0..MOST_TRIES {
            let there = match self.look().await? {
                Found::Keys(theirs, _) if theirs.confirmed_at() > keys.confirmed_at() => {
                    return Ok(Some(theirs));
                }
                Found::Keys(_, there) => Some(there),
                Found::Nothing => Some(Vec::new()),
                Found::Rubbish => None,
            };
            if self.write(there, &bytes).await? {
                self.shared.count_published();
                let mut last = self.last();
                last.newest = last.newest.max(Some(keys.confirmed_at()));
                last.head = Some(Entry::head_of(&bytes));
                return Ok(None);
            }
        }
        Ok(None)
    }

    async fn write(&self, there: Option<Vec<u8>>, bytes: &[u8]) -> Result<bool, NoAnswer> {
        let (link, key) = (&self.shared.link, &self.names.keys);
        let life = Some(self.set.timing.longest_use(None));
        match there {
            Some(there) => link.replace(key, &there, bytes, life).await,
            None => link.put(key, bytes, life).await.map(|()| true),
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_newer(keys: &SnapshotKeys, age: Duration, known: Known) -> bool {
    match (known.brought, known.held) {
        (Some(brought), _) => keys.confirmed_at() > brought,
        (None, Some(held)) => age.saturating_add(ROUNDING) < held,
        (None, None) => true,
    }
}
