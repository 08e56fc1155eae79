//! The token chooses the algorithm (RFC 8725 §3.1).

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use oauthgate_core::{Audience, Reason, SigningAlgorithm, Verifier};
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn a1_refuses_none_in_every_spelling() {
    let spellings = [
        json!("none"),
        json!("None"),
        json!("nOnE"),
        json!("NONE"),
        json!(""),
        json!(null),
        json!(1),
        json!([]),
        json!({}),
        json!("none "),
        json!("es256"),
        json!("ES256 "),
        json!(["ES256"]),
    ];
    for spelling in &spellings {
        let mut header = json!({"kid": "key-1", "typ": "at+jwt"});
        header["alg"] = spelling.clone();
        refuse_unsigned_and_signed(&header);
    }
    refuse_unsigned_and_signed(&json!({"kid": "key-1", "typ": "at+jwt"}));
}

fn refuse_unsigned_and_signed(header: &Value) {
    let message = format!("{}.{}", b64(header.to_string()), b64(claims().to_string()));
    let signature = P256.sign("ES256", message.as_bytes());
    for token in [
        format!("{message}."),
        format!("{message}.{}", b64(signature)),
    ] {
        let reason = refusal(&token);
        assert!(
            matches!(reason, Reason::AlgorithmNotAllowed | Reason::MalformedToken),
            "{header}: {reason}"
        );
    }
}

#[test]
fn a2_refuses_hs_signed_with_any_form_of_a_public_key() {
    let mut variants = 0;
    for pair in [&RSA, &P256, &P384, &P521, &ED25519] {
        let keys = key_set(&[pair.jwk_with(&json!({"kid": "k"}))]);
        for secret in forms_of(&pair.jwk(), &pair.public_bytes()) {
            for (name, algorithm) in [
                ("HS256", hmac::HMAC_SHA256),
                ("HS384", hmac::HMAC_SHA384),
                ("HS512", hmac::HMAC_SHA512),
            ] {
                let message = format!(
                    "{}.{}",
                    b64(json!({"alg": name, "kid": "k"}).to_string()),
                    b64(claims().to_string())
                );
                let tag = hmac::sign(&hmac::Key::new(algorithm, &secret), message.as_bytes());
                let error =
                    verify_with(&verifier(), &keys, &format!("{message}.{}", b64(tag)), NOW)
                        .unwrap_err();
                assert_eq!(error.reason(), Reason::AlgorithmNotAllowed);
                variants += 1;
            }
        }
    }
    assert!(variants >= 200, "{variants}");
}

/// The byte forms in which a public key is published, and every spelling of its PEM armour.
fn forms_of(jwk: &Value, raw: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![
        raw.to_vec(),
        jwk.to_string().into_bytes(),
        json!({"keys": [jwk]}).to_string().into_bytes(),
        Vec::new(),
    ];
    forms.extend(
        ["n", "x", "y"]
            .iter()
            .filter_map(|name| jwk[*name].as_str())
            .map(|text| text.as_bytes().to_vec()),
    );
    for label in [
        "PUBLIC KEY",
        "RSA PUBLIC KEY",
        "EC PUBLIC KEY",
        "CERTIFICATE",
    ] {
        for ending in ["", "\n", "\r\n"] {
            forms.push(
                format!(
                    "-----BEGIN {label}-----\n{}\n-----END {label}-----{ending}",
                    STANDARD.encode(raw)
                )
                .into_bytes(),
            );
        }
    }
    forms
}

#[test]
fn a3_a_key_without_alg_verifies_only_what_the_policy_allows() {
    let keys = key_set(&[RSA.jwk_with(&json!({"kid": "k"}))]);
    let builder = Verifier::builder()
        .issuer(issuer())
        .audiences(Audience::new(RESOURCE).unwrap(), []);
    let verifier = builder
        .algorithms(vec![SigningAlgorithm::Rs256])
        .build()
        .unwrap();
    for algorithm in RSA.algorithms() {
        let outcome = verify_with(
            &verifier,
            &keys,
            &sign(&RSA, algorithm, &json!({"kid": "k"}), &claims()),
            NOW,
        );
        match algorithm {
            "RS256" => assert!(outcome.is_ok()),
            _ => assert_eq!(
                outcome.unwrap_err().reason(),
                Reason::AlgorithmNotAllowed,
                "{algorithm}"
            ),
        }
    }
}

#[test]
fn a4_a19_refuse_every_json_serialization() {
    let good = token(&claims());
    let parts: Vec<_> = good.split('.').collect();
    let signature = |signature: &str| json!({"protected": parts[0], "header": {"alg": "HS256"}, "signature": signature});
    let forms = [
        json!({"payload": parts[1], "protected": parts[0], "signature": parts[2]}),
        json!({"payload": parts[1], "header": {"alg": "ES256"}, "signature": parts[2]}),
        json!({"payload": parts[1], "signatures": [signature(parts[2]), signature("AAAA")]}),
        json!({"payload": parts[1], "signatures": [signature("AAAA"), signature(parts[2])]}),
    ];
    for form in forms {
        assert_eq!(refusal(&form.to_string()), Reason::OpaqueToken);
        // With dots enough to look compact.
        assert_eq!(
            refusal(&format!("{form}.{}.{}", parts[1], parts[2])),
            Reason::MalformedToken
        );
    }
}

