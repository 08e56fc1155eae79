//! Keys that sign, straight with the crypto library.

use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::unix_now;

pub(crate) const AUDIENCE: &str = "https://mcp.example.com/mcp";

/// An Ed25519 key with a `kid`, or without.
pub(crate) struct TestKey {
    pair: Ed25519KeyPair,
    key_id: Option<String>,
}

impl TestKey {
    pub(crate) fn new(key_id: &str) -> Self {
        Self {
            key_id: Some(key_id.to_owned()),
            ..Self::without_key_id()
        }
    }

    pub(crate) fn without_key_id() -> Self {
        Self {
            pair: Ed25519KeyPair::generate().unwrap(),
            key_id: None,
        }
    }

    /// The public key as a member of a set.
    pub(crate) fn jwk(&self) -> Value {
        let x = BASE64_URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        let mut jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "use": "sig", "alg": "EdDSA"});
        if let Some(key_id) = &self.key_id {
            jwk["kid"] = json!(key_id);
        }
        jwk
    }

    /// A compact JWS over these claims; `more` goes into the header.
    pub(crate) fn sign_with(&self, claims: &Value, more: &Value) -> String {
        let mut header = json!({"alg": "EdDSA", "typ": "at+jwt"});
        if let Some(key_id) = &self.key_id {
            header["kid"] = json!(key_id);
        }
        for (name, value) in more.as_object().unwrap() {
            header[name] = value.clone();
        }
        let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.pair.sign(input.as_bytes());
        format!(
            "{input}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref())
        )
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(claims, &json!({}))
    }

    /// A good token of this issuer, for [`AUDIENCE`].
    pub(crate) fn token(&self, issuer: &str) -> String {
        self.sign(&claims(issuer))
    }
}

/// A token with a code (HS256) of this secret.
pub(crate) fn with_mac(secret: &str, key_id: &str, claims: &Value) -> String {
    let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": key_id});
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&header), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let code = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(code.as_ref()))
}

/// Good claims of this issuer, for [`AUDIENCE`].
pub(crate) fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer, "aud": AUDIENCE, "sub": "ada", "client_id": "app", "scope": "tools:read",
        "iat": unix_now(), "exp": unix_now() + 3_600,
    })
}

/// A token that names a `kid` nobody has: the signature is junk, as a stranger's would be.
pub(crate) fn token_for(issuer: &str, key_id: &str) -> String {
    TestKey::new(key_id).token(issuer)
}

/// A set of these keys.
pub(crate) fn jwks(keys: &[&TestKey]) -> Vec<u8> {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    json!({ "keys": keys }).to_string().into_bytes()
}
