//! A throw-away issuer for tests: its own keys, and tokens signed with `aws-lc-rs`, never with our code.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of this"
)]

use std::sync::LazyLock;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oauthgate_core::{
    Audience, CompactJws, Issuer, JwkSet, Profile, Reason, ResourceIdentifier, TokenError,
    UnixTime, UserContext, Verifier,
};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://auth.example.com/";
pub const RESOURCE: &str = "https://mcp.example.com/mcp";
pub const NOW: i64 = 1_790_000_000;

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key pair that signs with every algorithm that fits its type.
pub enum KeyPair {
    Rsa(RsaKeyPair),
    Ec(&'static str, &'static str, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

pub static RSA: LazyLock<KeyPair> = LazyLock::new(KeyPair::rsa);
pub static OTHER_RSA: LazyLock<KeyPair> = LazyLock::new(KeyPair::rsa);
pub static P256: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::ec("ES256"));
pub static P384: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::ec("ES384"));
pub static P521: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::ec("ES512"));
pub static ED25519: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::Ed25519(Ed25519KeyPair::generate().unwrap()));

impl KeyPair {
    pub fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub fn ec(algorithm: &str) -> Self {
        let (curve, name, parameters) = match algorithm {
            "ES256" => ("P-256", "ES256", &ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ("P-384", "ES384", &ECDSA_P384_SHA384_FIXED_SIGNING),
            _ => ("P-521", "ES512", &ECDSA_P521_SHA512_FIXED_SIGNING),
        };
        Self::Ec(curve, name, EcdsaKeyPair::generate(parameters).unwrap())
    }

    /// The algorithms that fit this key.
    pub fn algorithms(&self) -> Vec<&'static str> {
        match self {
            Self::Rsa(_) => vec!["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
            Self::Ec(_, algorithm, _) => vec![algorithm],
            Self::Ed25519(_) => vec!["EdDSA"],
        }
    }

    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let encoding: &'static dyn signature::RsaEncoding = match algorithm {
                    "RS256" => &signature::RSA_PKCS1_SHA256,
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    other => panic!("{other} does not fit an RSA key"),
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Self::Ec(_, _, pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// The public JWK, without `kid` and `alg`.
    pub fn jwk(&self) -> Value {
        match self {
            Self::Rsa(pair) => {
                let (n, e) = rsa_components(pair.public_key().as_ref());
                json!({"kty": "RSA", "n": b64(n), "e": b64(e)})
            }
            Self::Ec(curve, _, pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)})
            }
            Self::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref())})
            }
        }
    }

    /// The public JWK with more members.
    pub fn jwk_with(&self, more: &Value) -> Value {
        merged(self.jwk(), more)
    }

    /// The public key as its raw bytes: DER for RSA, a point otherwise.
    pub fn public_bytes(&self) -> Vec<u8> {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Self::Ec(_, _, pair) => pair.public_key().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        }
    }
}