#[test]
fn row_21_a5_refuses_every_algorithm_that_does_not_fit_the_key() {
    let pairs = [&RSA, &P256, &P384, &P521, &ED25519];
    let mut variants = 0;
    for pair in pairs {
        let keys = key_set(&[pair.jwk_with(&json!({"kid": "k"}))]);
        for algorithm in SigningAlgorithm::ALL
            .iter()
            .filter(|algorithm| !pair.algorithms().contains(&algorithm.name()))
        {
            let header = json!({"alg": algorithm.name(), "kid": "k"}).to_string();
            let token = sign_raw(
                pair,
                pair.algorithms()[0],
                header.as_bytes(),
                claims().to_string().as_bytes(),
            );
            let error = verify_with(&verifier(), &keys, &token, NOW).unwrap_err();
            assert_eq!(error.reason(), Reason::AlgorithmNotAllowed, "{algorithm}");
            variants += 1;
        }
    }
    assert_eq!(variants, 4 + 9 + 9 + 9 + 9);
}

#[test]
fn a5_a_key_that_is_bound_to_one_rsa_algorithm_verifies_no_other() {
    for bound in RSA.algorithms() {
        let keys = key_set(&[RSA.jwk_with(&json!({"kid": "k", "alg": bound}))]);
        for used in RSA.algorithms() {
            let outcome = verify_with(
                &verifier(),
                &keys,
                &sign(&RSA, used, &json!({"kid": "k"}), &claims()),
                NOW,
            );
            assert_eq!(outcome.is_ok(), used == bound, "{bound} {used}");
        }
    }
}

#[test]
fn a5_refuses_a_token_whose_header_names_another_algorithm_than_it_was_signed_with() {
    let keys = key_set(&[RSA.jwk_with(&json!({"kid": "k"}))]);
    for named in RSA.algorithms() {
        for used in RSA.algorithms().into_iter().filter(|used| *used != named) {
            let header = json!({"alg": named, "kid": "k"}).to_string();
            let token = sign_raw(
                &RSA,
                used,
                header.as_bytes(),
                claims().to_string().as_bytes(),
            );
            let error = verify_with(&verifier(), &keys, &token, NOW).unwrap_err();
            assert_eq!(error.reason(), Reason::BadSignature, "{named} {used}");
        }
    }
}

#[test]
fn a6_a_key_for_something_else_verifies_nothing() {
    let unusable = [
        json!({"use": "enc"}),
        json!({"use": ""}),
        json!({"use": 1}),
        json!({"use": "sig", "key_ops": ["encrypt"]}),
        json!({"key_ops": []}),
        json!({"key_ops": ["sign"]}),
        json!({"key_ops": "verify"}),
        json!({"key_ops": {}}),
        json!({"alg": "ES384"}),
        json!({"alg": "RS256"}),
        json!({"alg": "HS256"}),
        json!({"alg": "none"}),
        json!({"alg": ""}),
        json!({"alg": 1}),
        json!({"alg": "ECDH-ES"}),
        json!({"alg": "ES256K"}),
        json!({"kid": 1}),
        json!({"issuer": []}),
    ];
    for more in &unusable {
        let bad = P256.jwk_with(&merged(json!({"kid": "key-1"}), more));
        let keys = key_set(&[bad, P384.jwk()]);
        assert_eq!((keys.keys().len(), keys.skipped().len()), (1, 1), "{more}");
        let error = verify_with(&verifier(), &keys, &token(&claims()), NOW).unwrap_err();
        assert_eq!(error.reason(), Reason::UnknownKeyId, "{more}");
    }
    for more in [
        json!({"use": "sig"}),
        json!({"key_ops": ["verify"]}),
        json!({"key_ops": ["sign", "verify"]}),
        json!({"alg": "ES256"}),
    ] {
        let keys = key_set(&[P256.jwk_with(&merged(json!({"kid": "key-1"}), &more))]);
        assert!(
            verify_with(&verifier(), &keys, &token(&claims()), NOW).is_ok(),
            "{more}"
        );
    }
}

#[test]
fn a17_no_setting_leaves_a_verifier_without_a_rule() {
    let builder = || {
        Verifier::builder()
            .issuer(issuer())
            .audiences(Audience::new(RESOURCE).unwrap(), [])
    };
    assert!(builder().build().is_ok());
    assert!(builder().algorithms(Vec::new()).build().is_err());
    assert!(builder().max_token_length(0).build().is_err());
    assert!(
        builder()
            .max_lifetime(std::time::Duration::ZERO)
            .build()
            .is_err()
    );
    for client in ["", " "] {
        assert!(
            builder()
                .allowed_clients([client.to_owned()])
                .build()
                .is_err()
        );
        assert!(
            builder()
                .missing_audience_clients([client.to_owned()])
                .build()
                .is_err()
        );
    }
}
