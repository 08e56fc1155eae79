//! Keys too weak, malformed, or published with their private half.

use oauthgate_core::{JwkSet, keys::JwkSetError};
use serde_json::{Value, json};

use crate::support::*;

/// A JWK set with one bad key and one good one: the good one stays, the bad one is reported.
#[track_caller]
fn why_skipped(bad: &Value) -> String {
    let keys = key_set(&[bad.clone(), P256.jwk()]);
    assert_eq!((keys.keys().len(), keys.skipped().len()), (1, 1), "{bad}");
    keys.skipped()[0].why.clone()
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Value {
    json!({"kty": "RSA", "n": b64(modulus), "e": b64(exponent)})
}

/// An odd number of this many bits.
fn modulus(bits: usize) -> Vec<u8> {
    let mut number = vec![0xa5; bits.div_ceil(8)];
    number[0] = 0xff >> ((8 - bits % 8) % 8);
    number
}

#[test]
fn a11_skips_rsa_keys_of_less_than_2048_bits() {
    for bits in [8, 512, 1024, 2040, 2047, 8193, 16_384] {
        assert!(
            why_skipped(&rsa(&modulus(bits), &[1, 0, 1])).contains(&format!("{bits} bits")),
            "{bits}"
        );
    }
    for bits in [2048, 3072, 4096, 8192] {
        assert_eq!(
            key_set(&[rsa(&modulus(bits), &[1, 0, 1])]).keys().len(),
            1,
            "{bits}"
        );
    }
}

#[test]
fn a11_skips_rsa_keys_with_an_unfit_exponent() {
    let number = modulus(2048);
    for exponent in [
        &[1][..],
        &[2],
        &[4],
        &[1, 0, 0],
        &[0, 3],
        &[0xff; 5],
        &[1; 32],
        &[],
    ] {
        assert!(
            why_skipped(&rsa(&number, exponent)).contains("`e`")
                || why_skipped(&rsa(&number, exponent)).contains("exponent")
        );
    }
    for exponent in [&[3][..], &[17], &[1, 0, 1], &[1, 0, 0, 0, 1]] {
        assert_eq!(
            key_set(&[rsa(&number, exponent)]).keys().len(),
            1,
            "{exponent:?}"
        );
    }
}

#[test]
fn a11_skips_moduli_that_are_even_or_padded() {
    let mut even = modulus(2048);
    *even.last_mut().unwrap() = 0xa4;
    assert!(why_skipped(&rsa(&even, &[1, 0, 1])).contains("even"));
    assert!(
        why_skipped(&rsa(&[vec![0], modulus(2048)].concat(), &[1, 0, 1])).contains("zero byte")
    );
    assert!(why_skipped(&rsa(&[], &[1, 0, 1])).contains("`n`"));
}

#[test]
fn a11_skips_moduli_of_the_broken_generator() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/vectors/wycheproof_json_web_key.json"
    );
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let groups = file["testGroups"].as_array().unwrap();
    let group = groups
        .iter()
        .find(|group| group["comment"] == "jws_rsa_roca_key")
        .unwrap();
    assert!(why_skipped(&group["public"]["keys"][0]).contains("ROCA"));
}

#[test]
fn a12_a15_never_take_symmetric_or_private_keys() {
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    for name in private {
        for pair in [&RSA, &P256, &ED25519] {
            assert!(
                why_skipped(&pair.jwk_with(&json!({ name: "AQAB" }))).contains("private"),
                "{name}"
            );
        }
    }
    for secret in ["", "c2VjcmV0", "LS0tLS1CRUdJTg"] {
        assert!(why_skipped(&json!({"kty": "oct", "k": secret})).contains("private"));
    }
    assert!(why_skipped(&json!({"kty": "oct"})).contains("symmetric"));
}

#[test]
fn d10_one_odd_key_does_not_fail_the_set() {
    let x = P256.jwk()["x"].clone();
    let odd = [
        json!({}),
        json!(null),
        json!([]),
        json!("key"),
        json!(1),
        json!({"kty": "XYZ"}),
        json!({"kty": 1}),
        json!({"kty": "RSA"}),
        json!({"kty": "RSA", "n": "AQAB"}),
        json!({"kty": "RSA", "n": "!", "e": "AQAB"}),
        json!({"kty": "RSA", "n": "AA", "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-256", "x": x}),
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": x}),
        json!({"kty": "EC", "crv": "secp256k1", "x": x, "y": x}),
        json!({"kty": "EC", "crv": "p-256", "x": x, "y": x}),
        json!({"kty": "OKP", "crv": "Ed448", "x": x}),
        json!({"kty": "OKP", "crv": "X25519", "x": x}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}),
        json!({"kty": "OKP", "crv": "Ed25519"}),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}),
        P256.jwk_with(&json!({"kid": "x".repeat(513)})),
        P256.jwk_with(&json!({"crv": "P-384"})),
        P256.jwk_with(&json!({"x": b64(vec![0; 32]), "y": b64(vec![0; 32])})),
    ];
    for key in &odd {
        assert!(!why_skipped(key).is_empty());
    }
    let all = key_set(&[odd.to_vec(), vec![P256.jwk_with(&json!({"kid": "key-1"}))]].concat());
    assert_eq!((all.keys().len(), all.skipped().len()), (1, odd.len()));
    assert!(verify_with(&verifier(), &all, &token(&claims()), NOW).is_ok());
}

