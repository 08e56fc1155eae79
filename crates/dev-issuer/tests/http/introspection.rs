//! Token introspection.

use oauthgate_dev_issuer::{SignatureForgery, TokenSpec};
use rstest::rstest;
use serde_json::json;

use crate::support::{RESOURCE, Server, answer, text};

#[tokio::test]
async fn an_access_token_is_active_with_its_claims() {
    let server = Server::start(|options| options.auto_consent = true).await;
    let (client_id, tokens) = server.log_in("notes:read").await;
    let known = server.introspect(text(&tokens["access_token"])).await;
    for (member, value) in [
        ("active", json!(true)),
        ("token_type", json!("Bearer")),
        ("client_id", json!(client_id)),
        ("aud", json!(RESOURCE)),
        ("iss", json!(server.issuer())),
        ("sub", json!("user-ada")),
        ("scope", json!("notes:read")),
    ] {
        assert_eq!(known[member], value, "{member}");
    }
    assert!(known["exp"].is_i64());
}

#[tokio::test]
async fn of_anything_else_it_says_only_that_it_is_not_active() {
    let server = Server::start(|options| options.auto_consent = true).await;
    let (_, tokens) = server.log_in("notes:read").await;
    let forged = server
        .issuer
        .mint(TokenSpec::new(RESOURCE).signature(SignatureForgery::ForeignKey));
    let expired = server.issuer.mint(TokenSpec::new(RESOURCE).lifetime(-10));
    for token in [text(&tokens["refresh_token"]), "unknown", &forged, &expired] {
        assert_eq!(server.introspect(token).await, json!({"active": false}));
    }
}

#[tokio::test]
async fn a_minted_token_is_active() {
    let server = Server::start(|_| {}).await;
    let token = server
        .issuer
        .mint(TokenSpec::new(RESOURCE).scope("notes:read"));
    assert_eq!(server.introspect(&token).await["scope"], "notes:read");
}

#[rstest]
#[case::nobody(None, None)]
#[case::wrong_secret(Some("guess"), Some("service"))]
#[case::no_secret(None, Some("service"))]
#[tokio::test]
async fn needs_a_client_that_proves_itself(
    #[case] secret: Option<&str>,
    #[case] client_id: Option<&str>,
) {
    let server = Server::start(|_| {}).await;
    let token = server.issuer.mint(TokenSpec::new(RESOURCE));
    let mut form = vec![("token", token.as_str())];
    form.extend(client_id.map(|id| ("client_id", id)));
    form.extend(secret.map(|secret| ("client_secret", secret)));
    let response = server
        .http
        .post(server.url("/introspect"))
        .form(&form)
        .send()
        .await
        .unwrap();
    let (status, error) = answer(response).await;
    assert_eq!((status, &error["error"]), (401, &json!("invalid_client")));
}

#[tokio::test]
async fn is_not_for_public_clients() {
    let server = Server::start(|_| {}).await;
    let client_id = server.register("http://127.0.0.1/callback").await;
    let form = [("token", "x"), ("client_id", client_id.as_str())];
    let response = server
        .http
        .post(server.url("/introspect"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
}
