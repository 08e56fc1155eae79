//! The throw-away keys of `dev-issuer`, recognised.
//!
//! Whoever runs a dev issuer mints tokens for anybody. A gate that was tried with one and then put to
//! work must not go on trusting it: the keys carry a mark in their `kid` or, where they imitate another
//! provider's, in a member of their own, and a set that holds such a key is refused wherever it comes from:
//! the issuer, an earlier run, another replica.

use oauthgate_core::{
    JwkSet,
    keys::{Jwk, JwkSetError, KeyId},
};

/// How the `kid` of a throw-away key begins, unless its issuer imitates another provider.
pub const DEV_KEY_PREFIX: &str = "oauthgate-dev-";

/// The set, unless it holds a throw-away key.
pub(super) fn without_dev_keys(set: JwkSet) -> Result<JwkSet, JwkSetError> {
    if set.keys().iter().any(is_dev_key) {
        return Err(JwkSetError::NoUsableKeys {
            skipped: set.keys().len(),
            first: "the issuer is a dev-issuer, whose throw-away keys are for demos and tests only (OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER=true on a machine of your own)"
                .to_owned(),
        });
    }
    Ok(set)
}

fn is_dev_key(key: &Jwk) -> bool {
    let is_named = |id: &KeyId| id.as_str().starts_with(DEV_KEY_PREFIX);
    key.is_dev_key() || key.id().is_some_and(is_named)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
            let said = error.to_string();
            assert!(
                said.contains("dev-issuer") && said.contains("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER"),
                "{said}"
            );
        }
    }

    #[test]
    fn a16_refuses_marked_keys_under_any_name_even_when_written_out_again() {
        let mut document: Value = serde_json::from_slice(&jwks(&[&TestKey::new("key-1")])).unwrap();
        for mark in [json!(true), json!(false), json!("x"), Value::Null] {
            document["keys"][0]["oauthgate_dev_key"] = mark;
            let text = document.to_string();
            let written = JwkSet::public_document(text.as_bytes(), |_| false).unwrap();
            for text in [text.as_bytes(), &written.text] {
                let error = without_dev_keys(JwkSet::parse(text).unwrap()).unwrap_err();
                assert!(error.to_string().contains("dev-issuer"));
            }
        }
    }

    #[test]
    fn passes_other_sets_on() {
        let set = without_dev_keys(set(&["key-1", "oauthgate-dev", "x-oauthgate-dev-"])).unwrap();
        assert_eq!(set.keys().len(), 3);
    }
}
