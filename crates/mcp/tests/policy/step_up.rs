//! What a refusal for scope says: one challenge for all that the operation needs.

use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use oauthgate_core::{Reason, Scope, ScopeHierarchy, UserContext};
use oauthgate_mcp::{
    Decided, Policy, PolicyLayer,
    policy::{Rule, StepUp},
};
use rstest::rstest;

use crate::support::*;

const INSUFFICIENT: &str = r#"Bearer error="insufficient_scope", error_description="The access token lacks a permission that this operation needs", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope=""#;

fn hierarchy() -> ScopeHierarchy {
    let scope = |text: &str| Scope::new(text).unwrap();
    ScopeHierarchy::new([
        (scope("admin"), scopes("write")),
        (scope("write"), scopes("read")),
    ])
    .unwrap()
}

fn stepping() -> Policy {
    let reading = Rule::builder()
        .name("readers")
        .tools(["read"])
        .scopes(scopes("read"));
    let writing = Rule::builder()
        .name("writers")
        .tools(["write"])
        .scopes(scopes("read write"));
    Policy::new()
        .rule(reading.build().unwrap())
        .rule(writing.build().unwrap())
        .scope_hierarchy(hierarchy())
}

fn server(policy: Policy) -> Server {
    Server::behind(PolicyLayer::new(policy, &resource()).require(requires("base")))
}

#[rstest]
#[case::nothing_held("x", "write", "base write")]
#[case::the_narrow_one_held("read", "write", "base write")]
#[case::only_the_base_missing("write", "write", "base write")]
#[case::only_the_rules_missing("base", "read", "base read")]
#[tokio::test]
async fn row_23_row_30_row_31_golden_bytes_of_a_refusal_for_scope(
    #[case] held: &str,
    #[case] tool: &str,
    #[case] scope: &str,
) {
    let answered = server(stepping()).ask(post(call(tool), held)).await;
    assert_eq!(answered.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        answered.challenge(),
        Some(format!("{INSUFFICIENT}{scope}\"").as_str())
    );
    assert_eq!(answered.json()["error"], "insufficient_scope");
}

#[rstest]
#[case("base-read", "read", 200)]
#[case("base-write", "read", 200)]
#[case("base-admin", "read", 200)]
#[case("base-admin", "write", 200)]
#[case("base-read", "write", 403)]
#[tokio::test]
async fn row_23_a_broad_scope_is_as_good_as_the_narrow_ones(
    #[case] held: &str,
    #[case] tool: &str,
    #[case] status: u16,
) {
    let answered = server(stepping()).ask(post(call(tool), held)).await;
    assert_eq!(answered.status(), status);
}

/// A token may have fewer scopes than its caller could get: it counts for what it has.
#[tokio::test]
async fn row_24_a_token_with_fewer_scopes_does_what_they_are_enough_for() {
    let server = server(stepping());
    assert_eq!(
        server.ask(post(call("read"), "base-read")).await.status(),
        200
    );
    assert_eq!(
        server.ask(post(call("write"), "base-read")).await.status(),
        403
    );
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn row_31_the_same_refusal_is_the_same_challenge_every_time() {
    let server = server(stepping());
    let mut challenges = Vec::new();
    for held in ["x", "read", "base", "base-read", "x"] {
        let answered = server.ask(post(call("write"), held)).await;
        challenges.push(answered.challenge().unwrap().to_owned());
    }
    challenges.dedup();
    assert_eq!(challenges.len(), 1, "{challenges:?}");
}

#[rstest]
#[case::needed(StepUp::Needed, "base write")]
#[case::cumulative(StepUp::Cumulative, "base mail notes write")]
#[tokio::test]
async fn row_30_a_cumulative_challenge_names_what_the_caller_holds_too(
    #[case] step_up: StepUp,
    #[case] scope: &str,
) {
    let server = server(stepping().step_up(step_up));
    let held = "base-mail-notes-offline_access";
    let answered = server.ask(post(call("write"), held)).await;
    assert_eq!(
        answered.challenge(),
        Some(format!("{INSUFFICIENT}{scope}\"").as_str())
    );
}

#[rstest]
#[case(Method::GET)]
#[case(Method::HEAD)]
#[case(Method::POST)]
#[case(Method::DELETE)]
#[tokio::test]
async fn row_30_a_request_without_a_message_is_challenged_for_what_the_resource_needs(
    #[case] method: Method,
) {
    let request = Request::builder().method(&method).uri("/mcp");
    let request = request
        .header(header::AUTHORIZATION, "Bearer read")
        .body(Body::empty())
        .unwrap();
    let server = server(stepping());
    let answered = server.ask(request).await;
    assert_eq!(answered.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        answered.challenge(),
        Some(format!("{INSUFFICIENT}base\"").as_str())
    );
    assert_eq!(answered.body.is_empty(), method == Method::HEAD);
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn tells_outer_layers_whom_which_rule_refused_what() {
    let answered = server(stepping()).ask(post(call("write"), "base")).await;
    let extensions = &answered.parts.extensions;
    assert_eq!(extensions.get::<UserContext>().unwrap().user_id(), "alice");
    let decided = extensions.get::<Decided>().unwrap();
    assert_eq!(decided.rules(), ["writers"]);
    assert_eq!(
        (decided.methods(), decided.objects()),
        (&["tools/call".to_owned()][..], &["write".to_owned()][..])
    );
    assert_eq!(answered.reason(), Some(Reason::InsufficientScope));
}

#[tokio::test]
async fn tells_outer_layers_which_rule_let_a_request_pass() {
    let answered = server(stepping())
        .ask(post(call("write"), "base-write"))
        .await;
    assert_eq!(answered.status(), StatusCode::OK);
    let decided = answered.parts.extensions.get::<Decided>().unwrap();
    assert_eq!(decided.rules(), ["writers"]);
}
