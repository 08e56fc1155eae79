//! Real authorization servers on loopback: our dev issuer and npm `oidc-provider`.

use std::process::Command;

use oauthgate_dev_issuer::{DevIssuer, DevIssuerOptions, TokenSpec};
use serde_json::Value;

use crate::{
    browser,
    parts::{node, node_script},
    process::Process,
};

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
    OidcProvider(#[expect(dead_code, reason = "ends the process when dropped")] Process),
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
        let mut command = Command::new(node().path());
        command
            .arg(node_script("oidc-provider.mjs").path())
            .env("SCOPES", SCOPES)
            .env("ALG", algorithm);
        let mut process = Process::start("oidc-provider", command);
        let ready = process.until_ready_line().await;
        let issuer = ready["issuer"]
            .as_str()
            .expect("the ready line names the issuer")
            .to_owned();
        Self {
            issuer,
            running: Running::OidcProvider(process),
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
            Running::OidcProvider(_) => self.client_credentials(resource, scope).await,
        }
    }

    async fn client_credentials(&self, resource: &str, scope: &str) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", scope),
            ("resource", resource),
        ];
        let request = browser::client()
            .post(format!("{}/token", self.issuer))
            .form(&form);
        let request = request.basic_auth("machine", Some("machine-secret-for-loopback-tests"));
        let response = request.send().await.expect("the token endpoint answers");
        let status = response.status();
        let answer: Value = response.json().await.expect("a token response is JSON");
        answer["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("no token: {status} {answer}"))
            .to_owned()
    }

    /// Puts a new signing key first. With `keep_old` the others stay published.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn rotate(&self, keep_old: bool) {
        if let Running::DevIssuer(issuer) = &self.running {
            return issuer.rotate_keys(keep_old);
        }
        let path = if keep_old {
            "/_rotate"
        } else {
            "/_rotate?hard"
        };
        let response = browser::client()
            .post(format!("{}{path}", self.issuer))
            .send()
            .await
            .expect("an answer");
        assert!(
            response.status().is_success(),
            "rotation refused: {}",
            response.status()
        );
    }
}
