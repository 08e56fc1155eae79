//! The token endpoint: codes, client credentials, client authentication.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Pkce, REDIRECT, RESOURCE, Server, answer, text};

async fn server() -> Server {
    Server::start(|options| options.auto_consent = true).await
}

/// A client and a code for it.
async fn with_code(server: &Server, pkce: &Pkce) -> (String, String) {
    let client_id = server.register("http://127.0.0.1/callback").await;
    let answer = server
        .authorize(pkce, &client_id, REDIRECT, &[("scope", "notes:read")])
        .await;
    (client_id, text(&answer["code"]).to_owned())
}

#[rstest]
#[case::verifier_left_out(&[("code_verifier", "")], "invalid_request")]
#[case::code_left_out(&[("code", "")], "invalid_request")]
#[case::other_verifier(&[("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")], "invalid_grant")]
#[case::unknown_code(&[("code", "guessed")], "invalid_grant")]
#[case::other_redirect_uri(&[("redirect_uri", "http://127.0.0.1:4322/callback")], "invalid_grant")]
#[case::unknown_resource(&[("resource", "https://other.example/")], "invalid_target")]
#[case::other_resource(&[("resource", "http://127.0.0.1:8080/other")], "invalid_target")]
#[case::no_grant_type(&[("grant_type", "")], "invalid_request")]
#[case::unknown_grant_type(&[("grant_type", "password")], "unsupported_grant_type")]
#[case::grant_type_of_others(&[("grant_type", "client_credentials")], "unauthorized_client")]
#[case::twice(&[("code", "a"), ("code", "b")], "invalid_request")]
#[tokio::test]
async fn refuses_a_bad_token_request(#[case] changes: &[(&str, &str)], #[case] code: &str) {
    let server = Server::start(|options| {
        options.auto_consent = true;
        options.resources.push(oauthgate_dev_issuer::Resource::new(
            "http://127.0.0.1:8080/other",
        ));
    })
    .await;
    let pkce = Pkce::new();
    let (client_id, issued) = with_code(&server, &pkce).await;
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", issued.as_str()),
        ("code_verifier", pkce.verifier.as_str()),
        ("client_id", client_id.as_str()),
        ("redirect_uri", REDIRECT),
    ];
    form.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    form.extend(changes);
    let (status, error) = server.token(&form).await;
    assert_eq!((status, &error["error"]), (400, &json!(code)), "{error}");
    assert!(error["access_token"].is_null());
}

