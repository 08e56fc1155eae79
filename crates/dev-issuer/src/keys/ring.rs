//! All keys of the issuer: one active key per algorithm, and those that were rotated out but are still published.

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use serde_json::{Value, json};

use super::{Algorithm, SigningKey};

/// How many rotated-out keys stay published; the oldest leave first.
const MAX_RETIRED: usize = 30;

/// The active keys in the configured order, and the retired ones, newest first.
#[derive(Debug)]
pub(crate) struct KeyRing {
    active: Vec<Arc<SigningKey>>,
    retired: Vec<Arc<SigningKey>>,
    /// Published beside them, and no signing keys.
    others: Vec<Value>,
}

impl KeyRing {
    /// Makes one key per algorithm and has it named and dressed for its place in that list. Blocks for as long as RSA
    /// keys take.
    pub(crate) fn generate(
        algorithms: &[Algorithm],
        dress: impl Fn(SigningKey, usize) -> SigningKey,
    ) -> Result<Self, Unspecified> {
        let mut active = Vec::new();
        for (place, algorithm) in algorithms.iter().enumerate() {
            let key = SigningKey::generate(*algorithm)?;
            active.push(Arc::new(dress(key, place)));
        }
        Ok(Self {
            active,
            retired: Vec::new(),
            others: Vec::new(),
        })
    }

    /// Publishes keys that sign nothing, too. They outlast rotations.
    pub(crate) fn with_others(mut self, others: Vec<Value>) -> Self {
        self.others = others;
        self
    }

    /// Replaces all active keys by `successor`'s; the old ones stay published when `keep_old`.
    pub(crate) fn rotate(&mut self, successor: Self, keep_old: bool) {
        let old = std::mem::replace(&mut self.active, successor.active);
        if keep_old {
            self.retired.splice(0..0, old);
            self.retired.truncate(MAX_RETIRED);
        } else {
            self.retired.clear();
        }
    }

    /// The algorithms that have an active key.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        self.active.iter().map(|key| key.algorithm).collect()
    }

    /// The active key of this algorithm, or the default key.
    pub(crate) fn active(&self, algorithm: Option<Algorithm>) -> Option<Arc<SigningKey>> {
        match algorithm {
            None => self.active.first().cloned(),
            Some(wanted) => self
                .active
                .iter()
                .find(|key| key.algorithm == wanted)
                .cloned(),
        }
    }

    /// The active key at this place of the configured order, or the default key.
    pub(crate) fn active_at(&self, place: usize) -> Option<Arc<SigningKey>> {
        self.active
            .get(place)
            .or_else(|| self.active.first())
            .cloned()
    }

    /// Adds a key for an algorithm that has none yet; if another thread was faster, its key stays.
    pub(crate) fn add(&mut self, key: SigningKey) -> Arc<SigningKey> {
        if let Some(faster) = self.active(Some(key.algorithm)) {
            return faster;
        }
        let key = Arc::new(key);
        self.active.push(Arc::clone(&key));
        key
    }

    /// The published JWK set (RFC 7517 §5).
    pub(crate) fn jwk_set(&self) -> Value {
        let keys: Vec<&Value> = self
            .active
            .iter()
            .chain(&self.retired)
            .map(|key| &key.jwk)
            .chain(&self.others)
            .collect();
        json!({ "keys": keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> KeyRing {
        KeyRing::generate(&[Algorithm::Es256], |key, _| key).unwrap()
    }

    #[test]
    fn soft_rotation_keeps_the_old_key_published_and_signs_with_the_new() {
        let mut keys = ring();
        let old = keys.active(None).unwrap().kid.clone();
        keys.rotate(ring(), true);
        assert_ne!(keys.active(None).unwrap().kid, old);
        assert!(
            keys.jwk_set()["keys"]
                .as_array()
                .unwrap()
                .iter()
                .any(|jwk| jwk["kid"] == old)
        );
    }

    #[test]
    fn hard_rotation_forgets_the_old_key() {
        let mut keys = ring();
        keys.rotate(ring(), false);
        assert_eq!(keys.jwk_set()["keys"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn retired_keys_are_bounded() {
        let mut keys = ring();
        for _ in 0..MAX_RETIRED + 5 {
            keys.rotate(ring(), true);
        }
        assert_eq!(
            keys.jwk_set()["keys"].as_array().unwrap().len(),
            MAX_RETIRED + 1
        );
    }
}
