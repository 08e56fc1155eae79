//! Who gets in, and with what.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{body::Body, extract::ConnectInfo};
use http::{Request, Response, StatusCode};
use oauthgate_core::{PrincipalKind, Reason, Requirement, danger};
use oauthgate_tower::ResourceServerLayer;
use tower::{Layer, Service, ServiceExt};

use crate::support::*;

#[tokio::test]
async fn lets_a_good_token_in_with_its_caller_and_permit() {
    let server =
        Server::new(ResourceServerLayer::new(Provider::default()).require(requires("notes:read")));
    let answered = server.ask(with_token("good")).await;
    assert_eq!(
        (answered.status(), &answered.body[..]),
        (StatusCode::OK, &b"hello"[..])
    );
    let seen = server.last_seen();
    assert_eq!(seen.user.unwrap().user_id(), "alice");
    assert_eq!(seen.permitted, Some(scopes("notes:read")));
}

#[tokio::test]
async fn row_12_row_15_keeps_everybody_else_from_the_service() {
    let server = Server::paved();
    for request in [
        get("/"),
        with_token("stale"),
        with_token("x.y.z"),
        get("/unknown/../path"),
    ] {
        assert_eq!(server.ask(request).await.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(server.reached(), 0);
}

#[tokio::test]
async fn row_31_names_all_scopes_of_the_operation_when_one_is_missing() {
    let server = Server::new(
        ResourceServerLayer::new(Provider::default()).require(requires("notes:write notes:read")),
    );
    let answered = server.ask(with_token("good")).await;
    assert_eq!(answered.status(), StatusCode::FORBIDDEN);
    assert_eq!(answered.reason(), Some(Reason::InsufficientScope));
    assert!(
        answered
            .challenge()
            .starts_with(r#"Bearer error="insufficient_scope", "#),
        "{}",
        answered.challenge()
    );
    assert!(
        answered
            .challenge()
            .ends_with(r#"scope="notes:read notes:write""#),
        "{}",
        answered.challenge()
    );
    assert_eq!(server.reached(), 0);
}

#[tokio::test]
async fn forgets_what_a_request_claimed_to_be() {
    let server = Server::paved();
    let pretending = |mut request: Request<Body>| {
        let mallory = danger::caller("mallory", scopes("admin"));
        let permit = Requirement::authenticated().decide(&mallory).unwrap();
        request.extensions_mut().insert(mallory);
        request.extensions_mut().insert(permit);
        request
    };
    assert_eq!(
        server.ask(pretending(get("/"))).await.status(),
        StatusCode::UNAUTHORIZED
    );
    server.ask(pretending(with_token("good"))).await;
    assert_eq!(server.last_seen().user.unwrap().user_id(), "alice");
}

#[tokio::test]
async fn h5_tells_the_provider_the_peer_and_believes_no_header() {
    let provider = Arc::new(Provider::default());
    let server = Server::new(ResourceServerLayer::shared(Arc::clone(&provider)));
    let forwarded = || {
        Request::get("/")
            .header("x-forwarded-for", "192.0.2.66")
            .header("forwarded", "for=192.0.2.66")
    };
    let peer = ConnectInfo::<SocketAddr>("192.0.2.1:4711".parse().unwrap());
    let from_peer = forwarded().extension(peer).body(Body::empty()).unwrap();
    server.ask(forwarded().body(Body::empty()).unwrap()).await;
    server
        .ask(forwarded().extension(peer).body(Body::empty()).unwrap())
        .await;
    server.ask(from_address(from_peer, "198.51.100.7")).await;
    let told = provider.peers.lock().unwrap().clone();
    assert_eq!(
        told,
        [
            None,
            Some("192.0.2.1".parse().unwrap()),
            Some("198.51.100.7".parse().unwrap())
        ]
    );
}

#[tokio::test]
async fn leaves_the_token_to_a_service_in_the_same_process() {
    let server = Server::paved();
    server.ask(with_token("good")).await;
    assert_eq!(
        server.last_seen().authorization.as_deref(),
        Some("Bearer good")
    );
}

#[tokio::test]
async fn g1_takes_the_token_from_a_service_that_sends_requests_on() {
    let server = Server::new(ResourceServerLayer::new(Provider::default()).strip_authorization());
    server.ask(with_token("good")).await;
    assert_eq!(server.last_seen().authorization, None);
}

#[tokio::test]
async fn g1_takes_the_token_even_where_authentication_is_off() {
    let server = Server::new(ResourceServerLayer::new(Provider::disabled()).strip_authorization());
    server.ask(with_token("whatever")).await;
    assert_eq!(server.last_seen().authorization, None);
}

#[tokio::test]
async fn lets_everybody_in_as_nobody_where_authentication_is_off() {
    let server = Server::new(
        ResourceServerLayer::new(Provider::disabled()).require(requires("notes:write")),
    );
    assert_eq!(server.ask(get("/")).await.status(), StatusCode::OK);
    let seen = server.last_seen();
    let user = seen.user.unwrap();
    assert_eq!((user.kind(), user.scopes().len()), (PrincipalKind::User, 0));
    // The permit says what was checked: nothing.
    assert_eq!(seen.permitted, Some(scopes("")));
}

/// Ready once for each time it was asked; a clone never asked is not.
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        std::future::ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn calls_the_service_that_was_polled_ready() {
    let mut service = ResourceServerLayer::new(Provider::default()).layer(Strict { ready: false });
    for _ in 0..3 {
        let response = service
            .ready()
            .await
            .unwrap()
            .call(with_token("good"))
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}
