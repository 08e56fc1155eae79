//! Methods and preflights.

use axum::body::Body;
use http::{Method, Request, StatusCode, header, request::Builder};
use oauthgate_tower::ResourceServerLayer;
use rstest::rstest;

use crate::support::*;

fn options() -> Builder {
    Request::options("/mcp")
}

fn preflight() -> Builder {
    options()
        .header(header::ORIGIN, "https://app.example.com")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
}

fn empty(builder: Builder) -> Request<Body> {
    builder.body(Body::empty()).unwrap()
}

#[rstest]
#[case::lower_case(Request::builder().method("get"))]
#[case::head(Request::head("/"))]
#[case::trace(Request::builder().method(Method::TRACE))]
#[case::connect(Request::builder().method(Method::CONNECT).uri("mcp.example.com:443"))]
#[case::invented(Request::builder().method("PREFLIGHT"))]
#[case::override_header(Request::post("/").header("x-http-method-override", "OPTIONS"))]
#[case::override_to_preflight(Request::post("/").header("x-http-method", "OPTIONS").header("origin", "https://a.example").header("access-control-request-method", "GET"))]
#[case::plain_options(options())]
#[case::options_star(Request::options("*"))]
#[case::options_with_origin(options().header("origin", "https://a.example"))]
#[case::options_with_method(options().header("access-control-request-method", "GET"))]
#[case::preflight_with_bad_token(preflight().header("authorization", "Bearer x"))]
#[case::preflight_with_other_scheme(preflight().header("authorization", "Basic eDp5"))]
#[tokio::test]
async fn f26_takes_every_method_for_what_it_is(#[case] request: Builder) {
    let server = Server::paved();
    assert_eq!(
        server.ask(empty(request)).await.status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(server.reached(), 0);
}

#[tokio::test]
async fn f26_answers_a_preflight_without_the_service_and_grants_nothing() {
    let server = Server::paved();
    let answered = server.ask(empty(preflight())).await;
    assert_eq!(answered.status(), StatusCode::NO_CONTENT);
    assert_eq!(answered.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), None);
    assert!(answered.header(header::VARY).unwrap().contains("Origin"));
    assert_eq!(server.reached(), 0);
}

#[tokio::test]
async fn f26_checks_an_options_request_with_credentials_like_any_other() {
    let server = Server::paved();
    assert_eq!(
        server
            .ask(authorized(empty(preflight()), "good"))
            .await
            .status(),
        StatusCode::OK
    );
    assert_eq!(server.last_seen().user.unwrap().user_id(), "alice");
}

#[tokio::test]
async fn forwards_a_preflight_on_request_and_without_an_identity() {
    let server = Server::new(
        ResourceServerLayer::new(Provider::default()).forward_unauthenticated_preflight(),
    );
    assert_eq!(
        server.ask(empty(preflight())).await.status(),
        StatusCode::OK
    );
    let seen = server.last_seen();
    assert_eq!((seen.method, seen.user), (Method::OPTIONS, None));
    assert_eq!(
        server.ask(empty(options())).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn forwards_no_identity_that_another_layer_found() {
    let layer = ResourceServerLayer::new(Provider::default()).forward_unauthenticated_preflight();
    let server = Server::new(layer);
    let mut request = empty(preflight());
    request
        .extensions_mut()
        .insert(oauthgate_core::danger::caller("mallory", scopes("admin")));
    server.ask(request).await;
    assert_eq!(server.last_seen().user, None);
}
