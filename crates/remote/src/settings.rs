//! What a provider needs to know, resolved and typed. Holds no handle, no client and no key.

use std::time::Duration;

use oauthgate_core::{
    Audience, Issuer, Profile, ProtectedResource, ResourceIdentifier, ScopeSet, SettingError,
    SharedSecret, SigningAlgorithm, Verifier,
    claims::IssuerTemplate,
    context::{IntrospectionForm, TokenMode},
};
use url::Url;

use crate::{
    address::fetchable,
    error::Mistake,
    introspection::{IntrospectionSettings, routing},
    key_settings::KeySettings,
    preset_choice::PresetChoice,
    token_cache::TokenCacheSettings,
};

/// One trusted issuer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IssuerSettings {
    /// The exact `iss` of its tokens.
    pub issuer: Issuer,
    /// The issuers of a provider that has one for each tenant (rule R5); `issuer` is then only the
    /// name under which the provider is advertised, and where its metadata is looked for.
    pub issuer_template: Option<IssuerTemplate>,
    /// Which preset the settings are laid over, and why; nothing else is decided by it.
    pub preset: PresetChoice,
    /// How it writes its tokens.
    pub profile: Profile,
    /// The audiences of which a token must name one; never empty.
    pub audiences: Vec<Audience>,
    /// Clients whose tokens may lack an audience (rule R20).
    pub missing_audience_clients: Vec<String>,
    /// The only clients whose tokens are taken (rule R19); every client's when there is no list.
    pub allowed_clients: Option<Vec<String>>,
    /// The only tenants that get in (rule R28); every tenant when there is no list.
    pub allowed_tenants: Option<Vec<String>>,
    /// The algorithms allowed.
    pub algorithms: Vec<SigningAlgorithm>,
    /// The secret shared with the issuer, for tokens with HS256, HS384 or HS512; without it they are refused.
    pub hs_secret: Option<SharedSecret>,
    /// The tolerated clock skew.
    pub skew: Duration,
    /// Where its keys come from, and how long they are held.
    pub keys: KeySettings,
    /// How it is asked about tokens, where the profile's `token_mode` says that it is.
    pub introspection: Option<IntrospectionSettings>,
}

impl IssuerSettings {
    /// The defaults for an issuer and its audiences.
    #[must_use]
    pub fn new(issuer: Issuer, audiences: Vec<Audience>) -> Self {
        Self {
            issuer,
            issuer_template: None,
            preset: PresetChoice::UNKNOWN,
            profile: Profile::generic(),
            audiences,
            missing_audience_clients: Vec::new(),
            allowed_clients: None,
            allowed_tenants: None,
            algorithms: SigningAlgorithm::ALL.to_vec(),
            hs_secret: None,
            skew: Duration::from_secs(60),
            keys: KeySettings::default(),
            introspection: None,
        }
    }

    /// What tells it from others: the exact issuer, or the template.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.issuer_template {
            Some(template) => template.as_str(),
            None => self.issuer.as_str(),
        }
    }

    /// Where its keys come from. An issuer that shares a secret may have none, and so may one that is asked
    /// about all of its tokens, unless it signs its answers.
    #[must_use]
    pub fn key_settings(&self) -> KeySettings {
        let answers_for_all = self.profile.token_mode == TokenMode::Opaque
            && self.profile.introspection_form != IntrospectionForm::Rfc9701;
        KeySettings {
            are_optional: self.keys.are_optional || self.hs_secret.is_some() || answers_for_all,
            ..self.keys.clone()
        }
    }

    /// The rules for this issuer's tokens, at this resource.
    ///
    /// # Errors
    /// When the settings contradict each other, or open the resource to tokens that are not meant for it.
    pub fn verifier(&self, resource: &ResourceIdentifier) -> Result<Verifier, SettingError> {
        let [first, more @ ..] = self.audiences.as_slice() else {
            return Err(SettingError::new(
                "there is no audience",
                "at least one audience",
            ));
        };
        let builder = match &self.issuer_template {
            Some(template) => Verifier::builder().issuer_template(template.clone()),
            None => Verifier::builder().issuer(self.issuer.clone()),
        };
        let mut builder = builder
            .audiences(first.clone(), more.iter().cloned())
            .resource(resource.clone())
            .profile(self.profile.clone())
            .missing_audience_clients(self.missing_audience_clients.iter().cloned())
            .algorithms(self.algorithms.clone())
            .skew(self.skew);
        if let Some(secret) = &self.hs_secret {
            builder = builder.shared_secret(secret.clone());
        }
        if let Some(clients) = &self.allowed_clients {
            builder = builder.allowed_clients(clients.iter().cloned());
        }
        if let Some(tenants) = &self.allowed_tenants {
            builder = builder.allowed_tenants(tenants.iter().cloned());
        }
        builder.build()
    }

    /// What is wrong with these settings, if anything.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        let lists = [
            ("audiences", at_least_one(self.audiences.len(), "audience")),
            (
                "algorithms",
                at_least_one(self.algorithms.len(), "algorithm"),
            ),
        ];
        let lists = lists
            .into_iter()
            .filter_map(|(setting, result)| Some(Mistake::new(setting, None, result.err()?)));
        let mut mistakes = self.key_settings().mistakes(&self.issuer);
        mistakes.extend(lists);
        mistakes.extend(routing::mistakes_of(self));
        mistakes
    }
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
    /// What the metadata advertises instead of the issuers, byte for byte; empty for the issuers.
    pub advertised_servers: Vec<Issuer>,
    /// The scopes for basic use, advertised in metadata and challenges; `OAUTHGATE_SCOPES`.
    pub advertised_scopes: ScopeSet,
    /// A human-readable name for the metadata document.
    pub resource_name: Option<String>,
    /// How many verified tokens are remembered, and for how long.
    pub token_cache: TokenCacheSettings,
}

