//! `private_key_jwt`: we prove who we are by a signature (RFC 7523 §2.2, §3).
//!
//! The assertion names the issuer as its only audience, as RFC 7523bis §4 demands: one that named the
//! endpoint could be made to fit an attacker's. A server that wants another audience gets it only by the
//! operator's word, never by its metadata's. The assertion lives a minute and carries a random `jti`.

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::{
    constant_time, rand,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
        RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oauthgate_core::{SettingError, UnixTime, json::strict_object};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use serde_json::{Map, Value, json};

use super::trouble::Trouble;

const LIFE: Duration = Duration::from_secs(60);
/// No key file is longer.
const LONGEST: usize = 64 * 1024;
const EXPECTED: &str = "a private key as PEM (`-----BEGIN PRIVATE KEY-----`, PKCS#8), or as one private JWK: RSA from 2048 bits, P-256, P-384, P-521 or Ed25519";

/// The private key by which we prove who we are. `Debug` shows its algorithm and no more.
#[derive(Clone)]
pub struct AssertionKey {
    shared: Arc<Shared>,
}

struct Shared {
    pair: Pair,
    algorithm: &'static str,
    key_id: Option<String>,
    /// What it was read from, so that equal settings can be told.
    text: String,
}

enum Pair {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl AssertionKey {
    /// Reads the content of a key file: PEM, or one private JWK, whose `kid` and `alg` are then used.
    ///
    /// # Errors
    /// When it holds no private key that can sign, or an encrypted one. Nothing of it is told.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        if text.len() > LONGEST {
            return Err(SettingError::new("the key is longer than 64 KiB", EXPECTED));
        }
        let (pair, algorithm, key_id) = if text.trim_start().starts_with('{') {
            of_jwk(text)?
        } else {
            let (pair, algorithm) = of_pem(text)?;
            (pair, algorithm, None)
        };
        Ok(Self {
            shared: Arc::new(Shared {
                pair,
                algorithm,
                key_id,
                text: text.to_owned(),
            }),
        })
    }

    /// A new assertion that this client is who it says, for this audience.
    pub(super) fn assertion(
        &self,
        client_id: &str,
        audience: &str,
        now: UnixTime,
    ) -> Result<String, Trouble> {
        let mut unique = [0_u8; 16];
        let failed = |_| Trouble::unavailable("the machine's randomness or our key fails");
        rand::fill(&mut unique).map_err(failed)?;
        let mut header = json!({"alg": self.shared.algorithm, "typ": "client-authentication+jwt"});
        if let (Some(key_id), Some(members)) = (&self.shared.key_id, header.as_object_mut()) {
            members.insert("kid".to_owned(), key_id.as_str().into());
        }
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": audience,
            "iat": now.as_secs(), "exp": now.saturating_add(LIFE).as_secs(),
            "jti": URL_SAFE_NO_PAD.encode(unique),
        });
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = self.shared.pair.sign(signed.as_bytes()).map_err(failed)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

impl Pair {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature)?;
                Ok(signature)
            }
            Self::Ec(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssertionKey({})", self.shared.algorithm)
    }
}

impl PartialEq for AssertionKey {
    fn eq(&self, other: &Self) -> bool {
        let [one, two] = [self, other].map(|key| key.shared.text.as_bytes());
        constant_time::verify_slices_are_equal(one, two).is_ok()
    }
}

impl Eq for AssertionKey {}

fn of_pem(text: &str) -> Result<(Pair, &'static str), SettingError> {
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(SettingError::new("the key is encrypted", EXPECTED));
    }
    let unreadable = || SettingError::new("there is no private key in it", EXPECTED);
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| unreadable())?;
    match key {
        PrivateKeyDer::Pkcs8(der) => of_pkcs8(der.secret_pkcs8_der()).ok_or_else(unreadable),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der())
            .ok()
            .and_then(of_rsa)
            .ok_or_else(unreadable),
        _ => Err(SettingError::new(
            "the key has the old form of OpenSSL for elliptic curves (SEC 1)",
            "the same key as PKCS#8: openssl pkcs8 -topk8 -nocrypt -in old.pem -out new.pem",
        )),
    }
}

const CURVES: [(&str, &str, &EcdsaSigningAlgorithm, usize); 3] = [
    ("P-256", "ES256", &ECDSA_P256_SHA256_FIXED_SIGNING, 32),
    ("P-384", "ES384", &ECDSA_P384_SHA384_FIXED_SIGNING, 48),
    ("P-521", "ES512", &ECDSA_P521_SHA512_FIXED_SIGNING, 66),
];

