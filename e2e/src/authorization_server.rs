//! Real authorization servers on loopback: our dev issuer and npm `oidc-provider`.

use oauthgate_dev_issuer::{DevIssuer, DevIssuerOptions, TokenSpec};

use crate::oidc_provider::{Form, OidcProvider};

/// The scopes of every protected resource in these tests.
pub const SCOPES: &str = "mcp:read mcp:write";

/// Which authorization server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Our dev issuer.
    DevIssuer,
    /// npm `oidc-provider`.
    OidcProvider,
}

#[derive(Debug)]
enum Running {
    DevIssuer(DevIssuer),
    OidcProvider(OidcProvider),
}

/// A running authorization server that signs in and consents by itself.
#[derive(Debug)]
pub struct AuthorizationServer {
    issuer: String,
    running: Running,
}

impl AuthorizationServer {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(kind: Kind) -> Self {
        match kind {
            Kind::DevIssuer => Self::dev_issuer().await,
            Kind::OidcProvider => Self::oidc_provider("RS256").await,
        }
    }

    /// Our dev issuer, for every resource.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn dev_issuer() -> Self {
        let options = DevIssuerOptions {
            auto_consent: true,
            accept_any_resource: true,
            ..DevIssuerOptions::default()
        };
        let issuer = DevIssuer::start(options)
            .await
            .expect("the dev issuer starts");
        Self {
            issuer: issuer.issuer().to_owned(),
            running: Running::DevIssuer(issuer),
        }
    }

    /// npm `oidc-provider`, signing access tokens with the algorithm given.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn oidc_provider(algorithm: &str) -> Self {
        let server = OidcProvider::start(algorithm).await;
        Self {
            issuer: server.issuer().to_owned(),
            running: Running::OidcProvider(server),
        }
    }

    /// Its issuer identifier.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether its keys are the throw-away ones that the gate accepts only when told to.
    #[must_use]
    pub fn is_dev_issuer(&self) -> bool {
        matches!(self.running, Running::DevIssuer(_))
    }

    /// The dev issuer itself, for tokens bent in any way.
    ///
    /// # Panics
    /// When this is another server.
    #[must_use]
    pub fn as_dev_issuer(&self) -> &DevIssuer {
        match &self.running {
            Running::DevIssuer(issuer) => issuer,
            Running::OidcProvider(_) => panic!("oidc-provider forges nothing"),
        }
    }

    /// A good access token for a resource, without a login.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn token(&self, resource: &str, scope: &str) -> String {
        match &self.running {
            Running::DevIssuer(issuer) => issuer.mint(TokenSpec::new(resource).scope(scope)),
            Running::OidcProvider(server) => server.machine_token(Form::Jwt, resource, scope).await,
        }
    }

    /// Puts a new signing key first. With `keep_old` the others stay published.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn rotate(&self, keep_old: bool) {
        match &self.running {
            Running::DevIssuer(issuer) => issuer.rotate_keys(keep_old),
            Running::OidcProvider(server) => server.rotate(None, keep_old).await,
        }
    }
}
