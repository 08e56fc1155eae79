//! No protocol revision, known or not, gets around the policy (catalogue row C19).

use axum::body::Body;
use http::{Response, StatusCode};
use oauthgate_core::Reason;
use oauthgate_mcp::Revision;
use rstest::rstest;

use crate::support::*;

const UNKNOWN: [&str; 8] = [
    "",
    "1",
    "2024-10-07",
    "2025-03-27",
    "2099-01-01",
    "DRAFT-2026-v1",
    "2026-07-28, 2025-03-26",
    "20260728",
];

#[tokio::test]
async fn c19_refuses_each_tool_under_every_revision() {
    let server = Server::with(policy());
    let versions = Revision::ALL
        .iter()
        .map(|revision| revision.as_str())
        .chain(UNKNOWN);
    for version in versions.map(Some).chain([None]) {
        for tool in ["read", "write", "unlisted"] {
            for mirrored in [false, true] {
                let mut headers =
                    Vec::from_iter(version.map(|known| ("mcp-protocol-version", known)));
                if mirrored {
                    headers.extend([("mcp-method", "tools/call"), ("mcp-name", tool)]);
                }
                let answered = server.ask(with(post(call(tool), "none"), &headers)).await;
                let unknown = version.is_some_and(|version| UNKNOWN.contains(&version));
                let expected = match (unknown, version == Some("2026-07-28") && !mirrored) {
                    (true, _) => Some(Reason::UnsupportedRevision),
                    (_, true) => Some(Reason::HeaderMismatch),
                    _ if tool == "unlisted" => Some(Reason::PolicyRefused),
                    _ => Some(Reason::InsufficientScope),
                };
                assert_eq!(answered.reason(), expected, "{version:?} {tool} {mirrored}");
            }
        }
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn row_37_names_the_revisions_that_would_be_understood() {
    let server = Server::with(policy());
    let asked = "1900-01-01\t<script>";
    let request = with(
        post(call("open"), "read"),
        &[("mcp-protocol-version", asked)],
    );
    let answered = server.ask(request).await;
    assert_eq!(
        (answered.status(), answered.reason()),
        (StatusCode::BAD_REQUEST, Some(Reason::UnsupportedRevision))
    );
    let json = answered.json();
    assert_eq!(json["error"]["code"], -32022);
    assert_eq!(json["id"], 1);
    assert_eq!(json["error"]["data"]["requested"], asked);
    let supported = &json["error"]["data"]["supported"];
    assert_eq!(supported[0], "2026-07-28");
    assert_eq!(supported.as_array().unwrap().len(), Revision::ALL.len());
    assert!(server.received().is_empty());
}

#[rstest]
#[case("GET")]
#[case("DELETE")]
#[tokio::test]
async fn row_37_row_46_refuses_an_unknown_revision_without_a_message_too(#[case] method: &str) {
    let server = Server::with(policy());
    let mut request = with(post("", "read"), &[("mcp-protocol-version", "1900-01-01")]);
    *request.method_mut() = method.parse().unwrap();
    let answered = server.ask(request).await;
    assert_eq!(answered.reason(), Some(Reason::UnsupportedRevision));
    assert!(answered.json().get("id").is_none());
}

fn with_meta(version: &str) -> String {
    let meta = serde_json::json!({ "io.modelcontextprotocol/protocolVersion": version });
    let params = serde_json::json!({ "name": "open", "_meta": meta });
    serde_json::json!({ "jsonrpc": "2.0", "id": "seven", "method": "tools/call", "params": params })
        .to_string()
}

#[rstest]
#[case::absent("2026-07-28", &[])]
#[case::older("2026-07-28", &[("mcp-protocol-version", "2025-11-25")])]
#[case::newer("2025-11-25", &[("mcp-protocol-version", "2026-07-28")])]
#[case::twice("2026-07-28", &[("mcp-protocol-version", "2026-07-28"), ("mcp-protocol-version", "2026-07-28")])]
#[tokio::test]
async fn row_36_answers_a_false_version_as_the_specification_says(
    #[case] said: &str,
    #[case] headers: &[(&'static str, &str)],
) {
    let server = Server::with(policy());
    let request = with(post(with_meta(said), "read"), headers);
    let answered = server
        .ask(with(
            request,
            &[("mcp-method", "tools/call"), ("mcp-name", "open")],
        ))
        .await;
    assert_eq!(
        (answered.status(), answered.reason()),
        (StatusCode::BAD_REQUEST, Some(Reason::HeaderMismatch))
    );
    let json = answered.json();
    assert_eq!(
        (&json["id"], &json["error"]["code"]),
        (&"seven".into(), &(-32020).into())
    );
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn row_36_passes_a_true_version() {
    let server = Server::with(policy());
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "open"),
    ];
    let answered = server
        .ask(with(post(with_meta("2026-07-28"), "read"), &headers))
        .await;
    assert_eq!(answered.status(), StatusCode::OK);
    for (name, value) in headers {
        assert_eq!(server.received()[0].headers[name], value);
    }
}

/// A version that only the header names is the server's to miss: it has an error of its own for that.
#[tokio::test]
async fn row_36_leaves_a_version_missing_in_the_body_to_the_server() {
    let server = Server::with(policy());
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "open"),
    ];
    let answered = server.ask(with(post(call("open"), "read"), &headers)).await;
    assert_eq!(answered.status(), StatusCode::OK);
}

