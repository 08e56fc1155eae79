use oauthgate_dev_issuer::{Changes, Kind};
use serde_json::json;

use super::support::{API, emulate, names, sorted};

#[tokio::test]
async fn the_issuer_ends_with_a_slash_and_has_both_documents() {
    let it = emulate("auth0").await;
    assert_eq!(json!(it.issuer()), it.at("/"));
    for name in ["openid-configuration", "oauth-authorization-server"] {
        let metadata = it.document(&format!("/.well-known/{name}")).await;
        assert_eq!(metadata["issuer"], it.at("/"));
        assert_eq!(metadata["jwks_uri"], it.at("/.well-known/jwks.json"));
        assert_eq!(metadata["token_endpoint"], it.at("/oauth/token"));
        let algorithms = metadata["id_token_signing_alg_values_supported"].to_string();
        assert!(algorithms.contains("HS256"));
    }
}

#[tokio::test]
async fn keys_carry_certificates_and_the_next_one_is_published() {
    let it = emulate("auth0").await;
    let keys = it.keys("/.well-known/jwks.json").await;
    assert_eq!(keys.len(), 2);
    for key in &keys {
        assert_eq!(
            names(key),
            sorted("alg e kid kty n oauthgate_dev_key use x5c x5t")
        );
    }
}

#[tokio::test]
async fn the_default_profile_has_azp_and_userinfo_as_second_audience() {
    let it = emulate("auth0").await;
    let token = it.token(Kind::User);
    assert_eq!(token.header["typ"], "JWT");
    assert_eq!(
        names(&token.claims),
        sorted("aud azp exp iat iss org_id permissions scope sub")
    );
    assert_eq!(token.claims["aud"], json!([API, it.at("/userinfo")]));
    let without = it.changed(
        Kind::User,
        Changes {
            scope: Some("tools:read".to_owned()),
            ..Changes::default()
        },
    );
    assert_eq!(without.claims["aud"], API);
}

#[tokio::test]
async fn a_machine_is_told_by_gty_and_its_subject() {
    let it = emulate("auth0").await;
    let claims = it.token(Kind::Machine).claims;
    assert_eq!(names(&claims), sorted("aud azp exp gty iat iss scope sub"));
    assert_eq!(claims["gty"], "client-credentials");
    let client = claims["azp"].as_str().unwrap();
    assert_eq!(claims["sub"], json!(format!("{client}@clients")));
}

#[tokio::test]
async fn the_rfc_9068_profile_has_client_id_and_another_typ() {
    let it = emulate("auth0-rfc9068").await;
    let token = it.token(Kind::User);
    assert_eq!(token.header["typ"], "at+jwt");
    assert!(token.claims.get("azp").is_none());
    assert!(token.claims["client_id"].is_string() && token.claims["jti"].is_string());
    let machine = it.token(Kind::Machine).claims;
    assert!(machine.get("gty").is_none());
    assert_eq!(it.token(Kind::Id).header["typ"], "JWT");
}

#[tokio::test]
async fn an_id_tokens_audience_is_the_client() {
    let it = emulate("auth0").await;
    let claims = it.token(Kind::Id).claims;
    assert_eq!(claims["aud"], "ENDmmAJsbwI1hOG1KPJddQ8L0wEc3xVh");
    assert!(claims.get("scope").is_none());
}
