//! State that the replicas of a service hold in common, so that one replica's fetch serves all, a
//! withdrawal reaches all, and a caller has its quotas once.
//!
//! [`SharedState`] is the seam: [`LocalState`] is that of a replica alone, and `redis::RedisState` that of
//! many. It hands out [`SharedKeys`], which key stores put before every source of keys and tell what was
//! withdrawn, and [`Quotas`], which count what callers may do. What stands behind it is not trusted, and
//! nobody waits for it long: when it is away, slow or lying, each replica goes on alone, by the same rules.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use oauthgate_core::Issuer;

use self::quotas::{LocalQuotas, Quotas};
use crate::jwks::{JwksSource, Withdrawals, schedule::Timing};

pub mod quotas;

#[cfg(feature = "redis")]
pub mod redis;

/// What replicas hold in common, or what one alone has in its place.
pub trait SharedState: fmt::Debug + Send + Sync + 'static {
    /// The keys and withdrawals of all replicas; `None` where each has its own.
    fn keys(&self) -> Option<Arc<dyn SharedKeys>>;

    /// Who counts what callers do.
    fn quotas(&self) -> Arc<dyn Quotas>;

    /// Begins to connect, in this runtime: nobody has to need it first.
    fn begin(&self) {}

    /// How sharing is doing; `None` where nothing is shared.
    fn status(&self) -> Option<SharedStatus> {
        self.keys().map(|keys| keys.status())
    }
}

/// The state of a replica that is alone: it has its own keys, and counts by itself.
#[derive(Debug, Clone)]
pub struct LocalState {
    quotas: Arc<LocalQuotas>,
}

impl LocalState {
    /// Counts quotas with these.
    #[must_use]
    pub fn new(quotas: Arc<LocalQuotas>) -> Self {
        Self { quotas }
    }
}

impl SharedState for LocalState {
    fn keys(&self) -> Option<Arc<dyn SharedKeys>> {
        None
    }

    fn quotas(&self) -> Arc<dyn Quotas> {
        Arc::clone(&self.quotas) as Arc<dyn Quotas>
    }
}

/// The keys and withdrawals that replicas hold in common.
pub trait SharedKeys: fmt::Debug + Send + Sync + 'static {
    /// A source that looks at what the other replicas fetched before it asks this one, and tells them what
    /// it brought. Strangers of all replicas together cause one fetch per cooldown.
    fn before(&self, set: SharedSet, source: Arc<dyn JwksSource>) -> Arc<dyn JwksSource>;

    /// Tells the others what was withdrawn here, and returns what is known to them: nothing, when they
    /// cannot be asked. To be called every [`Self::period`], and after each withdrawal.
    fn exchange<'a>(
        &'a self,
        issuer: &'a Issuer,
        ours: &'a Withdrawals,
    ) -> BoxFuture<'a, Withdrawals>;

    /// How often to look for news.
    fn period(&self) -> Duration;

    /// How it is doing.
    fn status(&self) -> SharedStatus;
}

/// A key set that replicas have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedSet {
    /// Whose keys these are.
    pub issuer: Issuer,
    /// Where they come from: the same issuer's keys from elsewhere are another set.
    pub place: String,
    /// How long a set may be used, and when it is due for renewal.
    pub timing: Timing,
}

/// How sharing is doing, for readiness and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedStatus {
    /// Where it lies: a word for people, such as `cluster`.
    pub mode: &'static str,
    /// Whether the other replicas can be reached. If not, this one works alone.
    pub connected: bool,
    /// For how long that has been so.
    pub since: Duration,
    /// The stable code of what is wrong, and what happened; `None` while connected, and before the first use.
    pub trouble: Option<(&'static str, String)>,
    /// Key sets taken over from other replicas.
    pub adopted: u64,
    /// Key sets told to other replicas.
    pub published: u64,
    /// Entries that were refused: a wrong seal, a wrong type, too long, too old, from the future.
    pub refused: u64,
}
