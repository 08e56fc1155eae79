//! What is known about one client.

use std::fmt;

use crate::keys::Algorithm;

/// A client known from the start.
#[derive(Clone, PartialEq, Eq)]
pub struct StaticClient {
    /// `client_id`.
    pub client_id: String,
    /// With a secret the client is confidential and may use client credentials and introspection.
    pub client_secret: Option<String>,
    /// Where the user may be sent back to. Without any, the client cannot use the authorization code grant.
    pub redirect_uris: Vec<String>,
    /// The scopes it may ask for; `None` for all.
    pub scopes: Option<Vec<String>>,
    /// Signs its tokens with this algorithm.
    pub algorithm: Option<Algorithm>,
}

impl StaticClient {
    /// A confidential client for the client credentials grant and for introspection.
    #[must_use]
    pub fn confidential(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: Some(client_secret.into()),
            redirect_uris: Vec::new(),
            scopes: None,
            algorithm: None,
        }
    }

    /// A public client for the authorization code grant.
    #[must_use]
    pub fn public(client_id: impl Into<String>, redirect_uri: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: None,
            redirect_uris: vec![redirect_uri.into()],
            scopes: None,
            algorithm: None,
        }
    }
}

impl fmt::Debug for StaticClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StaticClient")
            .field("client_id", &self.client_id)
            .field("redirect_uris", &self.redirect_uris)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// A grant type this server supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrantType {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
}

impl GrantType {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "authorization_code" => Some(Self::AuthorizationCode),
            "refresh_token" => Some(Self::RefreshToken),
            "client_credentials" => Some(Self::ClientCredentials),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

/// How a client proves itself at the token endpoint.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Authentication {
    /// A public client.
    Nothing,
    /// A secret in the `Authorization` header.
    Basic(String),
    /// A secret in the form.
    Post(String),
    /// A secret in either place.
    Either(String),
}

impl Authentication {
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Basic(_) | Self::Either(_) => "client_secret_basic",
            Self::Post(_) => "client_secret_post",
        }
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.method())
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) client_id: String,
    /// As the client calls itself; nobody checked it.
    pub(crate) name: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) authentication: Authentication,
    pub(crate) grant_types: Vec<GrantType>,
    /// The scopes it may ask for; `None` for all.
    pub(crate) scope_limit: Option<Vec<String>>,
    /// What it gets if it asks for no scope. Clients register the scopes of their first request, so for them this is
    /// no limit: one that needs more later would be stuck, and in an open registration a limit protects nothing.
    pub(crate) default_scopes: Vec<String>,
    pub(crate) access_token_algorithm: Option<Algorithm>,
    pub(crate) id_token_algorithm: Option<Algorithm>,
}

impl Client {
    pub(crate) fn may_use(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    pub(crate) fn is_confidential(&self) -> bool {
        self.authentication != Authentication::Nothing
    }
}

impl From<&StaticClient> for Client {
    fn from(known: &StaticClient) -> Self {
        let mut grant_types = Vec::new();
        if !known.redirect_uris.is_empty() {
            grant_types.extend([GrantType::AuthorizationCode, GrantType::RefreshToken]);
        }
        if known.client_secret.is_some() {
            grant_types.push(GrantType::ClientCredentials);
        }
        Self {
            client_id: known.client_id.clone(),
            name: None,
            redirect_uris: known.redirect_uris.clone(),
            authentication: known
                .client_secret
                .clone()
                .map_or(Authentication::Nothing, Authentication::Either),
            grant_types,
            scope_limit: known.scopes.clone(),
            default_scopes: Vec::new(),
            access_token_algorithm: known.algorithm,
            id_token_algorithm: known.algorithm,
        }
    }
}
