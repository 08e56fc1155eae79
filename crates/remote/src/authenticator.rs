//! From a token to a caller: the one path that every front door takes.

use std::sync::Arc;

use oauthgate_core::{
    CompactJws, Denial, ProtectedResource, Reason, SignatureVerified, UserContext, Verifier,
    VerifierSet,
};

use crate::{
    ConfigurationError, IssuerSettings, KeyStatus, ProviderSettings,
    address::AddressRule,
    clock::Clock,
    discovery,
    error::Mistake,
    http::HttpFetcher,
    jwks::{HttpJwksSource, JwksSource, KeyStore, Location, WithoutDevKeys, schedule::Timing},
    outbound::Outbound,
};

/// One protected resource, the rules of its issuers, and their keys.
#[derive(Debug)]
pub struct Authenticator {
    resource: ProtectedResource,
    verifiers: VerifierSet,
    /// In the order of the verifiers: keys are looked up inside one issuer only.
    stores: Vec<Arc<KeyStore>>,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// Keys come over HTTP, as the settings say.
    ///
    /// # Errors
    /// Every mistake in the settings.
    pub fn new(
        settings: &ProviderSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigurationError> {
        refuse(settings.mistakes())?;
        let sources = settings
            .issuers
            .iter()
            .map(|issuer| http_source(issuer, &clock));
        let sources = all(sources)?;
        Self::with_sources(settings, sources, clock)
    }

    /// Keys come from these sources, one per issuer in the order of the settings.
    ///
    /// # Errors
    /// Settings that contradict each other, or another number of sources than of issuers.
    pub fn with_sources(
        settings: &ProviderSettings,
        sources: Vec<Arc<dyn JwksSource>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigurationError> {
        if sources.len() != settings.issuers.len() {
            return Err(one_mistake(
                "issuers",
                "the issuers and the key sources differ in number",
                "one source per issuer",
            ));
        }
        let verifiers = all(settings
            .issuers
            .iter()
            .map(|issuer| verifier(settings, issuer)))?;
        let verifiers = VerifierSet::new(verifiers).map_err(|error| ConfigurationError {
            mistakes: vec![Mistake::new("issuers", None, error)],
        })?;
        let stores = settings
            .issuers
            .iter()
            .zip(sources)
            .map(|(issuer, source)| store(issuer, source, &clock))
            .collect();
        Ok(Self {
            resource: resource(settings),
            verifiers,
            stores,
            clock,
        })
    }

    /// The resource that is protected.
    #[must_use]
    pub fn resource(&self) -> &ProtectedResource {
        &self.resource
    }

    /// The keys of each issuer, in the order of the settings.
    #[must_use]
    pub fn stores(&self) -> &[Arc<KeyStore>] {
        &self.stores
    }

    /// The rules of each issuer, in the order of the settings.
    #[must_use]
    pub fn verifiers(&self) -> &VerifierSet {
        &self.verifiers
    }

    /// How the keys are doing.
    #[must_use]
    pub fn key_status(&self) -> Vec<KeyStatus> {
        self.stores.iter().map(|store| store.status()).collect()
    }

    /// Who is calling with this token.
    ///
    /// # Errors
    /// The refusal.
    pub async fn validate(&self, token: &str) -> Result<UserContext, Denial> {
        let jws = CompactJws::parse_with_limit(token, self.verifiers.max_token_length())?;
        let (position, verifier) = self.verifiers.for_token(&jws)?;
        let store = self
            .stores
            .get(position)
            .ok_or_else(|| Denial::new(Reason::UnknownIssuer))?;
        let verified = verified_signature(&jws, verifier, store).await?;
        let validated = verifier.validate(verified, self.clock.now())?;
        Ok(verifier.user_context(&validated)?)
    }
}

async fn verified_signature(
    jws: &CompactJws<'_>,
    verifier: &Verifier,
    store: &Arc<KeyStore>,
) -> Result<SignatureVerified, Denial> {
    let hint = jws.key_hint();
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
    if hint.key_id.is_some() && refused.reason() == Reason::BadSignature {
        store.look_again();
    }
    Err(refused.into())
}

fn resource(settings: &ProviderSettings) -> ProtectedResource {
    let issuers = settings
        .issuers
        .iter()
        .map(|issuer| issuer.issuer.clone())
        .collect();
    let resource = ProtectedResource::new(settings.resource.clone(), issuers)
        .with_advertised_scopes(&settings.advertised_scopes);
    match &settings.resource_name {
        Some(name) => resource.with_name(name.clone()),
        None => resource,
    }
}

fn verifier(settings: &ProviderSettings, issuer: &IssuerSettings) -> Result<Verifier, Mistake> {
    let mistake = |error| Mistake::new("issuer", Some(issuer.issuer.as_str()), error);
    let [first, more @ ..] = issuer.audiences.as_slice() else {
        return Err(mistake(oauthgate_core::SettingError::new(
            "there is no audience",
            "at least one audience",
        )));
    };
    let builder = match &issuer.issuer_template {
        Some(template) => Verifier::builder().issuer_template(template.clone()),
        None => Verifier::builder().issuer(issuer.issuer.clone()),
    };
    builder
        .audiences(first.clone(), more.iter().cloned())
        .resource(settings.resource.clone())
        .profile(issuer.profile.clone())
        .missing_audience_clients(issuer.missing_audience_clients.clone())
        .algorithms(issuer.algorithms.clone())
        .skew(issuer.skew)
        .build()
        .map_err(mistake)
}

fn http_source(
    issuer: &IssuerSettings,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn JwksSource>, Mistake> {
    let mistake = |error| Mistake::new("issuer", Some(issuer.issuer.as_str()), error);
    let base = discovery::base_of(&issuer.issuer);
    let rule = AddressRule::new(
        base.iter()
            .chain(&issuer.keys.metadata_url)
            .chain(&issuer.keys.jwks_url),
    );
    let http = HttpFetcher::new(rule, &Outbound::default()).map_err(|error| {
        mistake(oauthgate_core::SettingError::new(
            format!("TLS cannot be set up: {error}"),
            "a readable trust store (SSL_CERT_FILE, or the system's)",
        ))
    })?;
    let location = match &issuer.keys.jwks_url {
        Some(url) => Location::Explicit(url.clone()),
        None => Location::Discovered {
            candidates: discovery::candidates(&issuer.issuer, issuer.keys.metadata_url.as_ref())
                .map_err(mistake)?,
            expected_issuer: issuer
                .keys
                .metadata_issuer
                .as_ref()
                .unwrap_or(&issuer.issuer)
                .clone(),
        },
    };
    Ok(Arc::new(HttpJwksSource::new(
        http,
        location,
        Arc::clone(clock),
    )))
}

fn store(
    issuer: &IssuerSettings,
    source: Arc<dyn JwksSource>,
    clock: &Arc<dyn Clock>,
) -> Arc<KeyStore> {
    let timing = Timing::new(issuer.keys.ttl, issuer.keys.ttl_is_explicit);
    let source = match issuer.keys.refuses_dev_keys {
        true => Arc::new(WithoutDevKeys(source)),
        false => source,
    };
    Arc::new(KeyStore::new(
        issuer.issuer.clone(),
        source,
        timing,
        issuer.keys.max_prepared,
        Arc::clone(clock),
    ))
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

fn one_mistake(setting: &str, problem: &str, expected: &str) -> ConfigurationError {
    let error = oauthgate_core::SettingError::new(problem, expected);
    ConfigurationError {
        mistakes: vec![Mistake::new(setting, None, error)],
    }
}

#[cfg(test)]
#[path = "authenticator_tests.rs"]
mod tests;
