//! The metadata document over HTTP.

use axum::{Router, body::Body};
use http::{Method, Request, StatusCode, header};
use oauthgate_core::{Issuer, ProtectedResource, ResourceIdentifier};
use oauthgate_tower::{MetadataRoute, ResourceServerLayer};
use rstest::rstest;
use serde_json::json;
use tower::ServiceExt;

use crate::support::*;

const INSERTED: &str = "/.well-known/oauth-protected-resource/mcp";
const ROOT: &str = "/.well-known/oauth-protected-resource";

#[rstest]
#[case(INSERTED)]
#[case("/.well-known/oauth-protected-resource/mcp/")]
#[case(ROOT)]
#[case("/.well-known/oauth-protected-resource/")]
#[tokio::test]
async fn row_01_serves_the_document_to_everybody(#[case] path: &str) {
    let server = Server::paved();
    let answered = server.ask(get(path)).await;
    assert_eq!(answered.status(), StatusCode::OK);
    assert_eq!(
        answered.header(header::CONTENT_TYPE),
        Some("application/json")
    );
    assert_eq!(
        answered.header(header::CACHE_CONTROL),
        Some("public, max-age=300")
    );
    let document = json!({
        "resource": "https://mcp.example.com/mcp",
        "authorization_servers": ["https://auth.example.com/"],
        "scopes_supported": ["notes:read"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(answered.json(), document);
    assert_eq!(server.reached(), 0);
}

#[tokio::test]
async fn row_03_serves_the_place_that_the_challenge_names() {
    let server = Server::paved();
    let named = server.ask(get("/mcp")).await;
    let url = named.challenge().split('"').nth(1).unwrap().to_owned();
    assert_eq!(server.ask(get(&url)).await.status(), StatusCode::OK);
}

#[rstest]
#[case(Request::get(INSERTED).header("host", "evil.example"))]
#[case(Request::get(INSERTED).header("x-forwarded-host", "evil.example").header("x-forwarded-proto", "http"))]
#[case(Request::get(INSERTED).header("forwarded", "host=evil.example;proto=http"))]
#[case(Request::get("http://evil.example/.well-known/oauth-protected-resource/mcp"))]
#[case(Request::get("/.well-known/oauth-protected-resource/mcp?resource=https://evil.example"))]
#[case(Request::get(INSERTED).header("mcp-protocol-version", "1999-01-01"))]
#[case(Request::get(INSERTED).header("authorization", "Bearer rubbish"))]
#[tokio::test]
async fn row_05_g11_names_the_configured_resource_whatever_the_request_says(
    #[case] request: http::request::Builder,
) {
    let answered = Server::paved()
        .ask(request.body(Body::empty()).unwrap())
        .await;
    assert_eq!(answered.json()["resource"], "https://mcp.example.com/mcp");
}

#[tokio::test]
async fn answers_head_without_a_body() {
    let answered = Server::paved()
        .ask(Request::head(INSERTED).body(Body::empty()).unwrap())
        .await;
    assert_eq!(
        (answered.status(), answered.body.len()),
        (StatusCode::OK, 0)
    );
    assert!(
        answered
            .header(header::CONTENT_LENGTH)
            .unwrap()
            .parse::<usize>()
            .unwrap()
            > 0
    );
}

#[tokio::test]
async fn lets_browsers_of_every_origin_read_it() {
    let server = Server::paved();
    for method in [Method::GET, Method::OPTIONS, Method::POST] {
        let request = Request::builder()
            .method(method)
            .uri(INSERTED)
            .header(header::ORIGIN, "https://a.example");
        let answered = server.ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!(
            answered.header(header::ACCESS_CONTROL_ALLOW_ORIGIN),
            Some("*")
        );
        assert_eq!(
            answered.header(header::ACCESS_CONTROL_ALLOW_HEADERS),
            Some("authorization, mcp-protocol-version")
        );
        assert_eq!(
            answered.header(header::ACCESS_CONTROL_EXPOSE_HEADERS),
            Some("WWW-Authenticate, MCP-Protocol-Version, Mcp-Session-Id")
        );
    }
}

#[rstest]
#[case(Method::POST)]
#[case(Method::DELETE)]
#[case(Method::PUT)]
#[tokio::test]
async fn allows_reading_only(#[case] method: Method) {
    let answered = Server::paved()
        .ask(
            Request::builder()
                .method(method)
                .uri(ROOT)
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(answered.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answered.header(header::ALLOW), Some("GET, HEAD, OPTIONS"));
}

#[rstest]
#[case("/.well-known/oauth-protected-resource/other")]
#[case("/.well-known/oauth-protected-resource/mcp/x")]
#[case("/.well-known/oauth-protected-resource//mcp")]
#[case("/.well-known/oauth-protected-resource/mcp//")]
#[case("/.well-known/oauth-protected-resourceX")]
#[case("/.well-known/OAUTH-protected-resource")]
#[case("/.well-known/oauth-protected-resource/%6dcp")]
#[case("/x/.well-known/oauth-protected-resource")]
#[case("/mcp/.well-known/oauth-protected-resource")]
#[case("/secret?x=/.well-known/oauth-protected-resource")]
#[tokio::test]
async fn f14_f16_opens_no_other_path(#[case] path: &str) {
    let server = Server::paved();
    assert_eq!(
        server.ask(get(path)).await.status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(server.reached(), 0);
}

#[tokio::test]
async fn leaves_the_route_to_those_who_mount_it_themselves() {
    let server =
        Server::new(ResourceServerLayer::new(Provider::default()).without_metadata_route());
    assert_eq!(
        server.ask(get(INSERTED)).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn advertises_nothing_where_authentication_is_off() {
    let server = Server::new(ResourceServerLayer::new(Provider::disabled()));
    assert_eq!(&server.ask(get(INSERTED)).await.body[..], b"hello");
}

fn at_the_root() -> ProtectedResource {
    let identifier = ResourceIdentifier::parse("https://api.example.com").unwrap();
    ProtectedResource::new(
        identifier,
        vec![Issuer::new("https://auth.example.com").unwrap()],
    )
}

fn with_a_last_slash() -> ProtectedResource {
    let identifier = ResourceIdentifier::parse("https://mcp.example.com/mcp/").unwrap();
    ProtectedResource::new(
        identifier,
        vec![Issuer::new("https://auth.example.com").unwrap()],
    )
}

#[tokio::test]
async fn serves_the_place_that_a_resource_with_a_last_slash_names() {
    let provider = Provider {
        resource: with_a_last_slash(),
        ..Provider::default()
    };
    let server = Server::new(ResourceServerLayer::new(provider));
    let named = server.ask(get("/mcp/")).await;
    let url = named.challenge().split('"').nth(1).unwrap().to_owned();
    for place in [url.as_str(), INSERTED] {
        let answered = server.ask(get(place)).await;
        assert_eq!(answered.status(), StatusCode::OK, "{place}");
    }
    let astray = server
        .ask(get("/.well-known/oauth-protected-resource/mcp//"))
        .await;
    assert_eq!(astray.status(), StatusCode::UNAUTHORIZED);
}

#[rstest]
#[case(resource(), &[INSERTED, ROOT])]
#[case(at_the_root(), &[ROOT])]
#[case(with_a_last_slash(), &[INSERTED, "/.well-known/oauth-protected-resource/mcp/", ROOT])]
#[tokio::test]
async fn mounts_as_an_axum_router(#[case] resource: ProtectedResource, #[case] paths: &[&str]) {
    let router: Router = Router::new().merge(MetadataRoute::new(&resource).into_router());
    for path in paths {
        let answered = Answered::read(router.clone().oneshot(get(path)).await.unwrap()).await;
        assert_eq!(
            answered.json()["resource"],
            resource.identifier().as_str(),
            "{path}"
        );
    }
    let elsewhere = router.oneshot(get("/")).await.unwrap();
    assert_eq!(elsewhere.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn is_a_service_of_its_own() {
    let route = MetadataRoute::new(&resource());
    assert_eq!(
        route.clone().oneshot(get(INSERTED)).await.unwrap().status(),
        StatusCode::OK
    );
    assert_eq!(
        route.oneshot(get("/elsewhere")).await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
}
