//! Tokens of another issuer.

use oauthgate_core::{
    Audience, CompactJws, Issuer, Reason, UnixTime, Verifier, VerifierSet, claims::IssuerTemplate,
};
use serde_json::{Value, json};

use crate::support::*;

fn verifier_of(issuer: &str) -> Verifier {
    let builder = Verifier::builder().issuer(Issuer::new(issuer).unwrap());
    builder
        .audiences(Audience::new(RESOURCE).unwrap(), [])
        .build()
        .unwrap()
}

#[test]
fn c7_c10_an_issuer_is_an_exact_string() {
    let foreign = [
        "https://auth.example.com",
        "https://auth.example.com//",
        "http://auth.example.com/",
        "HTTPS://auth.example.com/",
        "https://AUTH.example.com/",
        "https://auth.example.com/x",
        "https://auth.example.com:443/",
        "https://auth.example.com/.",
        "auth.example.com",
        "https://auth.example.co",
        " https://auth.example.com/",
        "https://auth.example.com/ ",
        "https://auth.example.com/\n",
        "https://auth.example.com/?",
        "https://auth.example.com/#",
        "https://evil.test/https://auth.example.com/",
        "https://auth.example.com@evil.test/",
        "https://evil.test/{tenantid}",
        "https://auth.еxample.com/",
        "file:///etc/passwd",
        "http://169.254.169.254/",
        "",
    ];
    let set = VerifierSet::new(vec![verifier()]).unwrap();
    for issuer in foreign {
        let token = token(&claims_with(&json!({ "iss": issuer })));
        assert_eq!(
            set.for_token(&CompactJws::parse(&token).unwrap())
                .unwrap_err()
                .reason(),
            Reason::UnknownIssuer,
            "{issuer:?}"
        );
        assert_eq!(refusal(&token), Reason::UnknownIssuer, "{issuer:?}");
    }
    for issuer in [json!([ISSUER]), json!(1), json!({}), json!(true)] {
        assert_eq!(
            refusal_of(&json!({ "iss": issuer })),
            Reason::MalformedClaims,
            "{issuer}"
        );
    }
    assert_eq!(refusal_of(&json!({"iss": null})), Reason::UnknownIssuer);
}

#[test]
fn c9_keys_of_one_issuer_never_verify_tokens_of_another() {
    let issuers = ["https://a.example", "https://b.example"];
    let pairs = [KeyPair::ec("ES256"), KeyPair::ec("ES256")];
    let key_sets: Vec<_> = pairs
        .iter()
        .map(|pair| key_set(&[pair.jwk_with(&json!({"kid": "same"}))]))
        .collect();
    let set = VerifierSet::new(issuers.map(verifier_of).into()).unwrap();
    for (claimed, issuer) in issuers.iter().enumerate() {
        for (signed, pair) in pairs.iter().enumerate() {
            for header in [json!({"kid": "same"}), json!({})] {
                let token = sign(
                    pair,
                    "ES256",
                    &header,
                    &claims_with(&json!({ "iss": issuer })),
                );
                let token = CompactJws::parse(&token).unwrap();
                let (position, verifier) = set.for_token(&token).unwrap();
                assert_eq!(position, claimed);
                let outcome = verifier.verify_signature(&token, &key_sets[position]);
                assert_eq!(outcome.is_ok(), claimed == signed);
                // Not even with the other issuer's keys in hand.
                let other = &set.verifiers()[1 - claimed];
                assert_eq!(
                    other
                        .verify_signature(&token, &key_sets[signed])
                        .unwrap_err()
                        .reason(),
                    Reason::UnknownIssuer
                );
            }
        }
    }
}

/// `validate` does not trust that the right verifier checked the signature.
#[test]
fn c9_a_verified_token_is_not_validated_by_another_issuers_verifier() {
    let token = token(&claims());
    let verified = verifier()
        .verify_signature(&CompactJws::parse(&token).unwrap(), &keys())
        .unwrap();
    let error = verifier_of("https://b.example")
        .validate(verified, UnixTime::from_secs(NOW))
        .unwrap_err();
    assert_eq!(error.reason(), Reason::UnknownIssuer);
}

#[test]
fn r2_a_set_needs_issuers_and_each_only_once() {
    assert!(VerifierSet::new(Vec::new()).is_err());
    assert!(VerifierSet::new(vec![verifier_of("a"), verifier_of("b"), verifier_of("a")]).is_err());
    assert!(VerifierSet::new(vec![verifier_of("a"), verifier_of("a/")]).is_ok());
}

/// Rule R1: an issuer need not be a URL.
#[test]
fn r1_an_issuer_that_is_no_url_works() {
    for issuer in [
        "acme.com",
        "P2abcProject",
        "stytch.com/project-1",
        "accounts.google.com",
    ] {
        let token = token(&claims_with(&json!({ "iss": issuer })));
        assert!(
            verify_with(&verifier_of(issuer), &keys(), &token, NOW).is_ok(),
            "{issuer}"
        );
    }
}

#[test]
fn explain_shows_every_failed_check_and_validate_the_first() {
    let bad: Value = json!({"exp": NOW - 1000, "aud": "other", "cnf": {}, "sub": ""});
    let token = token(&claims_with(&bad));
    let verifier = verifier();
    let verified = verifier
        .verify_signature(&CompactJws::parse(&token).unwrap(), &keys())
        .unwrap();
    let outcomes = verifier.explain(&verified, UnixTime::from_secs(NOW));
    let failed: Vec<_> = outcomes
        .iter()
        .filter_map(|check| {
            check
                .result
                .as_ref()
                .err()
                .map(|error| (check.name, error.reason()))
        })
        .collect();
    assert_eq!(
        failed,
        [
            ("expiration", Reason::Expired),
            ("audience", Reason::WrongAudience),
            ("sender_proof", Reason::SenderProofMissing),
            ("identity", Reason::MalformedClaims),
        ]
    );
    let first = verifier
        .validate(verified, UnixTime::from_secs(NOW))
        .unwrap_err();
    assert_eq!(first.reason(), Reason::Expired);
}

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const OTHER_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

