//! Whole tokens: Wycheproof's JWS, JWK and JWE files, and the fixtures of other libraries.

use oauthgate_core::CompactJws;
use serde_json::Value;

use crate::{is_let_in, read, support::keys, usable_keys, verifies, wycheproof};

/// Valid by their label, and refused here: file, test, why.
const REFUSED_THOUGH_VALID: &[(&str, u64, &str)] = &[
    (
        "wycheproof_json_web_signature.json",
        1,
        "HS256: no key of a set verifies a MAC; see `macs`",
    ),
    ("wycheproof_json_web_signature.json", 358, "HS256"),
    ("wycheproof_json_web_signature.json", 359, "HS256"),
    (
        "wycheproof_json_web_signature.json",
        373,
        "HS256, and a character outside base64url",
    ),
    ("wycheproof_json_web_signature.json", 376, "HS256"),
    ("wycheproof_json_web_signature.json", 377, "HS256"),
    ("wycheproof_json_web_key.json", 13, "HS256"),
    ("wycheproof_json_web_key.json", 14, "HS384"),
    ("wycheproof_json_web_crypto.json", 1, "HS256"),
];

/// File, number of cases with a `jws`, and how many of them verify at the primitive level.
const JWS_FILES: &[(&str, usize, usize)] = &[
    ("wycheproof_json_web_signature.json", 261, 19),
    ("wycheproof_json_web_key.json", 16, 0),
    ("wycheproof_json_web_crypto.json", 32, 0),
];

#[test]
fn answers_every_signed_token_as_labelled() {
    for (file, cases, valid) in JWS_FILES {
        let tests: Vec<_> = wycheproof(file)
            .into_iter()
            .filter(|(_, test)| test.get("jws").is_some())
            .collect();
        let mut verified = 0;
        for (group, test) in &tests {
            let id = test["tcId"].as_u64().unwrap();
            let refused = REFUSED_THOUGH_VALID
                .iter()
                .any(|(in_file, refused, _)| in_file == file && *refused == id);
            let expected = test["result"] == "valid" && !refused;
            assert_eq!(
                is_verified(group, test),
                expected,
                "{file} {id} {}",
                test["comment"]
            );
            verified += usize::from(expected);
        }
        assert_eq!((tests.len(), verified), (*cases, *valid), "{file}");
    }
}

/// The payloads are no access tokens, so a verifier with the defaults lets none of them in.
#[test]
fn lets_no_foreign_token_in() {
    let mut seen = 0;
    for (file, ..) in JWS_FILES {
        for (group, test) in wycheproof(file) {
            let token = test.get("jws").or(test.get("jwe")).unwrap();
            let token = token
                .as_str()
                .map_or_else(|| token.to_string(), str::to_owned);
            let keys = usable_keys(public_key(&group)).unwrap_or_else(keys);
            assert!(!is_let_in(&keys, &token), "{file} {}", test["tcId"]);
            seen += 1;
        }
    }
    assert_eq!(seen, 261 + 16 + 43);
}

#[test]
fn refuses_every_encrypted_token_before_any_decryption() {
    let mut seen = 0;
    for file in [
        "wycheproof_json_web_encryption.json",
        "wycheproof_json_web_crypto.json",
    ] {
        for (_, test) in wycheproof(file)
            .into_iter()
            .filter(|(_, test)| test.get("jwe").is_some())
        {
            let token = test["jwe"]
                .as_str()
                .map_or_else(|| test["jwe"].to_string(), str::to_owned);
            assert!(
                CompactJws::parse(&token).is_err(),
                "{file} {}",
                test["tcId"]
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 83 + 11);
}

/// RS256 and RS384 with 4096-bit keys verify; HS* and unencoded payloads are refused.
#[test]
fn answers_the_fixtures_of_joserfc() {
    let file = read("joserfc_fixtures.json");
    let (mut cases, mut with_token, mut verified) = (0, 0, 0);
    for (_, fixture) in file["fixtures"].as_object().unwrap() {
        for case in fixture["tests"].as_array().unwrap() {
            cases += 1;
            let tokens: Vec<_> = ["compact", "token", "general_json", "flattened_json"]
                .iter()
                .filter_map(|name| case.get(*name))
                .collect();
            with_token += usize::from(!tokens.is_empty());
            for token in tokens {
                let key = case
                    .get("public_key")
                    .and_then(|name| public_key_of(&file, name.as_str().unwrap()));
                let good = token
                    .as_str()
                    .is_some_and(|token| key.is_some_and(|key| verifies(&key, token)));
                assert_eq!(good, token.is_string() && is_rsa(case), "{case}");
                verified += usize::from(good);
            }
        }
    }
    assert_eq!((cases, with_token, verified), (17, 11, 4));
}

fn is_rsa(case: &Value) -> bool {
    case["public_key"] == "rsa-openssl-public.pem"
}

/// The RSA key of the fixtures is PEM: the modulus is the last but five bytes of its DER form.
fn public_key_of(file: &Value, name: &str) -> Option<oauthgate_core::JwkSet> {
    use base64::Engine as _;
    let pem = file["public_keys"][name].as_str()?;
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD
        .decode(body)
        .ok()?;
    let modulus = der.get(der.len() - 5 - 512..der.len() - 5)?;
    usable_keys(&serde_json::json!({"kty": "RSA", "n": crate::support::b64(modulus), "e": "AQAB"}))
}

fn public_key(group: &Value) -> &Value {
    group.get("public").unwrap_or(&group["private"])
}

fn is_verified(group: &Value, test: &Value) -> bool {
    let (Some(keys), Some(token)) = (usable_keys(public_key(group)), test["jws"].as_str()) else {
        return false;
    };
    verifies(&keys, token)
}
