//! Which key of the set is tried, and how often.

use oauthgate_core::Reason;
use serde_json::{Value, json};

use crate::support::*;

fn others(count: usize, kid: Option<&str>) -> Vec<Value> {
    (0..count)
        .map(|_| KeyPair::ec("ES256").jwk_with(&json!({ "kid": kid })))
        .collect()
}

fn named(kid: &str) -> Value {
    P256.jwk_with(&json!({ "kid": kid }))
}

#[test]
fn b5_tries_at_most_four_keys_of_one_kid() {
    for (before, accepted) in [(0, true), (1, true), (3, true), (4, false), (10, false)] {
        let keys = key_set(&[others(before, Some("key-1")), vec![named("key-1")]].concat());
        let outcome = verify_with(&verifier(), &keys, &token(&claims()), NOW);
        assert_eq!(outcome.is_ok(), accepted, "{before} others first");
    }
}

#[test]
fn b5_keys_of_another_type_under_the_same_kid_cost_no_try() {
    let mut keys = vec![RSA.jwk_with(&json!({"kid": "key-1"})); 6];
    keys.extend([
        ED25519.jwk_with(&json!({"kid": "key-1"})),
        named("key-1"),
        named("key-1"),
    ]);
    assert!(verify_with(&verifier(), &key_set(&keys), &token(&claims()), NOW).is_ok());
}

#[test]
fn b6_tries_at_most_four_fitting_keys_without_a_kid() {
    let unnamed = sign(&P256, "ES256", &json!({}), &claims());
    for (before, accepted) in [(0, true), (3, true), (4, false), (900, false)] {
        let keys = key_set(
            &[
                others(before, Some("other")),
                vec![named("key-1")],
                vec![RSA.jwk()],
            ]
            .concat(),
        );
        assert_eq!(
            verify_with(&verifier(), &keys, &unnamed, NOW).is_ok(),
            accepted,
            "{before} others first"
        );
    }
    let mut unfit = vec![RSA.jwk(); 20];
    unfit.push(P256.jwk());
    assert!(
        verify_with(&verifier(), &key_set(&unfit), &unnamed, NOW).is_ok(),
        "unfit keys cost no try"
    );
}

#[test]
fn b6_a_kid_is_never_matched_by_a_key_without_one() {
    let error =
        verify_with(&verifier(), &key_set(&[P256.jwk()]), &token(&claims()), NOW).unwrap_err();
    assert_eq!(error.reason(), Reason::UnknownKeyId);
}

/// Rule R6: Entra marks keys with the issuer, or the template of the issuers, that they speak for.
#[test]
fn r6_a_key_speaks_only_for_its_issuer() {
    let tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    let other = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let cases = [
        (json!(ISSUER), json!(null), true),
        (json!("https://auth.example.com"), json!(null), false),
        (
            json!("https://auth.example.com/{tenantid}"),
            json!(tenant),
            false,
        ),
        (
            json!("https://auth.example.com/{tenantid}"),
            json!(""),
            false,
        ),
        (json!("{tenantid}"), json!(ISSUER), false),
    ];
    for (issuer, tid, accepted) in cases {
        let keys = key_set(&[
            named("key-1"),
            P256.jwk_with(&json!({"kid": "key-2", "issuer": issuer})),
        ]);
        let token = sign(
            &P256,
            "ES256",
            &json!({"kid": "key-2"}),
            &claims_with(&json!({ "tid": tid })),
        );
        assert_eq!(
            verify_with(&verifier(), &keys, &token, NOW).is_ok(),
            accepted,
            "{issuer} {tid}"
        );
    }
    let issuer = format!("https://login.example.com/{tenant}/v2.0");
    let builder = oauthgate_core::Verifier::builder()
        .issuer(oauthgate_core::Issuer::new(issuer.clone()).unwrap());
    let verifier = builder
        .audiences(oauthgate_core::Audience::new(RESOURCE).unwrap(), [])
        .build()
        .unwrap();
    let keys = key_set(&[P256.jwk_with(
        &json!({"kid": "key-1", "issuer": "https://login.example.com/{tenantid}/v2.0"}),
    )]);
    for (tid, accepted) in [
        (tenant, true),
        (other, false),
        (&tenant.to_uppercase(), false),
        ("", false),
    ] {
        let token = token(&claims_with(&json!({"iss": issuer, "tid": tid})));
        assert_eq!(
            verify_with(&verifier, &keys, &token, NOW).is_ok(),
            accepted,
            "{tid}"
        );
    }
}

#[test]
fn b5_a11_ambiguous_kids_and_small_exponents_are_warned_about() {
    let small = RSA.jwk_with(&json!({"e": "Aw"}));
    let keys = key_set(&[
        named("a"),
        named("a"),
        named("a"),
        named("b"),
        P256.jwk(),
        P256.jwk(),
        small,
        RSA.jwk(),
    ]);
    let warnings = keys.warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("exponent") && warnings[1].contains("\"a\""));
    assert!(crate::support::keys().warnings().is_empty());
}

