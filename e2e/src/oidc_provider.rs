//! npm `oidc-provider`: access tokens as JWTs, opaque, or encrypted; introspection and revocation.

use std::process::Command;

use serde_json::Value;

use crate::{
    authorization_server::SCOPES,
    browser::{Browser, client},
    login::{Login, Tokens, client_credentials},
    parts::{node, node_script},
    process::Process,
};

/// Of every client that has one.
const SECRET: &str = "machine-secret-for-loopback-tests";

/// In which form a program wants its access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A signed JWT (RFC 9068).
    Jwt,
    /// A random text that only introspection can tell about.
    Opaque,
    /// As [`Form::Opaque`], good for two seconds.
    Brief,
    /// A signed JWT, encrypted.
    Encrypted,
    /// A JWT with HS256, by [`OidcProvider::SHARED_SECRET`].
    Shared,
}

impl Form {
    fn client_id(self) -> &'static str {
        match self {
            Self::Jwt => "machine",
            Self::Opaque => "opaque-machine",
            Self::Brief => "brief-machine",
            Self::Encrypted => "sealed-machine",
            Self::Shared => "shared-machine",
        }
    }
}

/// A running `oidc-provider` that signs in and consents by itself.
#[derive(Debug)]
pub struct OidcProvider {
    issuer: String,
    introspection_key: Value,
    _process: Process,
}

impl OidcProvider {
    /// The secret that signs tokens of [`Form::Shared`].
    pub const SHARED_SECRET: &'static str = "shared-secret-for-loopback-tests";

    /// Starts one that signs access tokens with this algorithm.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(algorithm: &str) -> Self {
        let mut command = Command::new(node().path());
        command
            .arg(node_script("oidc-provider.mjs").path())
            .env("SCOPES", SCOPES)
            .env("ALG", algorithm);
        let mut process = Process::start("oidc-provider", command);
        let mut ready = process.until_ready_line().await;
        let issuer = ready["issuer"]
            .as_str()
            .expect("the ready line names the issuer");
        Self {
            issuer: issuer.to_owned(),
            introspection_key: ready["introspection_key"].take(),
            _process: process,
        }
    }

    /// Its issuer identifier.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The client that may introspect, and its secret.
    #[must_use]
    pub fn resource_server(&self) -> (&'static str, &'static str) {
        ("gate", SECRET)
    }

    /// The client that authenticates with a key (`private_key_jwt`), and that private key as a JWK.
    #[must_use]
    pub fn resource_server_by_key(&self) -> (&'static str, &Value) {
        ("gate-by-key", &self.introspection_key)
    }

    /// A program's access token.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn machine_token(&self, form: Form, resource: &str, scope: &str) -> String {
        let credentials = (form.client_id(), SECRET);
        client_credentials(&self.endpoint("token"), credentials, resource, scope).await
    }

    /// Alice's tokens, by the authorization code flow; the access token is a JWT, or opaque.
    ///
    /// # Panics
    /// When the login fails.
    pub async fn log_in(&self, form: Form, resource: &str) -> Tokens {
        let client_id = match form {
            Form::Jwt => "person",
            Form::Opaque => "opaque-person",
            _ => panic!("no person's client wants {form:?}"),
        };
        let login = Login {
            authorization_endpoint: self.endpoint("auth"),
            token_endpoint: self.endpoint("token"),
            client_id,
            scope: "openid offline_access mcp:read",
            resource,
            more: &[("prompt", "consent")],
        };
        login.play(&mut Browser::default()).await
    }

    /// Takes a program's token back (RFC 7009).
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn revoke(&self, form: Form, token: &str) {
        let request = client().post(self.endpoint("token/revocation"));
        let request = request.form(&[("token", token)]);
        send(request.basic_auth(form.client_id(), Some(SECRET))).await;
    }

    /// Signs with a new key from now on, of another algorithm where one is named. With `keep_old` the
    /// others stay published.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn rotate(&self, algorithm: Option<&str>, keep_old: bool) {
        let request = client().post(self.endpoint("_rotate"));
        let algorithm = algorithm.map(|name| ("alg", name));
        let hard = (!keep_old).then_some(("hard", "true"));
        let query: Vec<_> = algorithm.into_iter().chain(hard).collect();
        send(request.query(&query)).await;
    }

    fn endpoint(&self, path: &str) -> String {
        format!("{}/{path}", self.issuer)
    }
}

async fn send(request: reqwest::RequestBuilder) {
    let response = request.send().await.expect("an answer");
    let (url, status) = (response.url().clone(), response.status());
    assert!(status.is_success(), "oidc-provider refuses {url}: {status}");
}