impl ProviderSettings {
    /// A resource with one issuer.
    #[must_use]
    pub fn new(resource: ResourceIdentifier, issuer: IssuerSettings) -> Self {
        Self {
            resource,
            issuers: vec![issuer],
            advertised_servers: Vec::new(),
            advertised_scopes: ScopeSet::empty(),
            resource_name: None,
            token_cache: TokenCacheSettings::default(),
        }
    }

    /// Where clients are sent for a token (`authorization_servers` of RFC 9728 §2): the issuers, unless others
    /// are named. A client takes such a URL for the issuer of the metadata that it finds there, byte for byte,
    /// and that need not be the `iss` of the tokens.
    #[must_use]
    pub fn authorization_servers(&self) -> Vec<Issuer> {
        if !self.advertised_servers.is_empty() {
            return self.advertised_servers.clone();
        }
        let issuers = self.issuers.iter();
        issuers.map(|issuer| issuer.issuer.clone()).collect()
    }

    /// The resource as its challenges and its metadata speak of it.
    #[must_use]
    pub fn protected_resource(&self) -> ProtectedResource {
        let resource = ProtectedResource::new(self.resource.clone(), self.authorization_servers())
            .with_advertised_scopes(&self.advertised_scopes);
        match &self.resource_name {
            Some(name) => resource.with_name(name.clone()),
            None => resource,
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
        mistakes.extend(self.repeated_issuer());
        mistakes.extend(self.repeated_server());
        mistakes.extend(self.advertised_servers.iter().filter_map(|server| {
            let error = advertisable(server).err()?;
            Some(Mistake::new(
                "authorization_servers",
                Some(server.as_str()),
                error,
            ))
        }));
        mistakes.extend(routing::rivals(&self.issuers));
        mistakes.extend(self.token_cache.mistakes());
        if mistakes.is_empty() {
            mistakes.extend(self.contradictions());
        }
        mistakes
    }

    fn repeated_server(&self) -> Option<Mistake> {
        let mut servers: Vec<_> = self.advertised_servers.iter().map(Issuer::as_str).collect();
        servers.sort_unstable();
        let twice = servers
            .windows(2)
            .find(|pair| pair.first() == pair.last())?;
        let error = SettingError::new("the server is listed twice", "each server once");
        Some(Mistake::new(
            "authorization_servers",
            twice.first().copied(),
            error,
        ))
    }

    /// What the rules of an issuer would refuse.
    fn contradictions(&self) -> impl Iterator<Item = Mistake> {
        self.issuers.iter().filter_map(|issuer| {
            let error = issuer.verifier(&self.resource).err()?;
            Some(Mistake::new("issuer", Some(issuer.name()), error))
        })
    }

    fn repeated_issuer(&self) -> Option<Mistake> {
        let mut names: Vec<_> = self.issuers.iter().map(IssuerSettings::name).collect();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair.first() == pair.last())?;
        let error = SettingError::new("the issuer is listed twice", "one entry for each issuer");
        Some(Mistake::new("issuer", twice.first().copied(), error))
    }
}

/// RFC 8414 §2: an https URL (http on loopback) without query and fragment.
pub(crate) fn advertisable(server: &Issuer) -> Result<(), SettingError> {
    let expected = "an https URL (http on loopback only) without query and fragment, for example https://auth.example.com/resources/res_1";
    let url = Url::parse(server.as_str())
        .map_err(|error| SettingError::new(format!("not a URL ({error})"), expected))?;
    fetchable(&url)?;
    if url.query().is_some() || !url.has_host() {
        return Err(SettingError::new("the URL has a query", expected));
    }
    Ok(())
}
