//! The control API and the faults.

use oauthgate_dev_issuer::{Algorithm, Endpoint, Fault, FaultAnswer, SignatureForgery, TokenSpec};
use reqwest::{Method, Response};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Pkce, REDIRECT, RESOURCE, Server, text};

async fn control(server: &Server, method: Method, path: &str, body: &Value) -> Response {
    server
        .http
        .request(method, server.root(&format!("/control/{path}")))
        .json(body)
        .send()
        .await
        .unwrap()
}

async fn order(server: &Server, path: &str, body: &Value) -> Response {
    control(server, Method::POST, path, body).await
}

#[tokio::test]
async fn is_not_there_unless_asked_for() {
    let server = Server::start(|options| options.control_api = false).await;
    for path in ["rotate", "faults", "mint", "reset"] {
        assert_eq!(
            order(&server, path, &json!({})).await.status(),
            404,
            "{path}"
        );
    }
}

#[rstest]
#[case("origin", "http://evil.example")]
#[case("sec-fetch-site", "cross-site")]
#[tokio::test]
async fn refuses_web_pages(#[case] header: &str, #[case] value: &str) {
    let server = Server::start(|_| {}).await;
    let spec = json!({"audience": RESOURCE});
    let request = server
        .http
        .post(server.root("/control/mint"))
        .json(&spec)
        .header(header, value);
    assert_eq!(request.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn after_a_soft_rotation_old_tokens_still_verify() {
    let server = Server::start(|_| {}).await;
    let old = server.issuer.mint(TokenSpec::new(RESOURCE));
    let keys: Value = order(&server, "rotate", &json!({"keep_old": true}))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
    server.verify(&old, RESOURCE).await;
    let (header, _) = server
        .verify(&server.issuer.mint(TokenSpec::new(RESOURCE)), RESOURCE)
        .await;
    assert_ne!(header.kid, jsonwebtoken::decode_header(&old).unwrap().kid);
}

#[tokio::test]
async fn after_a_hard_rotation_they_do_not() {
    let server = Server::start(|_| {}).await;
    let old = server.issuer.mint(TokenSpec::new(RESOURCE));
    assert_eq!(
        order(&server, "rotate", &json!({"keep_old": false}))
            .await
            .status(),
        200
    );
    assert!(server.try_verify(&old, RESOURCE).await.is_err());
    server
        .verify(&server.issuer.mint(TokenSpec::new(RESOURCE)), RESOURCE)
        .await;
}

#[rstest]
#[case::status(json!({"status": 503}), 503, "")]
#[case::html(json!("html"), 200, "<!doctype html>")]
#[case::empty_set(json!("empty_set"), 200, "{\"keys\":[]}")]
#[case::truncated(json!("truncated"), 200, "{\"keys\":[{")]
#[case::redirect(json!("redirect"), 302, "")]
#[tokio::test]
async fn keys_and_metadata_can_go_wrong_and_well_again(
    #[case] answer: Value,
    #[case] status: u16,
    #[case] start: &str,
) {
    let server = Server::start(|_| {}).await;
    for (endpoint, path) in [
        ("jwks", "/jwks"),
        ("metadata", "/.well-known/openid-configuration"),
    ] {
        let fault = json!({"endpoint": endpoint, "answer": answer});
        assert_eq!(order(&server, "faults", &fault).await.status(), 204);
        let response = server.http.get(server.url(path)).send().await.unwrap();
        assert_eq!(response.status(), status);
        assert!(response.text().await.unwrap().starts_with(start));
        assert_eq!(
            control(&server, Method::DELETE, "faults", &Value::Null)
                .await
                .status(),
            204
        );
        assert!(server.json(&server.url(path)).await.is_object());
    }
}

#[tokio::test]
async fn an_oversized_answer_has_ten_megabytes_of_valid_json() {
    let server = Server::start(|_| {}).await;
    server
        .issuer
        .set_fault(Endpoint::Jwks, Fault::answer(FaultAnswer::Oversized));
    let body = server
        .http
        .get(server.url("/jwks"))
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert!(body.len() > 10 << 20);
    assert_eq!(
        serde_json::from_slice::<Value>(&body).unwrap(),
        json!({"keys": []})
    );
}

#[tokio::test]
async fn a_stalled_endpoint_answers_late() {
    let server = Server::start(|_| {}).await;
    order(
        &server,
        "faults",
        &json!({"endpoint": "jwks", "stall_ms": 150}),
    )
    .await;
    let start = std::time::Instant::now();
    assert!(server.json(&server.url("/jwks")).await["keys"].is_array());
    assert!(start.elapsed().as_millis() >= 150);
}

#[tokio::test]
async fn a_fault_can_end_by_itself() {
    let server = Server::start(|_| {}).await;
    server.issuer.set_fault(
        Endpoint::Jwks,
        Fault::answer(FaultAnswer::Status(500)).times(2),
    );
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(
            server
                .http
                .get(server.url("/jwks"))
                .send()
                .await
                .unwrap()
                .status()
                .as_u16(),
        );
    }
    assert_eq!(statuses, [500, 500, 200]);
}

#[tokio::test]
async fn counts_every_request_also_the_failed_ones() {
    let server = Server::start(|options| options.auto_consent = true).await;
    server.log_in("notes:read").await;
    server
        .issuer
        .set_fault(Endpoint::Jwks, Fault::answer(FaultAnswer::Status(500)));
    server.http.get(server.url("/jwks")).send().await.unwrap();
    let counters = server.json(&server.root("/control/counters")).await;
    for (endpoint, count) in [
        ("register", 1),
        ("authorize", 1),
        ("token", 1),
        ("jwks", 1),
        ("metadata", 0),
    ] {
        assert_eq!(counters[endpoint], count, "{endpoint}");
    }
    assert_eq!(server.issuer.counters().jwks, 1);
}

#[tokio::test]
async fn reset_forgets_everything_but_keys_and_resources() {
    let server = Server::start(|options| options.auto_consent = true).await;
    let (client_id, tokens) = server.log_in("notes:read").await;
    server
        .issuer
        .set_fault(Endpoint::Jwks, Fault::answer(FaultAnswer::Status(500)));
    assert_eq!(order(&server, "reset", &Value::Null).await.status(), 204);
    assert_eq!(
        server.introspect(text(&tokens["access_token"])).await["active"],
        false
    );
    assert_eq!(
        server
            .authorize_response(&Pkce::new(), &client_id, REDIRECT, &[])
            .await
            .status(),
        400
    );
    server.verify(text(&tokens["access_token"]), RESOURCE).await;
    assert_eq!(server.issuer.counters().register, 0);
}

#[tokio::test]
async fn mints_any_token_over_http() {
    let server = Server::start(|_| {}).await;
    let spec = json!({
        "audience": RESOURCE,
        "scopes": ["a", "b"],
        "subject": "someone",
        "lifetime": 60,
        "typ": "JWT",
        "alg": "EdDSA",
        "claims": {"tenant_id": "other", "email": null, "extra": [1]},
        "header": {"cty": "x"},
    });
    let answer: Value = order(&server, "mint", &spec).await.json().await.unwrap();
    let (header, claims) = server.verify(text(&answer["access_token"]), RESOURCE).await;
    assert_eq!(
        (header.alg, header.typ.as_deref()),
        (jsonwebtoken::Algorithm::EdDSA, Some("JWT"))
    );
    assert_eq!(header.cty.as_deref(), Some("x"));
    assert_eq!(
        (&claims["sub"], &claims["scope"]),
        (&json!("someone"), &json!("a b"))
    );
    assert_eq!(
        (&claims["tenant_id"], &claims["extra"]),
        (&json!("other"), &json!([1]))
    );
    assert!(claims["email"].is_null());
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        60
    );
}

