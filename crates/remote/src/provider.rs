//! `OAuth21Provider`: the whole validator behind one call.

use std::{future::Future, net::IpAddr, time::Duration};

use http::request::Parts;
use oauthgate_core::{Denial, ProtectedResource, UserContext};

use crate::{ConfigurationError, ProviderSettings};

/// Decides who is calling. `OAuth21Provider` and `danger::NoAuth` are the two implementations.
pub trait AuthProvider: Send + Sync + 'static {
    /// Whether callers are authenticated at all.
    fn is_enabled(&self) -> bool;

    /// The resource that is protected.
    fn resource(&self) -> &ProtectedResource;

    /// Who is calling, out of the request's headers.
    fn user_context(&self, parts: &Parts, peer: Option<IpAddr>) -> impl Future<Output = Result<UserContext, Denial>> + Send;
}

/// How the keys of one issuer are doing, for readiness and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The issuer.
    pub issuer: String,
    /// Usable keys held; 0 when none was ever loaded.
    pub keys: usize,
    /// How long ago the set was last confirmed by the issuer.
    pub age: Option<Duration>,
    /// The code of the last failure, if the last attempt failed.
    pub last_failure: Option<&'static str>,
    /// Attempts so far, successful or not.
    pub fetches: u64,
}

/// Validates OAuth 2.1 access tokens of one protected resource. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OAuth21Provider {}

impl OAuth21Provider {
    /// Reads `MCP_SERVER_URL`, `OAUTH_ISSUER_URL` (or `USER_POOL_ID` and `AWS_REGION`), `OAUTH_AUDIENCE`,
    /// `OAUTH_JWKS_CACHE_TTL`, `OAUTH_JWKS_MAX_KEYS` from the environment.
    ///
    /// # Errors
    /// Every mistake at once, each with name, value and what was expected.
    pub fn from_env() -> Result<Self, ConfigurationError> {
        unimplemented!()
    }

    /// A provider out of resolved settings. No network access happens before [`Self::warm_up`] or the first request.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub fn new(settings: ProviderSettings) -> Result<Self, ConfigurationError> {
        let _ = settings;
        unimplemented!()
    }

    /// Fetches metadata and keys of every issuer, and starts their upkeep. Failures are reported, not fatal.
    pub async fn warm_up(&self) -> Vec<KeyStatus> {
        unimplemented!()
    }

    /// How the keys are doing now.
    #[must_use]
    pub fn key_status(&self) -> Vec<KeyStatus> {
        unimplemented!()
    }

    /// Validates a bare token: for callers that hold no HTTP request.
    ///
    /// # Errors
    /// The refusal.
    pub async fn validate(&self, token: &str) -> Result<UserContext, Denial> {
        let _ = token;
        unimplemented!()
    }

    /// Who is calling.
    ///
    /// # Errors
    /// The refusal.
    pub async fn user_context(&self, parts: &Parts, peer: Option<IpAddr>) -> Result<UserContext, Denial> {
        let _ = (parts, peer);
        unimplemented!()
    }

    /// The resource that is protected.
    #[must_use]
    pub fn resource(&self) -> &ProtectedResource {
        unimplemented!()
    }
}

impl AuthProvider for OAuth21Provider {
    fn is_enabled(&self) -> bool {
        true
    }

    fn resource(&self) -> &ProtectedResource {
        Self::resource(self)
    }

    async fn user_context(&self, parts: &Parts, peer: Option<IpAddr>) -> Result<UserContext, Denial> {
        Self::user_context(self, parts, peer).await
    }
}
