//! Dynamic client registration.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Pkce, REDIRECT, Server, answer, text};

#[tokio::test]
async fn a_public_client_gets_an_id_and_no_secret() {
    let server = Server::start(|_| {}).await;
    let metadata = json!({
        "client_name": "Inspector",
        "redirect_uris": [REDIRECT, "cursor://anysphere.cursor-retrieval/oauth/callback"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
        "scope": "notes:read",
        "software_id": "a member we do not know",
    });
    let (status, client) = server.register_with(&metadata).await;
    assert_eq!(status, 201);
    assert!(client["client_id"].is_string() && client["client_id_issued_at"].is_i64());
    assert!(client["client_secret"].is_null());
    assert_eq!(client["client_name"], "Inspector");
    assert_eq!(client["redirect_uris"], metadata["redirect_uris"]);
    assert_eq!(
        client["grant_types"],
        json!(["authorization_code", "refresh_token"]),
        "what is not supported is left out"
    );
    assert_eq!(client["token_endpoint_auth_method"], "none");
    assert_eq!(client["scope"], "notes:read");
}

#[tokio::test]
async fn secrets_are_given_by_default_and_are_new_each_time() {
    let server = Server::start(|_| {}).await;
    let metadata = json!({"redirect_uris": [REDIRECT]});
    let ((_, first), (_, second)) = (
        server.register_with(&metadata).await,
        server.register_with(&metadata).await,
    );
    assert_eq!(first["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(first["client_secret_expires_at"], 0);
    assert_ne!(first["client_secret"], second["client_secret"]);
    assert_ne!(first["client_id"], second["client_id"]);
}

#[rstest]
#[case::no_redirect_uri(json!({}), "invalid_redirect_uri")]
#[case::plain_http(json!({"redirect_uris": ["http://client.example/cb"]}), "invalid_redirect_uri")]
#[case::fragment(json!({"redirect_uris": ["https://client.example/cb#x"]}), "invalid_redirect_uri")]
#[case::script(json!({"redirect_uris": ["javascript:alert(1)"]}), "invalid_redirect_uri")]
#[case::one_of_two(json!({"redirect_uris": [REDIRECT, "data:text/html,x"]}), "invalid_redirect_uri")]
#[case::too_many(json!({"redirect_uris": vec![REDIRECT; 21]}), "invalid_redirect_uri")]
#[case::implicit(json!({"redirect_uris": [REDIRECT], "response_types": ["token"]}), "invalid_client_metadata")]
#[case::unknown_method(
    json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "private_key_jwt"}),
    "invalid_client_metadata"
)]
#[case::unknown_grants(json!({"redirect_uris": [REDIRECT], "grant_types": ["password"]}), "invalid_client_metadata")]
#[case::refresh_alone(json!({"redirect_uris": [REDIRECT], "grant_types": ["refresh_token"]}), "invalid_client_metadata")]
#[case::credentials_without_a_secret(
    json!({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"}),
    "invalid_client_metadata"
)]
#[case::bad_scope(json!({"redirect_uris": [REDIRECT], "scope": "a\"b"}), "invalid_client_metadata")]
#[case::long_name(json!({"redirect_uris": [REDIRECT], "client_name": "x".repeat(5000)}), "invalid_client_metadata")]
#[case::unknown_algorithm(
    json!({"redirect_uris": [REDIRECT], "id_token_signed_response_alg": "none"}),
    "invalid_client_metadata"
)]
#[case::wrong_type(json!({"redirect_uris": REDIRECT}), "invalid_client_metadata")]
#[case::application_type(json!({"redirect_uris": [REDIRECT], "application_type": "toaster"}), "invalid_client_metadata")]
#[tokio::test]
async fn refuses_metadata_it_cannot_honour(#[case] metadata: Value, #[case] code: &str) {
    let server = Server::start(|_| {}).await;
    let (status, error) = server.register_with(&metadata).await;
    assert_eq!((status, &error["error"]), (400, &json!(code)), "{error}");
}

#[tokio::test]
async fn reads_json_only_and_not_too_much_of_it() {
    let server = Server::start(|_| {}).await;
    let post = || server.http.post(server.url("/register"));
    let (status, error) = answer(post().body("{}").send().await.unwrap()).await;
    assert_eq!(
        (status, &error["error"]),
        (400, &json!("invalid_client_metadata"))
    );
    let (status, _) = answer(
        post()
            .header("content-type", "application/json")
            .body("{")
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(status, 400);
    let large = json!({"redirect_uris": [REDIRECT], "junk": "x".repeat(70_000)});
    assert_eq!(post().json(&large).send().await.unwrap().status(), 413);
}

#[tokio::test]
async fn the_oldest_clients_are_forgotten_when_there_are_too_many() {
    let server = Server::start(|options| options.auto_consent = true).await;
    let first = server.register(REDIRECT).await;
    let mut last = String::new();
    for _ in 0..1000 {
        last = server.register(REDIRECT).await;
    }
    assert_eq!(
        server
            .authorize_response(&Pkce::new(), &first, REDIRECT, &[])
            .await
            .status(),
        400
    );
    assert!(text(&server.authorize(&Pkce::new(), &last, REDIRECT, &[]).await["code"]).len() > 20);
}
