//! `OAuth21Provider`: the whole validator behind one call.

use std::{
    future::Future,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use http::request::Parts;
use oauthgate_core::{BearerToken, Blame, Denial, ProtectedResource, UserContext};
use tokio::{runtime::Handle, task::AbortHandle};

use crate::{
    ConfigurationError, ProviderSettings, authenticator::Authenticator, clock::SystemClock, env,
    jwks::KeyStore,
};

/// Decides who is calling. `OAuth21Provider` and `danger::NoAuth` are the two implementations.
pub trait AuthProvider: Send + Sync + 'static {
    /// Whether callers are authenticated at all.
    fn is_enabled(&self) -> bool;

    /// The resource that is protected.
    fn resource(&self) -> &ProtectedResource;

    /// Who is calling, out of the request's headers.
    fn user_context(
        &self,
        parts: &Parts,
        peer: Option<IpAddr>,
    ) -> impl Future<Output = Result<UserContext, Denial>> + Send;
}

/// How the keys of one issuer are doing, for readiness and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The issuer.
    pub issuer: String,
    /// Usable keys held; 0 when none was ever loaded.
    pub keys: usize,
    /// Members of the set that are not used (encryption keys, unknown types, malformed keys).
    pub skipped: usize,
    /// How long ago the set was last confirmed by the issuer; `None` when none was ever loaded.
    pub age: Option<Duration>,
    /// Whether the set may be used: it was loaded, and confirmed within the stale limit.
    pub servable: bool,
    /// The code of the last failure, if the last attempt failed.
    pub last_failure: Option<&'static str>,
    /// What the last failed attempt tried and what came back, for the operator.
    pub failure_detail: Option<String>,
    /// Attempts so far, successful or not.
    pub fetches: u64,
    /// Whether an attempt is under way.
    pub fetching: bool,
    /// How long until somebody may start the next attempt; zero while one is under way.
    pub next_attempt: Duration,
}

/// Validates OAuth 2.1 access tokens of one protected resource. Cheap to clone. Works inside a Tokio
/// runtime, which its fetches run on.
#[derive(Debug, Clone)]
pub struct OAuth21Provider {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    authenticator: Authenticator,
    upkeep: Mutex<Vec<AbortHandle>>,
    /// Read on every request, so kept outside the lock.
    upkeep_was_started: AtomicBool,
}

impl Drop for Shared {
    /// The last clone takes its upkeep with it.
    fn drop(&mut self) {
        let upkeep = self
            .upkeep
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        upkeep.iter().for_each(AbortHandle::abort);
    }
}

impl OAuth21Provider {
    /// Reads `MCP_SERVER_URL`, `OAUTH_ISSUER_URL` (or `USER_POOL_ID` and `AWS_REGION`), `OAUTH_AUDIENCE`,
    /// `OAUTHGATE_PRESET`, `OAUTH_JWKS_CACHE_TTL`, `OAUTH_JWKS_MAX_KEYS` from the environment.
    ///
    /// # Errors
    /// Every mistake at once, each with name, value and what was expected.
    #[expect(clippy::disallowed_methods, reason = "one of the two places that may")]
    pub fn from_env() -> Result<Self, ConfigurationError> {
        Self::from_lookup(|name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })
    }

    /// The same names out of any other place.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn from_lookup(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigurationError> {
        Self::new(env::settings_from(lookup)?)
    }

    /// A provider out of resolved settings. No network access happens before [`Self::warm_up`] or the first request.
    ///
    /// # Errors
    /// Settings that contradict each other.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "settings are used up: one provider per settings"
    )]
    pub fn new(settings: ProviderSettings) -> Result<Self, ConfigurationError> {
        Authenticator::new(&settings, Arc::new(SystemClock::new())).map(Self::from)
    }

    /// Fetches metadata and keys of every issuer, and starts their upkeep, which ends when the last
    /// clone of this provider is dropped. Failures are reported, not fatal.
    pub async fn warm_up(&self) -> Vec<KeyStatus> {
        let stores = self.shared.authenticator.stores();
        join_all(stores.iter().map(KeyStore::upkeep_and_wait)).await;
        self.start_upkeep();
        self.key_status()
    }

    /// How the keys are doing now.
    #[must_use]
    pub fn key_status(&self) -> Vec<KeyStatus> {
        self.shared.authenticator.key_status()
    }

    /// Validates a bare token: for callers that hold no HTTP request. The first token that needs keys
    /// starts their upkeep, unless [`Self::warm_up`] did.
    ///
    /// # Errors
    /// The refusal.
    pub async fn validate(&self, token: &str) -> Result<UserContext, Denial> {
        let result = self.shared.authenticator.validate(token).await;
        if !self.shared.upkeep_was_started.load(Ordering::Relaxed) && needed_keys(&result) {
            self.start_upkeep();
        }
        result
    }

    /// Who is calling. The peer's address goes into the log line of a refusal and nowhere else.
    ///
    /// # Errors
    /// The refusal.
    pub async fn user_context(
        &self,
        parts: &Parts,
        peer: Option<IpAddr>,
    ) -> Result<UserContext, Denial> {
        let result = match BearerToken::from_request(parts) {
            Ok(token) => self.validate(token.expose()).await,
            Err(denial) => Err(denial),
        };
        if let Err(denial) = &result {
            tracing::debug!(target: "oauthgate::refusals", code = denial.code(), detail = denial.detail(), ?peer, "refused");
        }
        result
    }

    /// The resource that is protected.
    #[must_use]
    pub fn resource(&self) -> &ProtectedResource {
        self.shared.authenticator.resource()
    }

    /// The engine, for tools that look inside (`explain`, `doctor`).
    #[must_use]
    pub fn authenticator(&self) -> &Authenticator {
        &self.shared.authenticator
    }

    /// Does nothing where there is no Tokio runtime to keep the upkeep.
    fn start_upkeep(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        self.shared
            .upkeep_was_started
            .store(true, Ordering::Relaxed);
        let mut upkeep = self
            .shared
            .upkeep
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Upkeep whose runtime is gone has finished, and may start again on this one.
        if upkeep.iter().all(AbortHandle::is_finished) {
            upkeep.clear();
            upkeep.extend(
                self.shared
                    .authenticator
                    .stores()
                    .iter()
                    .map(|store| runtime.spawn(Arc::clone(store).keep_warm()).abort_handle()),
            );
        }
    }
}

/// Whether the token was good, or may have been: junk starts no upkeep.
fn needed_keys(result: &Result<UserContext, Denial>) -> bool {
    match result {
        Ok(_) => true,
        Err(denial) => denial.reason().blame() == Blame::Surroundings,
    }
}

impl From<Authenticator> for OAuth21Provider {
    fn from(authenticator: Authenticator) -> Self {
        Self {
            shared: Arc::new(Shared {
                authenticator,
                upkeep: Mutex::new(Vec::new()),
                upkeep_was_started: AtomicBool::new(false),
            }),
        }
    }
}

impl AuthProvider for OAuth21Provider {
    fn is_enabled(&self) -> bool {
        true
    }

    fn resource(&self) -> &ProtectedResource {
        Self::resource(self)
    }

    async fn user_context(
        &self,
        parts: &Parts,
        peer: Option<IpAddr>,
    ) -> Result<UserContext, Denial> {
        Self::user_context(self, parts, peer).await
    }
}

#[cfg(test)]
#[path = "provider_tests.rs"]
mod tests;
