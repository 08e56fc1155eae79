//! Spring, Dex, authentik, FusionAuth and Casdoor: `aud` is the client that asked.

use oauthgate_dev_issuer::{Changes, Kind};
use serde_json::json;

use super::support::{API, emulate};

#[tokio::test]
async fn the_audience_is_the_client_whatever_resource_was_sent() {
    for provider in ["spring", "dex", "authentik", "fusionauth"] {
        let it = emulate(provider).await;
        let client = it.emulation.clients()[0];
        assert_eq!(it.token(Kind::User).claims["aud"], client, "{provider}");
        assert_eq!(it.token(Kind::Id).claims["aud"], client, "{provider}");
    }
}

#[tokio::test]
async fn casdoor_writes_the_resource_when_there_is_one() {
    let it = emulate("casdoor").await;
    assert_eq!(it.token(Kind::User).claims["aud"], json!([API]));
    let changes = Changes {
        audience: Some(String::new()),
        ..Changes::default()
    };
    let client = it.emulation.clients()[0];
    assert_eq!(
        it.changed(Kind::User, changes).claims["aud"],
        json!([client])
    );
}

#[tokio::test]
async fn casdoors_refresh_token_differs_in_its_type_only() {
    let it = emulate("casdoor").await;
    let (access, refresh) = (it.token(Kind::User), it.token(Kind::Refresh));
    assert_eq!(access.header["kid"], refresh.header["kid"]);
    assert_eq!(access.claims["aud"], refresh.claims["aud"]);
    assert_eq!(access.claims["tokenType"], "access-token");
    assert_eq!(refresh.claims["tokenType"], "refresh-token");
    assert_eq!(it.token(Kind::Id).claims["tokenType"], "access-token");
}

#[tokio::test]
async fn casdoors_applications_have_keys_of_their_own_address_and_one_issuer() {
    let it = emulate("casdoor").await;
    let application = it
        .document("/.well-known/app-mcp/openid-configuration")
        .await;
    let usual = it.document("/.well-known/openid-configuration").await;
    assert_eq!(application["issuer"], usual["issuer"]);
    assert_eq!(application["jwks_uri"], it.at("/.well-known/app-mcp/jwks"));
    assert_eq!(usual["jwks_uri"], it.at("/.well-known/jwks"));
    assert_eq!(it.keys("/.well-known/app-mcp/jwks").await.len(), 1);
}

#[tokio::test]
async fn spring_and_dex_name_no_type_and_spring_lists_scopes() {
    let it = emulate("spring").await;
    let token = it.token(Kind::User);
    assert!(token.header.get("typ").is_none());
    assert_eq!(token.claims["scope"], json!(["openid", "message.read"]));
    let it = emulate("dex").await;
    assert!(it.token(Kind::User).claims.get("scope").is_none());
    assert_ne!(
        it.token(Kind::User).claims["at_hash"],
        it.token(Kind::User).claims["at_hash"]
    );
}

#[tokio::test]
async fn authentik_ends_with_a_slash_and_publishes_an_encryption_key() {
    let it = emulate("authentik").await;
    assert_eq!(json!(it.issuer()), it.at("/application/o/mcp/"));
    let keys = it.keys("/application/o/mcp/jwks/").await;
    assert!(
        keys.iter()
            .any(|key| key["alg"] == "RSA-OAEP-256" && key["use"] == "enc")
    );
    assert_eq!(it.token(Kind::User).claims["email_verified"], false);
}

#[tokio::test]
async fn fusionauth_names_the_grant_in_its_header_and_the_entity_as_a_programs_audience() {
    let it = emulate("fusionauth").await;
    assert_eq!(
        it.token(Kind::User).header["gty"],
        json!(["authorization_code"])
    );
    let machine = it.token(Kind::Machine);
    assert_eq!(machine.header["gty"], json!(["client_credentials"]));
    assert_ne!(machine.claims["aud"], machine.claims["sub"]);
}
