//! Authorization requests, good and bad.

use oauthgate_dev_issuer::StaticClient;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Pkce, REDIRECT, RESOURCE, Server, text};

async fn server() -> Server {
    Server::start(|options| options.auto_consent = true).await
}

#[rstest]
#[case::unknown_client(&[("client_id", "nobody")])]
#[case::no_client(&[("client_id", "")])]
#[case::client_without_redirect_uri(&[("client_id", "service")])]
#[case::other_host(&[("redirect_uri", "https://evil.example/callback")])]
#[case::other_path(&[("redirect_uri", "http://127.0.0.1/callback/more")])]
#[case::other_loopback_name(&[("redirect_uri", "http://localhost/callback")])]
#[case::script(&[("redirect_uri", "javascript:alert(1)")])]
#[case::line_break(&[("redirect_uri", "http://127.0.0.1/call\r\nback")])]
#[case::client_twice(&[("client_id", "a"), ("client_id", "b")])]
#[tokio::test]
async fn never_redirects_unless_client_and_redirect_uri_are_good(#[case] changes: &[(&str, &str)]) {
    let server = server().await;
    let client_id = server.register("http://127.0.0.1/callback").await;
    let response = server
        .authorize_response(&Pkce::new(), &client_id, REDIRECT, changes)
        .await;
    assert_eq!(response.status(), 400);
    assert!(!response.headers().contains_key("location"));
    assert_eq!(
        response.headers()["content-type"],
        "text/html; charset=utf-8"
    );
    assert!(
        response
            .text()
            .await
            .unwrap()
            .contains("This request cannot go on")
    );
}

#[rstest]
#[case::no_response_type(&[("response_type", "")], "invalid_request")]
#[case::implicit(&[("response_type", "token")], "unsupported_response_type")]
#[case::fragment(&[("response_mode", "fragment")], "invalid_request")]
#[case::no_challenge(&[("code_challenge", "")], "invalid_request")]
#[case::method_left_out(&[("code_challenge_method", "")], "invalid_request")]
#[case::plain(&[("code_challenge_method", "plain")], "invalid_request")]
#[case::no_digest(&[("code_challenge", "abc")], "invalid_request")]
#[case::unknown_resource(&[("resource", "https://other.example/")], "invalid_target")]
#[case::two_resources(&[("resource", RESOURCE), ("resource", "https://other.example/")], "invalid_target")]
#[case::unknown_scope(&[("scope", "admin")], "invalid_scope")]
#[case::malformed_scope(&[("scope", "notes:read\"")], "invalid_scope")]
#[case::request_object(&[("request", "e30.e30.")], "request_not_supported")]
#[case::request_uri(&[("request_uri", "https://client.example/r")], "request_uri_not_supported")]
#[tokio::test]
async fn tells_the_client_what_is_wrong(#[case] changes: &[(&str, &str)], #[case] code: &str) {
    let server = server().await;
    let client_id = server.register("http://127.0.0.1/callback").await;
    let answer = server
        .authorize(&Pkce::new(), &client_id, REDIRECT, changes)
        .await;
    assert_eq!(answer["error"], code);
    assert_eq!(answer["state"], "state-1");
    assert_eq!(answer["iss"], server.issuer());
    assert!(answer["error_description"].is_string() && answer["code"].is_null());
}

#[tokio::test]
async fn a_client_that_is_not_registered_for_codes_gets_none() {
    let server = server().await;
    let metadata = json!({"redirect_uris": [REDIRECT], "grant_types": ["client_credentials"]});
    let (_, client) = server.register_with(&metadata).await;
    let answer = server
        .authorize(&Pkce::new(), text(&client["client_id"]), REDIRECT, &[])
        .await;
    assert_eq!(answer["error"], "unauthorized_client");
}

