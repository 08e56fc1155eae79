//! One private key, bound to one algorithm.

use std::{collections::BTreeMap, sync::OnceLock};

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    error::Unspecified,
    rand::SystemRandom,
    rsa,
    signature::{
        self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding,
    },
};
use serde_json::{Value, json};

use super::{Algorithm, certificate::certificate};
use crate::crypto::{base64url, sha256};

/// Marks every key of this server, so that a resource server in production can refuse them by name.
const KID_PREFIX: &str = "oauthgate-dev-";

/// A private key with its public half as a JWK.
#[derive(Debug)]
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) jwk: Value,
    /// RFC 7638, before base64url.
    pub(crate) thumbprint: Vec<u8>,
    certificate: OnceLock<Option<Vec<u8>>>,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Rsa(rsa::KeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl SigningKey {
    /// Makes a new key. RSA keys take tens of milliseconds: do not call this on an async thread.
    pub(crate) fn generate(algorithm: Algorithm) -> Result<Self, Unspecified> {
        let pair = Pair::generate(algorithm)?;
        let mut jwk = pair.public_jwk(algorithm);
        let thumbprint = thumbprint(&jwk);
        let kid = format!("{KID_PREFIX}{}", base64url(&thumbprint));
        jwk["kid"] = json!(kid);
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(algorithm.name());
        Ok(Self {
            kid,
            algorithm,
            jwk,
            thumbprint,
            certificate: OnceLock::new(),
            pair,
        })
    }

    /// A certificate of this key in DER; none for the algorithms that no provider puts into one.
    pub(crate) fn certificate(&self) -> Option<&[u8]> {
        let make = || {
            let subject_public_key_info = self.pair.public_key_info()?;
            let serial = self.thumbprint.get(..16).unwrap_or_default();
            certificate(self.algorithm, &subject_public_key_info, serial, |input| {
                self.sign(input)
            })
        };
        self.certificate.get_or_init(make).as_deref()
    }

    /// Signs the JWS signing input.
    pub(crate) fn sign(&self, input: &[u8]) -> Vec<u8> {
        self.pair
            .sign(input)
            .expect("a key made by this process signs")
    }
}

impl Pair {
    fn generate(algorithm: Algorithm) -> Result<Self, Unspecified> {
        if let Some(encoding) = rsa_encoding(algorithm) {
            return Ok(Self::Rsa(
                rsa::KeyPair::generate(rsa::KeySize::Rsa2048)?,
                encoding,
            ));
        }
        match ecdsa(algorithm) {
            Some((signing, ..)) => Ok(Self::Ec(EcdsaKeyPair::generate(signing)?)),
            None => Ok(Self::Ed(Ed25519KeyPair::generate()?)),
        }
    }

    /// `SubjectPublicKeyInfo` (RFC 5280 §4.1).
    fn public_key_info(&self) -> Option<Vec<u8>> {
        let encoded: PublicKeyX509Der<'_> = match self {
            Self::Rsa(pair, _) => pair.public_key().as_der().ok()?,
            Self::Ec(pair) => pair.public_key().as_der().ok()?,
            Self::Ed(_) => return None,
        };
        Some(encoded.as_ref().to_vec())
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), input, &mut signature)?;
                Ok(signature)
            }
            Self::Ec(pair) => Ok(pair.sign(&SystemRandom::new(), input)?.as_ref().to_vec()),
            Self::Ed(pair) => Ok(pair.sign(input).as_ref().to_vec()),
        }
    }

    /// The required members of the public key only (RFC 7518 §6, RFC 8037 §2), which are also what a thumbprint covers.
    fn public_jwk(&self, algorithm: Algorithm) -> Value {
        match self {
            Self::Rsa(pair, _) => {
                let (modulus, exponent) = rsa_parts(pair.public_key().as_ref());
                json!({"kty": "RSA", "n": base64url(modulus), "e": base64url(exponent)})
            }
            Self::Ec(pair) => {
                let (_, curve, size) = ecdsa(algorithm).expect("an EC pair has an EC algorithm");
                // An uncompressed point: 0x04, then x, then y, each of the curve's size (SEC 1 §2.3.3).
                let (x, y) = pair.public_key().as_ref()[1..].split_at(size);
                json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)})
            }
            Self::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref())})
            }
        }
    }
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
        _ => return None,
    })
}

/// The signing algorithm, the JWK `crv` and the size of a coordinate.
fn ecdsa(algorithm: Algorithm) -> Option<(&'static EcdsaSigningAlgorithm, &'static str, usize)> {
    Some(match algorithm {
        Algorithm::Es256 => (&signature::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", 32),
        Algorithm::Es384 => (&signature::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", 48),
        Algorithm::Es512 => (&signature::ECDSA_P521_SHA512_FIXED_SIGNING, "P-521", 66),
        _ => return None,
    })
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017 §A.1.1: a SEQUENCE of two INTEGERs), without leading zeros.
fn rsa_parts(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = der_value(der);
    let (modulus, rest) = der_value(sequence);
    let (exponent, _) = der_value(rest);
    (
        without_leading_zeros(modulus),
        without_leading_zeros(exponent),
    )
}

/// The value of the first DER element, and what follows it. Only ever sees what the crypto library wrote.
fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match der[1] {
        short if short < 0x80 => (usize::from(short), 2),
        long => {
            let octets = usize::from(long & 0x7f);
            let length = der[2..2 + octets]
                .iter()
                .fold(0, |sum, octet| sum << 8 | usize::from(*octet));
            (length, 2 + octets)
        }
    };
    der[start..].split_at(length)
}

fn without_leading_zeros(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|octet| **octet == 0).count();
    &integer[zeros..]
}

/// RFC 7638: the SHA-256 of the required members, sorted by name.
fn thumbprint(required_members: &Value) -> Vec<u8> {
    let sorted: BTreeMap<&String, &Value> =
        required_members.as_object().into_iter().flatten().collect();
    sha256(json!(sorted).to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{DecodingKey, Validation, jwk::Jwk};

    #[test]
    fn every_algorithm_but_es512_verifies_with_an_independent_library() {
        // The independent library has no ES512; the signature's length is all we can hold it to here.
        for algorithm in Algorithm::ALL
            .into_iter()
            .filter(|alg| *alg != Algorithm::Es512)
        {
            let key = SigningKey::generate(algorithm).unwrap();
            let header = base64url(json!({"alg": algorithm.name()}).to_string().as_bytes());
            let input = format!(
                "{header}.{}",
                base64url(b"{\"exp\":99999999999,\"aud\":\"a\"}")
            );
            let token = format!("{input}.{}", base64url(&key.sign(input.as_bytes())));
            let jwk: Jwk = serde_json::from_value(key.jwk.clone()).unwrap();
            let mut validation = Validation::new(algorithm.name().parse().unwrap());
            validation.set_audience(&["a"]);
            jsonwebtoken::decode::<Value>(
                &token,
                &DecodingKey::from_jwk(&jwk).unwrap(),
                &validation,
            )
            .unwrap_or_else(|error| panic!("{}: {error}", algorithm.name()));
        }
    }

    #[test]
    fn es512_signatures_have_132_bytes() {
        let key = SigningKey::generate(Algorithm::Es512).unwrap();
        assert_eq!(key.sign(b"input").len(), 132);
        assert_eq!(key.jwk["crv"], "P-521");
    }

    #[test]
    fn publishes_no_private_member() {
        for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
            let jwk = SigningKey::generate(algorithm).unwrap().jwk;
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(jwk.get(private).is_none());
            }
        }
    }
}