#[tokio::test]
async fn a_code_used_twice_is_refused_and_its_tokens_are_revoked() {
    let server = server().await;
    let pkce = Pkce::new();
    let (client_id, code) = with_code(&server, &pkce).await;
    let (_, tokens) = server.redeem(&pkce, &client_id, &code).await;
    let access_token = text(&tokens["access_token"]);
    assert_eq!(server.introspect(access_token).await["active"], true);
    let (status, error) = server.redeem(&pkce, &client_id, &code).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_grant")));
    assert_eq!(server.introspect(access_token).await["active"], false);
    let (status, _) = server
        .refresh(&client_id, text(&tokens["refresh_token"]), &[])
        .await;
    assert_eq!(status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_requests_with_one_code_only_one_gets_tokens() {
    let server = server().await;
    let pkce = Pkce::new();
    let (client_id, code) = with_code(&server, &pkce).await;
    let redeem = || server.redeem(&pkce, &client_id, &code);
    let (a, b, c, d) = tokio::join!(redeem(), redeem(), redeem(), redeem());
    let successes = [a, b, c, d]
        .iter()
        .filter(|(status, _)| *status == 200)
        .count();
    assert_eq!(successes, 1);
}

#[tokio::test]
async fn a_wrong_verifier_uses_the_code_up() {
    let server = server().await;
    let pkce = Pkce::new();
    let (client_id, code) = with_code(&server, &pkce).await;
    assert_eq!(server.redeem(&Pkce::new(), &client_id, &code).await.0, 400);
    assert_eq!(server.redeem(&pkce, &client_id, &code).await.0, 400);
}

#[tokio::test]
async fn another_client_cannot_use_a_code_nor_spoil_it() {
    let server = server().await;
    let pkce = Pkce::new();
    let (client_id, code) = with_code(&server, &pkce).await;
    let thief = server.register("http://127.0.0.1/callback").await;
    let (status, error) = server.redeem(&pkce, &thief, &code).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_grant")));
    assert_eq!(server.redeem(&pkce, &client_id, &code).await.0, 200);
}

#[tokio::test]
async fn a_code_ends_soon() {
    let server = Server::start(|options| {
        options.auto_consent = true;
        options.code_lifetime = 0;
    })
    .await;
    let pkce = Pkce::new();
    let (client_id, code) = with_code(&server, &pkce).await;
    let (status, error) = server.redeem(&pkce, &client_id, &code).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn only_forms_are_read() {
    let server = server().await;
    let body = json!({"grant_type": "client_credentials", "client_id": "service", "client_secret": "service-secret"});
    let (status, error) = answer(
        server
            .http
            .post(server.url("/token"))
            .json(&body)
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_request")));
}

async fn client_credentials(
    server: &Server,
    basic: Option<(&str, &str)>,
    more: &[(&str, &str)],
) -> (u16, Value, Option<String>) {
    let mut form = vec![("grant_type", "client_credentials")];
    form.extend(more);
    let mut request = server.http.post(server.url("/token")).form(&form);
    if let Some((id, secret)) = basic {
        request = request.basic_auth(id, Some(secret));
    }
    let response = request.send().await.unwrap();
    let challenge = response
        .headers()
        .get("www-authenticate")
        .map(|value| value.to_str().unwrap().to_owned());
    let (status, body) = answer(response).await;
    (status, body, challenge)
}

#[tokio::test]
async fn a_confidential_client_gets_a_token_for_itself() {
    let server = server().await;
    let post = [
        ("client_id", "service"),
        ("client_secret", "service-secret"),
        ("scope", "notes:read"),
    ];
    for (basic, form) in [
        (Some(("service", "service-secret")), &post[2..]),
        (None, &post[..]),
    ] {
        let (status, tokens, _) = client_credentials(&server, basic, form).await;
        assert_eq!(status, 200, "{tokens}");
        assert!(tokens["refresh_token"].is_null());
        let (_, claims) = server.verify(text(&tokens["access_token"]), RESOURCE).await;
        assert_eq!(
            (&claims["sub"], &claims["client_id"]),
            (&json!("service"), &json!("service"))
        );
        assert_eq!(claims["scope"], "notes:read");
        assert!(claims["email"].is_null(), "no user is behind it");
    }
}

#[rstest]
#[case::wrong_secret(Some(("service", "guess")), &[], 401, "invalid_client")]
#[case::unknown_client(Some(("nobody", "guess")), &[], 401, "invalid_client")]
#[case::two_ways(Some(("service", "service-secret")), &[("client_secret", "service-secret")], 400, "invalid_request")]
#[case::two_names(Some(("service", "service-secret")), &[("client_id", "other")], 400, "invalid_request")]
#[case::wrong_secret_in_form(None, &[("client_id", "service"), ("client_secret", "guess")], 401, "invalid_client")]
#[case::no_secret(None, &[("client_id", "service")], 401, "invalid_client")]
#[case::nobody(None, &[], 401, "invalid_client")]
#[case::unknown_resource(Some(("service", "service-secret")), &[("resource", "https://other.example")], 400, "invalid_target")]
#[case::unknown_scope(Some(("service", "service-secret")), &[("scope", "admin")], 400, "invalid_scope")]
#[tokio::test]
async fn refuses_a_client_that_does_not_prove_itself_or_asks_too_much(
    #[case] basic: Option<(&str, &str)>,
    #[case] form: &[(&str, &str)],
    #[case] status: u16,
    #[case] code: &str,
) {
    let server = server().await;
    let (got, error, challenge) = client_credentials(&server, basic, form).await;
    assert_eq!((got, &error["error"]), (status, &json!(code)), "{error}");
    assert_eq!(
        challenge.is_some(),
        status == 401 && basic.is_some(),
        "RFC 6749 section 5.2"
    );
}

#[tokio::test]
async fn a_client_authenticates_the_way_it_registered() {
    let server = server().await;
    let metadata = json!({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_post"});
    let (_, client) = server.register_with(&metadata).await;
    let (id, secret) = (text(&client["client_id"]), text(&client["client_secret"]));
    let form = [("client_id", id), ("client_secret", secret)];
    assert_eq!(client_credentials(&server, None, &form).await.0, 200);
    assert_eq!(
        client_credentials(&server, Some((id, secret)), &[]).await.0,
        401
    );
}
