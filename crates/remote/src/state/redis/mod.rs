//! Keys, withdrawals and quotas that replicas hold in common, in Redis or Valkey.
//!
//! | Key | Holds | Life |
//! |---|---|---|
//! | `oauthgate:1:keys:…` | the last key set of an issuer, sealed | as long as it may be used |
//! | `oauthgate:1:lease:…` | who asks the issuer now | 2 s |
//! | `oauthgate:1:strangers:…` | that strangers caused a fetch | 10 s |
//! | `oauthgate:1:withdrawn:…` | which keys the operator took away, sealed | without end |
//! | `oauthgate:1:quota:…` | when a caller has all of a quota again | until then |
//!
//! The names end in a SHA-256 of issuer and place, or in an HMAC of a quota's key. Redis is not trusted:
//! keys and withdrawals are sealed with a secret that only the replicas know, and an old set never takes
//! the place of a newer one. Whoever can write to Redis can delay a fetch by two seconds, can make callers
//! wait as if they had spent their quotas, and can delete; nobody can plant a key, give a withdrawn one
//! back to a replica that knows of the withdrawal, or get more through a replica than its quota.

mod address;
mod claim;
mod cluster;
mod commands;
mod exchange;
mod link;
mod memory;
mod names;
mod node;
mod place;
mod quotas;
mod ration;
mod script;
mod sentinel;
mod servers;
mod shared;
mod slots;
mod source;
mod state;
mod terms;
#[cfg(test)]
mod tests;
mod trouble;
mod wire;

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use oauthgate_core::{Issuer, SettingError};

pub use self::{
    address::RedisAddress,
    quotas::{QuotaSettings, RedisQuotas, WhenAway},
    servers::RedisServers,
    state::RedisState,
};
use self::{
    exchange::Exchange,
    link::{Limits, Link},
    memory::Memory,
    shared::{Pace, Shared},
    source::SharedSource,
};
use super::{SharedKeys, SharedSet, SharedStatus, quotas::LocalQuotas};
use crate::{
    clock::{Clock, SystemClock},
    jwks::{JwksSource, Seal, Withdrawals},
};

/// Keys and withdrawals in Redis. Connects when it is first needed; Redis need not be there.
#[derive(Debug)]
pub struct RedisKeys {
    shared: Arc<Shared>,
    exchanges: Mutex<BTreeMap<String, Arc<Exchange>>>,
}

impl RedisKeys {
    /// With the secret that all replicas have, at least 32 random bytes.
    ///
    /// # Errors
    /// A secret that is too short, and authorities that are no certificates.
    pub fn new(servers: impl Into<RedisServers>, secret: &[u8]) -> Result<Self, SettingError> {
        let clock = Arc::new(SystemClock::new());
        Self::with(servers, secret, clock, Limits::default(), Pace::default())
    }

    fn with(
        servers: impl Into<RedisServers>,
        secret: &[u8],
        clock: Arc<dyn Clock>,
        limits: Limits,
        pace: Pace,
    ) -> Result<Self, SettingError> {
        let seal = Seal::secret(secret)?;
        let probe = names::probe(RandomState::new().hash_one(0));
        let link = Link::new(servers, probe, limits, Arc::clone(&clock))?;
        Ok(Self {
            shared: Arc::new(Shared::new(link, seal, clock, pace)),
            exchanges: Mutex::default(),
        })
    }

    /// Quotas that are counted over the same connection. `local` counts along, and alone when Redis is
    /// away. Within a runtime this connects, so that the first requests are counted there already.
    #[must_use]
    pub fn quotas(&self, local: Arc<LocalQuotas>, settings: QuotaSettings) -> RedisQuotas {
        self.shared.link.begin();
        RedisQuotas::new(Arc::clone(&self.shared), local, settings)
    }

    /// As many as there are issuers in the configuration.
    fn exchange_of(&self, issuer: &Issuer) -> Arc<Exchange> {
        let mut exchanges = self
            .exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let exchange = exchanges
            .entry(issuer.as_str().to_owned())
            .or_insert_with(|| Arc::new(Exchange::new(Arc::clone(&self.shared), issuer.clone())));
        Arc::clone(exchange)
    }
}

impl SharedKeys for RedisKeys {
    fn before(&self, set: SharedSet, source: Arc<dyn JwksSource>) -> Arc<dyn JwksSource> {
        let exchange = self.exchange_of(&set.issuer);
        let memory = Memory::new(Arc::clone(&self.shared), set);
        Arc::new(SharedSource::new(memory, exchange, source))
    }

    fn exchange<'a>(
        &'a self,
        issuer: &'a Issuer,
        ours: &'a Withdrawals,
    ) -> BoxFuture<'a, Withdrawals> {
        let exchange = self.exchange_of(issuer);
        async move { exchange.exchange(ours).await }.boxed()
    }

    fn period(&self) -> Duration {
        self.shared.pace.period
    }

    fn status(&self) -> SharedStatus {
        let link = self.shared.link.status();
        let [adopted, published, refused] = self.shared.counts();
        SharedStatus {
            mode: self.shared.link.mode(),
            connected: link.connected,
            since: link.since,
            trouble: link
                .trouble
                .map(|trouble| (trouble.code, trouble.detail.into_owned())),
            adopted,
            published,
            refused,
        }
    }
}
