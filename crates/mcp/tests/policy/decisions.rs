//! Who may call what.

use axum::body::Body;
use http::{Request, StatusCode};
use oauthgate_core::{Reason, Requirement};
use oauthgate_mcp::{Policy, Unlisted};
use oauthgate_tower::Reference;
use rstest::rstest;

use crate::support::*;

const METADATA: &str =
    r#"resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp""#;

#[rstest]
#[case("open", "other", 200)]
#[case("read", "read", 200)]
#[case("read", "read-write", 200)]
#[case("read", "other", 403)]
#[case("read", "Read", 403)]
#[case("read", "read2", 403)]
#[case("read", "rea", 403)]
#[case("write", "read-write", 200)]
#[case("write", "write", 403)]
#[case("write", "read", 403)]
#[case("unlisted", "read-write", 403)]
#[case("Read", "read-write", 403)]
#[case("read ", "read-write", 403)]
#[case("", "read-write", 403)]
#[tokio::test]
async fn asks_each_call_for_its_tools_scopes(
    #[case] tool: &str,
    #[case] held: &str,
    #[case] expected: u16,
) {
    let server = Server::with(policy());
    assert_eq!(server.ask(post(call(tool), held)).await.status(), expected);
    assert_eq!(server.received().len(), usize::from(expected == 200));
}

