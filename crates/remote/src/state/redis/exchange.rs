//! The exchange of withdrawals: each replica writes what it knows, and all come to know the same.
//!
//! The later ruling wins, whoever hears of it first. A missing entry says nothing: nothing is given back
//! because of it, and every replica that knows better writes it again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oauthgate_core::Issuer;

use super::{
    commands::Entry,
    link::NoAnswer,
    names,
    shared::{Refusal, Shared},
};
use crate::jwks::{KeySnapshot, Withdrawals};

/// The place that the entry of withdrawals names: they hold wherever keys come from.
const PLACE: &str = "withdrawals";
/// How often an entry is written at most when others write it at the same time.
const MOST_TRIES: usize = 4;

/// The withdrawals of one issuer, as they lie in Redis.
#[derive(Debug)]
pub(super) struct Exchange {
    shared: Arc<Shared>,
    issuer: Issuer,
    key: String,
    last: Mutex<Arc<There>>,
}

/// What lies in Redis.
#[derive(Debug)]
struct There {
    /// How it begins.
    head: Entry,
    /// The whole of it; `None` for what may be overwritten.
    bytes: Option<Vec<u8>>,
    withdrawals: Withdrawals,
}

impl There {
    fn nothing() -> Self {
        Self {
            head: Entry::Missing,
            bytes: Some(Vec::new()),
            withdrawals: Withdrawals::new(),
        }
    }
}

impl Exchange {
    pub(super) fn new(shared: Arc<Shared>, issuer: Issuer) -> Self {
        Self {
            key: names::withdrawn(&issuer),
            shared,
            issuer,
            last: Mutex::new(Arc::new(There::nothing())),
        }
    }

    /// Writes ours beside theirs, and returns theirs: nothing, when Redis is away.
    pub(super) async fn exchange(&self, ours: &Withdrawals) -> Withdrawals {
        self.try_exchange(ours).await.unwrap_or_default()
    }

    /// Theirs: nothing, when Redis is away.
    pub(super) async fn theirs(&self) -> Withdrawals {
        self.there()
            .await
            .map(|there| there.withdrawals.clone())
            .unwrap_or_default()
    }

    async fn try_exchange(&self, ours: &Withdrawals) -> Result<Withdrawals, NoAnswer> {
        for _ in 0..MOST_TRIES {
            let there = self.there().await?;
            let mut all = there.withdrawals.clone();
            if !all.merge(ours).changed || self.write(&there, all).await? {
                return Ok(there.withdrawals.clone());
            }
        }
        self.there().await.map(|there| there.withdrawals.clone())
    }

    async fn there(&self) -> Result<Arc<There>, NoAnswer> {
        let head = self.shared.link.head(&self.key).await?;
        let last = Arc::clone(&self.last_locked());
        if last.head == head {
            return Ok(last);
        }
        let entry = self
            .shared
            .link
            .read(&self.key, KeySnapshot::MAX_LENGTH)
            .await?;
        let opened = match entry {
            Entry::Missing => Ok((Vec::new(), Withdrawals::new())),
            Entry::Text(bytes) => self.open(&bytes).map(|withdrawals| (bytes, withdrawals)),
            Entry::WrongType => Err(Refusal::new("wrong_type", "it is no text")),
            Entry::Oversize => Err(Refusal::new("too_large", "it is longer than 1 MiB")),
        };
        let (bytes, withdrawals) = match opened {
            Ok((bytes, withdrawals)) => (Some(bytes), withdrawals),
            Err(refusal) => {
                self.shared.refuse(&self.key, &refusal);
                (None, Withdrawals::new())
            }
        };
        let there = Arc::new(There {
            head,
            bytes,
            withdrawals,
        });
        self.last_locked().clone_from(&there);
        Ok(there)
    }

    fn open(&self, bytes: &[u8]) -> Result<Withdrawals, Refusal> {
        KeySnapshot::from_bytes(bytes, &self.shared.seal)
            .and_then(|snapshot| snapshot.fit_for(&self.issuer, PLACE, self.shared.clock.now()))
            .map(|snapshot| snapshot.withdrawals)
            .map_err(|error| Refusal::from(&error))
    }

    fn last_locked(&self) -> MutexGuard<'_, Arc<There>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Without an end: a withdrawal holds until somebody takes it back.
    async fn write(&self, there: &There, all: Withdrawals) -> Result<bool, NoAnswer> {
        let mut snapshot = KeySnapshot::new(self.issuer.clone(), PLACE);
        snapshot.withdrawals = all;
        let bytes = snapshot.to_bytes(&self.shared.seal);
        let link = &self.shared.link;
        match &there.bytes {
            Some(held) => link.replace(&self.key, held, &bytes, None).await,
            None => link.put(&self.key, &bytes, None).await.map(|()| true),
        }
    }
}
