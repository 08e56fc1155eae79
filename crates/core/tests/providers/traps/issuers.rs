//! Whose token it is.

use oauthgate_core::{
    Audience, CompactJws, Issuer, Profile, Reason, Verifier, VerifierSet, claims::IssuerTemplate,
    context::Preset,
};
use serde_json::json;

use super::{API, TENANT, entra, entra_claims, entra_issuer, generic, plain};
use crate::{builder, judge, support::*};

#[test]
fn trap_01_a_trailing_slash_is_part_of_the_issuer() {
    for issuer in [
        "https://acme.eu.auth0.com/",
        "https://acme.okta.com/oauth2/default",
    ] {
        let other = issuer
            .strip_suffix('/')
            .map_or_else(|| format!("{issuer}/"), str::to_owned);
        assert!(judge(&generic(issuer), None, &plain(issuer)).is_ok());
        assert_eq!(
            judge(&generic(issuer), None, &plain(&other)),
            Err(Reason::UnknownIssuer)
        );
        assert_ne!(
            Preset::for_issuer(&Issuer::new(issuer).unwrap()).map(|preset| preset.name),
            Preset::for_issuer(&Issuer::new(other).unwrap()).map(|preset| preset.name)
        );
    }
}

#[test]
fn trap_02_an_issuer_need_not_be_a_url() {
    for issuer in [
        "stytch.com/project-test-1",
        "P2abcProject",
        "acme.com",
        "accounts.google.com",
    ] {
        assert!(
            judge(&generic(issuer), None, &plain(issuer)).is_ok(),
            "{issuer}"
        );
        let url = format!("https://{issuer}");
        assert_eq!(
            judge(&generic(issuer), None, &plain(&url)),
            Err(Reason::UnknownIssuer)
        );
    }
}

#[test]
fn trap_03_an_address_for_all_tenants_is_no_tokens_issuer() {
    for all in ["common", "organizations"] {
        let issuer = Issuer::new(entra_issuer(all)).unwrap();
        let preset = Preset::for_issuer(&issuer).unwrap();
        let places = preset.places(&issuer);
        assert_eq!(preset.name, "entra");
        let template = IssuerTemplate::parse(&places.issuer_template.unwrap()).unwrap();
        assert_eq!(template.as_str(), entra_issuer("{tid}"));
        assert_eq!(
            places.metadata_url.unwrap(),
            format!("{}/.well-known/openid-configuration", issuer.as_str())
        );
        assert_eq!(places.metadata_issuer.unwrap(), entra_issuer("{tenantid}"));
    }
}

#[test]
fn trap_05_one_tenant_may_have_several_issuers() {
    let issuers = ["https://login.acme.example/", "https://acme.eu.auth0.com/"];
    let set = VerifierSet::new(issuers.map(generic).into()).unwrap();
    for (position, issuer) in issuers.into_iter().enumerate() {
        let token = token(&plain(issuer));
        let token = CompactJws::parse(&token).unwrap();
        assert_eq!(set.for_token(&token).unwrap().0, position);
    }
}

#[test]
fn trap_06_a_template_takes_the_tokens_own_tenant_and_one_spelling_of_it() {
    let template = IssuerTemplate::parse(&entra_issuer("{tid}")).unwrap();
    let every = Verifier::builder()
        .issuer_template(template)
        .audiences(Audience::new(API).unwrap(), [])
        .profile(Profile::entra())
        .build()
        .unwrap();
    let consumers = "9188040d-6c67-4c5b-b112-36a304b66dad";
    assert!(judge(&every, None, &entra_claims(&json!({}))).is_ok());
    for (more, reason) in [
        (json!({"tid": consumers}), Reason::UnknownIssuer),
        (json!({"tid": null}), Reason::UnknownIssuer),
        (json!({"TID": consumers}), Reason::UnknownIssuer),
        (
            json!({"iss": entra_issuer("acme"), "tid": "acme"}),
            Reason::UnknownIssuer,
        ),
    ] {
        assert_eq!(
            judge(&every, None, &entra_claims(&more)),
            Err(reason),
            "{more}"
        );
    }
    // With one tenant's exact issuer too.
    for name in ["TID", "Tid", "tiD"] {
        let twice = entra_claims(&json!({ name: consumers }));
        assert_eq!(
            judge(&entra(), None, &twice),
            Err(Reason::MalformedClaims),
            "{name}"
        );
    }
}

