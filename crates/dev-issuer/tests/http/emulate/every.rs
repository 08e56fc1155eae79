//! What holds for every provider.

use oauthgate_dev_issuer::{
    Algorithm, Changes, Emulation, Endpoint, Fault, FaultAnswer, Kind, SignatureForgery,
};
use serde_json::{Value, json};

use super::support::{Emulated, Parts, emulate, emulate_by_name};
use crate::support::{Server, text};

const SIGNED: [Kind; 4] = [Kind::User, Kind::Machine, Kind::Id, Kind::Refresh];

fn is_signed(token: &str) -> bool {
    token.starts_with("eyJ") && token.split('.').count() == 3
}

#[tokio::test]
async fn every_signed_token_verifies_with_the_published_keys() {
    let mut signed = 0;
    for emulation in Emulation::all() {
        let it = emulate(emulation.name()).await;
        let keys = it.server.issuer.jwk_set();
        for kind in SIGNED {
            let token = it.server.issuer.emulated_token(kind, Changes::default());
            if is_signed(&token) {
                signed += 1;
                assert!(it.verifies(&token, &keys), "{emulation:?} {kind:?}");
            }
        }
    }
    assert!(signed >= Emulation::all().len());
}

#[tokio::test]
async fn every_published_key_says_that_it_is_thrown_away() {
    for emulation in Emulation::all() {
        let it = emulate(emulation.name()).await;
        assert_thrown_away(&it.server.issuer.jwk_set());
    }
}

#[tokio::test]
async fn keys_of_a_rotation_and_of_other_algorithms_say_it_too() {
    let it = emulate("keycloak").await;
    let other = Changes {
        alg: Some(Algorithm::Es384),
        ..Changes::default()
    };
    it.changed(Kind::User, other);
    for (keep_old, count) in [(true, 5), (false, 3)] {
        it.server.issuer.rotate_keys(keep_old);
        let set = it.server.issuer.jwk_set();
        assert_eq!(set["keys"].as_array().unwrap().len(), count);
        assert_thrown_away(&set);
    }
}

fn assert_thrown_away(set: &Value) {
    let keys = set["keys"].as_array().unwrap();
    assert!(!keys.is_empty());
    for key in keys {
        assert_eq!(key["oauthgate_dev_key"], json!(true), "{key}");
        assert!(!text(&key["kid"]).starts_with("oauthgate-dev-"));
    }
}

#[tokio::test]
async fn every_metadata_document_leads_to_the_keys() {
    for emulation in Emulation::all() {
        let it = emulate(emulation.name()).await;
        let Some((_, metadata)) = metadata(&it).await else {
            continue;
        };
        let jwks_uri = metadata["jwks_uri"].as_str().unwrap();
        let shown = it.server.json(jwks_uri).await;
        assert!(shown["keys"].is_array(), "{emulation:?} {jwks_uri}");
    }
}

/// The document where most clients look, if there is one.
async fn metadata(it: &Emulated) -> Option<(String, Value)> {
    let issuer = it.issuer().trim_end_matches('/');
    let url = format!("{issuer}/.well-known/openid-configuration");
    let response = it.server.http.get(&url).send().await.ok()?;
    let document = response.json().await.ok()?;
    Some((url, document))
}

#[tokio::test]
async fn tokens_are_known_to_introspection_only_if_they_are_good() {
    let it = emulate("keycloak").await;
    for (signature, active) in [
        (SignatureForgery::None, true),
        (SignatureForgery::Flipped, false),
    ] {
        let changes = Changes {
            signature,
            ..Changes::default()
        };
        let token = it.server.issuer.emulated_token(Kind::User, changes);
        let introspect = it
            .server
            .root("/realms/acme/protocol/openid-connect/token/introspect");
        let request = it.server.http.post(introspect);
        let request = request.basic_auth("service", Some("service-secret"));
        let answer: Value = request
            .form(&[("token", token)])
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(answer["active"], json!(active));
    }
}

#[tokio::test]
async fn a_kind_that_a_provider_does_not_have_is_known_to_nobody() {
    let it = emulate("okta").await;
    let token = it
        .server
        .issuer
        .emulated_token(Kind::Opaque, Changes::default());
    let introspect = "/oauth2/aus9o8wzkhckw9TLa0h7/v1/introspect";
    let request = it.server.http.post(it.server.root(introspect));
    let request = request.basic_auth("service", Some("service-secret"));
    let response = request.form(&[("token", &token)]).send().await.unwrap();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer, json!({"active": false}));
}

#[tokio::test]
async fn a_rotation_changes_the_kid_and_may_keep_the_old_key() {
    let it = emulate("cognito").await;
    let old = it
        .server
        .issuer
        .emulated_token(Kind::User, Changes::default());
    it.server.issuer.rotate_keys(true);
    let new = it
        .server
        .issuer
        .emulated_token(Kind::User, Changes::default());
    assert_ne!(Parts::of(&old).header["kid"], Parts::of(&new).header["kid"]);
    let keys = it.server.issuer.jwk_set();
    assert!(it.verifies(&old, &keys) && it.verifies(&new, &keys));
    it.server.issuer.rotate_keys(false);
    let keys = it.server.issuer.jwk_set();
    assert!(!it.verifies(&old, &keys) && !it.verifies(&new, &keys));
}