/// Some providers publish coordinates without their leading zeros.
#[test]
fn trap_25_d10_skips_short_coordinates_and_says_so() {
    let jwk = loop {
        let jwk = KeyPair::ec("ES256").jwk();
        if jwk["x"].as_str().unwrap().starts_with("AA") {
            break jwk;
        }
    };
    use base64::Engine as _;
    let x = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(jwk["x"].as_str().unwrap())
        .unwrap();
    assert_eq!(key_set(std::slice::from_ref(&jwk)).keys().len(), 1);
    assert!(why_skipped(&merged(jwk, &json!({"x": b64(&x[1..])}))).contains("leading zeros"));
}

#[test]
fn trap_22_keys_for_encryption_and_of_unknown_kinds_do_not_fail_the_set() {
    let others = [
        RSA.jwk_with(&json!({"kid": "enc-1", "use": "enc", "alg": "RSA-OAEP"})),
        RSA.jwk_with(&json!({"kid": "enc-2", "use": "enc", "alg": "RSA-OAEP-256"})),
        RSA.jwk_with(&json!({"kid": "enc-3", "alg": "RSA-OAEP-256"})),
        json!({"kty": "EC", "crv": "brainpoolP256r1", "x": "AAAA", "y": "AAAA"}),
        json!({"kty": "PQC", "alg": "ML-DSA-87", "pub": "AAAA"}),
    ];
    let good = P256.jwk_with(&json!({"kid": "key-1", "use": "sig", "alg": "ES256"}));
    let set = key_set(&[others.to_vec(), vec![good]].concat());
    assert_eq!((set.keys().len(), set.skipped().len()), (1, others.len()));
    assert!(verify_with(&verifier(), &set, &token(&claims()), NOW).is_ok());
    let only_these = json!({ "keys": others }).to_string();
    let error = JwkSet::parse(only_these.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("5 skipped") && error.contains(r#"its `use` is "enc""#),
        "{error}"
    );
}

#[test]
fn trap_23_a_set_without_keys_names_the_likely_cause() {
    for document in ["{}", r#"{"keys":[]}"#, r#"{"issuer":"x"}"#] {
        let error = JwkSet::parse(document.as_bytes()).unwrap_err().to_string();
        for part in ["HS256", "OAUTHGATE_HS_SECRET", "asymmetric key"] {
            assert!(error.contains(part), "{document}: {error}");
        }
    }
}

/// Trap 26: a set in a file of the operator's.
#[test]
fn trap_26_a_private_member_in_ones_own_set_is_named_and_never_shown() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let keys = json!({"keys": [P256.jwk(), P256.jwk_with(&json!({ name: "c2VjcmV0" }))]});
        let document = keys.to_string();
        let error = JwkSet::refuse_private(document.as_bytes()).unwrap_err();
        assert_eq!(error, JwkSetError::PrivateMember { position: 1, name });
        assert!(!format!("{error} {error:?}").contains("c2VjcmV0"));
        // Somebody else's set is used without it.
        assert_eq!(JwkSet::parse(document.as_bytes()).unwrap().keys().len(), 1);
    }
    let public = json!({"keys": [P256.jwk(), "odd", {"kty": "oct"}]}).to_string();
    assert_eq!(JwkSet::refuse_private(public.as_bytes()), Ok(()));
}

#[test]
fn d10_says_what_is_wrong_with_a_length() {
    assert!(
        why_skipped(&json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}))
            .contains("3 bytes, where Ed25519 has 32")
    );
}

#[test]
fn d10_refuses_documents_that_are_no_key_set() {
    for document in [
        &b"{}"[..],
        br#"{"keys":{}}"#,
        br#"{"keys":null}"#,
        br#"{"keys":"x"}"#,
        br#"{"Keys":[]}"#,
    ] {
        assert_eq!(
            JwkSet::parse(document).unwrap_err(),
            JwkSetError::MissingKeys
        );
    }
    for document in [
        &b""[..],
        b"[]",
        b"null",
        b"<html>",
        b"{\"keys\":[]",
        br#"{"keys":[],"keys":[]}"#,
        b"\xef\xbb\xbf{\"keys\":[]}",
    ] {
        assert!(matches!(
            JwkSet::parse(document),
            Err(JwkSetError::Malformed(_))
        ));
    }
    let many = json!({"keys": vec![json!({}); 1001]}).to_string();
    assert_eq!(
        JwkSet::parse(many.as_bytes()).unwrap_err(),
        JwkSetError::TooManyKeys(1001)
    );
    let large = format!(
        "{{\"keys\":[],\"x\":\"{}\"}}",
        "x".repeat(JwkSet::MAX_LENGTH)
    );
    assert!(matches!(
        JwkSet::parse(large.as_bytes()),
        Err(JwkSetError::Malformed(_))
    ));
}
