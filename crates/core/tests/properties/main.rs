//! Properties: parsers never panic, a valid token with one bit changed is no valid token, and nothing
//! is accepted here that `jsonwebtoken` refuses.

#[path = "../support/mod.rs"]
mod support;

mod callers;
mod settings;

use std::collections::HashSet;

use http::{HeaderValue, Request};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use oauthgate_core::{
    BearerToken, CompactJws, JwkSet, ResourceIdentifier, ScopeSet, SigningAlgorithm,
    claims::ClaimPointer, json::strict_object,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::*;

/// All bits of three tokens (row A14).
#[test]
fn a14_refuses_a_token_with_any_bit_flipped() {
    for (pair, algorithm) in [(&P256, "ES256"), (&RSA, "RS256"), (&ED25519, "EdDSA")] {
        let keys = key_set(&[pair.jwk_with(&json!({"kid": "k"}))]);
        let good = sign(
            pair,
            algorithm,
            &json!({"kid": "k", "typ": "at+jwt"}),
            &claims(),
        );
        let verifier = verifier();
        assert!(verify_with(&verifier, &keys, &good, NOW).is_ok());
        let mut tried = 0;
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(flipped) = String::from_utf8(bytes) {
                assert!(
                    verify_with(&verifier, &keys, &flipped, NOW).is_err(),
                    "{algorithm} bit {bit}"
                );
                tried += 1;
            }
        }
        assert!(tried >= good.len() * 7, "every bit that leaves ASCII text");
    }
}

/// An array, an object, a number, anything.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "[a-z\"\\\\\u{1}é🦀]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z\"\\\\é]{0,4}", inner, 0..4)
                .prop_map(|members| json!(members)),
        ]
    })
}

proptest! {
    #[test]
    fn parsers_never_panic_on_any_text(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = CompactJws::parse(&text);
        let _ = CompactJws::parse(&format!("{}.{}.{}", b64(&text), b64(&bytes), b64(&bytes)));
        let _ = JwkSet::parse(&bytes);
        let _ = JwkSet::parse(text.as_bytes());
        let _ = strict_object(&bytes, 100);
        let _ = ResourceIdentifier::parse(&text);
        let _ = resource().is_named_by(&text);
        let _ = ScopeSet::parse(&text);
        let _ = ClaimPointer::parse(&text);
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let parts = Request::get("/").header("authorization", value).body(()).unwrap().into_parts().0;
            let _ = BearerToken::from_request(&parts);
        }
    }

    /// The WHATWG form decoder is the reader that an upstream has.
    #[test]
    fn every_spelling_of_a_token_in_the_query_is_noticed(
        query in "(&|=|\\+|%|%25|a|access|%61ccess|%41ccess|_|%5[fF]|token|tok%65n|access_token|%zz){0,9}",
    ) {
        let decoded = url::form_urlencoded::parse(query.as_bytes());
        let has_token = { decoded }.any(|(name, _)| name == "access_token");
        let parts = Request::get(format!("/?{query}")).body(()).unwrap().into_parts().0;
        prop_assert_eq!(BearerToken::is_offered(&parts), has_token);
    }

    /// Three parts out of the alphabet, so that every layer behind the first is reached.
    #[test]
    fn parsers_never_panic_on_token_like_text(token in "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,20}") {
        prop_assert!(verify(&token).is_err());
    }

    #[test]
    fn any_header_and_any_claims_are_answered(header in any_json(), payload in any_json()) {
        let token = sign_raw(&ED25519, "EdDSA", header.to_string().as_bytes(), payload.to_string().as_bytes());
        prop_assert!(verify(&token).is_err());
    }

    /// Signed by the right key, whatever it says: an answer, never a panic.
    #[test]
    fn any_signed_claim_is_answered(name in "iss|sub|aud|exp|nbf|iat|scope|client_id|resource|cnf|tier|email|tenant_id", value in any_json()) {
        let mut claims = claims();
        claims[name] = value;
        let _ = verify(&token(&claims));
    }

    #[test]
    fn any_key_is_answered(name in "kty|crv|x|y|kid|use|key_ops|alg|issuer|n|e", value in any_json()) {
        let mut key = P256.jwk_with(&json!({"kid": "key-1"}));
        key[name] = value;
        let _ = JwkSet::parse(json!({"keys": [key]}).to_string().as_bytes());
    }

    #[test]
    fn reads_back_what_serde_json_writes(value in any_json(), pretty in any::<bool>()) {
        let object = json!({ "member": value });
        let text = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.unwrap();
        prop_assert_eq!(Value::Object(strict_object(text.as_bytes(), text.len()).unwrap()), object);
    }

    #[test]
    fn reads_strings_as_serde_json_does(text in "([ !#-\\[\\]-~é🦀]|\\\\[\"\\\\/bfnrtux]|\\\\u[0-9a-fA-F]{4}|\\\\ud8[0-9a-f]{2}\\\\udc[0-9a-f]{2}){0,12}") {
        let text = format!("{{\"a\":\"{text}\"}}");
        let theirs = serde_json::from_str::<Value>(&text).ok().filter(|value| !value["a"].as_str().unwrap().contains('\0'));
        prop_assert_eq!(strict_object(text.as_bytes(), text.len()).ok().map(Value::Object), theirs, "{}", text);
    }

    #[test]
    fn reads_nothing_that_serde_json_refuses(text in "[\\[\\]{}\",:0-9eE.+\\- a-c\\\\utrnlfs]{0,24}") {
        let text = format!("{{\"a\":{text}}}");
        if strict_object(text.as_bytes(), text.len()).is_ok() {
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
        }
    }

    #[test]
    fn pointers_round_trip(segments in prop::collection::vec("[a-z~/:. é]{0,6}", 1..4)) {
        let text: String = segments.iter().map(|segment| format!("/{}", segment.replace('~', "~0").replace('/', "~1"))).collect();
        let pointer = ClaimPointer::parse(&text).unwrap();
        prop_assert_eq!(pointer.to_string(), text);
    }
}

