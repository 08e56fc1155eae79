//! Secrets that an issuer and its resource server share (RFC 7518 §3.2).
//!
//! Whoever can verify a code can also make one, so this is for issuers that offer nothing better. A secret
//! comes from the operator and from nowhere else: no JWK becomes one, and no public key is taken for one.

use std::fmt;

use aws_lc_rs::hmac;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

use crate::{SettingError, keys::MacAlgorithm};

const EXPECTED: &str = "the secret itself, at least 32 bytes that nobody can guess, for example what `openssl rand -base64 48` prints";
/// Secrets that stand in documentation and in default configurations, where everybody read them.
const PUBLISHED: [&[u8]; 3] = [
    b"a-string-secret-at-least-256-bits-long",
    b"super-secret-jwt-token-with-at-least-32-characters-long",
    b"your-super-secret-jwt-token-with-at-least-32-characters-long",
];
/// A text of fewer different bytes was not drawn at random.
const FEWEST_DIFFERENT: usize = 8;

/// A secret, prepared for the algorithms that it is long enough for. `Debug` never shows it.
#[derive(Clone)]
pub struct SharedSecret {
    prepared: Vec<(MacAlgorithm, hmac::Key)>,
}

impl SharedSecret {
    /// The secret as its bytes: those of the text, where an issuer shows a text.
    ///
    /// ```
    /// use oauthgate_core::signature::SharedSecret;
    ///
    /// assert!(SharedSecret::new(b"short").is_err());
    /// assert!(SharedSecret::new(b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ").is_err());
    /// let secret = SharedSecret::new(b"Zq4t7w!z%C*F-JaNdRgUkXp2s5v8y/B?")?;
    /// assert_eq!(secret.algorithms().map(|algorithm| algorithm.name()).collect::<Vec<_>>(), ["HS256"]);
    /// # Ok::<(), oauthgate_core::SettingError>(())
    /// ```
    ///
    /// # Errors
    /// When it is shorter than the shortest hash, can be guessed, or is no secret at all but a key.
    pub fn new(secret: &[u8]) -> Result<Self, SettingError> {
        if let Some(problem) = what_is_wrong_with(secret) {
            return Err(SettingError::new(problem, EXPECTED));
        }
        let prepared = MacAlgorithm::ALL
            .into_iter()
            .filter(|algorithm| algorithm.hash_length() <= secret.len())
            .map(|algorithm| (algorithm, hmac::Key::new(backend(algorithm), secret)))
            .collect();
        Ok(Self { prepared })
    }

    /// The algorithms that it is long enough for.
    pub fn algorithms(&self) -> impl Iterator<Item = MacAlgorithm> {
        self.prepared.iter().map(|(algorithm, _)| *algorithm)
    }

    /// Whether it is long enough for this algorithm.
    pub(super) fn serves(&self, algorithm: MacAlgorithm) -> bool {
        self.algorithms().any(|served| served == algorithm)
    }

    /// Whether this is the secret's code of the message, compared in constant time and as a whole: a code
    /// that was cut short is another one.
    #[must_use]
    pub fn verifies(&self, algorithm: MacAlgorithm, message: &[u8], code: &[u8]) -> bool {
        self.prepared
            .iter()
            .find(|(prepared, _)| *prepared == algorithm)
            .is_some_and(|(_, key)| hmac::verify(key, message, code).is_ok())
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(redacted)")
    }
}

fn what_is_wrong_with(secret: &[u8]) -> Option<&'static str> {
    let mut different = [false; 256];
    for byte in secret {
        if let Some(seen) = different.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    if is_key(secret) {
        Some("this is a key and no secret: whoever knows the public half could mint tokens with it")
    } else if secret.len() < MacAlgorithm::Hs256.hash_length() {
        Some("the secret is shorter than 32 bytes, the hash of HS256 (RFC 7518 §3.2)")
    } else if PUBLISHED.contains(&secret) {
        Some("this secret stands in public documentation: everybody can mint tokens with it")
    } else if different.iter().filter(|seen| **seen).count() < FEWEST_DIFFERENT {
        Some("the secret can be guessed: it repeats a few characters")
    } else {
        None
    }
}

/// PEM, a JWK or a key set, or an OpenSSH key: what an issuer publishes or should have kept to itself.
fn is_key(secret: &[u8]) -> bool {
    let contains = |part: &[u8]| secret.windows(part.len()).any(|window| window == part);
    let starts = |part: &[u8]| secret.trim_ascii_start().starts_with(part);
    contains(b"-----BEGIN ")
        || starts(b"ssh-")
        || starts(b"ecdsa-sha2-")
        || (starts(b"{") && (contains(b"\"kty\"") || contains(b"\"keys\"")))
        || is_naked_pem(secret)
}

/// What stands between the lines of a PEM, as Keycloak and others show their public keys: a key or a
/// certificate, which is one ASN.1 sequence as a whole.
fn is_naked_pem(secret: &[u8]) -> bool {
    let letters = secret.iter().filter(|byte| !byte.is_ascii_whitespace());
    let letters: Vec<u8> = letters.copied().filter(|byte| *byte != b'=').collect();
    [STANDARD_NO_PAD, URL_SAFE_NO_PAD]
        .iter()
        .filter_map(|alphabet| alphabet.decode(&letters).ok())
        .any(|decoded| is_sequence(&decoded))
}

/// Whether these bytes are one DER SEQUENCE, and nothing after it (X.690 §8.1.3).
fn is_sequence(der: &[u8]) -> bool {
    match der {
        [0x30, 0x82, high, low, rest @ ..] => {
            usize::from(u16::from_be_bytes([*high, *low])) == rest.len()
        }
        [0x30, 0x81, length, rest @ ..] | [0x30, length @ ..=0x7f, rest @ ..] => {
            usize::from(*length) == rest.len()
        }
        _ => false,
    }
}

fn backend(algorithm: MacAlgorithm) -> hmac::Algorithm {
    match algorithm {
        MacAlgorithm::Hs256 => hmac::HMAC_SHA256,
        MacAlgorithm::Hs384 => hmac::HMAC_SHA384,
        MacAlgorithm::Hs512 => hmac::HMAC_SHA512,
    }
}
