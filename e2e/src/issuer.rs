//! An authorization server of which nothing is real but its keys: where its documents lie, what they
//! say and how they are served is the test's business.

use std::sync::Arc;

use oauthgate_dev_issuer::{Algorithm, DevIssuer, DevIssuerOptions, SignatureForgery, TokenSpec};
use serde_json::{Value, json};

use crate::outlet::Outlet;

/// Signs tokens for any issuer, with keys that it can change.
#[derive(Debug, Clone)]
pub struct Signer {
    keys: Arc<DevIssuer>,
}

impl Signer {
    /// One key for ES256.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        let options = DevIssuerOptions {
            algorithms: vec![Algorithm::Es256],
            ..DevIssuerOptions::default()
        };
        let keys = DevIssuer::start(options).await.expect("a signer starts");
        Self {
            keys: Arc::new(keys),
        }
    }

    /// The public keys, newest first.
    #[must_use]
    pub fn jwk_set(&self) -> Value {
        self.keys.jwk_set()
    }

    /// The `kid` of the key that signs.
    ///
    /// # Panics
    /// Never in practice: there is always a key.
    #[must_use]
    pub fn key_id(&self) -> String {
        let set = self.jwk_set();
        let key_id = set["keys"][0]["kid"].as_str();
        key_id.expect("every key has a kid").to_owned()
    }

    /// Another key signs from now on; with `keep_old` the others stay in the set.
    pub fn rotate(&self, keep_old: bool) {
        self.keys.rotate_keys(keep_old);
    }

    /// Signs whatever is specified.
    #[must_use]
    pub fn mint(&self, specification: TokenSpec) -> String {
        self.keys.mint(specification)
    }
}

/// An issuer with a signer behind it: a metadata document at one port, a key set at another.
#[derive(Debug)]
pub struct Issuer {
    /// Signs its tokens.
    pub signer: Signer,
    /// Its metadata.
    pub metadata: Outlet,
    /// Its keys.
    pub keys: Outlet,
    name: String,
}

impl Issuer {
    /// One with a signer of its own.
    pub async fn start() -> Self {
        Self::with(Signer::start().await).await
    }

    /// One whose keys are this signer's.
    pub async fn with(signer: Signer) -> Self {
        let keys = Outlet::start(signer.jwk_set().to_string()).await;
        let metadata = Outlet::start(Vec::new()).await;
        let name = format!("http://127.0.0.1:{}", metadata.port());
        let issuer = Self {
            signer,
            metadata,
            keys,
            name,
        };
        issuer.moves_keys_to(&issuer.keys.url());
        issuer
    }

    /// The issuer identifier.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its metadata names this place from now on.
    pub fn moves_keys_to(&self, jwks_uri: &str) {
        let document = json!({ "issuer": self.name, "jwks_uri": jwks_uri });
        self.metadata.publish(document.to_string());
    }

    /// Publishes another key, which signs from now on.
    pub fn rotate(&self, keep_old: bool) {
        self.signer.rotate(keep_old);
        self.publish();
    }

    /// Publishes what the signer has.
    pub fn publish(&self) {
        self.keys.publish(self.signer.jwk_set().to_string());
    }

    /// What a good token for this resource says.
    #[must_use]
    pub fn specification(&self, resource: &str) -> TokenSpec {
        TokenSpec::new(resource)
            .scope("mcp:read")
            .claim("iss", self.name.as_str())
            .lifetime(3600)
    }

    /// A good token.
    #[must_use]
    pub fn token(&self, resource: &str) -> String {
        self.signer.mint(self.specification(resource))
    }

    /// A token like a good one, whose `kid` nobody knows.
    #[must_use]
    pub fn stranger(&self, resource: &str, key_id: &str) -> String {
        let mut specification = self.specification(resource);
        specification.kid = Some(key_id.to_owned());
        self.signer
            .mint(specification.signature(SignatureForgery::ForeignKey))
    }

    /// Tokens like good ones that are not: signed by another key under a good `kid`, with one bit flipped,
    /// without a signature, under an unknown `kid`, under no `kid`, with `alg: none`, and none at all.
    #[must_use]
    pub fn forged(&self, resource: &str) -> Vec<(&'static str, String)> {
        let bent = |forgery| {
            let specification = self.specification(resource).signature(forgery);
            self.signer.mint(specification)
        };
        let foreign = || {
            self.specification(resource)
                .signature(SignatureForgery::ForeignKey)
        };
        let unsigned = self
            .specification(resource)
            .header("alg", "none")
            .signature(SignatureForgery::Stripped);
        vec![
            ("another key", bent(SignatureForgery::ForeignKey)),
            ("a flipped bit", bent(SignatureForgery::Flipped)),
            ("no signature", bent(SignatureForgery::Stripped)),
            ("an unknown kid", self.stranger(resource, "unknown")),
            (
                "no kid",
                self.signer.mint(foreign().header("kid", Value::Null)),
            ),
            ("alg none", self.signer.mint(unsigned)),
            ("an opaque token", "2YotnFZFEjr1zCsicMWpAA".to_owned()),
        ]
    }
}