#[tokio::test]
async fn names_all_scopes_of_the_call_in_one_challenge() {
    let answered = Server::with(policy())
        .ask(post(call("write"), "read"))
        .await;
    assert_eq!(answered.reason(), Some(Reason::InsufficientScope));
    let challenge = answered.challenge().unwrap();
    assert!(
        challenge.starts_with(r#"Bearer error="insufficient_scope", "#),
        "{challenge}"
    );
    assert!(
        challenge.ends_with(&format!(r#"{METADATA}, scope="read write""#)),
        "{challenge}"
    );
}

#[tokio::test]
async fn names_what_the_resource_itself_needs_too() {
    let server = Server::with(policy()).requiring(requires("base"));
    let answered = server.ask(post(call("write"), "base-read")).await;
    assert!(
        answered
            .challenge()
            .unwrap()
            .ends_with(r#"scope="base read write""#)
    );
    server.ask(post(call("write"), "base-read-write")).await;
    assert_eq!(server.received()[0].permitted, scopes("base read write"));
}

#[tokio::test]
async fn asks_a_batch_for_the_sum_of_its_calls() {
    let server = Server::with(policy());
    let batch = format!(
        "[{},{},{}]",
        call("open"),
        r#"{"jsonrpc":"2.0","id":2,"result":{}}"#,
        call_numbered(2, "write")
    );
    let refused = server.ask(post(batch.clone(), "read")).await;
    assert!(
        refused
            .challenge()
            .unwrap()
            .ends_with(r#"scope="read write""#)
    );
    assert_eq!(
        server.ask(post(batch, "read-write")).await.status(),
        StatusCode::OK
    );
    let with_unlisted = format!("[{},{}]", call("open"), call_numbered(2, "unlisted"));
    assert_eq!(
        server.ask(post(with_unlisted, "read-write")).await.reason(),
        Some(Reason::PolicyRefused)
    );
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn refuses_a_tool_without_a_rule_and_challenges_nobody_for_it() {
    let answered = Server::with(policy())
        .ask(post(call("unlisted"), "read-write"))
        .await;
    assert_eq!(
        (answered.status(), answered.reason()),
        (StatusCode::FORBIDDEN, Some(Reason::PolicyRefused))
    );
    assert_eq!(answered.challenge(), None);
}

#[tokio::test]
async fn opens_tools_without_a_rule_where_the_policy_says_so() {
    let server = Server::with(policy().unlisted(Unlisted::Allow(requires("any"))));
    assert_eq!(
        server.ask(post(call("unlisted"), "any")).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        server.ask(post(call("unlisted"), "read")).await.status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        server.ask(post(call("read"), "any")).await.status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn takes_a_word_about_all_other_tools_for_a_rule() {
    let server = Server::with(Policy::new().unlisted(Unlisted::Refuse));
    assert_eq!(
        server.ask(post(call("read"), "read")).await.status(),
        StatusCode::FORBIDDEN
    );
    let server =
        Server::with(Policy::new().unlisted(Unlisted::Allow(Requirement::authenticated())));
    assert_eq!(
        server.ask(post(call("read"), "read")).await.status(),
        StatusCode::OK
    );
}

#[rstest]
#[case("tools/list")]
#[case("initialize")]
#[case("ping")]
#[case("server/discover")]
#[case("notifications/initialized")]
#[case("prompts/get")]
#[tokio::test]
async fn leaves_other_methods_to_the_layer_outside(#[case] method: &str) {
    let server = Server::with(policy());
    let body = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": { "name": "unlisted" } });
    assert_eq!(
        server.ask(post(body.to_string(), "none")).await.status(),
        StatusCode::OK
    );
}

#[rstest]
#[case("Tools/Call")]
#[case("TOOLS/CALL")]
#[case("tool\u{17f}/call")]
#[case(" tools/call")]
#[case("tools/call\n")]
#[tokio::test]
async fn refuses_a_misspelt_tools_call(#[case] method: &str) {
    let server = Server::with(policy());
    let body = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": { "name": "write" } });
    let answered = server.ask(post(body.to_string(), "read-write")).await;
    assert_eq!(
        (answered.status(), answered.reason()),
        (StatusCode::BAD_REQUEST, Some(Reason::MalformedMessage))
    );
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_call_that_is_a_notification_is_a_call_all_the_same() {
    let server = Server::with(policy());
    let body = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"write"}}"#;
    assert_eq!(
        server.ask(post(body, "read")).await.status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn refuses_a_call_without_a_tool() {
    let server = Server::with(policy().unlisted(Unlisted::Allow(Requirement::authenticated())));
    for params in [
        r"{}",
        r#"{"name":null}"#,
        r#"{"name":["write"]}"#,
        r#"["write"]"#,
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#);
        let answered = server.ask(post(body, "read-write")).await;
        assert_eq!(
            (answered.status(), answered.json()["id"].as_u64()),
            (StatusCode::BAD_REQUEST, Some(7)),
            "{params}"
        );
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn asks_for_a_token_before_it_reads_anything() {
    let request = Request::post("/mcp").body(Body::from("rubbish")).unwrap();
    let answered = Server::with(policy()).ask(request).await;
    assert_eq!(answered.reason(), Some(Reason::NoCredentials));
}

#[tokio::test]
async fn gives_the_refusal_and_its_reference_to_outer_layers() {
    let answered = Server::with(policy())
        .ask(post(call("write"), "read"))
        .await;
    let reference = answered.parts.extensions.get::<Reference>().unwrap();
    assert_eq!(answered.json()["reference"], reference.as_str());
    assert_eq!(answered.json()["error"], "insufficient_scope");
}

#[tokio::test]
async fn decides_nothing_where_authentication_is_off() {
    let server = Server::with(policy()).without_authentication();
    assert_eq!(
        server.ask(post(call("write"), "x")).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        server.ask(post("rubbish", "x")).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn fails_loudly_without_the_layer_outside() {
    use oauthgate_mcp::PolicyLayer;
    use tower::{Layer, ServiceExt};

    let inner = tower::service_fn(|_| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
    });
    let service = PolicyLayer::new(policy(), &resource()).layer(inner);
    let response = service.oneshot(post(call("open"), "read")).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_forwarded_preflight_passes_and_carries_no_message() {
    let server = Server::with(policy()).forwarding_preflights();
    let preflight = |body: Body| {
        Request::options("/mcp")
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "POST")
            .header("content-type", "application/json")
            .body(body)
            .unwrap()
    };
    let passed = server.ask(preflight(Body::empty())).await;
    assert_eq!(passed.status(), StatusCode::OK);
    assert_eq!(server.received().len(), 1);
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write"}}"#;
    let smuggled = server.ask(preflight(Body::from(call))).await;
    assert!(!smuggled.status().is_success(), "{smuggled:?}");
    assert_eq!(server.received().len(), 1);
}
