//! How an authorization server is asked about tokens that only it can read.

use std::time::Duration;

use oauthgate_core::{SettingError, context::IntrospectionForm};
use url::Url;

use super::{AssertionKey, Secret};
use crate::{address::fetchable, error::Mistake};

/// How long an answer is believed unless a setting says otherwise.
const CACHE_TTL: Duration = Duration::from_secs(60);
/// The longest that an answer may be believed: a revoked token is good for so long.
pub const LONGEST_ANSWER_TTL: Duration = Duration::from_secs(60 * 60);

/// How an authorization server is asked about tokens. Resources whose issuer has equal settings share
/// one memory of answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntrospectionSettings {
    /// The introspection endpoint; without it, the metadata's `introspection_endpoint`, which must then
    /// lie on the issuer's own origin. For Google the URL of `tokeninfo`, for GitHub that of the API
    /// (`https://api.github.com`), when they are others than the public ones.
    pub url: Option<Url>,
    /// How we prove who is asking.
    pub credentials: IntrospectionCredentials,
    /// How long an answer is believed, 60 s by default, and never beyond the token's `exp`. With zero
    /// every request asks.
    pub cache_ttl: Duration,
}

/// How we prove to the authorization server who is asking (RFC 7662 §2.1 demands that we do).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntrospectionCredentials {
    /// We do not: Google's `tokeninfo` wants none.
    Nothing,
    /// `client_secret_basic` (RFC 6749 §2.3.1).
    Basic {
        /// Our client id.
        client_id: String,
        /// Our client secret.
        secret: Secret,
    },
    /// `client_secret_post` (RFC 6749 §2.3.1).
    Post {
        /// Our client id.
        client_id: String,
        /// Our client secret.
        secret: Secret,
    },
    /// A token that the authorization server gave us for this (RFC 7662 §2.1).
    Bearer {
        /// That token.
        token: Secret,
        /// Our client id; only a signed answer needs it.
        client_id: Option<String>,
    },
    /// `private_key_jwt` (RFC 7523 §2.2).
    PrivateKeyJwt {
        /// Our client id.
        client_id: String,
        /// The key whose public half the authorization server knows.
        key: AssertionKey,
        /// The `aud` of the assertion, byte for byte; without it the issuer. Some servers take only the
        /// URL of the endpoint that is asked, or of the token endpoint (RFC 7523 §3).
        audience: Option<String>,
    },
}

impl IntrospectionCredentials {
    /// The client id under which we ask, if it is known.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Nothing => None,
            Self::Basic { client_id, .. }
            | Self::Post { client_id, .. }
            | Self::PrivateKeyJwt { client_id, .. } => Some(client_id),
            Self::Bearer { client_id, .. } => client_id.as_deref(),
        }
    }

    /// The method's name in a setting.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Basic { .. } => "basic",
            Self::Post { .. } => "post",
            Self::Bearer { .. } => "bearer",
            Self::PrivateKeyJwt { .. } => "private_key_jwt",
        }
    }

    fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Basic { secret, .. } | Self::Post { secret, .. } => Some(secret),
            Self::Bearer { token, .. } => Some(token),
            Self::Nothing | Self::PrivateKeyJwt { .. } => None,
        }
    }
}

impl IntrospectionSettings {
    /// The defaults, with these credentials.
    #[must_use]
    pub fn new(credentials: IntrospectionCredentials) -> Self {
        Self {
            url: None,
            credentials,
            cache_ttl: CACHE_TTL,
        }
    }

    /// The same, asking at this URL.
    #[must_use]
    pub fn at(mut self, url: Url) -> Self {
        self.url = Some(url);
        self
    }

    /// The same, believing an answer for so long.
    #[must_use]
    pub fn with_cache_ttl(mut self, ttl: Duration) -> Self {
        self.cache_ttl = ttl;
        self
    }

    /// What is wrong with these settings for this form of question, if anything.
    #[must_use]
    pub fn mistakes(&self, form: IntrospectionForm) -> Vec<Mistake> {
        let url = self.url.as_ref();
        let checks = [
            (
                "introspection_url",
                url.map(Url::as_str),
                url.map_or(Ok(()), fetchable),
            ),
            ("introspection_auth", None, self.fits(form)),
            ("introspection_client_id", None, self.some_client(form)),
            ("introspection_client_secret", None, self.some_secret()),
            (
                "introspection_cache_ttl",
                None,
                ttl_in_range(self.cache_ttl),
            ),
        ];
        checks
            .into_iter()
            .filter_map(|(setting, value, result)| {
                Some(Mistake::new(setting, value, result.err()?))
            })
            .collect()
    }

    fn fits(&self, form: IntrospectionForm) -> Result<(), SettingError> {
        use IntrospectionCredentials as By;
        match (form, &self.credentials) {
            (IntrospectionForm::GoogleTokeninfo, By::Nothing)
            | (IntrospectionForm::GitHubApplication, By::Basic { .. }) => Ok(()),
            (IntrospectionForm::GoogleTokeninfo, _) => Err(SettingError::new(
                "Google's tokeninfo wants no credentials, and ours would be sent in vain",
                "no OAUTHGATE_INTROSPECTION_AUTH (`introspection_auth`) and no credentials",
            )),
            (IntrospectionForm::GitHubApplication, _) => Err(SettingError::new(
                "GitHub knows its applications by id and secret in a Basic header",
                "OAUTHGATE_INTROSPECTION_CLIENT_ID and OAUTHGATE_INTROSPECTION_CLIENT_SECRET, and no other method",
            )),
            (_, By::Nothing) => Err(SettingError::new(
                "an introspection endpoint that answers anybody would tell strangers which tokens are good (RFC 7662 §2.1)",
                "basic, post, bearer or private_key_jwt, and its credentials",
            )),
            _ => Ok(()),
        }
    }

    fn some_client(&self, form: IntrospectionForm) -> Result<(), SettingError> {
        match self.credentials.client_id() {
            Some(client) if client.trim().is_empty() || client.chars().any(char::is_control) => {
                Err(SettingError::new(
                    "the client id is empty, or holds a control character",
                    "the client id under which this service is registered",
                ))
            }
            None if form == IntrospectionForm::Rfc9701 => Err(SettingError::new(
                "a signed answer names the client that it is for (RFC 9701 §5), and we have no client id",
                "the client id under which this service is registered",
            )),
            _ => Ok(()),
        }
    }

    fn some_secret(&self) -> Result<(), SettingError> {
        if self.credentials.secret().is_some_and(Secret::is_blank) {
            return Err(SettingError::new(
                "the secret is empty",
                "the secret, or a file that holds it",
            ));
        }
        Ok(())
    }
}

fn ttl_in_range(ttl: Duration) -> Result<(), SettingError> {
    if ttl <= LONGEST_ANSWER_TTL {
        return Ok(());
    }
    Err(SettingError::new(
        "answers would be believed for too long: a revoked token stays good until then",
        "from 0 to 3600 seconds (default 60)",
    ))
}
