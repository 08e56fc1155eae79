//! What an introspector is built from; equal plans share one.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use oauthgate_core::{Issuer, SettingError, SigningAlgorithm, context::IntrospectionForm};
use url::Url;

use super::{
    IntrospectionSettings, Introspector,
    client::{Client, Signers},
    endpoint::{Discovered, Endpoint},
    memory::Memory,
};
use crate::{
    IssuerSettings, KeySettings, Outbound,
    address::AddressRule,
    clock::Clock,
    discovery::{self, Wanted},
    http::HttpFetcher,
    jwks::{KeyStore, place::Place},
};

const GOOGLE: &str = "https://oauth2.googleapis.com/tokeninfo";
const GITHUB: &str = "https://api.github.com";

/// What an introspector is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) issuer: Issuer,
    settings: IntrospectionSettings,
    form: IntrospectionForm,
    algorithms: Vec<SigningAlgorithm>,
    skew: Duration,
    /// Where metadata is, and whose word it is.
    keys: KeySettings,
}

/// What an introspector runs on.
pub(crate) struct Ground<'a> {
    pub(crate) outbound: &'a Outbound,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) in_background: bool,
}

impl Plan {
    /// What these settings ask for; `None` when no token of the issuer is introspected.
    pub(crate) fn of(issuer: &IssuerSettings) -> Option<Self> {
        Some(Self {
            issuer: issuer.issuer.clone(),
            settings: issuer.introspection.clone()?,
            form: issuer.profile.introspection_form,
            algorithms: issuer.algorithms.clone(),
            skew: issuer.skew,
            keys: issuer.keys.clone(),
        })
    }

    /// Whether answers must be signed, so that the issuer's keys are needed to read them.
    pub(crate) fn wants_signed_answers(&self) -> bool {
        self.form == IntrospectionForm::Rfc9701
    }

    /// The introspector; `keys` are the issuer's, where answers must be signed.
    pub(crate) fn build(
        &self,
        ground: &Ground<'_>,
        keys: Option<Arc<KeyStore>>,
    ) -> Result<Introspector, SettingError> {
        let explicit = self.explicit_endpoint()?;
        let base = discovery::base_of(&self.issuer);
        let named = explicit
            .iter()
            .chain(base.iter())
            .chain(&self.keys.metadata_url);
        let http = HttpFetcher::new(AddressRule::new(named), ground.outbound)?;
        // For the metadata; a question carries credentials of its own.
        let http = match self.keys.home(&self.issuer) {
            Some(home) => http.with_headers(home, self.keys.fetch_headers.clone()),
            None => http,
        };
        let endpoint = match explicit {
            Some(url) => Endpoint::Explicit(url),
            None => self.discovered(&http, ground)?,
        };
        let client = Client {
            http,
            issuer: self.issuer.clone(),
            endpoint,
            form: self.form,
            credentials: self.settings.credentials.clone(),
            refuses_dev_issuer: self.keys.refuses_dev_keys,
            signers: keys.map(|keys| Signers {
                keys,
                algorithms: self.algorithms.clone(),
                skew: self.skew,
            }),
            clock: Arc::clone(ground.clock),
        };
        let memory = Memory::new(self.settings.cache_ttl).map_err(|_| {
            SettingError::new(
                "the machine has no randomness",
                "a working source of randomness",
            )
        })?;
        Ok(Introspector::new(
            self.issuer.clone(),
            Box::new(client),
            memory,
            Arc::clone(ground.clock),
            ground.in_background,
        ))
    }

    /// Where the operator or the form says; `None` when metadata is to say it.
    fn explicit_endpoint(&self) -> Result<Option<Url>, SettingError> {
        let url = self.settings.url.clone();
        let fixed = |text: &str| {
            Url::parse(text).map_err(|_| SettingError::new("no URL", "an absolute https URL"))
        };
        match self.form {
            IntrospectionForm::GoogleTokeninfo => url.map_or_else(|| fixed(GOOGLE), Ok).map(Some),
            IntrospectionForm::GitHubApplication => {
                let api = url.map_or_else(|| fixed(GITHUB), Ok)?;
                let client_id = self.settings.credentials.client_id().unwrap_or_default();
                Ok(Some(token_check_of(api, client_id)?))
            }
            _ => Ok(url),
        }
    }

    fn discovered(
        &self,
        http: &HttpFetcher,
        ground: &Ground<'_>,
    ) -> Result<Endpoint, SettingError> {
        let wanted = Wanted {
            candidates: discovery::candidates(&self.issuer, self.keys.metadata_url.as_ref())?,
            issuer: self
                .keys
                .metadata_issuer
                .clone()
                .unwrap_or_else(|| self.issuer.clone()),
            site: None,
            member: "introspection_endpoint",
        };
        let base = discovery::base_of(&self.issuer);
        let home = base.iter().chain(&self.keys.metadata_url);
        Ok(Endpoint::Discovered(Discovered {
            origins: home.map(Url::origin).collect(),
            place: Arc::new(Place::new(
                http.clone(),
                wanted,
                Arc::clone(ground.clock),
                ground.in_background,
            )),
            clock: Arc::clone(ground.clock),
            in_vain: Mutex::default(),
        }))
    }
}

/// `{api}/applications/{client_id}/token`, of an API that may lie under a path (GitHub Enterprise).
fn token_check_of(mut api: Url, client_id: &str) -> Result<Url, SettingError> {
    let wrong = || SettingError::new("no base of an API", "for example https://api.github.com");
    api.path_segments_mut()
        .map_err(|()| wrong())?
        .pop_if_empty()
        .extend(["applications", client_id, "token"]);
    Ok(api)
}
