//! Rows of the catalogue that need several issuers, or documents of an unusual size.

use std::time::Duration;

use oauthgate_core::{Audience, Issuer, Reason, ResourceIdentifier, claims::IssuerTemplate};
use rstest::rstest;
use serde_json::json;
use tokio::time::sleep;

use super::{HOUR, ISSUER, Scene, forged_for, serving};
use crate::{
    IssuerSettings, KeyStores, ProviderSettings,
    authenticator::Authenticator,
    testing::{AUDIENCE, TestKey, claims},
};

const LOGIN: &str = "https://login.example.com";
const TEMPLATE: &str = "https://login.example.com/{tid}/v2.0";
const TENANT: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

fn trusted(name: &str) -> IssuerSettings {
    let audience = Audience::new(AUDIENCE).unwrap();
    IssuerSettings::new(Issuer::new(name).unwrap(), vec![audience])
}

/// One issuer by its name, and one by a template of its tenants.
fn exact_and_template(exact: &TestKey, template: &TestKey) -> Authenticator {
    let mut tenants = trusted(LOGIN);
    let parsed = IssuerTemplate::parse(TEMPLATE).unwrap();
    tenants.issuer_template = Some(parsed.for_tenants([TENANT.to_owned()]));
    let keys = KeyStores::builder()
        .source(Issuer::new(ISSUER).unwrap(), serving(exact))
        .source(Issuer::new(LOGIN).unwrap(), serving(template))
        .build();
    let resource = ResourceIdentifier::parse(AUDIENCE).unwrap();
    let mut settings = ProviderSettings::new(resource, trusted(ISSUER));
    settings.issuers.push(tenants);
    Authenticator::new(&settings, &keys).unwrap()
}

fn tenants_token(key: &TestKey, tenant: &str) -> String {
    let mut claims = claims(&TEMPLATE.replace("{tid}", tenant));
    claims["tid"] = json!(tenant);
    key.sign(&claims)
}

#[rstest]
#[tokio::test]
async fn c9_d2_a_template_and_an_issuer_with_one_kid_are_never_mixed_up(
    #[values(true, false)] template_first: bool,
) {
    let (exact, template) = (TestKey::new("same"), TestKey::new("same"));
    let gate = exact_and_template(&exact, &template);
    let mut good = [tenants_token(&template, TENANT), exact.token(ISSUER)];
    if !template_first {
        good.reverse();
    }
    for token in &good {
        assert!(gate.validate(token).await.is_ok());
    }
    for crossed in [tenants_token(&exact, TENANT), template.token(ISSUER)] {
        let refused = gate.validate(&crossed).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::BadSignature);
    }
    // Neither the key of the tenants' common server nor the other one speaks for a foreign tenant.
    let foreign = "00000000-4f89-41d3-9a0c-0305e82c3301";
    for key in [&exact, &template] {
        let refused = gate.validate(&tenants_token(key, foreign)).await;
        assert_eq!(refused.unwrap_err().reason(), Reason::UnknownIssuer);
    }
}

#[rstest]
#[case::empty_members("{}")]
#[case::numbers("7")]
#[case::unknown_types(r#"{"kty":"x"}"#)]
#[tokio::test(start_paused = true)]
async fn d9_d4_a_set_of_a_hundred_thousand_members_replaces_nothing(#[case] member: &str) {
    let key = TestKey::new("1");
    let (source, token) = (serving(&key), key.token(ISSUER));
    let scene = Scene::over(source.clone());
    scene.keys.warm_up().await;
    let fit = (400 * 1024 / (member.len() + 1)).min(100_000);
    let members = format!("{member},").repeat(fit);
    source.now(format!(r#"{{"keys":[{members}{}]}}"#, key.jwk()).into_bytes());
    for _ in 0..2 {
        sleep(HOUR * 2 / 3).await;
        assert_eq!(scene.status(&token).await, 200);
        assert_eq!(scene.status(&forged_for("1")).await, 401);
    }
    let [status] = &scene.keys.status()[..] else {
        panic!("one issuer")
    };
    assert_eq!((status.keys, status.skipped), (1, 0), "the old set");
    assert!(status.last_failure.is_some() && status.stale, "{status:?}");
}

/// Three of five members cannot be used, and the other two do their work.
#[tokio::test]
async fn d10_three_odd_members_of_five_spoil_nothing() {
    let (one, two) = (TestKey::new("1"), TestKey::new("2"));
    let odd = [
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "short", "x": "AAAA"}),
        json!({"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}),
        json!({"kty": "EC", "crv": "P-256", "kid": "off", "x": "AQ", "y": "AQ"}),
    ];
    let [short, secret, off] = odd;
    let set = json!({"keys": [short, one.jwk(), secret, two.jwk(), off]});
    let source = serving(&one);
    source.now(set.to_string().into_bytes());
    let scene = Scene::over(source);
    for key in [&one, &two] {
        assert_eq!(scene.status(&key.token(ISSUER)).await, 200);
    }
    for kid in ["short", "secret", "off"] {
        assert_eq!(scene.status(&forged_for(kid)).await, 401);
    }
    let [status] = &scene.keys.status()[..] else {
        panic!("one issuer")
    };
    assert_eq!((status.keys, status.skipped), (2, 3));
}

/// Nimbus and PyJWT lost good keys so: a refresh that fails, again and again, with pauses in between.
#[tokio::test(start_paused = true)]
async fn d4_failures_that_come_and_go_never_cost_a_key() {
    let key = TestKey::new("1");
    let (source, token) = (serving(&key), key.token(ISSUER));
    let scene = Scene::over(source.clone());
    scene.keys.warm_up().await;
    for turn in 0..200 {
        match turn % 4 {
            0 => source.now_failing(),
            1 => source.now(b"{}".to_vec()),
            2 => source.now_hanging(),
            _ => source.now(crate::testing::jwks(&[&key])),
        }
        sleep(Duration::from_secs(97)).await;
        assert_eq!(scene.status(&token).await, 200, "{turn}");
    }
}
