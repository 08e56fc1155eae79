//! From a token to a caller: the one path that every front door takes.

use std::{net::IpAddr, sync::Arc};

use oauthgate_core::{
    CompactJws, Denial, KeyId, ProtectedResource, Reason, SignatureVerified, UserContext, Verifier,
    VerifierSet, context::TokenMode,
};

use crate::{
    ConfigurationError, IssuerSettings, KeyStatus, KeyStores, ProviderSettings,
    clock::Clock,
    error::Mistake,
    introspection::{Bearer, Introspector, routing::Routing},
    jwks::{KeyStore, Proof},
    token_cache::{Moment, TokenCache, TokenCacheStatus},
};

/// One protected resource, the rules of its issuers, and their keys.
#[derive(Debug)]
pub struct Authenticator {
    resource: ProtectedResource,
    verifiers: VerifierSet,
    /// In the order of the verifiers: keys are looked up inside one issuer only.
    stores: Vec<Arc<KeyStore>>,
    /// In the order of the verifiers: who asks the issuer about tokens.
    introspectors: Vec<Option<Introspector>>,
    routing: Routing,
    tokens: TokenCache,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// The rules of the settings over these key stores.
    ///
    /// # Errors
    /// Every mistake in the settings.
    pub fn new(settings: &ProviderSettings, keys: &KeyStores) -> Result<Self, ConfigurationError> {
        refuse(settings.mistakes())?;
        let verifiers = all(settings
            .issuers
            .iter()
            .map(|issuer| verifier(settings, issuer)))?;
        let verifiers = VerifierSet::new(verifiers).map_err(|error| ConfigurationError {
            mistakes: vec![Mistake::new("issuers", None, error)],
        })?;
        let stores = all(settings
            .issuers
            .iter()
            .map(|issuer| keys.store(&issuer.issuer, &issuer.key_settings())))?;
        let introspectors = all(settings
            .issuers
            .iter()
            .map(|issuer| keys.introspector(issuer)))?;
        Ok(Self {
            resource: settings.protected_resource(),
            verifiers,
            stores,
            introspectors,
            routing: Routing::new(&settings.issuers),
            tokens: TokenCache::new(settings.token_cache),
            clock: Arc::clone(keys.clock()),
        })
    }

    /// The resource that is protected.
    #[must_use]
    pub fn resource(&self) -> &ProtectedResource {
        &self.resource
    }

    /// The clocks that tokens are judged by.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The keys of each issuer, in the order of the settings.
    #[must_use]
    pub fn stores(&self) -> &[Arc<KeyStore>] {
        &self.stores
    }

    /// Who asks the issuers about tokens, in the order of the settings.
    pub fn introspectors(&self) -> impl Iterator<Item = &Introspector> {
        self.introspectors.iter().flatten()
    }

    /// The rules of each issuer, in the order of the settings.
    #[must_use]
    pub fn verifiers(&self) -> &VerifierSet {
        &self.verifiers
    }

    /// How the memory of verified tokens is doing.
    #[must_use]
    pub fn token_cache_status(&self) -> TokenCacheStatus {
        self.tokens.status(&*self.clock)
    }

    /// How the keys are doing.
    #[must_use]
    pub fn key_status(&self) -> Vec<KeyStatus> {
        self.stores.iter().map(|store| store.status()).collect()
    }