#[test]
fn trap_07_a_v1_token_is_not_of_the_v2_issuer_and_the_refusal_shows_both() {
    let v1 = format!("https://sts.windows.net/{TENANT}/");
    let claims = entra_claims(&json!({"iss": v1, "ver": "1.0", "azp": null, "appid": "1111"}));
    let token = sign(
        &P256,
        "ES256",
        &json!({"kid": "key-1", "typ": "JWT"}),
        &claims,
    );
    let refused = verify_with(&entra(), &keys(), &token, NOW).unwrap_err();
    assert_eq!(refused.reason(), Reason::UnknownIssuer);
    assert!(
        refused.detail().contains(&entra_issuer(TENANT)),
        "{refused}"
    );
    assert!(refused.detail().contains(&v1), "{refused}");
    let of_v1 = builder("entra", &v1, &[API]).build().unwrap();
    assert!(judge(&of_v1, Some("JWT"), &claims).is_ok());
}

#[test]
fn trap_07_the_other_version_of_the_same_tenant_is_named_with_the_manifest() {
    let v1 = |tenant: &str| format!("https://sts.windows.net/{tenant}/");
    let told = |expected: Verifier, found: &str| {
        let set = VerifierSet::new(vec![expected]).unwrap();
        let token = token(&plain(found));
        let refused = set.for_token(&CompactJws::parse(&token).unwrap());
        let refused = refused.unwrap_err();
        assert_eq!(refused.reason(), Reason::UnknownIssuer);
        refused.detail().to_owned()
    };
    let every = |template: &str| {
        Verifier::builder()
            .issuer_template(IssuerTemplate::parse(template).unwrap())
            .audiences(Audience::new(API).unwrap(), [])
            .build()
            .unwrap()
    };
    for (expected, found, version) in [
        (generic(&entra_issuer(TENANT)), v1(TENANT), "v1.0"),
        (generic(&v1(TENANT)), entra_issuer(TENANT), "v2.0"),
        (every(&entra_issuer("{tid}")), v1(TENANT), "v1.0"),
        (every(&v1("{tid}")), entra_issuer(TENANT), "v2.0"),
    ] {
        let told = told(expected, &found);
        let is_named = told.contains(&format!("this is a {version} token"));
        assert!(
            is_named && told.contains("requestedAccessTokenVersion"),
            "{told}"
        );
    }
    let tenant = "9188040d-6c67-4c5b-b112-36a304b66dad";
    for found in [v1(tenant), v1("a/b"), "https://sts.windows.net/".to_owned()] {
        let told = told(generic(&entra_issuer(TENANT)), &found);
        assert!(!told.contains("version"), "another tenant's: {told}");
    }
}

#[test]
fn trap_01_a_missing_slash_is_told_to_the_operator() {
    for (expected, found) in [
        ("https://acme.eu.auth0.com/", "https://acme.eu.auth0.com"),
        ("https://acme.okta.com", "https://acme.okta.com/"),
    ] {
        let refused = verify_with(&generic(expected), &keys(), &token(&plain(found)), NOW);
        let refused = refused.unwrap_err();
        assert!(refused.detail().contains("slash at its end"), "{refused}");
    }
    let refused = verify_with(&generic(ISSUER), &keys(), &token(&plain("https://x")), NOW);
    assert!(!refused.unwrap_err().detail().contains("slash"));
}
