//! Signing keys of the bench's own authorization server, good tokens, and tokens that strangers make up.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// How many different good tokens go round.
const TOKENS: usize = 32;
/// The octets of an ES256 signature.
const SIGNATURE_LENGTH: usize = 64;

/// Who issues tokens, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct Parties {
    pub(crate) issuer: String,
    pub(crate) audience: String,
}

/// An ES256 key, which all contenders know.
#[derive(Debug)]
pub(crate) struct SigningKey {
    key_id: String,
    pair: EcdsaKeyPair,
}

impl SigningKey {
    pub(crate) fn generate(key_id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .expect("the system has randomness");
        Self {
            key_id: key_id.to_owned(),
            pair,
        }
    }

    /// The public half, as a key set shows it.
    pub(crate) fn jwk(&self) -> Value {
        // An uncompressed point: 0x04, x, y (SEC 1, 2.3.3).
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y),
            "kid": self.key_id, "use": "sig", "alg": "ES256",
        })
    }

    /// Some good tokens.
    pub(crate) fn tokens(&self, parties: &Parties) -> Vec<String> {
        (0..TOKENS)
            .map(|number| {
                let input = signing_input(&self.key_id, parties, number as u64);
                let signature = self
                    .pair
                    .sign(&SystemRandom::new(), input.as_bytes())
                    .expect("a key in memory signs");
                format!("{input}.{}", encode(signature))
            })
            .collect()
    }
}

/// Makes up tokens: everything is right but the `kid`, a new one each time, and the signature.
#[derive(Debug)]
pub(crate) struct Stranger {
    parties: Parties,
    made: AtomicU64,
}

impl Stranger {
    pub(crate) fn new(parties: Parties) -> Self {
        Self {
            parties,
            made: AtomicU64::new(0),
        }
    }

    pub(crate) fn token(&self) -> String {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; SIGNATURE_LENGTH];
        aws_lc_rs::rand::fill(&mut random).expect("the system has randomness");
        let input = signing_input(&encode(&random[..12]), &self.parties, number);
        format!("{input}.{}", encode(random))
    }
}

fn signing_input(key_id: &str, parties: &Parties, number: u64) -> String {
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": key_id});
    let now = now();
    let claims = json!({
        "iss": parties.issuer, "aud": parties.audience, "sub": "user-1", "client_id": "client-1",
        "iat": now - 5, "exp": now + 86_400, "jti": format!("token-{number}"), "scope": "mcp:read",
    });
    format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims.to_string())
    )
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("the clock is past 1970")
        .as_secs()
}