#[tokio::test]
async fn asks_nobody_when_the_client_says_prompt_none() {
    let server = Server::start(|_| {}).await;
    let client_id = server.register(REDIRECT).await;
    let answer = server
        .authorize(&Pkce::new(), &client_id, REDIRECT, &[("prompt", "none")])
        .await;
    assert_eq!(answer["error"], "interaction_required");
}

/// The scope that a login with this request ends up with.
async fn granted_scope(server: &Server, client_id: &str, asked: &str) -> Value {
    let pkce = Pkce::new();
    let answer = server
        .authorize(&pkce, client_id, REDIRECT, &[("scope", asked)])
        .await;
    let (_, tokens) = server.redeem(&pkce, client_id, text(&answer["code"])).await;
    tokens["scope"].clone()
}

#[tokio::test]
async fn grants_those_of_the_scopes_that_exist_and_that_the_client_may_have() {
    let server = Server::start(|options| {
        options.auto_consent = true;
        let scopes = Some(vec!["notes:read".to_owned()]);
        options.clients.push(StaticClient {
            scopes,
            ..StaticClient::public("limited", REDIRECT)
        });
        options.clients.push(StaticClient::public("free", REDIRECT));
    })
    .await;
    let asked = "notes:write notes:read no:such";
    assert_eq!(granted_scope(&server, "limited", asked).await, "notes:read");
    assert_eq!(
        granted_scope(&server, "free", asked).await,
        "notes:write notes:read"
    );
}

#[tokio::test]
async fn registered_scopes_are_a_default_and_leave_room_for_more() {
    let server = server().await;
    let metadata = json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none", "scope": "notes:read"});
    let (_, client) = server.register_with(&metadata).await;
    let client_id = text(&client["client_id"]);
    assert_eq!(granted_scope(&server, client_id, "").await, "notes:read");
    assert_eq!(
        granted_scope(&server, client_id, "notes:read notes:write").await,
        "notes:read notes:write"
    );
}

#[tokio::test]
async fn without_a_resource_the_first_one_is_meant() {
    let server = server().await;
    let client_id = server.register(REDIRECT).await;
    let pkce = Pkce::new();
    let answer = server
        .authorize(&pkce, &client_id, REDIRECT, &[("resource", "")])
        .await;
    let (_, tokens) = server
        .redeem(&pkce, &client_id, text(&answer["code"]))
        .await;
    server.verify(text(&tokens["access_token"]), RESOURCE).await;
    assert!(tokens["scope"].is_null(), "no scope was asked for");
}

#[tokio::test]
async fn any_resource_can_be_allowed_on_demand() {
    let server = Server::start(|options| {
        options.auto_consent = true;
        options.accept_any_resource = true;
    })
    .await;
    let client_id = server.register(REDIRECT).await;
    let pkce = Pkce::new();
    let other = "https://mcp.example/notes";
    let answer = server
        .authorize(
            &pkce,
            &client_id,
            REDIRECT,
            &[("resource", other), ("scope", "anything")],
        )
        .await;
    let (_, tokens) = server
        .redeem(&pkce, &client_id, text(&answer["code"]))
        .await;
    let (_, claims) = server.verify(text(&tokens["access_token"]), other).await;
    assert_eq!(claims["scope"], "anything");
}

#[tokio::test]
async fn the_only_redirect_uri_need_not_be_named() {
    let server = server().await;
    let client_id = server.register(REDIRECT).await;
    let pkce = Pkce::new();
    let answer = server
        .authorize_response(&pkce, &client_id, REDIRECT, &[("redirect_uri", "")])
        .await;
    assert!(
        answer.headers()["location"]
            .to_str()
            .unwrap()
            .starts_with(REDIRECT)
    );
}

#[tokio::test]
async fn a_request_without_state_gets_none_back() {
    let server = server().await;
    let client_id = server.register(REDIRECT).await;
    let answer = server
        .authorize(&Pkce::new(), &client_id, REDIRECT, &[("state", "")])
        .await;
    assert!(answer["state"].is_null() && answer["code"].is_string());
}
