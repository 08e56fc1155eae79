//! What the policy says about lists, and what lists tell the policy.

use std::convert::Infallible;

use http::{Response, StatusCode};
use oauthgate_core::Reason;
use oauthgate_mcp::{
    InspectedBody, Policy, PolicyLayer,
    policy::{ListFilter, Rule},
};
use oauthgate_tower::ResourceServerLayer;
use rstest::rstest;
use tower::{Layer, ServiceExt, service_fn};

use super::*;

fn with_rules() -> Policy {
    let reading = Rule::builder()
        .tools(["read"])
        .prompts(["*"])
        .scopes(scopes("read"));
    let secret = Rule::builder().tools(["secret"]).roles(["admin"]);
    Policy::new()
        .rule(reading.build().unwrap())
        .rule(secret.build().unwrap())
}

#[rstest]
#[case::callable(ListFilter::Callable, "x", &[])]
#[case::callable_with_a_scope(ListFilter::Callable, "read", &["read"])]
#[case::reachable(ListFilter::Reachable, "x", &["read"])]
#[case::off(ListFilter::Off, "x", &TOOLS)]
#[tokio::test]
async fn shows_what_the_filter_says(
    #[case] filter: ListFilter,
    #[case] held: &str,
    #[case] expected: &[&str],
) {
    let server = Server::with(with_rules().list_filter(filter)).answering(|| json(tools(1)));
    assert_eq!(
        names(&server.ask(post(list(), held)).await.json()),
        expected
    );
}

/// Looking around and `open` are for everybody, `write` needs a scope, `secret` is for nobody.
fn for_everybody() -> Policy {
    let rules = [
        Rule::builder().methods(["tools/list"]).anonymous(true),
        Rule::builder().tools(["open"]).anonymous(true),
        Rule::builder().tools(["write"]).scopes(scopes("write")),
        Rule::builder().tools(["secret"]).forbid(true),
    ];
    let rules = rules.into_iter().map(|rule| rule.build().unwrap());
    rules.fold(Policy::new(), Policy::rule)
}

#[rstest]
#[case::callable(ListFilter::Callable, &["open"])]
#[case::after_a_login(ListFilter::Reachable, &["write", "open"])]
#[tokio::test]
async fn shows_callers_without_a_token_what_is_for_everybody(
    #[case] filter: ListFilter,
    #[case] expected: &[&str],
) {
    let answers: [fn() -> Response<Body>; 2] = [
        || json(tools(1)),
        || events(format!("data: {}\n\n", tools(1))),
    ];
    for answer in answers {
        let layer = PolicyLayer::new(for_everybody().list_filter(filter), &resource());
        let server = service_fn(move |_: Request<InspectedBody<Body>>| async move {
            Ok::<_, Infallible>(answer())
        });
        let service = ResourceServerLayer::new(Provider::enabled())
            .optional_authentication(layer)
            .layer(server);
        let asked = Request::post("/mcp")
            .header("content-type", "application/json")
            .body(list().into())
            .unwrap();
        let answered = Answered::read(service.oneshot(asked).await.unwrap()).await;
        let message = answered.text().trim_start_matches("data: ");
        assert_eq!(names(&serde_json::from_str(message).unwrap()), expected);
    }
}

#[tokio::test]
async fn reads_no_list_of_which_nothing_is_hidden() {
    let text = "{\"result\":{\"prompts\":[{}]}} and more";
    let prompts = || post(request(1, "prompts/list").to_string(), "x");
    for (policy, expected) in [
        (policy(), StatusCode::OK),
        (with_rules().list_filter(ListFilter::Off), StatusCode::OK),
        (with_rules(), StatusCode::BAD_GATEWAY),
    ] {
        let answered = Server::with(policy)
            .answering(move || json(text))
            .ask(prompts())
            .await;
        assert_eq!(answered.status(), expected);
    }
}

#[tokio::test]
async fn row_40_a_list_teaches_which_headers_must_tell_the_truth() {
    let schema =
        json!({ "properties": { "region": { "type": "string", "x-mcp-header": "Region" } } });
    let tool = json!({ "name": "read", "inputSchema": schema });
    let list_of = |tool: &Value| json!({ "id": 1, "result": { "tools": [tool] } }).to_string();
    let (annotated, plain) = (list_of(&tool), list_of(&json!({ "name": "read" })));
    let called = |server: Server| async move {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "read", "arguments": { "region": "eu" } } });
        let mut asked = post(body.to_string(), "read");
        asked
            .headers_mut()
            .insert("mcp-param-region", "us".parse().unwrap());
        server.ask(asked).await.reason()
    };
    let unlearned = Server::with(with_rules());
    assert_eq!(called(unlearned.clone()).await, None);
    for (answer, expected) in [
        (annotated.clone(), Some(Reason::HeaderMismatch)),
        (plain, None),
    ] {
        let answering = unlearned.clone().answering(move || json(answer.clone()));
        // A caller who is not shown the tool teaches it too: it is the server who says so.
        answering.ask(post(list(), "x")).await;
        assert_eq!(called(unlearned.clone()).await, expected);
    }
    let stream = format!("data: {annotated}\n\n");
    let answering = unlearned.clone().answering(move || events(stream.clone()));
    answering.ask(get("x")).await;
    assert_eq!(called(unlearned).await, Some(Reason::HeaderMismatch));
}
