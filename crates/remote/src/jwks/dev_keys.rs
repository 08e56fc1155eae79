//! The throw-away keys of `dev-issuer`, recognised.
//!
//! Whoever runs a dev issuer mints tokens for anybody. A gate that was tried with one and then put to
//! work must not go on trusting it: the keys carry a mark in their `kid`, and a set that holds such a key
//! is refused wherever it comes from: the issuer, an earlier run, another replica.

use oauthgate_core::{
    JwkSet,
    keys::{Jwk, JwkSetError},
};

/// How the `kid` of every throw-away key begins.
pub const DEV_KEY_PREFIX: &str = "oauthgate-dev-";

/// The set, unless it holds a throw-away key.
pub(super) fn without_dev_keys(set: JwkSet) -> Result<JwkSet, JwkSetError> {
    if set.keys().iter().any(is_dev_key) {
        return Err(JwkSetError::NoUsableKeys {
            skipped: set.keys().len(),
            first: "the issuer is a dev-issuer, whose throw-away keys are for demos and tests only"
                .to_owned(),
        });
    }
    Ok(set)
}

fn is_dev_key(key: &Jwk) -> bool {
    key.id()
        .is_some_and(|id| id.as_str().starts_with(DEV_KEY_PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestKey, jwks};

    fn set(kids: &[&str]) -> JwkSet {
        let keys: Vec<_> = kids.iter().map(|kid| TestKey::new(kid)).collect();
        JwkSet::parse(&jwks(&keys.iter().collect::<Vec<_>>())).unwrap()
    }

    #[test]
    fn a16_refuses_the_keys_of_a_dev_issuer() {
        for kids in [&["oauthgate-dev-x1"][..], &["good", "oauthgate-dev-"]] {
            let error = without_dev_keys(set(kids)).unwrap_err();
            assert!(error.to_string().contains("dev-issuer"));
        }
    }

    #[test]
    fn passes_other_sets_on() {
        let set = without_dev_keys(set(&["key-1", "oauthgate-dev", "x-oauthgate-dev-"])).unwrap();
        assert_eq!(set.keys().len(), 3);
    }
}
