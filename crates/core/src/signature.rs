//! The only caller of the crypto backend.
//!
//! A public key is parsed once, when its key set is loaded, for one algorithm and no other; a token
//! cannot make it verify anything else. An HMAC is computed with a [`SharedSecret`] only, which has one
//! maker, and that takes what the operator wrote: no way leads from a key set to it, so no form of a public
//! key can be mistaken for a shared secret.

mod secret;

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    digest,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
        EcdsaVerificationAlgorithm, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
        RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    },
};
pub use secret::SharedSecret;

use crate::{
    CompactJws, JwkSet, KeyId, Reason, SigningAlgorithm, TokenError,
    claims::Claims,
    keys::{JwsAlgorithm, Selection},
};

/// The public part of a key, as a JWK carries it; lengths and ranges are the caller's business.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyMaterial<'key> {
    /// RSA: modulus and exponent, big-endian without leading zeros.
    Rsa {
        modulus: &'key [u8],
        exponent: &'key [u8],
    },
    /// EC: an uncompressed point, `04 ‖ x ‖ y`.
    Ec { point: &'key [u8] },
    /// Ed25519: 32 bytes.
    Ed25519 { point: &'key [u8] },
}

/// A public key, parsed and bound to one algorithm.
pub(crate) struct PublicKey {
    algorithm: SigningAlgorithm,
    parsed: ParsedPublicKey,
}

impl PublicKey {
    /// Parses key material for one algorithm; `None` when the backend refuses it (a point off the
    /// curve, an even modulus) or when material and algorithm do not belong together.
    pub(crate) fn prepare(algorithm: SigningAlgorithm, material: KeyMaterial<'_>) -> Option<Self> {
        let parsed = match material {
            KeyMaterial::Rsa { modulus, exponent } => RsaPublicKeyComponents {
                n: modulus,
                e: exponent,
            }
            .to_parsed_public_key(rsa_parameters(algorithm)?)
            .ok(),
            KeyMaterial::Ec { point } => {
                ParsedPublicKey::new(ecdsa_algorithm(algorithm)?, point).ok()
            }
            KeyMaterial::Ed25519 { point } if algorithm == SigningAlgorithm::EdDsa => {
                ParsedPublicKey::new(&ED25519, point).ok()
            }
            KeyMaterial::Ed25519 { .. } => None,
        }?;
        Some(Self { algorithm, parsed })
    }

    pub(crate) fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// Whether this is the key's signature of the message. ECDSA signatures are `r ‖ s` of full
    /// length (RFC 7518 §3.4); the DER form is refused.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.algorithm)
    }
}

fn rsa_parameters(algorithm: SigningAlgorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        SigningAlgorithm::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        SigningAlgorithm::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        SigningAlgorithm::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        SigningAlgorithm::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
        SigningAlgorithm::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
        SigningAlgorithm::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

fn ecdsa_algorithm(algorithm: SigningAlgorithm) -> Option<&'static EcdsaVerificationAlgorithm> {
    match algorithm {
        SigningAlgorithm::Es256 => Some(&ECDSA_P256_SHA256_FIXED),
        SigningAlgorithm::Es384 => Some(&ECDSA_P384_SHA384_FIXED),
        SigningAlgorithm::Es512 => Some(&ECDSA_P521_SHA512_FIXED),
        _ => None,
    }
}

/// SHA-256, for thumbprints.
pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, message).as_ref());
    hash
}

/// A token whose signature verified with a key of its issuer's set, or whose MAC with the secret shared with
/// its issuer. Its claims are still to be checked. Only [`crate::Verifier::verify_signature`] and
/// [`crate::Verifier::verify_mac`] make one.
#[derive(Debug)]
pub struct SignatureVerified {
    claims: Arc<Claims>,
    token_type: Option<String>,
    key_id: Option<KeyId>,
}

impl SignatureVerified {
    pub(crate) fn verify(
        token: &CompactJws<'_>,
        keys: &JwkSet,
        allowed: &[SigningAlgorithm],
    ) -> Result<Self, TokenError> {
        let key = Selection { keys, allowed }.verifying_key(token)?;
        Ok(Self::of(token, key.id().cloned()))
    }

    /// Without a secret no MAC is taken, and a signature is none: which of the two a token carries decides
    /// what is computed, and never what it is computed with.
    pub(crate) fn verify_mac(
        token: &CompactJws<'_>,
        secret: Option<&SharedSecret>,
    ) -> Result<Self, TokenError> {
        let jws = token.jws();
        let refused = |detail: String| Err(TokenError::new(Reason::AlgorithmNotAllowed, detail));
        match (jws.header().algorithm(), secret) {
            (JwsAlgorithm::Signature(algorithm), _) => {
                refused(format!("{algorithm} is no MAC, and needs a key"))
            }
            (JwsAlgorithm::Mac(algorithm), None) => refused(format!(
                "{algorithm} is a MAC, which no key of a set verifies: let the issuer sign with an asymmetric key, or share its secret as OAUTHGATE_HS_SECRET"
            )),
            (JwsAlgorithm::Mac(algorithm), Some(secret)) if !secret.serves(algorithm) => {
                refused(format!(
                    "{algorithm} needs a secret of {} bytes, and OAUTHGATE_HS_SECRET is shorter (RFC 7518 §3.2)",
                    algorithm.hash_length()
                ))
            }
            (JwsAlgorithm::Mac(algorithm), Some(secret)) => {
                if secret.verifies(algorithm, jws.signing_input(), jws.signature()) {
                    return Ok(Self::of(token, None));
                }
                Err(TokenError::new(
                    Reason::BadSignature,
                    format!(
                        "the secret shared with the issuer does not verify this {algorithm} code"
                    ),
                ))
            }
        }
    }

    fn of(token: &CompactJws<'_>, key_id: Option<KeyId>) -> Self {
        Self {
            claims: token.share_claims(),
            token_type: token.jws().header().token_type().map(str::to_owned),
            key_id,
        }
    }

    /// The `kid` of the key that verified the signature; a secret has none.
    #[must_use]
    pub fn key_id(&self) -> Option<&KeyId> {
        self.key_id.as_ref()
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The claims, for who keeps them longer than the token.
    pub(crate) fn share_claims(&self) -> Arc<Claims> {
        Arc::clone(&self.claims)
    }

    pub(crate) fn token_type(&self) -> Option<&str> {
        self.token_type.as_deref()
    }

    pub(crate) fn into_claims(self) -> Arc<Claims> {
        self.claims
    }
}
