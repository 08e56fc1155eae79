//! Public test vectors (`testdata/vectors`, see the README there), all of them, at two levels:
//! *primitive* (does this key verify this signature) and *product* (does a verifier with the defaults
//! let this token in). Numbers of cases are asserted, and every answer that differs from a label is
//! written down beside its reason.

#[path = "../support/mod.rs"]
mod support;

mod json_parsing;
mod keys;
mod macs;
mod protocol;
mod signatures;
mod tokens;

use std::path::Path;

use oauthgate_core::{JwkSet, keys::JwsAlgorithm, token::Jws};
use serde_json::{Value, json};

/// A vector file.
fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/vectors")
        .join(name);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// The groups of a Wycheproof file, and each test with its group.
fn wycheproof(name: &str) -> Vec<(Value, Value)> {
    let file = read(name);
    let groups = file["testGroups"].as_array().unwrap().clone();
    let tests = |group: Value| {
        let tests = group["tests"].as_array().unwrap().clone();
        tests.into_iter().map(move |test| (group.clone(), test))
    };
    groups.into_iter().flat_map(tests).collect()
}

/// A JWK or a key set, read as a key set; none when no member is usable.
fn usable_keys(key: &Value) -> Option<JwkSet> {
    let set = if key.get("keys").is_some() {
        key.clone()
    } else {
        json!({ "keys": [key] })
    };
    JwkSet::parse(set.to_string().as_bytes()).ok()
}

/// Primitive level: takes the JWS apart and verifies its signature with the keys of its `kid`.
fn verifies(keys: &JwkSet, token: &str) -> bool {
    let Ok(jws) = Jws::parse_with_limit(token, 64 * 1024) else {
        return false;
    };
    let header = jws.header();
    let mut named = keys
        .keys()
        .iter()
        .filter(|key| header.key_id().is_none() || key.id() == header.key_id());
    let JwsAlgorithm::Signature(algorithm) = header.algorithm() else {
        return false;
    };
    named.any(|key| key.verifies(algorithm, jws.signing_input(), jws.signature()))
}

/// Product level: the whole way, in a verifier with the defaults, at any time and for any issuer.
fn is_let_in(keys: &JwkSet, token: &str) -> bool {
    support::verify_with(&support::verifier(), keys, token, support::NOW).is_ok()
}

/// 19 files, 2,372 cases: what the README promises is what the tests of this folder read.
#[test]
fn there_are_as_many_cases_as_the_readme_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: Vec<_> = files.filter(|name| name.ends_with(".json")).collect();
    let signed_and_encrypted: usize = files
        .iter()
        .filter(|name| name.starts_with("wycheproof"))
        .map(|name| wycheproof(name).len())
        .sum();
    let others = 211 + 1 + 14 + 11 + 9 + 17 + 24;
    assert_eq!((files.len(), signed_and_encrypted + others), (19, 2_372));
}
