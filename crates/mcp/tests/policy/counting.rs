//! Messages that are read because somebody behind counts the tools that they call.

use http::{Method, StatusCode};
use oauthgate_mcp::{Costs, Policy, PolicyLayer};
use rstest::rstest;

use crate::support::*;

fn costs() -> Costs {
    Costs::new().tool("export_*", 10).unwrap()
}

fn counting(policy: Policy) -> Server {
    Server::behind(PolicyLayer::new(policy, &resource()).count_tools(costs()))
}

/// Bodies that a policy answers in every way.
const BODIES: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write"}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"unlisted"}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"Read"}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{"name":"read"}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"read"}}"#,
    r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"x"}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    "[]",
    "{",
    "",
];

#[tokio::test]
async fn a_policy_refuses_the_same_whether_or_not_somebody_counts() {
    let (plain, counted) = (Server::with(policy()), counting(policy()));
    for body in BODIES {
        for held in ["read", "read-write"] {
            let (one, other) = (
                plain.ask(post(*body, held)).await,
                counted.ask(post(*body, held)).await,
            );
            assert_eq!(one.status(), other.status(), "{body}");
            assert_eq!(one.reason(), other.reason(), "{body}");
        }
    }
    assert_eq!(plain.received().len(), counted.received().len());
}

#[tokio::test]
async fn without_rules_only_what_cannot_be_counted_is_refused() {
    let server = counting(Policy::new());
    for body in BODIES {
        let answered = server.ask(post(*body, "read")).await;
        let is_ambiguous = [4, 5, 6, 11, 12].map(|position| BODIES[position]);
        let expected = match is_ambiguous.contains(body) {
            true => StatusCode::BAD_REQUEST,
            false => StatusCode::OK,
        };
        assert_eq!(answered.status(), expected, "{body}");
    }
}

#[tokio::test]
async fn the_very_bytes_that_were_counted_go_to_the_server() {
    let server = counting(Policy::new());
    let body = " {\"jsonrpc\":\"2.0\", \"id\":1,\n\"method\":\"tools/call\",\"params\":{\"name\":\"export_a\"}} ";
    assert_eq!(
        server.ask(post(body, "read")).await.status(),
        StatusCode::OK
    );
    assert_eq!(server.received()[0].body, body);
}

#[tokio::test]
async fn an_answer_passes_unread_where_no_rule_hides_anything() {
    let server = counting(Policy::new()).answering(|| labelled("text/plain", "no list at all"));
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let answered = server.ask(post(list, "read")).await;
    assert_eq!(
        (answered.status(), answered.text()),
        (StatusCode::OK, "no list at all")
    );
}

#[rstest]
#[case(Method::GET)]
#[case(Method::DELETE)]
#[case(Method::HEAD)]
#[tokio::test]
async fn a_request_without_a_body_passes(#[case] method: Method) {
    let server = counting(Policy::new());
    let mut request = post("", "read");
    *request.method_mut() = method;
    assert_eq!(server.ask(request).await.status(), StatusCode::OK);
}

/// Its calls would pass uncounted.
#[tokio::test]
async fn f22_a_websocket_is_refused_where_calls_are_counted() {
    let server = counting(Policy::new());
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
    let answered = server.ask(with(post("", "read"), &upgrade)).await;
    assert_eq!(answered.status(), StatusCode::BAD_REQUEST);
}
