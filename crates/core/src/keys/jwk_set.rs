//! A JWK set (RFC 7517 §5).

use std::collections::HashSet;

use serde_json::Value;

use super::{Jwk, KeyId, SigningAlgorithm, jwk, public};
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

/// What is likely when an issuer publishes nothing.
const NO_KEYS_AT_ALL: &str = "an issuer that signs with a secret (HS256) publishes no keys: set OAUTHGATE_HS_SECRET, or let it sign with an asymmetric key";

/// Why a document is no key set that could replace another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkSetError {
    /// Not JSON, not an object, duplicate members, nested too deeply.
    #[error("the key set is not a JSON object: {0}")]
    Malformed(String),
    /// No `keys` member (authentik answers `{}` when it signs with a client secret).
    #[error("the key set has no `keys` array; {NO_KEYS_AT_ALL}")]
    MissingKeys,
    /// No members (FusionAuth and Supabase answer so when they sign with a secret).
    #[error("the key set is empty; {NO_KEYS_AT_ALL}")]
    Empty,
    /// A member that only the signer may know; see [`JwkSet::refuse_private`].
    #[error(
        "key {position} of the set carries the private member `{name}`: whoever can read this can sign with it; keep the public members only, and take a new key if others could read it"
    )]
    PrivateMember {
        /// The key's place in the set, from 0.
        position: usize,
        /// The member's name.
        name: &'static str,
    },
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

