//! Callers without a token, where rules open something to everybody.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::body::Body;
use http::{Method, Request, Response, StatusCode, header};
use oauthgate_core::{Permit, Reason, UserContext};
use oauthgate_mcp::{
    Decided, InspectedBody, Policy, PolicyLayer, SessionBindingLayer, SessionSecret,
    policy::{AnonymousPermit, Rule, RuleBuilder},
};
use oauthgate_tower::{Anonymous, ResourceServerLayer};
use rstest::rstest;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::*;

fn rule(rule: RuleBuilder) -> Rule {
    rule.build().unwrap()
}

/// Looking around and `open` are for everybody, `write` needs a scope, `banned` is for nobody.
fn lazy() -> Policy {
    let around = ["initialize", "notifications/*", "ping", "tools/list"];
    Policy::new()
        .rule(rule(Rule::builder().methods(around).anonymous(true)))
        .rule(rule(
            Rule::builder().name("open").tools(["open"]).anonymous(true),
        ))
        .rule(rule(
            Rule::builder()
                .name("banned")
                .tools(["banned"])
                .forbid(true),
        ))
        .rule(rule(
            Rule::builder()
                .name("writers")
                .tools(["write"])
                .scopes(scopes("write")),
        ))
}

/// What the server behind knows of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    is_anonymous: bool,
    has_caller: bool,
    has_permit: bool,
    is_undecided: bool,
}

/// An MCP server that opens a session on `initialize`, behind all three layers.
#[derive(Clone)]
struct House {
    policy: PolicyLayer,
    sessions: SessionBindingLayer,
    known: Arc<Mutex<Vec<Known>>>,
}

impl House {
    fn with(policy: Policy) -> Self {
        Self::behind(PolicyLayer::new(policy, &resource()))
    }

    fn behind(policy: PolicyLayer) -> Self {
        let secret = SessionSecret::new(b"an7hR0Vq2xLkE9sWmZcT4uYbPdGfJi1o").unwrap();
        Self {
            policy,
            sessions: SessionBindingLayer::new(&resource(), secret),
            known: Arc::default(),
        }
    }

    fn lazy() -> Self {
        Self::with(lazy())
    }

    async fn ask(&self, request: Request<Body>) -> Answered {
        let known = Arc::clone(&self.known);
        let server = service_fn(move |request: Request<InspectedBody<Body>>| {
            let extensions = request.extensions();
            known.lock().unwrap().push(Known {
                is_anonymous: extensions.get::<AnonymousPermit>().is_some(),
                has_caller: extensions.get::<UserContext>().is_some(),
                has_permit: extensions.get::<Permit>().is_some(),
                is_undecided: extensions.get::<Anonymous>().is_some(),
            });
            async {
                let session = Response::builder().header("mcp-session-id", "s-1");
                Ok::<_, Infallible>(session.body(Body::from("{}")).unwrap())
            }
        });
        let layer = ResourceServerLayer::new(Provider::enabled())
            .require(requires("base"))
            .optional_authentication((self.sessions.clone(), self.policy.clone()));
        let response = layer.layer(server).oneshot(request).await.unwrap();
        Answered::read(response).await
    }

    fn known(&self) -> Vec<Known> {
        self.known.lock().unwrap().clone()
    }
}

fn anonymously(method: Method, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri("/mcp")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .unwrap()
}

fn message(method: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": {} }).to_string()
}

fn challenge(scope: &str) -> String {
    format!(
        r#"Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope="{scope}""#
    )
}

const NOBODY: Known = Known {
    is_anonymous: true,
    has_caller: false,
    has_permit: false,
    is_undecided: false,
};

#[tokio::test]
async fn what_is_open_to_everybody_needs_no_token() {
    let house = House::lazy();
    for body in [message("initialize"), message("ping"), call("open")] {
        let answered = house.ask(anonymously(Method::POST, body.clone())).await;
        assert_eq!(answered.status(), StatusCode::OK, "{body}");
        let decided = answered.parts.extensions.get::<Decided>().unwrap();
        assert!(decided.is_anonymous());
    }
    assert_eq!(house.known(), [NOBODY; 3]);
}

