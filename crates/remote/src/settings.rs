//! What a provider needs to know, resolved and typed. Holds no handle, no client and no key.

use std::time::Duration;

use oauthgate_core::{
    Audience, Issuer, Profile, ResourceIdentifier, ScopeSet, SettingError, SigningAlgorithm,
    claims::IssuerTemplate,
};
use url::Url;

use crate::{discovery, env, error::Mistake};

/// One trusted issuer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IssuerSettings {
    /// The exact `iss` of its tokens.
    pub issuer: Issuer,
    /// The issuers of a provider that has one for each tenant (rule R5); `issuer` is then only the
    /// name under which the provider is advertised, and where its metadata is looked for.
    pub issuer_template: Option<IssuerTemplate>,
    /// How it writes its tokens.
    pub profile: Profile,
    /// The audiences of which a token must name one; never empty.
    pub audiences: Vec<Audience>,
    /// Clients whose tokens may lack an audience (rule R20).
    pub missing_audience_clients: Vec<String>,
    /// The algorithms allowed.
    pub algorithms: Vec<SigningAlgorithm>,
    /// The metadata document, when it is not where R3 looks for it.
    pub metadata_url: Option<Url>,
    /// The `issuer` that the metadata document names, when it is another one (R4).
    pub metadata_issuer: Option<Issuer>,
    /// The key set, when metadata is not to be asked.
    pub jwks_url: Option<Url>,
    /// The tolerated clock skew.
    pub skew: Duration,
    /// The ceiling of a key set's life; `OAUTH_JWKS_CACHE_TTL`, 3600 s by default.
    pub jwks_ttl: Duration,
    /// Whether `jwks_ttl` was set explicitly, and so is obeyed as it is.
    pub jwks_ttl_is_explicit: bool,
    /// How many prepared keys may be held; `OAUTH_JWKS_MAX_KEYS`, 16 by default. A larger set still works.
    pub jwks_max_keys: usize,
    /// Whether a key set with a throw-away key of `dev-issuer` is refused; a gate sets it.
    pub refuses_dev_keys: bool,
}

impl IssuerSettings {
    /// The defaults for an issuer and its audiences.
    #[must_use]
    pub fn new(issuer: Issuer, audiences: Vec<Audience>) -> Self {
        Self {
            issuer,
            issuer_template: None,
            profile: Profile::generic(),
            audiences,
            missing_audience_clients: Vec::new(),
            algorithms: SigningAlgorithm::ALL.to_vec(),
            metadata_url: None,
            metadata_issuer: None,
            jwks_url: None,
            skew: Duration::from_secs(60),
            jwks_ttl: Duration::from_secs(3600),
            jwks_ttl_is_explicit: false,
            jwks_max_keys: 16,
            refuses_dev_keys: false,
        }
    }

    /// The life of a key set, obeyed as it is.
    #[must_use]
    pub fn with_explicit_jwks_ttl(mut self, ttl: Duration) -> Self {
        self.jwks_ttl = ttl;
        self.jwks_ttl_is_explicit = true;
        self
    }

    /// What is wrong with these settings, if anything.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut check = |setting: &str, value: Option<&str>, result: Result<(), SettingError>| {
            mistakes.extend(
                result
                    .err()
                    .map(|error| Mistake::new(setting, value, error)),
            );
        };
        check(
            "issuer",
            Some(self.issuer.as_str()),
            self.issuer_can_be_found(),
        );
        for (setting, url) in [
            ("metadata_url", &self.metadata_url),
            ("jwks_url", &self.jwks_url),
        ] {
            if let Some(url) = url {
                check(setting, Some(url.as_str()), env::fetchable(url));
            }
        }
        check(
            "audiences",
            None,
            at_least_one(self.audiences.len(), "audience"),
        );
        check(
            "algorithms",
            None,
            at_least_one(self.algorithms.len(), "algorithm"),
        );
        check("jwks_ttl", None, life_in_range(self.jwks_ttl));
        check(
            "jwks_max_keys",
            None,
            at_least_one(self.jwks_max_keys, "key"),
        );
        mistakes
    }

    /// With an explicit key set URL nothing is derived from the issuer, which may then be any text.
    fn issuer_can_be_found(&self) -> Result<(), SettingError> {
        if self.jwks_url.is_some() {
            return Ok(());
        }
        let candidates = discovery::candidates(&self.issuer, self.metadata_url.as_ref())?;
        if self.metadata_url.is_some() {
            return Ok(());
        }
        candidates.iter().try_for_each(env::fetchable)
    }
}

fn life_in_range(ttl: Duration) -> Result<(), SettingError> {
    if (Duration::from_secs(1)..=env::LONGEST_TTL).contains(&ttl) {
        return Ok(());
    }
    Err(SettingError::new(
        "the life of a key set is out of range",
        "from 1 second to a day",
    ))
}

fn at_least_one(count: usize, what: &str) -> Result<(), SettingError> {
    if count > 0 {
        return Ok(());
    }
    Err(SettingError::new(
        format!("there is no {what}"),
        format!("at least one {what}"),
    ))
}

/// One protected resource and the issuers whose tokens open it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProviderSettings {
    /// The canonical URI; `MCP_SERVER_URL`.
    pub resource: ResourceIdentifier,
    /// The trusted issuers; never empty.
    pub issuers: Vec<IssuerSettings>,
    /// The scopes for basic use, advertised in metadata and challenges; `OAUTHGATE_SCOPES`.
    pub advertised_scopes: ScopeSet,
    /// A human-readable name for the metadata document.
    pub resource_name: Option<String>,
}

impl ProviderSettings {
    /// A resource with one issuer.
    #[must_use]
    pub fn new(resource: ResourceIdentifier, issuer: IssuerSettings) -> Self {
        Self {
            resource,
            issuers: vec![issuer],
            advertised_scopes: ScopeSet::empty(),
            resource_name: None,
        }
    }

    /// What is wrong with these settings, if anything.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes: Vec<Mistake> = self
            .issuers
            .iter()
            .flat_map(IssuerSettings::mistakes)
            .collect();
        if let Err(error) = at_least_one(self.issuers.len(), "issuer") {
            mistakes.push(Mistake::new("issuers", None, error));
        }
        mistakes
    }
}