/// What `jsonwebtoken` needs to answer the same question.
fn oracle(pair: &KeyPair, algorithm: &str, token: &str) -> bool {
    let jwk = pair.jwk();
    let part = |name: &str| jwk[name].as_str().unwrap().to_owned();
    let key = match pair {
        KeyPair::Rsa(_) => DecodingKey::from_rsa_components(&part("n"), &part("e")).unwrap(),
        KeyPair::Ec(..) => DecodingKey::from_ec_components(&part("x"), &part("y")).unwrap(),
        KeyPair::Ed25519(_) => DecodingKey::from_ed_components(&part("x")).unwrap(),
    };
    let mut validation = Validation::new(algorithm.parse::<Algorithm>().unwrap());
    validation.set_audience(&[RESOURCE]);
    validation.set_issuer(&[ISSUER]);
    validation.required_spec_claims = HashSet::from(["iss", "aud"].map(str::to_owned));
    // It reads the system's clock; times are compared by our own tests.
    validation.validate_exp = false;
    jsonwebtoken::decode::<Value>(token, &key, &validation).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Good and nearly good tokens of every algorithm that both know (ES512 is ours alone).
    #[test]
    fn agrees_with_jsonwebtoken(
        which in 0_usize..4,
        algorithm in any::<prop::sample::Index>(),
        issuer in prop_oneof![4 => Just(ISSUER), 1 => Just("https://other.example")],
        audience in prop_oneof![
            4 => Just(json!(RESOURCE)), 2 => Just(json!(["x", RESOURCE])), 1 => Just(json!("x")), 1 => Just(json!([])),
        ],
        signed_by_us in prop::bool::weighted(0.8),
        name in "[a-z]{1,20}",
    ) {
        let pair = [&*RSA, &*P256, &*P384, &*ED25519][which];
        let fitting = pair.algorithms();
        let algorithm = fitting[algorithm.index(fitting.len())];
        let claims = claims_with(&json!({"iss": issuer, "aud": audience, "sub": name}));
        let foreign = match pair {
            KeyPair::Rsa(_) => &*OTHER_RSA,
            _ => pair,
        };
        let signer = if signed_by_us { pair } else { foreign };
        let token = sign(signer, algorithm, &json!({"kid": "k"}), &claims);
        let ours = verify_with(&verifier(), &key_set(&[pair.jwk_with(&json!({"kid": "k"}))]), &token, NOW);
        prop_assert_eq!(ours.is_ok(), oracle(pair, algorithm, &token), "{:?}", ours);
    }
}

#[test]
fn knows_every_algorithm_name_and_no_other() {
    for algorithm in SigningAlgorithm::ALL {
        assert_eq!(
            SigningAlgorithm::from_name(algorithm.name()),
            Some(*algorithm)
        );
    }
    assert_eq!(
        SigningAlgorithm::from_name("Ed25519"),
        Some(SigningAlgorithm::EdDsa)
    );
    for name in [
        "none", "HS256", "ES256K", "rs256", "EdDSA ", "Ed448", "ESP256", "RSA1_5", "",
    ] {
        assert_eq!(SigningAlgorithm::from_name(name), None, "{name}");
    }
}