#[tokio::test]
async fn faults_hit_the_providers_own_paths() {
    let it = emulate("cognito").await;
    let keys = "/eu-west-1_Ab12Cd34E/.well-known/jwks.json";
    let fault = Fault::answer(FaultAnswer::Status(503)).times(1);
    it.server.issuer.set_fault(Endpoint::Jwks, fault);
    assert_eq!(it.status(keys).await, 503);
    assert_eq!(it.status(keys).await, 200);
    assert_eq!(it.server.issuer.counters().jwks, 2);
}

#[tokio::test]
async fn changes_are_laid_over_what_the_provider_would_say() {
    let it = emulate("auth0").await;
    let changes = Changes {
        audience: Some("https://other.example/".to_owned()),
        client_id: Some("other-client".to_owned()),
        subject: Some("auth0|other".to_owned()),
        issuer: Some("https://elsewhere.example/".to_owned()),
        scope: Some("a b".to_owned()),
        expires_in: Some(-10),
        ..Changes::default()
    };
    let token = it.changed(
        Kind::User,
        changes
            .claim("extra", 7)
            .claim("org_id", Value::Null)
            .header("typ", "x"),
    );
    let claims = &token.claims;
    assert_eq!(token.header["typ"], "x");
    assert_eq!(claims["aud"], "https://other.example/");
    assert_eq!(claims["azp"], "other-client");
    assert_eq!(claims["sub"], "auth0|other");
    assert_eq!(claims["iss"], "https://elsewhere.example/");
    assert_eq!(claims["scope"], "a b");
    assert_eq!(claims["extra"], 7);
    assert!(claims.get("org_id").is_none());
    assert!(claims["exp"].as_i64() <= claims["iat"].as_i64());
}

#[tokio::test]
async fn the_control_api_mints_by_kind() {
    let it = emulate("cognito").await;
    let order = json!({"kind": "machine", "scope": "tools/write", "claims": {"extra": true}});
    let claims = Parts::of(&it.minted(&order).await).claims;
    assert_eq!(claims["token_use"], "access");
    assert_eq!(claims["scope"], "tools/write");
    assert_eq!(claims["extra"], true);
}

#[tokio::test]
async fn the_control_api_refuses_what_it_does_not_understand() {
    let it = emulate("cognito").await;
    let plain = Server::start(|_| {}).await;
    for (server, order) in [
        (&it.server, json!({"kind": "nonsense"})),
        (&it.server, json!({"kind": "user", "audiense": "x"})),
        (&plain, json!({"kind": "user"})),
    ] {
        let request = server.http.post(server.root("/control/mint")).json(&order);
        assert_eq!(request.send().await.unwrap().status(), 422, "{order}");
    }
}

#[tokio::test]
async fn real_names_are_written_and_every_host_is_answered() {
    let it = emulate_by_name("cognito").await;
    let issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";
    assert_eq!(it.issuer(), issuer);
    assert_eq!(it.token(Kind::User).claims["iss"], issuer);
    let path = "/eu-west-1_Ab12Cd34E/.well-known/openid-configuration";
    let request = it.server.http.get(it.server.root(path));
    let request = request.header("host", "cognito-idp.eu-west-1.amazonaws.com");
    let metadata: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(metadata["issuer"], issuer);
    assert_eq!(
        metadata["authorization_endpoint"],
        "https://acme.auth.eu-west-1.amazoncognito.com/oauth2/authorize"
    );
}

#[tokio::test]
async fn foreign_hosts_are_refused_without_real_names() {
    let it = emulate("cognito").await;
    let path = "/eu-west-1_Ab12Cd34E/.well-known/openid-configuration";
    let request = it.server.http.get(it.server.root(path));
    let request = request.header("host", "cognito-idp.eu-west-1.amazonaws.com");
    assert_eq!(request.send().await.unwrap().status(), 403);
}

#[test]
fn names_are_distinct_and_found() {
    for emulation in Emulation::all() {
        assert_eq!(Emulation::named(emulation.name()), Some(*emulation));
        assert!(!emulation.title().is_empty() && !emulation.hosts().is_empty());
    }
    assert_eq!(Emulation::named("nobody"), None);
}

#[tokio::test]
async fn every_answer_says_that_nobody_real_gave_it() {
    let it = emulate("google").await;
    for path in [
        "/tokeninfo",
        "/.well-known/openid-configuration",
        "/nothing",
    ] {
        let request = it.server.http.get(it.server.root(path));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["x-oauthgate-dev-issuer"], "true", "{path}");
    }
}
