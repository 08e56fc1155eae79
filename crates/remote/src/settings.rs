//! What a provider needs to know, resolved and typed. Holds no handle, no client and no key.

use std::time::Duration;

use oauthgate_core::{
    Audience, Issuer, Profile, ResourceIdentifier, ScopeSet, SettingError, SigningAlgorithm,
    claims::IssuerTemplate,
};

use crate::{error::Mistake, key_settings::KeySettings};

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
    /// The tolerated clock skew.
    pub skew: Duration,
    /// Where its keys come from, and how long they are held.
    pub keys: KeySettings,
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
            skew: Duration::from_secs(60),
            keys: KeySettings::default(),
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
        let mut mistakes = self.keys.mistakes(&self.issuer);
        mistakes.extend(lists);
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
        mistakes.extend(self.repeated_issuer());
        mistakes
    }

    fn repeated_issuer(&self) -> Option<Mistake> {
        let mut names: Vec<_> = self.issuers.iter().map(IssuerSettings::name).collect();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair.first() == pair.last())?;
        let error = SettingError::new("the issuer is listed twice", "one entry for each issuer");
        Some(Mistake::new("issuer", twice.first().copied(), error))
    }
}