const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const COMPANY: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

/// Verifies signatures of every tenant, as Entra's `common` and `organizations` need it.
fn of_every_tenant() -> oauthgate_core::Verifier {
    let template =
        oauthgate_core::claims::IssuerTemplate::parse("https://login.example.com/{tid}/v2.0");
    oauthgate_core::Verifier::builder()
        .issuer_template(template.unwrap())
        .audiences(oauthgate_core::Audience::new(RESOURCE).unwrap(), [])
        .build()
        .unwrap()
}

fn of_tenant(tenant: &str, more: &Value) -> String {
    let issuer = format!("https://login.example.com/{tenant}/v2.0");
    let claims = claims_with(&merged(json!({"iss": issuer, "tid": tenant}), more));
    token(&claims)
}

fn marked(issuer: &str) -> oauthgate_core::JwkSet {
    key_set(&[P256.jwk_with(&json!({"kid": "key-1", "issuer": issuer}))])
}

#[test]
fn trap_06_a_key_marked_for_the_consumer_tenant_is_good_for_that_issuer_only() {
    let keys = marked(&format!("https://login.example.com/{CONSUMERS}/v2.0"));
    let verify = |tenant| {
        verify_with(
            &of_every_tenant(),
            &keys,
            &of_tenant(tenant, &json!({})),
            NOW,
        )
    };
    assert!(verify(CONSUMERS).is_ok());
    let error = verify(COMPANY).unwrap_err();
    assert_eq!(error.reason(), Reason::UnknownKeyId);
    let detail = error.detail();
    assert!(
        detail.contains("marked for tokens of") && detail.contains(CONSUMERS),
        "{detail}"
    );
}

#[test]
fn trap_06_a_key_of_all_tenants_is_good_for_each_in_both_spellings_of_the_place() {
    for place in ["{tenantid}", "{tid}"] {
        let keys = marked(&format!("https://login.example.com/{place}/v2.0"));
        for tenant in [COMPANY, CONSUMERS] {
            let token = of_tenant(tenant, &json!({}));
            assert!(
                verify_with(&of_every_tenant(), &keys, &token, NOW).is_ok(),
                "{place}"
            );
        }
    }
}

#[test]
fn trap_06_a_key_of_another_cloud_or_version_speaks_for_nobody_here() {
    for issuer in [
        "https://login.example.cn/{tenantid}/v2.0",
        "https://login.example.com/{tenantid}/",
        "https://login.example.com/{tenantid}/v2.0/",
        "https://login.example.com/{tenant}/v2.0",
        "https://login.example.com/{tenantid}/{tenantid}",
        "{tenantid}",
        "",
    ] {
        let token = of_tenant(COMPANY, &json!({}));
        let error = verify_with(&of_every_tenant(), &marked(issuer), &token, NOW).unwrap_err();
        assert_eq!(error.reason(), Reason::UnknownKeyId, "{issuer}");
    }
}

#[test]
fn trap_06_a_second_spelling_of_the_tenant_is_refused_also_by_a_marked_key() {
    let issuer = format!("https://login.example.com/{COMPANY}/v2.0");
    let builder =
        oauthgate_core::Verifier::builder().issuer(oauthgate_core::Issuer::new(issuer).unwrap());
    let verifier = builder
        .audiences(oauthgate_core::Audience::new(RESOURCE).unwrap(), [])
        .build()
        .unwrap();
    let keys = marked("https://login.example.com/{tenantid}/v2.0");
    assert!(verify_with(&verifier, &keys, &of_tenant(COMPANY, &json!({})), NOW).is_ok());
    for spelling in ["TID", "Tid", "tiD"] {
        let token = of_tenant(COMPANY, &json!({ spelling: CONSUMERS }));
        assert!(
            verify_with(&verifier, &keys, &token, NOW).is_err(),
            "{spelling}"
        );
    }
}

#[test]
fn trap_24_a_key_without_alg_verifies_what_its_type_can_and_never_a_mac() {
    let keys = key_set(&[RSA.jwk_with(&json!({"kid": "key-1"}))]);
    for algorithm in RSA.algorithms() {
        let token = sign(&RSA, algorithm, &json!({"kid": "key-1"}), &claims());
        assert!(
            verify_with(&verifier(), &keys, &token, NOW).is_ok(),
            "{algorithm}"
        );
    }
    for algorithm in ["HS256", "HS384", "HS512", "ES256", "EdDSA"] {
        let header = json!({"alg": algorithm, "kid": "key-1"}).to_string();
        let token = sign_raw(
            &RSA,
            "RS256",
            header.as_bytes(),
            claims().to_string().as_bytes(),
        );
        let error = verify_with(&verifier(), &keys, &token, NOW).unwrap_err();
        assert_eq!(error.reason(), Reason::AlgorithmNotAllowed, "{algorithm}");
    }
}
