//! Clients whose id is the URL of their own metadata.

use axum::{Router, http::header, response::Redirect, routing::get};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Pkce, REDIRECT, RESOURCE, Server, text};

/// A client's web server; `document` makes the body from the client id.
async fn client_site(document: impl FnOnce(&str) -> String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client_id = format!("http://{}/client.json", listener.local_addr().unwrap());
    let body = document(&client_id);
    let site = Router::new()
        .route(
            "/client.json",
            get(move || async move { ([(header::CONTENT_TYPE, "application/json")], body) }),
        )
        .route(
            "/moved.json",
            get(|| async { Redirect::to("/client.json") }),
        );
    tokio::spawn(async move { axum::serve(listener, site).await });
    client_id
}

fn good(client_id: &str) -> Value {
    json!({
        "client_id": client_id,
        "client_name": "Client with a document",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    })
}

#[tokio::test]
async fn a_client_that_was_never_registered_logs_in() {
    let server = Server::start(|options| options.auto_consent = true).await;
    let client_id = client_site(|id| good(id).to_string()).await;
    let pkce = Pkce::new();
    let answer = server
        .authorize(&pkce, &client_id, REDIRECT, &[("scope", "notes:read")])
        .await;
    let (status, tokens) = server
        .redeem(&pkce, &client_id, text(&answer["code"]))
        .await;
    assert_eq!(status, 200, "{tokens}");
    let (_, claims) = server.verify(text(&tokens["access_token"]), RESOURCE).await;
    assert_eq!(claims["client_id"], json!(client_id));
    assert_eq!(
        server
            .refresh(&client_id, text(&tokens["refresh_token"]), &[])
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn the_consent_page_shows_the_name_from_the_document() {
    let server = Server::start(|_| {}).await;
    let client_id = client_site(|id| good(id).to_string()).await;
    let page = server
        .consent_page(&Pkce::new(), &client_id, "notes:read")
        .await;
    assert!(page.html.contains("Client with a document"));
}

#[rstest]
#[case::another_client(|_: &str| good("http://127.0.0.1:1/client.json").to_string())]
#[case::a_secret(|id: &str| merged(good(id), "token_endpoint_auth_method", "client_secret_basic"))]
#[case::no_json(|_: &str| "<h1>hello</h1>".to_owned())]
#[case::too_large(|id: &str| merged(good(id), "junk", &"x".repeat(100_000)))]
#[case::no_redirect_uri(|id: &str| json!({"client_id": id}).to_string())]
#[tokio::test]
async fn a_bad_document_is_an_unknown_client(#[case] document: fn(&str) -> String) {
    let server = Server::start(|options| options.auto_consent = true).await;
    let client_id = client_site(document).await;
    let response = server
        .authorize_response(&Pkce::new(), &client_id, REDIRECT, &[])
        .await;
    assert_eq!(response.status(), 400);
    assert!(!response.headers().contains_key("location"));
}

fn merged(mut document: Value, name: &str, value: &str) -> String {
    document[name] = json!(value);
    document.to_string()
}

#[tokio::test]
async fn a_document_that_moved_or_is_not_there_is_not_looked_for_elsewhere() {
    let server = Server::start(|options| options.auto_consent = true).await;
    let client_id =
        client_site(|id| good(&id.replace("client.json", "moved.json")).to_string()).await;
    for other in ["moved.json", "missing.json"] {
        let client_id = client_id.replace("client.json", other);
        let response = server
            .authorize_response(&Pkce::new(), &client_id, REDIRECT, &[])
            .await;
        assert_eq!(response.status(), 400, "{other}");
    }
}

#[tokio::test]
async fn the_documents_redirect_uris_are_binding() {
    let server = Server::start(|options| options.auto_consent = true).await;
    let client_id = client_site(|id| good(id).to_string()).await;
    let elsewhere = "http://127.0.0.1/elsewhere";
    assert_eq!(
        server
            .authorize_response(&Pkce::new(), &client_id, elsewhere, &[])
            .await
            .status(),
        400
    );
}
