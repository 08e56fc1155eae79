//! Keys, and what clients are told.

use oauthgate_core::{CompactJws, Issuer, JwkSet, ProtectedResource, Reason, keys::JwkSetError};
use serde_json::json;

use crate::support::*;

#[test]
fn trap_22_encryption_keys_spoil_no_set_and_verify_nothing() {
    let encryption = RSA.jwk_with(&json!({"kid": "enc", "use": "enc", "alg": "RSA-OAEP"}));
    let set = key_set(&[encryption, P256.jwk_with(&json!({"kid": "key-1"}))]);
    assert!(verify_with(&verifier(), &set, &token(&claims()), NOW).is_ok());
    let forged = sign(&RSA, "RS256", &json!({"kid": "enc"}), &claims());
    let refused = verify_with(&verifier(), &set, &forged, NOW).unwrap_err();
    assert_eq!(refused.reason(), Reason::UnknownKeyId);
}

#[test]
fn trap_23_a_set_without_keys_and_no_set_are_two_things() {
    let empty = JwkSet::parse(br#"{"keys":[]}"#);
    assert!(matches!(empty, Err(JwkSetError::Empty)));
    let none = JwkSet::parse(b"{}");
    assert!(matches!(none, Err(JwkSetError::MissingKeys)));
}

#[test]
fn trap_24_a_key_without_alg_takes_what_its_type_takes_and_no_mac() {
    let set = key_set(&[RSA.jwk_with(&json!({"kid": "k", "use": "sig", "x5t": "k"}))]);
    for algorithm in ["RS256", "PS256"] {
        let token = sign(&RSA, algorithm, &json!({"kid": "k"}), &claims());
        assert!(
            verify_with(&verifier(), &set, &token, NOW).is_ok(),
            "{algorithm}"
        );
    }
    let token = sign_raw(&RSA, "RS256", br#"{"alg":"HS256","kid":"k"}"#, b"{}");
    let refused =
        CompactJws::parse(&token).and_then(|token| verifier().verify_signature(&token, &set));
    assert!(refused.is_err());
}

#[test]
fn trap_34_the_issuer_is_advertised_byte_for_byte() {
    for issuer in ["https://acme.eu.auth0.com/", "https://acme.okta.com"] {
        let resource = ProtectedResource::new(resource(), vec![Issuer::new(issuer).unwrap()]);
        let document = serde_json::to_value(resource.metadata()).unwrap();
        assert_eq!(document["authorization_servers"], json!([issuer]));
    }
}
