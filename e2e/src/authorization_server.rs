//! Real authorization servers on loopback: our dev issuer and npm `oidc-provider`.

use oauthgate_dev_issuer::{DevIssuer, DevIssuerOptions, StaticClient, TokenFormat, TokenSpec};

use crate::{
    browser::{Browser, REDIRECT_URI, client},
    login::{Login, Tokens},
    oidc_provider::{Form, OidcProvider},
};

/// The scopes of every protected resource in these tests.
pub const SCOPES: &str = "mcp:read mcp:write";

/// The public client of a person, where one is known from the start.
const PERSON: &str = "person";
/// Who asks about opaque tokens, and its secret.
const ASKER: [&str; 2] = ["gate", "of these tests"];

/// Which authorization server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Our dev issuer.
    DevIssuer,
    /// The same, with access tokens that nobody else can read.
    OpaqueDevIssuer,
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
    is_opaque: bool,
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
            Kind::OpaqueDevIssuer => Self::dev_issuer_of(TokenFormat::Opaque, None).await,
            Kind::OidcProvider => Self::oidc_provider("RS256").await,
        }
    }

    /// Our dev issuer, for every resource.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn dev_issuer() -> Self {
        Self::dev_issuer_of(TokenFormat::Jwt, None).await
    }

    /// Our dev issuer, whose access tokens live so many seconds.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn dev_issuer_of_short_tokens(seconds: i64) -> Self {
        Self::dev_issuer_of(TokenFormat::Jwt, Some(seconds)).await
    }

    async fn dev_issuer_of(token_format: TokenFormat, lifetime: Option<i64>) -> Self {
        let [asker, secret] = ASKER;
        let usual = DevIssuerOptions::default();
        let options = DevIssuerOptions {
            auto_consent: true,
            accept_any_resource: true,
            token_format,
            access_token_lifetime: lifetime.unwrap_or(usual.access_token_lifetime),
            clients: vec![
                StaticClient::confidential(asker, secret),
                StaticClient::public(PERSON, REDIRECT_URI),
            ],
            ..usual
        };
        let issuer = DevIssuer::start(options)
            .await
            .expect("the dev issuer starts");
        Self {
            issuer: issuer.issuer().to_owned(),
            is_opaque: token_format == TokenFormat::Opaque,
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
            is_opaque: false,
            running: Running::OidcProvider(server),
        }
    }

    /// Its issuer identifier.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What a gate must be told besides the issuer.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let is_dev_issuer = matches!(self.running, Running::DevIssuer(_));
        let keys = (
            "OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER",
            is_dev_issuer.to_string(),
        );
        let [asker, secret] = ASKER.map(str::to_owned);
        let asked = [
            ("OAUTHGATE_TOKEN_MODE", "auto".to_owned()),
            ("OAUTHGATE_INTROSPECTION_CLIENT_ID", asker),
            ("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", secret),
        ];
        let asked = asked.into_iter().filter(|_| self.is_opaque);
        std::iter::once(keys).chain(asked).collect()
    }

    /// A person's login at the dev issuer for this resource, by a browser.
    ///
    /// # Panics
    /// When this is another server, or the login fails.
    pub async fn log_in(&self, resource: &str) -> Tokens {
        let issuer = self.as_dev_issuer().issuer();
        let login = Login {
            authorization_endpoint: format!("{issuer}/authorize"),
            token_endpoint: format!("{issuer}/token"),
            client_id: PERSON,
            scope: "openid mcp:read",
            resource,
            more: &[],
        };
        login.play(&mut Browser::default()).await
    }

    /// Takes back what [`Self::log_in`] gave (RFC 7009).
    ///
    /// # Panics
    /// When this is another server, or it refuses.
    pub async fn revoke(&self, token: &str) {
        let url = format!("{}/revoke", self.as_dev_issuer().issuer());
        let form = [("token", token), ("client_id", PERSON)];
        let answer = client().post(url).form(&form).send().await;
        let status = answer.expect("an answer").status();
        assert!(status.is_success(), "not revoked: {status}");
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