fn of_pkcs8(der: &[u8]) -> Option<(Pair, &'static str)> {
    if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
        return of_rsa(pair);
    }
    for (_, name, algorithm, _) in CURVES {
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(algorithm, der) {
            return Some((Pair::Ec(pair), name));
        }
    }
    let pair = Ed25519KeyPair::from_pkcs8(der).ok()?;
    Some((Pair::Ed25519(pair), "EdDSA"))
}

fn of_rsa(pair: RsaKeyPair) -> Option<(Pair, &'static str)> {
    (pair.public_modulus_len() >= KeySize::Rsa2048.len())
        .then_some((Pair::Rsa(pair, &RSA_PKCS1_SHA256), "RS256"))
}

fn of_jwk(text: &str) -> Result<(Pair, &'static str, Option<String>), SettingError> {
    let wrong = || SettingError::new("this is no private JWK that can sign", EXPECTED);
    let jwk = strict_object(text.as_bytes(), LONGEST).map_err(|_| wrong())?;
    if jwk.contains_key("keys") {
        return Err(SettingError::new("this is a set of keys", EXPECTED));
    }
    let member = |name: &str| jwk.get(name).and_then(Value::as_str);
    let (pair, algorithm) = match member("kty") {
        Some("RSA") => rsa_of_jwk(&jwk),
        Some("EC") => ec_of_jwk(&jwk),
        Some("OKP") if member("crv") == Some("Ed25519") => ed25519_of_jwk(&jwk),
        _ => None,
    }
    .ok_or_else(wrong)?;
    if member("alg").is_some_and(|named| named != algorithm) {
        return Err(wrong());
    }
    Ok((pair, algorithm, member("kid").map(str::to_owned)))
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    let text = jwk.get(name)?.as_str()?;
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .filter(|bytes| !bytes.is_empty())
}

/// An RSA key may be for one algorithm only, and a JWK says for which.
fn rsa_of_jwk(jwk: &Map<String, Value>) -> Option<(Pair, &'static str)> {
    let mut content = integer(&[0]);
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        content.extend(integer(&bytes(jwk, name)?));
    }
    let pair = RsaKeyPair::from_der(&element(0x30, &content)).ok()?;
    let (Pair::Rsa(pair, _), _) = of_rsa(pair)? else {
        return None;
    };
    let (encoding, name): (&'static dyn RsaEncoding, _) = match jwk.get("alg").map(Value::as_str) {
        None | Some(Some("RS256")) => (&RSA_PKCS1_SHA256, "RS256"),
        Some(Some("RS384")) => (&RSA_PKCS1_SHA384, "RS384"),
        Some(Some("RS512")) => (&RSA_PKCS1_SHA512, "RS512"),
        Some(Some("PS256")) => (&RSA_PSS_SHA256, "PS256"),
        Some(Some("PS384")) => (&RSA_PSS_SHA384, "PS384"),
        Some(Some("PS512")) => (&RSA_PSS_SHA512, "PS512"),
        _ => return None,
    };
    Some((Pair::Rsa(pair, encoding), name))
}

fn ec_of_jwk(jwk: &Map<String, Value>) -> Option<(Pair, &'static str)> {
    let curve = jwk.get("crv")?.as_str()?;
    let (_, name, algorithm, length) = CURVES.into_iter().find(|(name, ..)| *name == curve)?;
    let full = |name| bytes(jwk, name).filter(|bytes| bytes.len() == length);
    let point = [vec![4], full("x")?, full("y")?].concat();
    let pair =
        EcdsaKeyPair::from_private_key_and_public_key(algorithm, &full("d")?, &point).ok()?;
    Some((Pair::Ec(pair), name))
}

fn ed25519_of_jwk(jwk: &Map<String, Value>) -> Option<(Pair, &'static str)> {
    let pair = Ed25519KeyPair::from_seed_and_public_key(&bytes(jwk, "d")?, &bytes(jwk, "x")?);
    Some((Pair::Ed25519(pair.ok()?), "EdDSA"))
}

/// A DER INTEGER that is not negative.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.get(start..).unwrap_or_default();
    let needs_zero = digits.first().is_none_or(|first| *first >= 0x80);
    let content = [if needs_zero { &[0][..] } else { &[] }, digits].concat();
    element(2, &content)
}

/// A DER element with this tag.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let start = length.iter().take_while(|byte| **byte == 0).count();
    let digits = length.get(start..).unwrap_or_default();
    let mut element = vec![tag];
    match digits {
        [short] if *short < 0x80 => element.push(*short),
        _ => {
            element.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            element.extend_from_slice(digits);
        }
    }
    element.extend_from_slice(content);
    element
}

#[cfg(test)]
#[path = "assertion_tests.rs"]
mod tests;
