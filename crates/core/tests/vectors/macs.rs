//! Tokens with HS256, HS384 and HS512, verified with a secret that is given for them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oauthgate_core::{SharedSecret, keys::JwsAlgorithm, token::Jws};
use serde_json::Value;

use crate::{read, wycheproof};

/// Valid by their label, and refused here: file, test, why.
const REFUSED_THOUGH_VALID: &[(&str, u64, &str)] = &[
    ("wycheproof_json_web_signature.json", 358, ZEROS),
    ("wycheproof_json_web_signature.json", 359, ZEROS),
    (
        "wycheproof_json_web_signature.json",
        373,
        "a character outside base64url",
    ),
    ("wycheproof_json_web_signature.json", 376, ZEROS),
    ("wycheproof_json_web_signature.json", 377, ZEROS),
];
const ZEROS: &str = "a secret of zeros can be guessed";

/// File, number of cases with one symmetric key and a `jws`, and how many verify.
const FILES: &[(&str, usize, usize)] = &[
    ("wycheproof_json_web_signature.json", 24, 1),
    ("wycheproof_json_web_key.json", 6, 2),
    ("wycheproof_json_web_crypto.json", 11, 1),
];

/// The bytes of the group's only key, if that is one for HMAC.
fn secret(group: &Value) -> Option<Vec<u8>> {
    let private = &group["private"];
    let key = match private.get("keys").and_then(Value::as_array) {
        Some(keys) => keys.first().filter(|_| keys.len() == 1)?,
        None => private,
    };
    let is_for_hmac = key["kty"] == "oct" && key["alg"].as_str()?.starts_with("HS");
    let text = key["k"].as_str().filter(|_| is_for_hmac)?;
    Some(URL_SAFE_NO_PAD.decode(text).unwrap())
}

fn verifies(secret: &[u8], token: &str) -> bool {
    let (Ok(secret), Ok(jws)) = (
        SharedSecret::new(secret),
        Jws::parse_with_limit(token, 65_536),
    ) else {
        return false;
    };
    match jws.header().algorithm() {
        JwsAlgorithm::Mac(algorithm) => {
            secret.verifies(algorithm, jws.signing_input(), jws.signature())
        }
        JwsAlgorithm::Signature(_) => false,
    }
}

#[test]
fn a2_answers_every_token_with_a_mac_as_labelled() {
    for (file, expected_cases, expected_valid) in FILES {
        let (mut cases, mut valid) = (0, 0);
        for (group, test) in wycheproof(file) {
            let (Some(secret), Some(token)) = (secret(&group), test["jws"].as_str()) else {
                continue;
            };
            let id = test["tcId"].as_u64().unwrap();
            let refused = REFUSED_THOUGH_VALID
                .iter()
                .any(|(in_file, refused, _)| in_file == file && *refused == id);
            let expected = test["result"] == "valid" && !refused;
            assert_eq!(
                verifies(&secret, token),
                expected,
                "{file} {id} {}",
                test["comment"]
            );
            (cases, valid) = (cases + 1, valid + usize::from(expected));
        }
        assert_eq!((cases, valid), (*expected_cases, *expected_valid), "{file}");
    }
}

#[test]
fn a2_verifies_the_hs256_example_of_rfc_7515_a_1_and_no_copy_of_it() {
    let file = read("rfc_files_latchset.json");
    let key: Value = match &file["files"]["rfc7515_A.1.jwk"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        key => key.clone(),
    };
    let secret = URL_SAFE_NO_PAD.decode(key["k"].as_str().unwrap()).unwrap();
    let token = file["files"]["rfc7515_A.1.jwsc"].as_str().unwrap().trim();
    assert!(verifies(&secret, token));
    for at in token.rfind('.').unwrap() + 1..token.len() {
        let mut copy = token.to_owned().into_bytes();
        copy[at] = if copy[at] == b'A' { b'B' } else { b'A' };
        assert!(
            !verifies(&secret, std::str::from_utf8(&copy).unwrap()),
            "{at}"
        );
    }
    for length in 0..43 {
        let end = token.rfind('.').unwrap() + 1 + length;
        assert!(
            !verifies(&secret, &token[..end]),
            "{length} characters of the code"
        );
    }
    let mut other = secret;
    other[0] ^= 1;
    assert!(!verifies(&other, token));
}