#[rstest]
#[case::protected(call("write"), "base write")]
#[case::of_no_rule(call("other"), "base")]
#[case::forbidden(call("banned"), "base")]
#[case::unknown_method(message("x/y"), "base")]
#[case::housekeeping_without_a_rule(message("server/discover"), "base")]
#[case::one_of_a_batch(format!("[{},{}]", call("open"), call("write").replace(":1,", ":2,")), "base write")]
#[case::a_response(json!({ "jsonrpc": "2.0", "id": 1, "result": {} }).to_string(), "base")]
#[tokio::test]
async fn row_29_row_33_everything_else_is_401_with_all_scopes(
    #[case] body: String,
    #[case] scope: &str,
) {
    let house = House::lazy();
    let answered = house.ask(anonymously(Method::POST, body)).await;
    assert_eq!(answered.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answered.reason(), Some(Reason::NoCredentials));
    assert_eq!(answered.challenge(), Some(challenge(scope).as_str()));
    assert_eq!(answered.json()["error"], "unauthorized");
    assert!(house.known().is_empty());
}

/// Which tools there are is nobody's business before the login.
#[tokio::test]
async fn what_nobody_may_do_looks_like_what_does_not_exist() {
    let house = House::lazy();
    let mut seen = Vec::new();
    for tool in ["banned", "no-such-tool"] {
        let answered = house.ask(anonymously(Method::POST, call(tool))).await;
        let mut body: Value = answered.json();
        body["reference"].take();
        let headers: Vec<_> = answered
            .parts
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        seen.push((answered.status(), headers, body));
    }
    assert_eq!(seen[0], seen[1]);
    let after_login = house.ask(post(call("banned"), "base")).await;
    assert_eq!(after_login.status(), StatusCode::FORBIDDEN);
}

#[rstest]
#[case(Method::GET)]
#[case(Method::HEAD)]
#[case(Method::POST)]
#[case(Method::DELETE)]
#[case(Method::OPTIONS)]
#[tokio::test]
async fn row_33_a_request_without_a_body_needs_a_token(#[case] method: Method) {
    let house = House::lazy();
    let answered = house.ask(anonymously(method, Body::empty())).await;
    assert_eq!(answered.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answered.challenge(), Some(challenge("base").as_str()));
    assert!(house.known().is_empty());
}

