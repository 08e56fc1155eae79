//! Keys and tokens out of RFC 7515, 7517, 7520, 7638 and the test keys of another library.

use oauthgate_core::{JwkSet, keys::JwkSetError};
use serde_json::{Value, json};

use crate::{is_let_in, read, support, usable_keys, verifies};

/// Only public asymmetric keys for signatures; a private or symmetric member is refused.
#[test]
fn imports_only_the_public_keys_of_another_library() {
    let file = read("pyjwt_keys.json");
    let keys = file["keys"].as_object().unwrap();
    let usable: Vec<_> = keys
        .iter()
        .filter(|(_, key)| usable_keys(&key["value"]).is_some())
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(keys.len(), 14);
    assert_eq!(
        usable,
        [
            "jwk_ec_pub_P-256.json",
            "jwk_ec_pub_P-384.json",
            "jwk_okp_pub_Ed25519.json",
            "jwk_rsa_pub.json"
        ]
    );
    assert!(matches!(
        JwkSet::parse(
            keys["jwk_keyset_only_unknown_alg.json"]["value"]
                .to_string()
                .as_bytes()
        ),
        Err(JwkSetError::NoUsableKeys { .. })
    ));
    assert!(matches!(JwkSet::parse(b""), Err(JwkSetError::Malformed(_))));
}

#[test]
fn answers_the_rfc_7520_cookbook() {
    let file = read("rfc7520_cookbook.json");
    let examples = file["examples"].as_array().unwrap();
    let (mut imported, mut verified) = (Vec::new(), Vec::new());
    for example in examples {
        let (path, data) = (example["source_path"].as_str().unwrap(), &example["data"]);
        if path.starts_with("jwk/") {
            imported.extend(usable_keys(data).map(|_| path));
            continue;
        }
        let key = merged_public(&data["input"]["key"]);
        for form in ["compact", "json", "json_flat"]
            .iter()
            .filter_map(|form| data["output"].get(*form))
        {
            let token = form
                .as_str()
                .map_or_else(|| form.to_string(), str::to_owned);
            let keys = usable_keys(&key);
            verified.extend(keys.filter(|keys| verifies(keys, &token)).map(|_| path));
            assert!(!is_let_in(&support::keys(), &token), "{path}");
        }
    }
    assert_eq!(examples.len(), 11);
    assert_eq!(
        imported,
        ["jwk/3_1.ec_public_key.json", "jwk/3_3.rsa_public_key.json"]
    );
    assert_eq!(verified, ["curve25519/jws.json"]);
}

#[test]
fn answers_the_examples_of_rfc_7515_and_7517() {
    let file = read("rfc_files_latchset.json");
    let files = file["files"].as_object().unwrap();
    assert_eq!(files.len(), 9);
    let es512 = usable_keys(&merged_public(&files["rfc7515_A.4.jwk"])).unwrap();
    assert!(verifies(
        &es512,
        files["rfc7515_A.4.jwsc"].as_str().unwrap()
    ));
    for refused in ["rfc7515_A.1.jwsc", "rfc7515_A.5.jwsc"] {
        assert!(
            !verifies(&es512, files[refused].as_str().unwrap()),
            "{refused}"
        );
    }
    assert!(
        usable_keys(&files["rfc7515_A.1.jwk"]).is_none(),
        "symmetric"
    );
    assert!(
        usable_keys(&files["rfc7517_B.jwk"]).is_some(),
        "x5c is ignored"
    );
    // The label counts public keys; one of the two is for encryption.
    let set = usable_keys(&files["rfc7517_A.1.jwkset"]).unwrap();
    assert_eq!((set.keys().len(), set.skipped().len()), (1, 1));
    assert!(set.skipped()[0].why.contains("\"enc\""));
    let key = usable_keys(&files["rfc7638_3.1.jwk"]).unwrap();
    assert_eq!(
        key.keys()[0].thumbprint(),
        files["rfc7638_3.1.thp"].as_str().unwrap()
    );
}

/// The public half of a private key of the vectors.
fn merged_public(key: &Value) -> Value {
    support::merged(key.clone(), &json!({"d": null}))
}