/// Members of the second object replace or join those of the first; `null` removes one.
pub fn merged(mut base: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            base.as_object_mut().unwrap().remove(name);
        } else {
            base[name] = value.clone();
        }
    }
    base
}

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }`.
fn rsa_components(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    fn element(der: &[u8]) -> (&[u8], &[u8]) {
        let (length, header) = match der[1] {
            short @ 0..=127 => (usize::from(short), 2),
            0x81 => (usize::from(der[2]), 3),
            _ => (usize::from(der[2]) * 256 + usize::from(der[3]), 4),
        };
        der[header..].split_at(length)
    }
    let (sequence, _) = element(der);
    let (n, rest) = element(sequence);
    let (e, _) = element(rest);
    let trimmed = |number: &[u8]| {
        number
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect()
    };
    (trimmed(n), trimmed(e))
}

/// The claims of a good token of a user.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "user-1", "aud": RESOURCE, "client_id": "client-1",
        "iat": NOW - 10, "exp": NOW + 3600, "scope": "tools:read tools:write", "jti": "1",
    })
}

/// Good claims with changes; `null` removes a claim.
pub fn claims_with(more: &Value) -> Value {
    merged(claims(), more)
}

/// Claims in which these members are there and say `null`.
pub fn with_nulls(mut claims: Value, names: &[&str]) -> Value {
    for name in names {
        claims[*name] = Value::Null;
    }
    claims
}

/// Signs header and payload, whatever they say.
pub fn sign_raw(pair: &KeyPair, algorithm: &str, header: &[u8], payload: &[u8]) -> String {
    let message = format!("{}.{}", b64(header), b64(payload));
    let signature = pair.sign(algorithm, message.as_bytes());
    format!("{message}.{}", b64(signature))
}

/// A token signed by this key, with the header's `alg` equal to the algorithm used.
pub fn sign(pair: &KeyPair, algorithm: &str, header: &Value, claims: &Value) -> String {
    let header = merged(json!({"alg": algorithm}), header);
    sign_raw(
        pair,
        algorithm,
        header.to_string().as_bytes(),
        claims.to_string().as_bytes(),
    )
}

/// A token of the P-256 key `key-1`.
pub fn token(claims: &Value) -> String {
    sign(
        &P256,
        "ES256",
        &json!({"kid": "key-1", "typ": "at+jwt"}),
        claims,
    )
}

/// A token of the P-256 key `key-1`, with the payload as written.
pub fn token_of_text(payload: &str) -> String {
    sign_raw(
        &P256,
        "ES256",
        br#"{"alg":"ES256","kid":"key-1","typ":"at+jwt"}"#,
        payload.as_bytes(),
    )
}

/// A key set out of JWKs.
pub fn key_set(keys: &[Value]) -> JwkSet {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// The issuer's key set: `key-1`, a P-256 key.
pub fn keys() -> JwkSet {
    key_set(&[P256.jwk_with(&json!({"kid": "key-1", "alg": "ES256", "use": "sig"}))])
}

pub fn issuer() -> Issuer {
    Issuer::new(ISSUER).unwrap()
}

pub fn resource() -> ResourceIdentifier {
    ResourceIdentifier::parse(RESOURCE).unwrap()
}

/// A verifier with the defaults.
pub fn verifier() -> Verifier {
    verifier_with(Profile::generic())
}

pub fn verifier_with(profile: Profile) -> Verifier {
    let builder = Verifier::builder()
        .issuer(issuer())
        .audiences(Audience::new(RESOURCE).unwrap(), []);
    builder
        .resource(resource())
        .profile(profile)
        .build()
        .unwrap()
}

/// The whole way of a token.
pub fn verify_with(
    verifier: &Verifier,
    keys: &JwkSet,
    token: &str,
    now: i64,
) -> Result<UserContext, TokenError> {
    let token = CompactJws::parse(token)?;
    let verified = verifier.verify_signature(&token, keys)?;
    let validated = verifier.validate(verified, UnixTime::from_secs(now))?;
    verifier.user_context(&validated)
}

/// Who the caller with these claims is to a profile, in a token without `typ`.
pub fn user_of(profile: Profile, claims: &Value) -> Result<UserContext, Reason> {
    let token = sign(&P256, "ES256", &json!({"kid": "key-1"}), claims);
    verify_with(&verifier_with(profile), &keys(), &token, NOW).map_err(|error| error.reason())
}

/// The whole way of a token, with the defaults.
pub fn verify(token: &str) -> Result<UserContext, TokenError> {
    verify_with(&verifier(), &keys(), token, NOW)
}

/// Why a token is refused with the defaults.
#[track_caller]
pub fn refusal(token: &str) -> Reason {
    match verify(token) {
        Err(error) => error.reason(),
        Ok(user) => panic!("accepted as {user:?}: {token}"),
    }
}

/// Why a token with these claims is refused with the defaults.
#[track_caller]
pub fn refusal_of(more: &Value) -> Reason {
    refusal(&token(&claims_with(more)))
}
