//! `OAuth21Provider`: the whole validator behind one call.

use std::{future::Future, net::IpAddr, sync::Arc};

use http::request::Parts;
use oauthgate_core::{BearerToken, Blame, Denial, ProtectedResource, UserContext};

use crate::{
    ConfigurationError, IntrospectionStatus, KeyStatus, KeyStores, ProviderSettings,
    TokenCacheStatus, authenticator::Authenticator, clock::Clock, env, introspection::Introspector,
};

/// Decides who is calling. `OAuth21Provider` and `danger::NoAuth` are the two implementations.
pub trait AuthProvider: Send + Sync + 'static {
    /// Whether callers are authenticated at all.
    fn is_enabled(&self) -> bool;

    /// The resource that is protected.
    fn resource(&self) -> &ProtectedResource;

    /// The clocks that tokens are judged by: what outlives a request asks them when its token is over.
    fn clock(&self) -> &Arc<dyn Clock>;

    /// The caller of a token that was verified before and is still good. `None` says nothing about the
    /// token: [`Self::user_context`] decides. Asked first for each request, so it neither waits nor fetches.
    fn recall(&self, _parts: &Parts) -> Option<UserContext> {
        None
    }

    /// Who is calling, out of the request's headers.
    fn user_context(
        &self,
        parts: &Parts,
        peer: Option<IpAddr>,
    ) -> impl Future<Output = Result<UserContext, Denial>> + Send;
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
    keys: KeyStores,
}

impl OAuth21Provider {
    /// Reads the environment: `MCP_SERVER_URL`, every setting of an issuer ([`env::table::ISSUER`], first
    /// of all `OAUTH_ISSUER_URL` or `USER_POOL_ID`, and `OAUTH_AUDIENCE`), and how fetches leave the
    /// process ([`env::table::OUTBOUND`], and the proxy in `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`).
    /// Files that settings name are read at once.
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
        let (settings, outbound) = env::all_from(lookup)?;
        for issuer in &settings.issuers {
            let because = issuer.preset.because;
            tracing::info!(issuer = issuer.name(), preset = issuer.preset.name(), %because, "reading tokens");
        }
        Self::with_key_stores(settings, &KeyStores::builder().outbound(outbound).build())
    }

    /// A provider out of resolved settings, with key stores of its own. No network access happens before
    /// [`Self::warm_up`] or the first request.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub fn new(settings: ProviderSettings) -> Result<Self, ConfigurationError> {
        Self::with_key_stores(settings, &KeyStores::builder().build())
    }

    /// A provider whose keys lie in these stores, which other resources may share.
    ///
    /// # Errors
    /// Settings that contradict each other.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "settings are used up: one provider per settings"
    )]
    pub fn with_key_stores(
        settings: ProviderSettings,
        keys: &KeyStores,
    ) -> Result<Self, ConfigurationError> {
        let authenticator = Authenticator::new(&settings, keys)?;
        Ok(Self {
            shared: Arc::new(Shared {
                authenticator,
                keys: keys.clone(),
            }),
        })
    }

    /// Fetches metadata and keys of every issuer, and starts their upkeep, which ends when the last
    /// clone of the key stores is dropped. Failures are reported, not fatal.
    pub async fn warm_up(&self) -> Vec<KeyStatus> {
        self.shared.keys.warm_up().await;
        self.key_status()
    }

    /// The key stores, perhaps shared with other resources.
    #[must_use]
    pub fn key_stores(&self) -> &KeyStores {
        &self.shared.keys
    }

    /// How the keys are doing now.
    #[must_use]
    pub fn key_status(&self) -> Vec<KeyStatus> {
        self.shared.authenticator.key_status()
    }

    /// How asking about tokens is doing now: one status for each issuer that is asked.
    #[must_use]
    pub fn introspection_status(&self) -> Vec<IntrospectionStatus> {
        let introspectors = self.shared.authenticator.introspectors();
        introspectors.map(Introspector::status).collect()
    }

    /// How the memory of verified tokens is doing.
    #[must_use]
    pub fn token_cache_status(&self) -> TokenCacheStatus {
        self.shared.authenticator.token_cache_status()
    }

    /// The caller of a request whose token was verified before and is still good; without any waiting. `None` says
    /// nothing about the token: [`Self::user_context`] decides.
    #[must_use]
    pub fn recall(&self, parts: &Parts) -> Option<UserContext> {
        let token = BearerToken::candidate(parts)?;
        self.shared.authenticator.recall(token)
    }

    /// Validates a bare token: for callers that hold no HTTP request. The first token that needs keys
    /// starts their upkeep, unless [`Self::warm_up`] did.
    ///
    /// # Errors
    /// The refusal.
    pub async fn validate(&self, token: &str) -> Result<UserContext, Denial> {
        self.validate_from(token, None).await
    }

    async fn validate_from(
        &self,
        token: &str,
        peer: Option<IpAddr>,
    ) -> Result<UserContext, Denial> {
        let result = self.shared.authenticator.validate_from(token, peer).await;
        if needed_keys(&result) {
            self.shared.keys.start_upkeep_once();
        }
        result
    }

    /// Who is calling. The peer's address goes into the log line of a refusal, and is counted while the
    /// authorization server is asked about a token that nobody knows: one address gets a share of such questions.
    ///
    /// # Errors
    /// The refusal.
    pub async fn user_context(
        &self,
        parts: &Parts,
        peer: Option<IpAddr>,
    ) -> Result<UserContext, Denial> {
        let result = match BearerToken::from_request(parts) {
            Ok(token) => self.validate_from(token.expose(), peer).await,
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
}

/// Whether the token was good, or may have been: junk starts no upkeep.
fn needed_keys(result: &Result<UserContext, Denial>) -> bool {
    match result {
        Ok(_) => true,
        Err(denial) => denial.reason().blame() == Blame::Surroundings,
    }
}

impl AuthProvider for OAuth21Provider {
    fn is_enabled(&self) -> bool {
        true
    }

    fn resource(&self) -> &ProtectedResource {
        Self::resource(self)
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        self.shared.authenticator.clock()
    }

    fn recall(&self, parts: &Parts) -> Option<UserContext> {
        Self::recall(self, parts)
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
