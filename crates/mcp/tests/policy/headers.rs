//! The mirrored headers of 2026-07-28.

use axum::body::Body;
use http::{Request, StatusCode};
use oauthgate_core::Reason;
use oauthgate_mcp::{Parameter, ParameterHeaders, PolicyLayer};
use rstest::rstest;

use crate::support::*;

fn mirrored(headers: &[(&'static str, &str)]) -> Request<Body> {
    with(post(call("open"), "read"), headers)
}

#[rstest]
#[case(&[])]
#[case(&[("mcp-method", "tools/call"), ("mcp-name", "open")])]
#[case(&[("mcp-name", "=?base64?b3Blbg==?=")])]
#[case(&[("mcp-param-anything", "=?base64?rubbish")])]
#[tokio::test]
async fn row_39_row_42_let_a_true_mirror_pass(#[case] headers: &[(&'static str, &str)]) {
    let server = Server::with(policy());
    assert_eq!(server.ask(mirrored(headers)).await.status(), StatusCode::OK);
    for (name, value) in headers {
        assert_eq!(server.received()[0].headers[*name], value);
    }
}

#[rstest]
#[case(&[("mcp-name", "write")])]
#[case(&[("mcp-name", "=?base64?d3JpdGU=?=")])]
#[case(&[("mcp-method", "tools/list")])]
#[case(&[("mcp-name", "open"), ("mcp-name", "open")])]
#[case(&[("mcp_name", "write")])]
#[case(&[("mcp-method", "tools/call"), ("mcp_method", "tools/call")])]
#[case(&[("mcp-protocol_version", "2026-07-28")])]
#[case(&[("mcp-protocol-version", "2026-07-28")])]
#[tokio::test]
async fn f23_row_40_row_43_answer_a_false_mirror_as_the_specification_says(
    #[case] headers: &[(&'static str, &str)],
) {
    let server = Server::with(policy());
    let answered = server.ask(mirrored(headers)).await;
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

fn querying() -> Server {
    let parameters = ParameterHeaders::new();
    parameters.learn([(
        "open".to_owned(),
        vec![Parameter::new("Region", "/region").unwrap()],
    )]);
    Server::behind(PolicyLayer::new(policy(), &resource()).parameter_headers(parameters))
}

fn query(region: &str) -> Request<Body> {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open","arguments":{"region":"eu"}}}"#;
    with(post(body, "read"), &[("mcp-param-region", region)])
}

#[rstest]
#[case("eu", StatusCode::OK)]
#[case("=?base64?ZXU=?=", StatusCode::OK)]
#[case("us", StatusCode::BAD_REQUEST)]
#[case("=?base64?ZXU?=", StatusCode::BAD_REQUEST)]
#[tokio::test]
async fn row_40_row_41_compare_the_parameters_that_a_tool_mirrors(
    #[case] region: &str,
    #[case] expected: StatusCode,
) {
    let server = querying();
    let answered = server.ask(query(region)).await;
    assert_eq!(answered.status(), expected);
    if expected != StatusCode::OK {
        assert_eq!(answered.json()["error"]["code"], -32020);
    }
    assert_eq!(
        server.received().len(),
        usize::from(expected == StatusCode::OK)
    );
}

/// The codes of our own errors are those of JSON-RPC, or of MCP in the meaning that MCP gives them.
#[tokio::test]
async fn row_49_emits_no_codes_but_defined_ones() {
    let server = Server::with(policy());
    let version = |version| [("mcp-protocol-version", version)];
    let requests = [
        (post("rubbish", "read"), -32700),
        (post("{}", "read"), -32600),
        (post("[]", "read"), -32600),
        (mirrored(&[("mcp-method", "ping")]), -32020),
        (mirrored(&version("2026-07-28")), -32020),
        (mirrored(&version("1900-01-01")), -32022),
    ];
    for (request, code) in requests {
        let answered = server.ask(request).await;
        assert_eq!(answered.status(), StatusCode::BAD_REQUEST);
        assert_eq!(answered.json()["error"]["code"], code);
    }
}
