//! Which bodies can be decided on, and that they pass unchanged.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use oauthgate_core::Reason;
use oauthgate_mcp::{Policy, PolicyLayer};
use oauthgate_tower::StoppedBody;
use rstest::rstest;

use crate::support::*;

fn with_header(name: &str, value: &str) -> Request<Body> {
    let mut request = post(call("open"), "read");
    request.headers_mut().insert(
        header::HeaderName::from_bytes(name.as_bytes()).unwrap(),
        value.parse().unwrap(),
    );
    request
}

/// Many frames, of no announced length.
fn chunked(bytes: impl AsRef<[u8]>, size: usize) -> Body {
    let chunks: Vec<_> = bytes
        .as_ref()
        .chunks(size)
        .map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)))
        .collect();
    Body::from_stream(futures_util::stream::iter(chunks))
}

#[tokio::test]
async fn passes_the_very_same_bytes_on() {
    let server = Server::with(policy());
    let body = "  {\"jsonrpc\":\"2.0\",\"id\" : 1,\r\n\t\"params\":{\"name\":\"\\u006fpen\"} , \"method\":\"tools\\/call\"}\n ";
    assert_eq!(
        server.ask(post(body, "read")).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        server.ask(post(chunked(body, 1), "read")).await.status(),
        StatusCode::OK
    );
    for received in server.received() {
        assert_eq!(received.body, body);
    }
}

#[tokio::test]
async fn reads_nothing_where_there_are_no_rules() {
    let server = Server::with(Policy::new());
    let endless =
        futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(b"x")));
    let request = post(
        Body::from_stream(futures_util::StreamExt::take(endless, 10_000_000)),
        "read",
    );
    // The layer hands the stream on; the service is what reads it here.
    assert_eq!(server.ask(request).await.status(), StatusCode::OK);
    assert_eq!(server.received()[0].body.len(), 10_000_000);
}

#[rstest]
#[case("application/json")]
#[case("Application/JSON")]
#[case("application/json; charset=utf-8")]
#[case("application/json;charset=\"UTF-8\"")]
#[case("application/json; profile=x")]
#[case("application/json;")]
#[case("  application/json  ; charset = utf-8")]
#[tokio::test]
async fn reads_plain_json(#[case] media_type: &str) {
    let server = Server::with(policy());
    assert_eq!(
        server
            .ask(with_header("content-type", media_type))
            .await
            .status(),
        StatusCode::OK
    );
    assert_eq!(
        server.ask(post(call("write"), "read")).await.status(),
        StatusCode::FORBIDDEN
    );
}

