//! The token that everybody validates: as long, and with as many claims, as real providers issue.

use std::time::SystemTime;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{self, KeySize},
    signature::{
        self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        RSA_PKCS1_SHA256, VerificationAlgorithm,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://login.example.com/tenants/7f1c2d";
pub(crate) const AUDIENCE: &str = "https://mcp.example.com/mcp";
/// Which of the issuer's keys signs.
pub(crate) const KEY_ID: &str = "q8yZ3mXb-2026-11";

/// The algorithms that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rs256,
    Es256,
    EdDsa,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(crate) fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::EdDsa => &signature::ED25519,
        }
    }
}

/// A token, its key, and when it is valid.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) kind: Kind,
    pub(crate) token: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) jwk: Value,
    pub(crate) now: i64,
}

impl Fixture {
    pub(crate) fn new(kind: Kind) -> Self {
        let now = now();
        let header = json!({"alg": kind.name(), "typ": "at+jwt", "kid": KEY_ID});
        let signing_input = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims(ISSUER, now, 0).to_string())
        );
        let (public_key, jwk, signature) = sign(kind, signing_input.as_bytes());
        let token = format!("{signing_input}.{}", encode(signature));
        Self {
            kind,
            token,
            public_key,
            jwk,
            now,
        }
    }

    /// The signed bytes and the signature, as the raw check wants them.
    pub(crate) fn signed_parts(&self) -> (Vec<u8>, Vec<u8>) {
        let (signed, signature) = self.token.rsplit_once('.').expect("a token has dots");
        (
            signed.as_bytes().to_vec(),
            URL_SAFE_NO_PAD.decode(signature).expect("we encoded it"),
        )
    }
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("the clock is past 1970");
    i64::try_from(since_epoch.as_secs()).expect("it is not that late")
}

/// Every number is another caller with another token.
pub(crate) fn claims(issuer: &str, now: i64, number: usize) -> Value {
    json!({
        "iss": issuer, "aud": AUDIENCE, "sub": format!("00u1a2b3c4D5E6{number:06}"), "client_id": "0oa9z8y7X6W5V4u3t2s1",
        "iat": now - 5, "exp": now + 86_400, "jti": format!("AT.Zt0b3VyIHRv{number:06}"), "scope": "openid mcp:read mcp:write",
        "email": "alice@example.com", "tenant_id": "7f1c2d", "tier": "pro", "groups": ["engineering", "platform"],
    })
}

/// A key for RS256, 2048 bits long.
#[derive(Debug)]
pub(crate) struct RsaKey(rsa::KeyPair);

impl RsaKey {
    pub(crate) fn generate() -> Self {
        Self(rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key"))
    }

    /// A DER `RSAPublicKey`.
    pub(crate) fn public_key(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// The public half, as a key set shows it.
    pub(crate) fn jwk(&self) -> Value {
        let public_key = self.public_key();
        let [modulus, exponent] = rsa_components(&public_key);
        let jwk = json!({"kty": "RSA", "n": encode(modulus), "e": encode(exponent)});
        complete(jwk, Kind::Rs256)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        let random = SystemRandom::new();
        self.0
            .sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
            .expect("a signature");
        signature
    }
}

/// Makes a key and signs with it: public key for the crypto library, JWK, signature.
fn sign(kind: Kind, message: &[u8]) -> (Vec<u8>, Value, Vec<u8>) {
    let random = SystemRandom::new();
    match kind {
        Kind::Rs256 => {
            let key = RsaKey::generate();
            (key.public_key(), key.jwk(), key.sign(message))
        }
        Kind::Es256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
            let signature = pair
                .sign(&random, message)
                .expect("a signature")
                .as_ref()
                .to_vec();
            let public_key = pair.public_key().as_ref().to_vec();
            let (x, y) = public_key[1..].split_at(32);
            let jwk = json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)});
            (public_key.clone(), complete(jwk, kind), signature)
        }
        Kind::EdDsa => {
            let pair = Ed25519KeyPair::generate().expect("a key");
            let signature = pair.sign(message).as_ref().to_vec();
            let public_key = pair.public_key().as_ref().to_vec();
            let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&public_key)});
            (public_key, complete(jwk, kind), signature)
        }
    }
}

fn complete(mut jwk: Value, kind: Kind) -> Value {
    jwk["kid"] = KEY_ID.into();
    jwk["use"] = "sig".into();
    jwk["alg"] = kind.name().into();
    jwk
}

/// Modulus and exponent of a DER `RSAPublicKey` (RFC 8017 §A.1.1) of our own making.
fn rsa_components(der: &[u8]) -> [&[u8]; 2] {
    let sequence = der_value(der).0;
    let (modulus, rest) = der_value(sequence);
    let (exponent, _) = der_value(rest);
    [modulus, exponent].map(|integer| {
        if integer[0] == 0 {
            &integer[1..]
        } else {
            integer
        }
    })
}

/// The content of the first element and what follows it.
fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match der[1] {
        short @ 0..=0x7f => (usize::from(short), 2),
        long => {
            let octets = usize::from(long & 0x7f);
            (
                der[2..2 + octets]
                    .iter()
                    .fold(0, |length, octet| length << 8 | usize::from(*octet)),
                2 + octets,
            )
        }
    };
    (&der[start..start + length], &der[start + length..])
}