    /// Whether tokens of one issuer at least can be judged now: its keys may be used, or it is known where
    /// it can be asked about them, whichever its tokens need.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let verifiers = self.verifiers.verifiers().iter();
        let issuers = verifiers.zip(&self.stores).zip(&self.introspectors);
        issuers
            .into_iter()
            .any(|((verifier, store), introspector)| {
                let keys = store.status();
                let can_be_asked = !keys.suspended
                    && introspector
                        .as_ref()
                        .is_some_and(|introspector| introspector.status().endpoint.is_some());
                match verifier.profile().token_mode {
                    TokenMode::Opaque => can_be_asked,
                    TokenMode::Auto => keys.servable || can_be_asked,
                    _ => keys.servable,
                }
            })
    }

    /// Who is calling with this token, if these very bytes were verified before and are still good. `None` says
    /// nothing about it.
    #[must_use]
    pub fn recall(&self, token: &[u8]) -> Option<UserContext> {
        self.tokens.recall(token, &*self.clock)
    }

    /// Who is calling with this token.
    ///
    /// # Errors
    /// The refusal.
    pub async fn validate(&self, token: &str) -> Result<UserContext, Denial> {
        self.validate_from(token, None).await
    }

    /// Who is calling with this token, which came from this address. The address decides nothing about the
    /// token: it gets a share only of the questions about tokens that nobody knows.
    ///
    /// # Errors
    /// The refusal.
    pub async fn validate_from(
        &self,
        token: &str,
        peer: Option<IpAddr>,
    ) -> Result<UserContext, Denial> {
        let unknown = match self.tokens.verdict(token.as_bytes(), &*self.clock) {
            Ok(known) => return known,
            Err(unknown) => unknown,
        };
        let limit = self.verifiers.max_token_length();
        if let Some(position) = self.routing.taker_of(token, limit)? {
            return self.introspected(token, position, peer).await;
        }
        let jws = CompactJws::parse_with_limit(token, limit)
            .map_err(|refused| self.routing.explained(refused))?;
        let (position, verifier) = self.verifiers.for_token(&jws)?;
        let store = at(&self.stores, position)?;
        // Before any key is looked at: see `jwks/generation.rs`.
        let ground = store.ground(proof(&jws));
        let verified = verified_signature(&jws, verifier, store).await;
        let moment = Moment::of(&*self.clock);
        let verdict = verified.and_then(|verified| caller(verifier, verified, moment));
        self.tokens.keep(unknown, ground, moment, &verdict);
        verdict
    }

    /// The answer of the authorization server in the place of a signature; then the same checks.
    async fn introspected(
        &self,
        token: &str,
        position: usize,
        peer: Option<IpAddr>,
    ) -> Result<UserContext, Denial> {
        let verifier = at(self.verifiers.verifiers(), position)?;
        // The operator's word on the issuer holds for tokens without a signature too.
        at(&self.stores, position)?.admits_issuer().await?;
        let introspector = at(&self.introspectors, position)?;
        let introspector = introspector
            .as_ref()
            .ok_or_else(|| Denial::new(Reason::UnknownIssuer))?;
        let answered = introspector.ask(token, peer.map(Bearer::at)).await?;
        let now = self.clock.now();
        let validated =
            verifier.validate_introspected(&answered.claims, answered.ask_again, now)?;
        Ok(verifier.user_context(&validated)?)
    }
}

fn at<T>(all: &[T], position: usize) -> Result<&T, Denial> {
    all.get(position)
        .ok_or_else(|| Denial::new(Reason::UnknownIssuer))
}

fn proof(jws: &CompactJws<'_>) -> Proof {
    match jws.key_hint() {
        Some(_) => Proof::Key,
        None => Proof::Secret,
    }
}

fn caller(
    verifier: &Verifier,
    verified: SignatureVerified,
    moment: Moment,
) -> Result<UserContext, Denial> {
    let validated = verifier.validate(verified, moment.now)?;
    Ok(verifier.user_context(&validated)?)
}

async fn verified_signature(
    jws: &CompactJws<'_>,
    verifier: &Verifier,
    store: &Arc<KeyStore>,
) -> Result<SignatureVerified, Denial> {
    let Some(hint) = jws.key_hint() else {
        return verified_mac(jws, verifier, store).await;
    };
    let keys = store.keys(&hint).await?;
    let refused = match verifier.verify_signature(jws, &keys) {
        Ok(verified) => return Ok(verified),
        Err(refused) => refused,
    };
    // Without a `kid` only the signature shows that the issuer may have new keys.
    if hint.key_id.is_none()
        && let Some(newer) = store.newer_than(&keys, &hint).await
    {
        return Ok(verifier.verify_signature(jws, &newer)?);
    }
    match &hint.key_id {
        Some(_) if refused.reason() == Reason::BadSignature => store.look_again().await,
        Some(key_id) if refused.reason() == Reason::UnknownKeyId && store.bars(key_id) => {
            return Err(withdrawn(key_id));
        }
        _ => {}
    }
    Err(refused.into())
}

/// A token with a MAC: no key of the set is looked at, and none is fetched for it. The operator's word on the
/// issuer holds for it all the same.
async fn verified_mac(
    jws: &CompactJws<'_>,
    verifier: &Verifier,
    store: &Arc<KeyStore>,
) -> Result<SignatureVerified, Denial> {
    let verified = verifier.verify_mac(jws)?;
    store.admits_issuer().await?;
    match jws.jws().header().key_id() {
        Some(key_id) if store.has_withdrawn(key_id) => Err(withdrawn(key_id)),
        _ => Ok(verified),
    }
}

fn withdrawn(key_id: &KeyId) -> Denial {
    Denial::new(Reason::KeyWithdrawn).with_detail(format!(
        "the operator lets no key with the kid \"{key_id}\" in"
    ))
}

fn verifier(settings: &ProviderSettings, issuer: &IssuerSettings) -> Result<Verifier, Mistake> {
    issuer
        .verifier(&settings.resource)
        .map_err(|error| Mistake::new("issuer", Some(issuer.issuer.as_str()), error))
}

fn all<T>(results: impl Iterator<Item = Result<T, Mistake>>) -> Result<Vec<T>, ConfigurationError> {
    let mut values = Vec::new();
    let mut mistakes = Vec::new();
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    refuse(mistakes).map(|()| values)
}

fn refuse(mistakes: Vec<Mistake>) -> Result<(), ConfigurationError> {
    if mistakes.is_empty() {
        Ok(())
    } else {
        Err(ConfigurationError { mistakes })
    }
}

#[cfg(test)]
#[path = "authenticator_tests.rs"]
mod tests;