/// Usable keys written out again by [`JwkSet::public_document`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicDocument {
    /// A JWK set of their public members.
    pub text: Vec<u8>,
    /// How many members of the document are not in it.
    pub left_out: usize,
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
        let members = Self::members(document)?;
        let mut set = Self {
            keys: Vec::new(),
            skipped: Vec::new(),
        };
        for (position, member) in members.iter().enumerate() {
            set.add(position, member);
        }
        set.or_no_usable_key()
    }

    /// Refuses a document that the operator wrote, and that holds what only the signer may know. In a set that
    /// somebody else publishes, such a key is skipped; in one's own file it is a mistake, with a secret in
    /// the wrong place.
    ///
    /// # Errors
    /// The first such member's name, and never its value; or that the document is no set.
    pub fn refuse_private(document: &[u8]) -> Result<(), JwkSetError> {
        let members = Self::members(document)?;
        let private = members.iter().enumerate().find_map(|(position, member)| {
            let name = jwk::private_member(member.as_object()?)?;
            Some(JwkSetError::PrivateMember { position, name })
        });
        private.map_or(Ok(()), Err)
    }

    /// Writes the usable keys of a document that are not barred out again: their public members and nothing
    /// else, in one order. What is skipped, unknown members, certificates and comments stay behind.
    ///
    /// ```
    /// use oauthgate_core::JwkSet;
    ///
    /// let document = br#"{"odd": 1, "keys": [{"kid":"1","x5u":"http://evil.test/",
    ///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","crv":"Ed25519","kty":"OKP"}]}"#;
    /// assert_eq!(
    ///     JwkSet::public_document(document, |_| false)?.text,
    ///     br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1"}]}"#
    /// );
    /// # Ok::<(), oauthgate_core::keys::JwkSetError>(())
    /// ```
    ///
    /// # Errors
    /// When the document is no set, or no usable key is left to write.
    pub fn public_document(
        document: &[u8],
        barred: impl Fn(&Jwk) -> bool,
    ) -> Result<PublicDocument, JwkSetError> {
        let members = Self::members(document)?;
        let usable: Vec<_> = members
            .iter()
            .filter_map(Value::as_object)
            .filter(|members| Jwk::parse(members).is_ok_and(|key| !barred(&key)))
            .collect();
        if usable.is_empty() {
            return Err(JwkSetError::NoUsableKeys {
                skipped: members.len(),
                first: "every key is barred or cannot be used".to_owned(),
            });
        }
        Ok(PublicDocument {
            text: public::document(&usable),
            left_out: members.len().saturating_sub(usable.len()),
        })
    }

    /// The members of the set, not yet looked at.
    fn members(document: &[u8]) -> Result<Vec<Value>, JwkSetError> {
        let mut document = json::strict_object(document, Self::MAX_LENGTH)
            .map_err(|error| JwkSetError::Malformed(error.to_string()))?;
        let Some(Value::Array(members)) = document.remove("keys") else {
            return Err(JwkSetError::MissingKeys);
        };
        if members.len() > Self::MAX_KEYS {
            return Err(JwkSetError::TooManyKeys(members.len()));
        }
        Ok(members)
    }

    /// The set less the barred keys, which become skipped members with this reason. Nothing may be left:
    /// such a set verifies no token.
    #[must_use]
    pub fn without(self, why: &str, barred: impl Fn(&Jwk) -> bool) -> Self {
        let skipped: HashSet<usize> = self.skipped.iter().map(|key| key.position).collect();
        // Each member is either a key or skipped, and both lists are in the order of the document.
        let positions = (0..).filter(|position| !skipped.contains(position));
        let mut left = Self {
            keys: Vec::new(),
            skipped: self.skipped,
        };
        for (position, key) in positions.zip(self.keys) {
            if barred(&key) {
                left.skipped.push(SkippedKey {
                    position,
                    key_id: key.id().map(KeyId::to_string),
                    why: why.to_owned(),
                });
            } else {
                left.keys.push(key);
            }
        }
        left.skipped.sort_by_key(|key| key.position);
        left
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

    /// A set without a key: it verifies no token.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            keys: Vec::new(),
            skipped: Vec::new(),
        }
    }

    fn or_no_usable_key(self) -> Result<Self, JwkSetError> {
        if !self.keys.is_empty() {
            return Ok(self);
        }
        Err(match self.skipped.first() {
            None => JwkSetError::Empty,
            Some(first) => JwkSetError::NoUsableKeys {
                skipped: self.skipped.len(),
                first: first.why.clone(),
            },
        })
    }

    /// The usable keys.
    #[must_use]
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// The keys themselves.
    #[must_use]
    pub fn into_keys(self) -> Vec<Jwk> {
        self.keys
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The key of RFC 8037, appendix A.2.
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn key(kid: &str) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": X})
    }

    fn document(keys: &[Value]) -> Vec<u8> {
        json!({ "keys": keys }).to_string().into_bytes()
    }

    fn named(kid: &str) -> impl Fn(&Jwk) -> bool {
        move |key| key.id().is_some_and(|id| id.as_str() == kid)
    }

    #[test]
    fn a_barred_key_is_skipped_at_its_place_in_the_document() {
        let secret = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "s"});
        let keys = [key("a"), secret, key("b"), json!(7), key("c")];
        let set = JwkSet::parse(&document(&keys)).unwrap();
        let set = set
            .without("withdrawn", named("b"))
            .without("not pinned", named("c"));
        let kids: Vec<_> = set.keys().iter().filter_map(Jwk::id).collect();
        assert_eq!(kids, [&KeyId::new("a").unwrap()]);
        let skipped: Vec<_> = set
            .skipped()
            .iter()
            .map(|key| (key.position, key.why.as_str()))
            .collect();
        assert_eq!(
            skipped[1..],
            [(2, "withdrawn"), (3, "it is no object"), (4, "not pinned")]
        );
        assert_eq!(set.skipped()[1].key_id.as_deref(), Some("b"));
    }

    #[test]
    fn every_key_may_be_barred() {
        let set = JwkSet::parse(&document(&[key("a")])).unwrap();
        let set = set.without("withdrawn", |_| true);
        assert!(set.keys().is_empty() && set.skipped().len() == 1);
    }

    #[test]
    fn a_public_document_holds_the_usable_keys_that_are_not_barred() {
        let mut annotated = key("a");
        annotated["x5c"] = json!(["MIIB"]);
        annotated["use"] = json!("sig");
        annotated["key_ops"] = json!(["verify", "x", 7]);
        annotated["alg"] = json!("EdDSA");
        annotated["issuer"] = json!("https://auth.example.com/");
        annotated["iat"] = json!(1);
        let mut private = key("p");
        private["d"] = json!("c2VjcmV0");
        let keys = [annotated, private, key("b"), json!(7)];
        let written = JwkSet::public_document(&document(&keys), named("b")).unwrap();
        assert_eq!(written.left_out, 3);
        let expected = json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "a", "alg": "EdDSA", "use": "sig",
            "key_ops": ["verify"], "issuer": "https://auth.example.com/"
        }]});
        assert_eq!(
            serde_json::from_slice::<Value>(&written.text).unwrap(),
            expected
        );
    }

    #[test]
    fn a_public_document_written_again_is_the_same() {
        let keys = [key("a\"\\\u{1}\u{7f}ö"), key("b")];
        let once = JwkSet::public_document(&document(&keys), |_| false).unwrap();
        let twice = JwkSet::public_document(&once.text, |_| false).unwrap();
        assert_eq!(once, twice);
        let set = JwkSet::parse(&once.text).unwrap();
        assert_eq!(set.keys()[0].id().unwrap().as_str(), "a\"\\\u{1}\u{7f}ö");
        assert!(set.skipped().is_empty());
    }

    #[test]
    fn a_document_without_a_key_to_write_is_refused() {
        let error = JwkSet::public_document(&document(&[key("a")]), |_| true).unwrap_err();
        assert!(matches!(
            error,
            JwkSetError::NoUsableKeys { skipped: 1, .. }
        ));
    }
}
