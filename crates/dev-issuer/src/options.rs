//! What a caller decides about the issuer before it starts.

use std::net::{Ipv4Addr, SocketAddr};

use crate::{clients::StaticClient, emulate::Emulation, keys::Algorithm};

/// Everything that can be chosen. `Default` is a good server on a free port of 127.0.0.1 that knows no resource yet
/// (see [`DevIssuer::add_resource`](crate::DevIssuer::add_resource)) and asks a person for consent.
#[derive(Debug, Clone)]
pub struct DevIssuerOptions {
    /// Where to listen. Anything but a loopback address is refused; port 0 picks a free port.
    pub listen: SocketAddr,
    /// A path for the issuer identifier, such as `/tenant-a`; `None` for an issuer without a path. All endpoints
    /// live below it; the RFC 8414 metadata is served at the inserted location as well.
    pub issuer_path: Option<String>,
    /// Grants every authorization request at once instead of showing the consent page.
    pub auto_consent: bool,
    /// The protected resources tokens may be asked for. The first is the default when a client sends no `resource`.
    pub resources: Vec<Resource>,
    /// Accepts any absolute `http` or `https` URI as a resource, with whatever scopes are asked for.
    pub accept_any_resource: bool,
    /// Clients known from the start.
    pub clients: Vec<StaticClient>,
    /// Who logs in: there is no password, only this user.
    pub user: DemoUser,
    /// Life of an access token in seconds.
    pub access_token_lifetime: i64,
    /// Life of an authorization code in seconds.
    pub code_lifetime: i64,
    /// Life of an unused refresh token in seconds.
    pub refresh_token_lifetime: i64,
    /// One key is made for each; the first signs unless a client or a [`TokenSpec`](crate::TokenSpec) asks for another.
    pub algorithms: Vec<Algorithm>,
    /// `max-age` of the JWK set, in seconds.
    pub jwks_max_age: u32,
    /// Whether access tokens can be read by the resource server or must be introspected.
    pub token_format: TokenFormat,
    /// Serves the control API below `/control/`.
    pub control_api: bool,
    /// Passes itself off as this provider. Its issuer, paths, keys and clients then take the place of `issuer_path`
    /// and `algorithms`; `clients` are there beside the provider's own, and any resource that the provider would
    /// listen to is accepted where none is named.
    pub emulation: Option<Emulation>,
    /// Documents and tokens carry the host names of the emulated provider, for use behind a proxy that leads those
    /// names here. Requests are then answered by their path whatever host they name.
    pub real_names: bool,
}

impl Default for DevIssuerOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            issuer_path: None,
            auto_consent: false,
            resources: Vec::new(),
            accept_any_resource: false,
            clients: Vec::new(),
            user: DemoUser::default(),
            access_token_lifetime: 300,
            code_lifetime: 60,
            refresh_token_lifetime: 3600,
            algorithms: vec![Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa],
            jwks_max_age: 300,
            token_format: TokenFormat::Jwt,
            control_api: false,
            emulation: None,
            real_names: false,
        }
    }
}

/// How an access token looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFormat {
    /// A signed `at+jwt` (RFC 9068).
    Jwt,
    /// A random string that only the introspection endpoint understands (RFC 7662).
    Opaque,
}

/// A protected resource that tokens can be asked for (RFC 8707).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The canonical URI; becomes `aud`, byte for byte.
    pub uri: String,
    /// The scopes that exist there.
    pub scopes: Vec<ResourceScope>,
}

impl Resource {
    /// A resource without scopes.
    #[must_use]
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            scopes: Vec::new(),
        }
    }

    /// Adds a scope and what it means to the person who is asked for consent.
    #[must_use]
    pub fn scope(mut self, name: impl Into<String>, description: impl Into<String>) -> Self {
        self.scopes.push(ResourceScope {
            name: name.into(),
            description: description.into(),
        });
        self
    }
}

/// One scope of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceScope {
    /// The scope token (RFC 6749 §3.3).
    pub name: String,
    /// In words, for the consent page.
    pub description: String,
}

/// The one user of this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoUser {
    /// `sub`.
    pub subject: String,
    /// `name` in ID tokens, and on the consent page.
    pub name: String,
    /// `email`.
    pub email: String,
    /// `tenant_id`.
    pub tenant_id: String,
    /// `tier`.
    pub tier: String,
}

impl Default for DemoUser {
    fn default() -> Self {
        Self {
            subject: "user-ada".to_owned(),
            name: "Ada Example".to_owned(),
            email: "ada@example.com".to_owned(),
            tenant_id: "acme".to_owned(),
            tier: "pro".to_owned(),
        }
    }
}
