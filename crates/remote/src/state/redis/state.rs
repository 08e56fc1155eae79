//! Everything that replicas share through one Redis, over the same connections.

use std::sync::Arc;

use oauthgate_core::SettingError;

use super::{QuotaSettings, RedisKeys, RedisQuotas, RedisServers};
use crate::state::{
    SharedKeys, SharedState,
    quotas::{LocalQuotas, Quotas},
};

/// Keys, withdrawals and quotas in Redis. Connects when it is first needed; Redis need not be there.
#[derive(Debug, Clone)]
pub struct RedisState {
    keys: Arc<RedisKeys>,
    quotas: Arc<RedisQuotas>,
}

impl RedisState {
    /// With the secret that all replicas have, at least 32 random bytes. `local` counts along, and alone
    /// while Redis is away.
    ///
    /// # Errors
    /// A secret that is too short, and servers over TLS without authorities to check them against.
    pub fn new(
        servers: impl Into<RedisServers>,
        secret: &[u8],
        local: Arc<LocalQuotas>,
        quotas: QuotaSettings,
    ) -> Result<Self, SettingError> {
        let keys = Arc::new(RedisKeys::new(servers, secret)?);
        Ok(Self {
            quotas: Arc::new(keys.quotas(local, quotas)),
            keys,
        })
    }
}

impl SharedState for RedisState {
    fn keys(&self) -> Option<Arc<dyn SharedKeys>> {
        Some(Arc::clone(&self.keys) as Arc<dyn SharedKeys>)
    }

    fn quotas(&self) -> Arc<dyn Quotas> {
        Arc::clone(&self.quotas) as Arc<dyn Quotas>
    }

    fn begin(&self) {
        self.keys.shared.link.begin();
    }
}
