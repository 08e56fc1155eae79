//! The attack catalogue: one file per class, each test named after its row, with generated variants.
//! Every row also demands: an error value, never a panic, and a reason that blames the token.

#[path = "../support/mod.rs"]
mod support;

mod algorithms;
mod audiences;
mod challenges;
mod claims;
mod credentials;
mod documents;
mod form;
mod golden_challenges;
mod headers;
mod identities;
mod introspection;
mod issuers;
mod key_choice;
mod kinds;
mod machines;
mod macs;
mod scopes;
mod signatures;
mod times;
mod unverifiable;
mod weak_keys;

use oauthgate_core::{PrincipalKind, SigningAlgorithm};
use serde_json::json;
use support::*;

#[test]
fn a_good_token_of_every_algorithm_is_accepted() {
    let mut accepted = 0;
    for pair in [&RSA, &P256, &P384, &P521, &ED25519] {
        for algorithm in pair.algorithms() {
            let keys = key_set(&[pair.jwk_with(&json!({"kid": "k"}))]);
            let token = sign(pair, algorithm, &json!({"kid": "k"}), &claims());
            let user = verify_with(&verifier(), &keys, &token, NOW).unwrap();
            assert_eq!(
                (user.user_id(), user.kind()),
                ("user-1", PrincipalKind::User),
                "{algorithm}"
            );
            assert_eq!(user.scopes().to_string(), "tools:read tools:write");
            assert_eq!((user.tier(), user.client_id()), ("free", Some("client-1")));
            accepted += 1;
        }
    }
    assert_eq!(accepted, SigningAlgorithm::ALL.len());
}
