//! Client metadata (RFC 7591 §2), as registered or as found in a client id metadata document.

use serde::Deserialize;

use super::{
    client::{Authentication, Client, GrantType},
    redirect_uri,
};
use crate::{crypto::random_token, error::OAuthError, keys::Algorithm, scope};

const MAX_REDIRECT_URIS: usize = 20;
const MAX_TEXT: usize = 2048;

/// The members we act on; others are ignored, as RFC 7591 §2 asks.
#[derive(Debug, Deserialize)]
pub(super) struct ClientMetadata {
    #[serde(default)]
    pub(super) redirect_uris: Vec<String>,
    pub(super) token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    pub(super) client_name: Option<String>,
    scope: Option<String>,
    application_type: Option<String>,
    id_token_signed_response_alg: Option<String>,
    /// Not a registered name: lets one client of a test have tokens of another algorithm.
    access_token_signed_response_alg: Option<String>,
}

impl ClientMetadata {
    /// The same client, as one that never gets a secret.
    pub(super) fn without_secret(self) -> Self {
        Self {
            token_endpoint_auth_method: Some("none".to_owned()),
            ..self
        }
    }

    /// Checks everything and makes the client, with a fresh secret if it is to have one.
    pub(super) fn into_client(self, client_id: String) -> Result<Client, OAuthError> {
        let grant_types = self.grant_types()?;
        self.check_redirect_uris(&grant_types)?;
        self.check_rest()?;
        let authentication = self.authentication()?;
        if grant_types.contains(&GrantType::ClientCredentials)
            && authentication == Authentication::Nothing
        {
            return Err(invalid("client_credentials needs a client with a secret"));
        }
        Ok(Client {
            client_id,
            authentication,
            grant_types,
            scope_limit: None,
            default_scopes: self.scopes()?,
            access_token_algorithm: algorithm(self.access_token_signed_response_alg.as_deref())?,
            id_token_algorithm: algorithm(self.id_token_signed_response_alg.as_deref())?,
            name: self.client_name,
            redirect_uris: self.redirect_uris,
        })
    }

    /// The supported ones of those asked for; a client may list more (RFC 7591 §3.2.1 lets the server choose).
    fn grant_types(&self) -> Result<Vec<GrantType>, OAuthError> {
        let Some(asked) = &self.grant_types else {
            return Ok(vec![GrantType::AuthorizationCode]);
        };
        let supported: Vec<_> = asked
            .iter()
            .filter_map(|name| GrantType::from_name(name))
            .collect();
        if !supported
            .iter()
            .any(|grant_type| *grant_type != GrantType::RefreshToken)
        {
            return Err(invalid(
                "grant_types must name authorization_code or client_credentials",
            ));
        }
        Ok(supported)
    }

    fn check_redirect_uris(&self, grant_types: &[GrantType]) -> Result<(), OAuthError> {
        let refuse = |why: &str| Err(OAuthError::new("invalid_redirect_uri", why));
        if self.redirect_uris.is_empty() && grant_types.contains(&GrantType::AuthorizationCode) {
            return refuse("authorization_code needs at least one redirect URI");
        }
        if self.redirect_uris.len() > MAX_REDIRECT_URIS {
            return refuse("too many redirect URIs");
        }
        if !self
            .redirect_uris
            .iter()
            .all(|uri| redirect_uri::is_acceptable(uri))
        {
            return refuse(
                "a redirect URI is https, http on loopback, or an application's own scheme; no fragment",
            );
        }
        Ok(())
    }

    fn check_rest(&self) -> Result<(), OAuthError> {
        if self
            .response_types
            .as_ref()
            .is_some_and(|types| !types.iter().any(|name| name == "code"))
        {
            return Err(invalid("response_types must contain code"));
        }
        if !matches!(
            self.application_type.as_deref(),
            None | Some("web" | "native")
        ) {
            return Err(invalid("application_type is web or native"));
        }
        if self
            .client_name
            .as_ref()
            .is_some_and(|name| name.len() > MAX_TEXT)
        {
            return Err(invalid("client_name is too long"));
        }
        Ok(())
    }

    fn authentication(&self) -> Result<Authentication, OAuthError> {
        match self.token_endpoint_auth_method.as_deref() {
            Some("none") => Ok(Authentication::Nothing),
            // RFC 7591 §2: the default when the member is absent.
            None | Some("client_secret_basic") => Ok(Authentication::Basic(random_token())),
            Some("client_secret_post") => Ok(Authentication::Post(random_token())),
            Some(_) => Err(invalid(
                "token_endpoint_auth_method is none, client_secret_basic or client_secret_post",
            )),
        }
    }

    fn scopes(&self) -> Result<Vec<String>, OAuthError> {
        let value = self.scope.as_deref().unwrap_or_default();
        if value.len() > MAX_TEXT {
            return Err(invalid("scope is too long"));
        }
        scope::parse(value).ok_or_else(|| invalid("scope has a character that is not allowed"))
    }
}

fn algorithm(name: Option<&str>) -> Result<Option<Algorithm>, OAuthError> {
    name.map(|name| {
        Algorithm::from_name(name).ok_or_else(|| invalid("this signing algorithm is not supported"))
    })
    .transpose()
}

fn invalid(description: &str) -> OAuthError {
    OAuthError::new("invalid_client_metadata", description)
}
