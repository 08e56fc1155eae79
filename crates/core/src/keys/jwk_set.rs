//! A JWK set (RFC 7517 §5).

use serde_json::Value;

use super::{Jwk, KeyId, SigningAlgorithm};
use crate::{json, text::Printable};

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
    #[error(
        "the key set has no `keys` array; the provider may sign with a shared secret (HS256), which cannot be verified here"
    )]
    MissingKeys,
    /// More members than [`JwkSet::MAX_KEYS`].
    #[error("the key set has {0} keys; the limit is 1000")]
    TooManyKeys(usize),
    /// No usable signing key among the members.
    #[error(
        "the key set holds no usable signing key ({skipped} skipped, the first because: {first})"
    )]
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

    /// How long a document may be, in bytes (rule R12).
    pub const MAX_LENGTH: usize = 512 * 1024;

    /// Parses a set: leniently as a set, strictly as keys.
    ///
    /// ```
    /// use oauthgate_core::JwkSet;
    ///
    /// let set = JwkSet::parse(br#"{"keys":[
    ///     {"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    ///     {"kty":"oct","k":"c2VjcmV0"}]}"#)?;
    /// assert_eq!(set.keys().len(), 1);
    /// assert!(set.skipped()[0].why.contains("private member"));
    /// # Ok::<(), oauthgate_core::keys::JwkSetError>(())
    /// ```
    ///
    /// # Errors
    /// When the document is no set, or no member is a usable signing key.
    pub fn parse(document: &[u8]) -> Result<Self, JwkSetError> {
        let members = json::strict_object(document, Self::MAX_LENGTH)
            .map_err(|error| JwkSetError::Malformed(error.to_string()))?;
        let Some(Value::Array(members)) = members.get("keys") else {
            return Err(JwkSetError::MissingKeys);
        };
        if members.len() > Self::MAX_KEYS {
            return Err(JwkSetError::TooManyKeys(members.len()));
        }
        let mut set = Self {
            keys: Vec::new(),
            skipped: Vec::new(),
        };
        for (position, member) in members.iter().enumerate() {
            set.add(position, member);
        }
        set.or_no_usable_key()
    }

    fn add(&mut self, position: usize, member: &Value) {
        let key = match member {
            Value::Object(members) => Jwk::parse(members),
            _ => Err("it is no object".to_owned()),
        };
        match key {
            Ok(key) => self.keys.push(key),
            Err(why) => {
                let key_id = member
                    .get("kid")
                    .and_then(Value::as_str)
                    .map(|kid| Printable(kid).to_string());
                self.skipped.push(SkippedKey {
                    position,
                    key_id,
                    why,
                });
            }
        }
    }

    fn or_no_usable_key(self) -> Result<Self, JwkSetError> {
        if self.keys.is_empty() {
            let first = self
                .skipped
                .first()
                .map_or_else(|| "the set is empty".to_owned(), |key| key.why.clone());
            return Err(JwkSetError::NoUsableKeys {
                skipped: self.skipped.len(),
                first,
            });
        }
        Ok(self)
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

    /// What the operator of the issuer should look at, although the keys are used: two keys with one
    /// `kid` (each is tried), exponents below 256.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let small = self.keys.iter().filter(|key| key.has_small_exponent());
        let small =
            small.map(|key| format!("the RSA key {} has an exponent below 256", key.thumbprint()));
        let mut ids: Vec<_> = self.keys.iter().filter_map(Jwk::id).collect();
        ids.sort_unstable();
        let mut twice: Vec<_> = ids
            .windows(2)
            .filter(|pair| pair.first() == pair.last())
            .filter_map(<[_]>::first)
            .collect();
        twice.dedup();
        small
            .chain(
                twice
                    .into_iter()
                    .map(|id| format!("several keys have the kid \"{id}\"")),
            )
            .collect()
    }

    /// Whether a key with this `kid` is in the set.
    #[must_use]
    pub fn contains(&self, key_id: &KeyId) -> bool {
        self.keys.iter().any(|key| key.id() == Some(key_id))
    }
}