#[tokio::test]
async fn row_38_takes_a_request_without_a_revision_for_an_old_one() {
    let server = Server::with(policy());
    let batch = format!("[{},{}]", call("open"), call_numbered(2, "read"));
    assert_eq!(
        server.ask(post(batch.clone(), "read")).await.status(),
        StatusCode::OK
    );
    for version in ["2025-06-18", "2025-11-25", "2026-07-28"] {
        let request = with(
            post(batch.clone(), "read"),
            &[("mcp-protocol-version", version)],
        );
        let answered = server.ask(request).await;
        assert_eq!(
            answered.reason(),
            Some(Reason::MalformedMessage),
            "{version}"
        );
        assert_eq!(answered.json()["error"]["code"], -32600);
    }
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn row_51_decides_on_each_request_by_its_own_token() {
    let server = Server::with(policy());
    let rich = server.ask(post(call("write"), "read-write")).await;
    let poor = server.ask(post(call("write"), "read")).await;
    let rich_again = server.ask(post(call("write"), "read-write")).await;
    assert_eq!(
        [rich.status(), poor.status(), rich_again.status()],
        [StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::OK]
    );
}

/// A server that knows the newest revision only says so itself, and is heard.
#[rstest]
#[case("GET")]
#[case("DELETE")]
#[tokio::test]
async fn row_45_passes_a_modern_servers_405_untouched(#[case] method: &str) {
    let server = Server::with(policy()).answering(|| {
        Response::builder()
            .status(StatusCode::METHOD_NOT_ALLOWED)
            .header("allow", "POST")
            .body(Body::from("only POST"))
            .unwrap()
    });
    let mut request = post("", "read");
    *request.method_mut() = method.parse().unwrap();
    let answered = server.ask(request).await;
    assert_eq!(answered.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        (answered.header("allow"), answered.text()),
        (Some("POST"), "only POST")
    );
}

#[tokio::test]
async fn row_50_passes_a_modern_servers_word_on_initialize_untouched() {
    const ERROR: &str = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"Unsupported protocol version","data":{"supported":["2026-07-28"],"requested":"2025-11-25"}}}"#;
    let server = Server::with(policy()).answering(|| {
        let mut answer = json(ERROR);
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        answer
    });
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
    let answered = server.ask(post(initialize, "read")).await;
    assert_eq!(answered.status(), StatusCode::BAD_REQUEST);
    assert_eq!(answered.text(), ERROR);
}

#[tokio::test]
async fn row_37_passes_the_servers_word_on_unknown_methods_untouched() {
    const ERROR: &str =
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}"#;
    let server = Server::with(policy()).answering(|| {
        let mut answer = json(ERROR);
        *answer.status_mut() = StatusCode::NOT_FOUND;
        answer
    });
    let unknown = r#"{"jsonrpc":"2.0","id":1,"method":"company/deploy"}"#;
    let answered = server.ask(post(unknown, "read")).await;
    assert_eq!(
        (answered.status(), answered.text()),
        (StatusCode::NOT_FOUND, ERROR)
    );
}
