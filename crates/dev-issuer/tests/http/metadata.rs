//! Discovery, keys, and who may read them.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::Server;

#[rstest]
#[case("/.well-known/oauth-authorization-server/tenant")]
#[case("/.well-known/openid-configuration/tenant")]
#[case("/tenant/.well-known/openid-configuration")]
#[case("/tenant/.well-known/oauth-authorization-server")]
#[case("/.well-known/oauth-authorization-server")]
#[tokio::test]
async fn metadata_is_found_wherever_clients_look(#[case] location: &str) {
    let server = Server::start(|options| options.issuer_path = Some("/tenant".to_owned())).await;
    let metadata = server.json(&server.root(location)).await;
    assert_eq!(metadata["issuer"], server.issuer());
    assert_eq!(metadata["token_endpoint"], server.url("/token"));
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    assert_eq!(
        metadata["code_challenge_methods_supported"],
        json!(["S256"])
    );
    assert_eq!(
        metadata["authorization_response_iss_parameter_supported"],
        true
    );
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
}

#[tokio::test]
async fn every_endpoint_of_the_metadata_exists() {
    let server = Server::start(|_| {}).await;
    let metadata = server
        .json(&server.url("/.well-known/openid-configuration"))
        .await;
    let endpoints = [
        "authorization",
        "token",
        "registration",
        "revocation",
        "introspection",
    ];
    for name in endpoints
        .iter()
        .map(|name| format!("{name}_endpoint"))
        .chain(["jwks_uri".to_owned()])
    {
        let url = metadata[&name]
            .as_str()
            .unwrap_or_else(|| panic!("{name} is missing"));
        assert_ne!(
            server.http.get(url).send().await.unwrap().status(),
            404,
            "{name}"
        );
    }
}

#[tokio::test]
async fn keys_come_with_what_a_cache_needs() {
    let server = Server::start(|options| {
        options.algorithms = oauthgate_dev_issuer::DevIssuerOptions::default().algorithms;
    })
    .await;
    let fetch = || server.http.get(server.url("/jwks"));
    let response = fetch().send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "public, max-age=300");
    assert_eq!(
        response.headers()["content-type"],
        "application/jwk-set+json"
    );
    let etag = response.headers()["etag"].clone();
    let keys: Value = response.json().await.unwrap();
    let algorithms: Vec<_> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["alg"].clone())
        .collect();
    assert_eq!(algorithms, ["RS256", "ES256", "EdDSA"]);
    assert!(
        keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key["kid"].as_str().unwrap().starts_with("oauthgate-dev-"))
    );

    let unchanged = fetch().header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(unchanged.status(), 304);
    server.issuer.rotate_keys(true);
    let changed = fetch().header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.headers()["etag"], etag);
}

#[rstest]
#[case("/.well-known/oauth-authorization-server")]
#[case("/jwks")]
#[case("/token")]
#[case("/register")]
#[tokio::test]
async fn clients_in_a_browser_may_call(#[case] path: &str) {
    let server = Server::start(|_| {}).await;
    let preflight = server
        .http
        .request(reqwest::Method::OPTIONS, server.url(path))
        .header("origin", "https://inspector.example")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,mcp-protocol-version",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    let allowed = preflight.headers()["access-control-allow-headers"]
        .to_str()
        .unwrap();
    assert!(allowed.contains("content-type") && allowed.contains("mcp-protocol-version"));
    let request = server
        .http
        .get(server.url(path))
        .header("origin", "https://inspector.example");
    assert_eq!(
        request.send().await.unwrap().headers()["access-control-allow-origin"],
        "*"
    );
}

#[tokio::test]
async fn pages_of_other_sites_may_not_read_the_consent_page() {
    let server = Server::start(|_| {}).await;
    let request = server
        .http
        .get(server.url("/authorize"))
        .header("origin", "https://inspector.example");
    assert!(
        !request
            .send()
            .await
            .unwrap()
            .headers()
            .contains_key("access-control-allow-origin")
    );
}

#[tokio::test]
async fn a_rebound_name_reaches_nothing() {
    let server = Server::start(|_| {}).await;
    for path in ["/jwks", "/authorize", "/control/counters", "/nothing"] {
        let request = server
            .http
            .get(server.url(path))
            .header("host", "evil.example");
        assert_eq!(request.send().await.unwrap().status(), 403, "{path}");
    }
}