fn of_every_tenant(template: IssuerTemplate) -> Verifier {
    let builder = Verifier::builder().issuer_template(template);
    builder
        .audiences(Audience::new(RESOURCE).unwrap(), [])
        .build()
        .unwrap()
}

#[test]
fn c11_a_template_takes_an_issuer_of_the_tokens_own_tenant_only() {
    let template = IssuerTemplate::parse("https://login.example.com/{tid}/v2.0").unwrap();
    let issuer = |tenant: &str| format!("https://login.example.com/{tenant}/v2.0");
    let set = VerifierSet::new(vec![of_every_tenant(template)]).unwrap();
    let outcome = |claims: &Value| {
        let token = token(claims);
        let token = CompactJws::parse(&token).unwrap();
        let (_, verifier) = set.for_token(&token).map_err(|error| error.reason())?;
        let verified = verifier
            .verify_signature(&token, &keys())
            .map_err(|error| error.reason())?;
        let validated = verifier
            .validate(verified, UnixTime::from_secs(NOW))
            .map_err(|error| error.reason())?;
        Ok(verifier
            .user_context(&validated)
            .unwrap()
            .issuer()
            .as_str()
            .to_owned())
    };
    for tenant in [TENANT, OTHER_TENANT] {
        let good = claims_with(&json!({"iss": issuer(tenant), "tid": tenant}));
        assert_eq!(outcome(&good), Ok(issuer(tenant)));
    }
    let bad = [
        (issuer(TENANT), json!(OTHER_TENANT)),
        (issuer(TENANT), json!(TENANT.to_uppercase())),
        (issuer(&format!("{TENANT}x")), json!(TENANT)),
        (issuer(&format!("{TENANT}x")), json!(format!("{TENANT}x"))),
        (issuer(&format!("{TENANT}/x")), json!(format!("{TENANT}/x"))),
        (issuer("common"), json!("common")),
        (issuer("{tid}"), json!("{tid}")),
        (issuer(""), json!("")),
        (issuer("-"), json!("-")),
        (issuer(&"-".repeat(36)), json!("-".repeat(36))),
        (issuer(TENANT), json!([TENANT])),
        (issuer(TENANT), json!(null)),
        (format!("{}/", issuer(TENANT)), json!(TENANT)),
        (format!("x{}", issuer(TENANT)), json!(TENANT)),
        (issuer(TENANT).replace("https", "http"), json!(TENANT)),
    ];
    for (issuer, tenant) in bad {
        let claims = claims_with(&json!({"iss": issuer, "tid": tenant}));
        assert_eq!(
            outcome(&claims),
            Err(Reason::UnknownIssuer),
            "{issuer} {tenant}"
        );
    }
    let twice = claims_with(&json!({"iss": issuer(TENANT), "tid": TENANT, "TID": OTHER_TENANT}));
    assert_eq!(
        outcome(&twice),
        Err(Reason::UnknownIssuer),
        "two tenants, to a reader that ignores case"
    );
}

#[test]
fn c11_a_list_of_tenants_is_complete_and_an_exact_issuer_comes_first() {
    let template = || IssuerTemplate::parse("https://login.example.com/{tid}/v2.0").unwrap();
    let listed = of_every_tenant(template().for_tenants([TENANT.to_owned()]));
    let exact = format!("https://login.example.com/{OTHER_TENANT}/v2.0");
    let set = VerifierSet::new(vec![of_every_tenant(template()), verifier_of(&exact)]).unwrap();
    for (tenant, accepted, position) in [(TENANT, true, 0), (OTHER_TENANT, false, 1)] {
        let issuer = format!("https://login.example.com/{tenant}/v2.0");
        let token = token(&claims_with(&json!({"iss": issuer, "tid": tenant})));
        let token = CompactJws::parse(&token).unwrap();
        assert_eq!(listed.verify_signature(&token, &keys()).is_ok(), accepted);
        assert_eq!(set.for_token(&token).unwrap().0, position);
    }
}

#[test]
fn r1_an_issuer_names_something() {
    for text in [
        "",
        " ",
        "https://a b",
        "https://a\n",
        "\t",
        "https://a\u{a0}",
    ] {
        assert!(Issuer::new(text).is_err(), "{text:?}");
    }
}

#[test]
fn r5_refuses_templates_that_bind_nothing() {
    for text in [
        "https://a/b",
        "https://a/{}",
        "https://a/{tid}/{tid}",
        "https://a/{t id}",
        "https://a/{tid",
        "https://a/tid}",
        "https://a{tid}/v2",
        "https://a/x{tid}",
        "https://a/{tid}x",
        "",
        "{tid}",
    ] {
        assert!(IssuerTemplate::parse(text).is_err(), "{text}");
    }
}

#[test]
fn c9_a_validated_token_becomes_no_caller_of_another_issuer() {
    let token = token(&claims());
    let verifier = verifier();
    let verified = verifier
        .verify_signature(&CompactJws::parse(&token).unwrap(), &keys())
        .unwrap();
    let validated = verifier
        .validate(verified, UnixTime::from_secs(NOW))
        .unwrap();
    assert_eq!(validated.expires_at().as_secs(), NOW + 3600);
    assert_eq!(
        verifier_of("https://b.example")
            .user_context(&validated)
            .unwrap_err()
            .reason(),
        Reason::UnknownIssuer
    );
    assert!(verifier.user_context(&validated).is_ok());
}