/// What is open to everybody, in the body of a request that opens a stream, ends a session or does who
/// knows what.
#[rstest]
#[case(Method::GET)]
#[case(Method::DELETE)]
#[case(Method::PUT)]
#[case(Method::PATCH)]
#[case(Method::OPTIONS)]
#[tokio::test]
async fn without_a_token_messages_are_posted_and_nothing_else(#[case] method: Method) {
    let house = House::lazy();
    let answered = house.ask(anonymously(method.clone(), call("open"))).await;
    assert_eq!(answered.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answered.challenge(), Some(challenge("base").as_str()));
    let session = opened(&house, anonymously(Method::POST, message("initialize"))).await;
    let inside = within(&session, anonymously(method, call("open")));
    assert_eq!(house.ask(inside).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(house.known(), [NOBODY]);
}

#[tokio::test]
async fn a_response_beside_what_is_open_needs_a_session_too() {
    let house = House::lazy();
    let response = json!({ "jsonrpc": "2.0", "id": 7, "result": {} }).to_string();
    let batch = format!("[{},{response}]", call("open"));
    let answered = house.ask(anonymously(Method::POST, batch.clone())).await;
    assert_eq!(answered.status(), StatusCode::UNAUTHORIZED);
    assert!(house.known().is_empty());
    let session = opened(&house, anonymously(Method::POST, message("initialize"))).await;
    let mut inside = within(&session, anonymously(Method::POST, batch));
    inside.headers_mut().remove("mcp-protocol-version");
    assert_eq!(house.ask(inside).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_websocket_needs_a_token() {
    let house = House::lazy();
    let mut request = anonymously(Method::GET, Body::empty());
    request
        .headers_mut()
        .insert(header::UPGRADE, "websocket".parse().unwrap());
    let answered = house.ask(request).await;
    assert!(answered.status().is_client_error(), "{}", answered.status());
    assert!(house.known().is_empty());
}

#[tokio::test]
async fn row_26_what_cannot_be_read_is_400_whoever_asks() {
    let small = PolicyLayer::new(lazy(), &resource()).max_body_bytes(200);
    let house = House::behind(small);
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#;
    for (body, status) in [("rubbish", 400), (twice, 400), (&*" ".repeat(201), 413)] {
        let answered = house.ask(anonymously(Method::POST, body.to_owned())).await;
        assert_eq!(answered.status(), status, "{body}");
        assert_eq!(answered.challenge(), None);
    }
    let mut lying = anonymously(Method::POST, call("open"));
    lying
        .headers_mut()
        .insert("mcp-name", "write".parse().unwrap());
    assert_eq!(
        house.ask(lying).await.reason(),
        Some(Reason::HeaderMismatch)
    );
    assert!(house.known().is_empty());
}

#[tokio::test]
async fn c22_a_bad_token_is_refused_where_none_is_needed() {
    let house = House::lazy();
    for line in ["Bearer", "Bearer a b", "Basic YTpi", "bearer ,"] {
        let mut request = anonymously(Method::POST, call("open"));
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, line.parse().unwrap());
        let answered = house.ask(request).await;
        assert!(matches!(answered.status().as_u16(), 400 | 401), "{line}");
    }
    let mut in_query = anonymously(Method::POST, call("open"));
    *in_query.uri_mut() = "/mcp?access_token=base".parse().unwrap();
    assert_eq!(house.ask(in_query).await.status(), StatusCode::UNAUTHORIZED);
    assert!(house.known().is_empty());
}

#[tokio::test]
async fn a_good_token_makes_the_same_request_its_callers() {
    let house = House::lazy();
    let answered = house.ask(post(call("open"), "base")).await;
    assert_eq!(answered.status(), StatusCode::OK);
    let decided = answered.parts.extensions.get::<Decided>().unwrap();
    assert!(!decided.is_anonymous());
    let [known] = house.known().try_into().unwrap();
    assert!(known.has_caller && known.has_permit && !known.is_anonymous);
}

#[tokio::test]
async fn a_policy_without_rules_for_everybody_sends_everybody_to_log_in() {
    let closed = Policy::new().rule(rule(Rule::builder().tools(["open"]).scopes(scopes("read"))));
    for policy in [closed, Policy::new()] {
        let house = House::with(policy);
        for request in [
            anonymously(Method::POST, call("open")),
            anonymously(Method::POST, message("initialize")),
            anonymously(Method::GET, Body::empty()),
        ] {
            let answered = house.ask(request).await;
            assert_eq!(answered.reason(), Some(Reason::NoCredentials));
        }
        assert!(house.known().is_empty());
    }
}

async fn opened(house: &House, request: Request<Body>) -> String {
    let answered = house.ask(request).await;
    let id = answered
        .parts
        .headers
        .get("mcp-session-id")
        .expect("a session");
    id.to_str().unwrap().to_owned()
}

fn within(session: &str, mut request: Request<Body>) -> Request<Body> {
    let headers = request.headers_mut();
    headers.insert("mcp-session-id", session.parse().unwrap());
    headers.insert("mcp-protocol-version", "2025-11-25".parse().unwrap());
    request
}

#[tokio::test]
async fn a_session_that_was_opened_without_a_token_may_be_listened_to_and_ended() {
    let house = House::lazy();
    let session = opened(&house, anonymously(Method::POST, message("initialize"))).await;
    let answer = json!({ "jsonrpc": "2.0", "id": 7, "result": {} }).to_string();
    for request in [
        anonymously(Method::GET, Body::empty()),
        anonymously(Method::POST, answer),
        anonymously(Method::DELETE, Body::empty()),
    ] {
        let answered = house.ask(within(&session, request)).await;
        assert_eq!(answered.status(), StatusCode::OK);
    }
    assert_eq!(house.known(), [NOBODY; 4]);
    let protected = within(&session, anonymously(Method::POST, call("write")));
    assert_eq!(
        house.ask(protected).await.status(),
        StatusCode::UNAUTHORIZED
    );
    let put = within(&session, anonymously(Method::PUT, Body::empty()));
    assert_eq!(house.ask(put).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn g5_a_callers_session_is_not_everybodys() {
    let house = House::lazy();
    let session = opened(&house, post(message("initialize"), "base")).await;
    for method in [Method::GET, Method::DELETE, Method::POST] {
        let body = match method {
            Method::POST => Body::from(call("open")),
            _ => Body::empty(),
        };
        let answered = house.ask(within(&session, anonymously(method, body))).await;
        assert_eq!(answered.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(house.known().len(), 1);
}
