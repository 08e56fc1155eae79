//! What all parts of a replica's sharing have in common: the link, the seal, the time, the counts.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use oauthgate_core::text::Printable;

use super::link::Link;
use crate::{
    clock::Clock,
    jwks::{Seal, SnapshotError},
};

/// How often and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Between two looks for the answer of the replica that asks the issuer.
    pub(super) look: Duration,
    /// How long one replica asks while the others wait for it.
    pub(super) lease: Duration,
    /// How long the issuer is waited for when there is a set that is due for renewal, but may be used.
    pub(super) patience: Duration,
    /// How far apart the fetches are that strangers may cause, over all replicas.
    pub(super) cooldown: Duration,
    /// Between two looks for news.
    pub(super) period: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            look: Duration::from_millis(50),
            lease: Duration::from_secs(2),
            patience: Duration::from_millis(500),
            cooldown: crate::jwks::schedule::COOLDOWN,
            period: Duration::from_millis(500),
        }
    }
}

/// One replica's part in what is shared.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) link: Arc<Link>,
    pub(super) seal: Seal,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pace: Pace,
    pub(super) randomness: RandomState,
    nonces: AtomicU64,
    adopted: AtomicU64,
    published: AtomicU64,
    refused: AtomicU64,
    /// What was said about refused entries, and when: once per cause is enough for a while.
    said: Mutex<Vec<(&'static str, Duration)>>,
}

/// How long a cause of refusals is not mentioned again.
const SILENCE: Duration = Duration::from_secs(60 * 60);

/// Why an entry of the shared state is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// A stable code.
    pub(super) code: &'static str,
    pub(super) problem: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, problem: &str) -> Self {
        Self {
            code,
            problem: problem.to_owned(),
        }
    }
}

impl From<&SnapshotError> for Refusal {
    fn from(error: &SnapshotError) -> Self {
        Self::new(error.code(), error.problem())
    }
}

impl Shared {
    pub(super) fn new(link: Link, seal: Seal, clock: Arc<dyn Clock>, pace: Pace) -> Self {
        Self {
            link: Arc::new(link),
            seal,
            clock,
            pace,
            randomness: RandomState::new(),
            nonces: AtomicU64::new(0),
            adopted: AtomicU64::new(0),
            published: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            said: Mutex::default(),
        }
    }

    /// Another number each time, on each replica.
    pub(super) fn nonce(&self) -> u64 {
        self.randomness
            .hash_one(self.nonces.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn count_adopted(&self) {
        self.adopted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_published(&self) {
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a refused entry, and says so once per cause.
    pub(super) fn refuse(&self, key: &str, refusal: &Refusal) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        if self.is_worth_saying(refusal.code) {
            tracing::warn!(target: "oauthgate::shared", key, outcome = refusal.code, detail = %Printable(&refusal.problem), "an entry of the shared state is refused: do all replicas have the same secret and the right time? Otherwise find out who writes there");
        }
    }

    pub(super) fn counts(&self) -> [u64; 3] {
        [&self.adopted, &self.published, &self.refused].map(|count| count.load(Ordering::Relaxed))
    }

    /// Codes are few: the list is short.
    fn is_worth_saying(&self, code: &'static str) -> bool {
        let now = self.clock.elapsed();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |at: Duration| now.saturating_sub(at) < SILENCE;
        said.retain(|(_, at)| recent(*at));
        let new = said.iter().all(|(known, _)| *known != code);
        if new {
            said.push((code, now));
        }
        new
    }
}
