//! A JWK set (RFC 7517 §5).

use super::{Jwk, KeyId, SigningAlgorithm};

/// What a token's header says about the key it wants; only a hint until the signature verifies.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyHint {
    /// The header's `kid`.
    pub key_id: Option<KeyId>,
    /// The header's `alg`.
    pub algorithm: SigningAlgorithm,
}

/// A member of the set that is no usable signing key, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its place in the set, from 0.
    pub position: usize,
    /// Its `kid`, escaped and cut, if it has one.
    pub key_id: Option<String>,
    /// Why it is not used.
    pub why: String,
}

/// Why a document is no key set that could replace another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkSetError {
    /// Not JSON, not an object, duplicate members, nested too deeply.
    #[error("the key set is not a JSON object: {0}")]
    Malformed(String),
    /// No `keys` member (authentik answers `{}` when it signs with a client secret).
    #[error("the key set has no `keys` array; the provider may sign with a shared secret (HS256), which cannot be verified here")]
    MissingKeys,
    /// More members than [`JwkSet::MAX_KEYS`].
    #[error("the key set has {0} keys; the limit is 1000")]
    TooManyKeys(usize),
    /// No usable signing key among the members.
    #[error("the key set holds no usable signing key ({skipped} skipped, the first because: {first})")]
    NoUsableKeys {
        /// How many members were skipped.
        skipped: usize,
        /// Why the first one was.
        first: String,
    },
}

/// The usable public signing keys of one issuer.
#[derive(Debug)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    skipped: Vec<SkippedKey>,
}

impl JwkSet {
    /// How many members a set may have.
    pub const MAX_KEYS: usize = 1_000;

    /// Parses a set: leniently as a set, strictly as keys.
    ///
    /// # Errors
    /// When the document is no set, or no member is a usable signing key.
    pub fn parse(document: &[u8]) -> Result<Self, JwkSetError> {
        let _ = document;
        unimplemented!()
    }

    /// The usable keys.
    #[must_use]
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// The members that are not used, and why.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// Whether a key with this `kid` is in the set.
    #[must_use]
    pub fn contains(&self, key_id: &KeyId) -> bool {
        self.keys.iter().any(|key| key.id() == Some(key_id))
    }
}
