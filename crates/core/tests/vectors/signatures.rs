//! Raw signatures: Wycheproof's ECDSA (r ‖ s), Ed25519, RSASSA-PKCS1-v1_5 and RSASSA-PSS files.

use oauthgate_core::SigningAlgorithm;
use serde_json::{Value, json};

use crate::{support::b64, usable_keys, wycheproof};

/// File, algorithm, number of cases, and how many of them verify.
const FILES: &[(&str, SigningAlgorithm, usize, usize)] = &[
    (
        "wycheproof_ecdsa_secp256r1_sha256_p1363.json",
        SigningAlgorithm::Es256,
        175,
        114,
    ),
    (
        "wycheproof_ecdsa_secp384r1_sha384_p1363.json",
        SigningAlgorithm::Es384,
        187,
        127,
    ),
    (
        "wycheproof_ecdsa_secp521r1_sha512_p1363.json",
        SigningAlgorithm::Es512,
        318,
        231,
    ),
    ("wycheproof_ed25519.json", SigningAlgorithm::EdDsa, 98, 55),
    (
        "wycheproof_rsa_signature_2048_sha256.json",
        SigningAlgorithm::Rs256,
        173,
        6,
    ),
    (
        "wycheproof_rsa_signature_2048_sha512.json",
        SigningAlgorithm::Rs512,
        259,
        8,
    ),
    (
        "wycheproof_rsa_signature_3072_sha384.json",
        SigningAlgorithm::Rs384,
        259,
        7,
    ),
    (
        "wycheproof_rsa_pss_2048_sha256_mgf1_32.json",
        SigningAlgorithm::Ps256,
        72,
        43,
    ),
    (
        "wycheproof_rsa_pss_2048_sha384_mgf1_48.json",
        SigningAlgorithm::Ps384,
        141,
        95,
    ),
];

#[test]
fn answers_every_raw_signature_as_labelled() {
    for (file, algorithm, cases, valid) in FILES {
        let tests = wycheproof(file);
        let verified: Vec<_> = tests
            .iter()
            .filter(|(group, test)| verifies(*algorithm, group, test))
            .collect();
        let disagreements: Vec<_> = tests
            .iter()
            .filter(|(group, test)| verifies(*algorithm, group, test) != expected(test))
            .map(|(_, test)| (&test["tcId"], &test["comment"]))
            .collect();
        assert!(disagreements.is_empty(), "{file}: {disagreements:?}");
        assert_eq!((tests.len(), verified.len()), (*cases, *valid), "{file}");
    }
}

/// `acceptable` is one case in each PKCS#1 file: the NULL is missing in the DigestInfo. Refused.
fn expected(test: &Value) -> bool {
    if test["result"] == "acceptable" {
        assert_eq!(test["tcId"], 8);
    }
    test["result"] == "valid"
}

fn verifies(algorithm: SigningAlgorithm, group: &Value, test: &Value) -> bool {
    let key = public_jwk(group);
    let keys = usable_keys(&key).unwrap_or_else(|| panic!("the key is refused: {key}"));
    keys.keys()[0].verifies(algorithm, &hex(&test["msg"]), &hex(&test["sig"]))
}

fn public_jwk(group: &Value) -> Value {
    let key = &group["publicKey"];
    match group["type"].as_str().unwrap() {
        "EcdsaP1363Verify" => {
            let point = hex(&key["uncompressed"]);
            let (x, y) = point[1..].split_at(point.len() / 2);
            let curve = match key["curve"].as_str().unwrap() {
                "secp256r1" => "P-256",
                "secp384r1" => "P-384",
                _ => "P-521",
            };
            json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)})
        }
        "EddsaVerify" => json!({"kty": "OKP", "crv": "Ed25519", "x": b64(hex(&key["pk"]))}),
        _ => {
            json!({"kty": "RSA", "n": b64(number(&key["modulus"])), "e": b64(number(&key["publicExponent"]))})
        }
    }
}

fn hex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

fn number(text: &Value) -> Vec<u8> {
    hex(text)
        .into_iter()
        .skip_while(|byte| *byte == 0)
        .collect()
}
