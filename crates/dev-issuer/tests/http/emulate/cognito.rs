use oauthgate_dev_issuer::{Changes, Kind};
use serde_json::json;

use super::support::{API, emulate, names, sorted};

const KEYS: &str = "/eu-west-1_Ab12Cd34E/.well-known/jwks.json";

#[tokio::test]
async fn metadata_is_openid_connects_only_and_silent_on_pkce() {
    let it = emulate("cognito").await;
    let metadata = it
        .document("/eu-west-1_Ab12Cd34E/.well-known/openid-configuration")
        .await;
    assert_eq!(metadata["issuer"], it.at("/eu-west-1_Ab12Cd34E"));
    assert_eq!(metadata["jwks_uri"], it.at(KEYS));
    assert_eq!(metadata.get("code_challenge_methods_supported"), None);
    assert_eq!(metadata.get("registration_endpoint"), None);
    assert_eq!(metadata.get("introspection_endpoint"), None);
    assert_eq!(
        it.status("/.well-known/oauth-authorization-server/eu-west-1_Ab12Cd34E")
            .await,
        404
    );
}

#[tokio::test]
async fn keys_are_two_with_alg_and_use() {
    let it = emulate("cognito").await;
    let keys = it.keys(KEYS).await;
    assert_eq!(keys.len(), 2);
    for key in &keys {
        assert_eq!(names(key), sorted("alg e kid kty n oauthgate_dev_key use"));
        assert_eq!(key["alg"], "RS256");
        assert!(key["kid"].as_str().unwrap().ends_with('='));
    }
}

#[tokio::test]
async fn a_users_token_has_no_typ_and_the_bound_resource() {
    let it = emulate("cognito").await;
    let token = it.token(Kind::User);
    assert_eq!(names(&token.header), sorted("alg kid"));
    assert_eq!(
        names(&token.claims),
        sorted(
            "aud auth_time client_id cognito:groups event_id exp iat iss jti origin_jti scope sub token_use \
             username version"
        )
    );
    assert_eq!(token.claims["aud"], API);
    assert_eq!(token.claims["token_use"], "access");
    assert_eq!(token.claims["version"], 2);
    assert_eq!(token.claims["scope"], "openid tools/read");
}

#[tokio::test]
async fn a_machines_token_has_no_audience_and_no_username() {
    let it = emulate("cognito").await;
    let token = it.token(Kind::Machine);
    assert_eq!(
        names(&token.claims),
        sorted("auth_time client_id exp iat iss jti scope sub token_use version")
    );
    assert_eq!(token.claims["sub"], token.claims["client_id"]);
}

#[tokio::test]
async fn an_id_token_is_signed_with_the_other_key() {
    let it = emulate("cognito").await;
    let (id, access) = (it.token(Kind::Id), it.token(Kind::User));
    assert_eq!(id.claims["token_use"], "id");
    assert_eq!(id.claims["aud"], access.claims["client_id"]);
    assert_ne!(id.header["kid"], access.header["kid"]);
}

#[tokio::test]
async fn another_pool_is_another_issuer() {
    let it = emulate("cognito").await;
    let changes = Changes {
        tenant: Some("eu-west-1_Other".to_owned()),
        ..Changes::default()
    };
    let token = it.changed(Kind::User, changes);
    assert_eq!(token.claims["iss"], it.at("/eu-west-1_Other"));
    assert_eq!(json!(it.issuer()), it.at("/eu-west-1_Ab12Cd34E"));
}
