//! The whole login, as a client sees it.

use crate::support::{Pkce, REDIRECT, RESOURCE, Server, parameters, text};
use oauthgate_dev_issuer::TokenFormat;
use serde_json::{Value, json};

#[tokio::test]
async fn a_client_logs_in_and_gets_tokens_that_an_independent_library_accepts() {
    let server = Server::start(|options| options.auto_consent = true).await;
    let client_id = server.register("http://127.0.0.1/callback").await;
    let pkce = Pkce::new();
    let answer = server
        .authorize(
            &pkce,
            &client_id,
            "http://127.0.0.1:4321/callback",
            &[("scope", "openid email notes:read"), ("nonce", "n-1")],
        )
        .await;
    assert_eq!(answer["state"], "state-1");
    assert_eq!(answer["iss"], server.issuer());

    let (status, tokens) = server
        .token(&[
            ("grant_type", "authorization_code"),
            ("code", text(&answer["code"])),
            ("code_verifier", &pkce.verifier),
            ("client_id", &client_id),
            ("redirect_uri", "http://127.0.0.1:4321/callback"),
            ("resource", RESOURCE),
        ])
        .await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["scope"], "openid email notes:read");

    let (header, claims) = server.verify(text(&tokens["access_token"]), RESOURCE).await;
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert!(header.kid.unwrap().starts_with("oauthgate-dev-"));
    for (claim, value) in [
        ("iss", json!(server.issuer())),
        ("aud", json!(RESOURCE)),
        ("sub", json!("user-ada")),
        ("client_id", json!(client_id)),
        ("scope", json!("openid email notes:read")),
        ("email", json!("ada@example.com")),
        ("tenant_id", json!("acme")),
        ("tier", json!("pro")),
    ] {
        assert_eq!(claims[claim], value, "{claim}");
    }
    assert!(claims["jti"].is_string() && claims["iat"].is_i64());

    let (header, id_claims) = server.verify(text(&tokens["id_token"]), &client_id).await;
    assert_eq!(header.typ.as_deref(), Some("JWT"));
    assert_eq!(id_claims["nonce"], "n-1");
    assert_eq!(id_claims["email"], "ada@example.com");
    assert_eq!(id_claims["name"], Value::Null, "profile was not asked for");
}

#[tokio::test]
async fn a_person_allows_and_the_client_gets_a_code() {
    let server = Server::start(|_| {}).await;
    let client_id = server.register("http://127.0.0.1/callback").await;
    let pkce = Pkce::new();
    let page = server
        .consent_page(&pkce, &client_id, "notes:read notes:write")
        .await;
    let granted = [
        ("decision", "allow"),
        ("ticket", &page.ticket),
        ("granted", "notes:read"),
    ];
    let response = server.decide(&granted, &[("cookie", &page.cookie)]).await;
    assert_eq!(response.status(), 303);
    let answer = parameters(&response);
    let (status, tokens) = server
        .redeem(&pkce, &client_id, text(&answer["code"]))
        .await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(
        tokens["scope"], "notes:read",
        "the person left notes:write out"
    );
}

#[tokio::test]
async fn an_issuer_with_a_path_serves_the_whole_login_below_it() {
    let server = Server::start(|options| {
        options.auto_consent = true;
        options.issuer_path = Some("/tenant-a".to_owned());
    })
    .await;
    assert!(server.issuer().ends_with("/tenant-a"));
    let (_, tokens) = server.log_in("notes:read").await;
    server.verify(text(&tokens["access_token"]), RESOURCE).await;
}

#[tokio::test]
async fn a_client_may_choose_the_algorithm_of_its_tokens() {
    let server = Server::start(|options| options.auto_consent = true).await;
    let registered = json!({
        "redirect_uris": ["http://127.0.0.1/callback"],
        "token_endpoint_auth_method": "none",
        "access_token_signed_response_alg": "RS256",
        "id_token_signed_response_alg": "EdDSA",
    });
    let (_, client) = server.register_with(&registered).await;
    let client_id = text(&client["client_id"]);
    let pkce = Pkce::new();
    let answer = server
        .authorize(&pkce, client_id, REDIRECT, &[("scope", "openid profile")])
        .await;
    let (_, tokens) = server.redeem(&pkce, client_id, text(&answer["code"])).await;
    let (header, _) = server.verify(text(&tokens["access_token"]), RESOURCE).await;
    assert_eq!(header.alg, jsonwebtoken::Algorithm::RS256);
    let (header, claims) = server.verify(text(&tokens["id_token"]), client_id).await;
    assert_eq!(header.alg, jsonwebtoken::Algorithm::EdDSA);
    assert_eq!(claims["name"], "Ada Example");
    assert_eq!(
        tokens["refresh_token"],
        Value::Null,
        "the client is not registered for refresh tokens"
    );
}

#[tokio::test]
async fn opaque_tokens_are_understood_by_introspection_only() {
    let server = Server::start(|options| {
        options.auto_consent = true;
        options.token_format = TokenFormat::Opaque;
    })
    .await;
    let (client_id, tokens) = server.log_in("notes:read").await;
    let token = text(&tokens["access_token"]);
    assert!(!token.contains('.'));
    let known = server.introspect(token).await;
    assert_eq!(known["active"], true);
    assert_eq!(known["client_id"], json!(client_id));
    assert_eq!(known["scope"], "notes:read");
}
