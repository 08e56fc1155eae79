//! The mirrored headers of 2026-07-28.

use axum::body::Body;
use http::{HeaderName, Request, StatusCode};
use oauthgate_core::Reason;
use rstest::rstest;

use crate::support::*;

fn with(headers: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = post(call("open"), "read");
    for (name, value) in headers {
        request
            .headers_mut()
            .append(HeaderName::from_static(name), value.parse().unwrap());
    }
    request
}

#[rstest]
#[case(&[])]
#[case(&[("mcp-method", "tools/call"), ("mcp-name", "open")])]
#[case(&[("mcp-name", "=?base64?b3Blbg==?=")])]
#[case(&[("mcp-param-anything", "=?base64?rubbish")])]
#[tokio::test]
async fn let_a_true_mirror_pass(#[case] headers: &[(&'static str, &str)]) {
    let server = Server::with(policy());
    assert_eq!(server.ask(with(headers)).await.status(), StatusCode::OK);
    for (name, value) in headers {
        assert_eq!(server.received()[0].headers[*name], value);
    }
}

#[rstest]
#[case(&[("mcp-name", "write")])]
#[case(&[("mcp-name", "=?base64?d3JpdGU=?=")])]
#[case(&[("mcp-method", "tools/list")])]
#[case(&[("mcp-name", "open"), ("mcp-name", "open")])]
#[case(&[("mcp-protocol-version", "2026-07-28")])]
#[tokio::test]
async fn f23_answer_a_false_mirror_as_the_specification_says(
    #[case] headers: &[(&'static str, &str)],
) {
    let server = Server::with(policy());
    let answered = server.ask(with(headers)).await;
    assert_eq!(
        (answered.status(), answered.reason()),
        (StatusCode::BAD_REQUEST, Some(Reason::HeaderMismatch))
    );
    let json = answered.json();
    assert_eq!(
        (&json["jsonrpc"], &json["id"], &json["error"]["code"]),
        (&"2.0".into(), &1.into(), &(-32020).into())
    );
    assert!(json["error"]["data"]["reference"].is_string());
    let length = answered.parts.headers["content-length"].to_str().unwrap();
    assert_eq!(length, answered.body.len().to_string());
    assert!(server.received().is_empty());
}
