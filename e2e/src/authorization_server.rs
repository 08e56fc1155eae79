//! Real authorization servers on loopback: our dev issuer and npm `oidc-provider`.

use std::process::Command;

use serde_json::Value;

use crate::{
    browser,
    parts::{binary, node, node_script},
    process::Process,
};

/// The scopes of every protected resource in these tests.
pub const SCOPES: &str = "mcp:read mcp:write";

/// Which authorization server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `oauthgate dev-issuer`.
    DevIssuer,
    /// npm `oidc-provider`.
    OidcProvider,
}

/// A running authorization server that signs in and consents by itself.
#[derive(Debug)]
pub struct AuthorizationServer {
    /// Which one.
    pub kind: Kind,
    /// Its issuer identifier.
    pub issuer: String,
    _process: Process,
}

impl AuthorizationServer {
    /// Starts one.
    pub async fn start(kind: Kind) -> Self {
        match kind {
            Kind::DevIssuer => Self::dev_issuer().await,
            Kind::OidcProvider => Self::oidc_provider("RS256").await,
        }
    }

    /// npm `oidc-provider`, signing access tokens with the algorithm given.
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
            kind: Kind::OidcProvider,
            issuer,
            _process: process,
        }
    }

    async fn dev_issuer() -> Self {
        let mut command = Command::new(binary("oauthgate").path());
        command.args(["dev-issuer", "--listen", "127.0.0.1:0", "--auto-consent"]);
        let mut process = Process::start("dev-issuer", command);
        let ready = process.until_ready_line().await;
        let issuer = ready["issuer"]
            .as_str()
            .expect("the ready line names the issuer")
            .to_owned();
        Self {
            kind: Kind::DevIssuer,
            issuer,
            _process: process,
        }
    }

    /// An access token of a machine for a resource, by client credentials.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn machine_token(&self, resource: &str, scope: &str) -> String {
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

    /// Puts a new signing key first; the old ones stay unless `hard`.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn rotate(&self, hard: bool) {
        let path = if hard { "/_rotate?hard" } else { "/_rotate" };
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