#[rstest]
#[case("content-type", "text/plain")]
#[case("content-type", "application/json-seq")]
#[case("content-type", "application/x-www-form-urlencoded")]
#[case("content-type", "application/json; charset=utf-16")]
#[case("content-type", "application/json, text/plain")]
#[case("content-type", "")]
#[case("content-encoding", "gzip")]
#[case("content-encoding", "identity, br")]
#[case("content-encoding", "")]
#[case("content-encoding", "deflate")]
#[case("content-type", "application/json; charset=utf-8; charset=utf-16")]
#[case("content-type", "application/json; charset*=utf-8''utf-16")]
#[case("content-type", "application/json; charset")]
#[case("content-type", "application/json; profile=\"x;charset=utf-16\"")]
#[case("content-type", "application/json; a=b, text/plain")]
#[case("content-type", "application/vnd.example+json")]
#[case("content-type", "application/json-rpc")]
#[case("content-type", "text/json")]
#[case("content-type", "multipart/mixed; boundary=x")]
#[case("content-type", "multipart/form-data; boundary=application/json")]
#[case("transfer-encoding", "gzip, chunked")]
#[case("transfer-encoding", "identity")]
#[case("transfer-encoding", "chunked, chunked")]
#[tokio::test]
async fn f22_refuses_a_body_that_it_cannot_read(#[case] name: &str, #[case] value: &str) {
    let server = Server::with(policy());
    let answered = server.ask(with_header(name, value)).await;
    assert_eq!(
        (answered.status(), answered.reason()),
        (StatusCode::BAD_REQUEST, Some(Reason::UnreadableBody))
    );
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn f22_refuses_a_body_without_or_with_two_media_types() {
    let server = Server::with(policy());
    let mut without = post(call("open"), "read");
    without.headers_mut().remove(header::CONTENT_TYPE);
    let mut twice = post(call("open"), "read");
    twice
        .headers_mut()
        .append(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    for request in [without, twice] {
        assert_eq!(
            server.ask(request).await.reason(),
            Some(Reason::UnreadableBody)
        );
    }
}

#[tokio::test]
async fn f21_refuses_a_body_that_is_too_long() {
    let server = Server::behind(PolicyLayer::new(policy(), &resource()).max_body_bytes(100));
    let padded = |length: usize| {
        format!(
            "{}{}",
            call("open"),
            " ".repeat(length - call("open").len())
        )
    };
    assert_eq!(
        server.ask(post(padded(100), "read")).await.status(),
        StatusCode::OK
    );
    for body in [
        Body::from(padded(101)),
        chunked(padded(101), 10),
        chunked(padded(5_000), 5_000),
    ] {
        let answered = server.ask(post(body, "read")).await;
        assert_eq!(
            (answered.status(), answered.reason()),
            (StatusCode::PAYLOAD_TOO_LARGE, Some(Reason::BodyTooLarge))
        );
    }
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn f21_stops_reading_at_the_limit() {
    let server = Server::with(policy());
    let endless = futures_util::stream::repeat_with(|| {
        Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1024]))
    });
    let answered = server.ask(post(Body::from_stream(endless), "read")).await;
    assert_eq!(answered.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn f22_finds_a_tool_behind_two_megabytes_of_padding() {
    let server = Server::with(policy());
    let padding = "x".repeat(2 * 1024 * 1024);
    let body = format!(
        r#"{{"jsonrpc":"2.0","padding":"{padding}","method":"tools/call","params":{{"x":"{padding}","name":"write"}}}}"#
    );
    assert!(body.len() > 4 * 1024 * 1024);
    assert_eq!(
        server.ask(post(body, "read")).await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let body = format!(
        r#"{{"jsonrpc":"2.0","padding":"{padding}","method":"tools/call","params":{{"name":"write"}}}}"#
    );
    assert_eq!(
        server.ask(post(body.clone(), "read")).await.status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        server.ask(post(body, "read-write")).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn f22_reads_a_body_that_is_not_coded() {
    let server = Server::with(policy());
    for (name, value) in [
        ("content-encoding", "identity"),
        ("transfer-encoding", "chunked"),
    ] {
        assert_eq!(
            server.ask(with_header(name, value)).await.status(),
            StatusCode::OK
        );
    }
}

/// A body without end that comes at this pace.
fn trickling(pace: Duration) -> Body {
    Body::from_stream(futures_util::stream::unfold((), move |()| async move {
        tokio::time::sleep(pace).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
    }))
}

#[tokio::test(start_paused = true)]
async fn f21_waits_for_a_slow_body_only_so_long() {
    let patient = Server::with(policy());
    let hasty = Server::behind(
        PolicyLayer::new(policy(), &resource()).body_read_timeout(Duration::from_secs(2)),
    );
    for (server, patience) in [(patient, 30), (hasty, 2)] {
        let start = tokio::time::Instant::now();
        let answered = server
            .ask(post(trickling(Duration::from_millis(900)), "read"))
            .await;
        assert_eq!(answered.reason(), Some(Reason::SlowRequest));
        assert_eq!(start.elapsed().as_secs(), patience);
        assert!(server.received().is_empty());
    }
}

/// An error of a body does not say why; who made it fail does.
#[tokio::test]
async fn f21_says_why_a_body_was_stopped() {
    for reason in [Reason::SlowRequest, Reason::BodyTooLarge] {
        let server = Server::with(policy());
        let stopped = StoppedBody::default();
        let stop = stopped.clone();
        let body = futures_util::stream::once(async move {
            stop.stop(reason);
            Err::<Bytes, _>(std::io::Error::other("stopped"))
        });
        let mut request = post(Body::from_stream(body), "read");
        request.extensions_mut().insert(stopped);
        assert_eq!(server.ask(request).await.reason(), Some(reason));
        assert!(server.received().is_empty());
    }
}

#[tokio::test]
async fn refuses_a_body_that_breaks_off() {
    let server = Server::with(policy());
    let broken = futures_util::stream::iter([
        Ok(Bytes::from(call("open"))),
        Err(std::io::Error::other("gone")),
    ]);
    assert_eq!(
        server
            .ask(post(Body::from_stream(broken), "read"))
            .await
            .reason(),
        Some(Reason::UnreadableBody)
    );
    assert!(server.received().is_empty());
}

#[rstest]
#[case("GET")]
#[case("DELETE")]
#[case("OPTIONS")]
#[case("post")]
#[case("PUT")]
#[tokio::test]
async fn decides_on_a_body_whatever_the_method(#[case] method: &str) {
    let server = Server::with(policy());
    let mut request = post(call("write"), "read");
    *request.method_mut() = method.parse().unwrap();
    assert_eq!(server.ask(request).await.status(), StatusCode::FORBIDDEN);
}

#[rstest]
#[case("GET")]
#[case("DELETE")]
#[case("POST")]
#[tokio::test]
async fn lets_a_request_without_a_body_pass(#[case] method: &str) {
    let server = Server::with(policy());
    for body in [Body::empty(), chunked("", 1)] {
        let request = Request::builder()
            .method(method)
            .uri("/mcp")
            .header("authorization", "Bearer read")
            .body(body);
        assert_eq!(server.ask(request.unwrap()).await.status(), StatusCode::OK);
    }
}

#[rstest]
#[case("websocket")]
#[case("WebSocket")]
#[case("h2c, websocket")]
#[tokio::test]
async fn refuses_messages_of_another_protocol(#[case] upgrade: &str) {
    let server = Server::with(policy());
    let request = Request::get("/mcp")
        .header("authorization", "Bearer read")
        .header("upgrade", upgrade);
    let answered = server.ask(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answered.reason(), Some(Reason::UnreadableBody));
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn takes_away_an_offer_to_switch_protocols() {
    let server = Server::with(policy());
    let mut request = with_header("upgrade", "h2c");
    request.headers_mut().insert(
        header::CONNECTION,
        "Upgrade, HTTP2-Settings".parse().unwrap(),
    );
    assert_eq!(server.ask(request).await.status(), StatusCode::OK);
    assert!(!server.received()[0].headers.contains_key(header::UPGRADE));
}

#[rstest]
#[case("")]
#[case("   ")]
#[case("not json")]
#[case("{}{}")]
#[case(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"open","name":"write"}}"#)]
#[case(
    r#"{"jsonrpc":"2.0","method":"tools/call","Params":{"name":"write"},"params":{"name":"open"}}"#
)]
#[tokio::test]
async fn f23_refuses_what_two_readers_may_read_differently(#[case] body: &str) {
    let server = Server::with(policy());
    let answered = server.ask(post(body.to_owned(), "read")).await;
    if body.is_empty() {
        assert_eq!(answered.status(), StatusCode::OK);
        return;
    }
    assert_eq!(
        (answered.status(), answered.reason()),
        (StatusCode::BAD_REQUEST, Some(Reason::MalformedMessage))
    );
    let json = answered.json();
    assert_eq!(
        (&json["error"]["code"], json.get("id")),
        (&(-32700).into(), None)
    );
    assert!(server.received().is_empty());
}