#[rstest]
#[case::flipped(SignatureForgery::Flipped)]
#[case::foreign_key(SignatureForgery::ForeignKey)]
#[case::stripped(SignatureForgery::Stripped)]
#[tokio::test]
async fn forged_signatures_do_not_verify(#[case] forgery: SignatureForgery) {
    let server = Server::start(|_| {}).await;
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let spec = TokenSpec::new(RESOURCE).alg(algorithm);
        server
            .verify(&server.issuer.mint(spec.clone()), RESOURCE)
            .await;
        let forged = server.issuer.mint(spec.signature(forgery));
        assert!(
            server.try_verify(&forged, RESOURCE).await.is_err(),
            "{algorithm:?}"
        );
    }
}

#[tokio::test]
async fn a_typing_mistake_in_an_order_is_refused() {
    let server = Server::start(|_| {}).await;
    for (path, body) in [
        ("mint", json!({"audience": RESOURCE, "scoops": []})),
        ("faults", json!({"endpoint": "jwks", "stall": 1})),
        ("faults", json!({"endpoint": "jwk"})),
        ("rotate", json!({})),
    ] {
        assert_eq!(
            order(&server, path, &body).await.status(),
            422,
            "{path} {body}"
        );
    }
}

#[tokio::test]
async fn a_resource_can_be_added_later() {
    let server = Server::start(|options| options.auto_consent = true).await;
    let client_id = server.register(REDIRECT).await;
    let asked = [
        ("resource", "http://127.0.0.1:9/late"),
        ("scope", "late:read"),
    ];
    assert_eq!(
        server
            .authorize(&Pkce::new(), &client_id, REDIRECT, &asked)
            .await["error"],
        "invalid_target"
    );
    let resource = json!({"uri": "http://127.0.0.1:9/late", "scopes": ["late:read"]});
    assert_eq!(order(&server, "resources", &resource).await.status(), 204);
    assert!(
        server
            .authorize(&Pkce::new(), &client_id, REDIRECT, &asked)
            .await["code"]
            .is_string()
    );
}
