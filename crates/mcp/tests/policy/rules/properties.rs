//! Random tables, people and deeds: the crate must say what the second telling of the rules says.

use std::convert::Infallible;

use axum::body::Body;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use oauthgate_core::{Caller, Denial, Reason, Requirement, ScopeSet, UserContext};
use oauthgate_mcp::{
    Arguments, InspectedBody, Object, ObjectKind, PolicyLayer,
    policy::{ListFilter, Passage, Policy, RuleName, StepUp, Verdict},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tower::{Layer, ServiceExt, service_fn};

use super::{
    generate::{all_arguments, anybody, deed, person, table},
    model::{Deed, Kind, Person, Table},
};
use crate::support::resource;

fn kind_of(verdict: &Verdict) -> Kind {
    match verdict {
        Verdict::Permitted => Kind::Permitted,
        Verdict::MissingScopes { .. } => Kind::MissingScopes,
        Verdict::NoToken { .. } => Kind::NoToken,
        Verdict::Refused {
            reason: Reason::MalformedMessage,
            ..
        } => Kind::Malformed,
        _ => Kind::Refused,
    }
}

fn kind_of_denial(denial: &Denial) -> Kind {
    match denial.reason() {
        Reason::MalformedMessage => Kind::Malformed,
        Reason::NoCredentials => Kind::NoToken,
        Reason::InsufficientScope => Kind::MissingScopes,
        _ => Kind::Refused,
    }
}

/// What the policy says to all of it in one request.
fn decide(policy: &Policy, deeds: &[Deed], user: Option<&UserContext>) -> Result<Passage, Denial> {
    let operations: Vec<_> = deeds.iter().map(|deed| deed.operation(policy)).collect();
    policy
        .decide(&operations, &Requirement::default(), user)
        .map(|decision| decision.permit)
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    prop::collection::vec(deed(), 1..4)
}

// ── whole messages, as plain readers read them ──────────────────────────────────────────────────────────

/// Everything that a server does that reads this body.
fn read_by_a_server(body: &[u8]) -> Vec<Deed> {
    match serde_json::from_slice(body) {
        Ok(Value::Array(messages)) => messages.iter().flat_map(done_by).collect(),
        Ok(message) => done_by(&message),
        Err(_) => Vec::new(),
    }
}

fn done_by(message: &Value) -> Vec<Deed> {
    let Some(method) = message["method"].as_str() else {
        return Vec::new();
    };
    let params = &message["params"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let objects: Vec<_> = match method {
        "tools/call" => text(&params["name"])
            .map(|name| ("tool", name))
            .into_iter()
            .collect(),
        "prompts/get" => text(&params["name"])
            .map(|name| ("prompt", name))
            .into_iter()
            .collect(),
        "completion/complete" => {
            let prompt = text(&params["ref"]["name"]).map(|name| ("prompt", name));
            let uri = text(&params["ref"]["uri"]).map(|uri| ("resource", uri));
            prompt.into_iter().chain(uri).collect()
        }
        "subscriptions/listen" => {
            let uris = params["notifications"]["resourceSubscriptions"].as_array();
            uris.into_iter()
                .flatten()
                .filter_map(text)
                .map(|uri| ("resource", uri))
                .collect()
        }
        _ if method.starts_with("resources/") => text(&params["uri"])
            .map(|uri| ("resource", uri))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    };
    let deed = |object| Deed {
        method: method.to_owned(),
        object,
        arguments: match params["arguments"].is_object() {
            true => params["arguments"].clone(),
            false => json!({}),
        },
    };
    match objects.is_empty() {
        true => vec![deed(None)],
        false => objects
            .into_iter()
            .map(|object| deed(Some(object)))
            .collect(),
    }
}

/// A message as a client may send it, or a strange one.
fn message(deed: &Deed, id: usize, oddity: u8) -> Value {
    let mut message = deed.message(id);
    match oddity {
        0 => drop(message.as_object_mut().unwrap().remove("id")),
        1 => message["params"] = json!({ "name": "delete" }),
        2 => message["method"] = json!("Tools/Call"),
        3 => message = json!({ "jsonrpc": "2.0", "id": id, "result": {} }),
        4 => message["params"]["_meta"] = json!({ "name": "delete", "uri": "memo://x" }),
        _ => {}
    }
    message
}

fn body() -> impl Strategy<Value = String> {
    let message =
        |id: usize| (deed(), 0_u8..30).prop_map(move |(deed, oddity)| message(&deed, id, oddity));
    prop_oneof![
        3 => message(1).prop_map(|message| message.to_string()),
        2 => (message(1), message(2), message(3), 1_usize..=3).prop_map(|(one, two, three, count)| {
            Value::Array([one, two, three].into_iter().take(count).collect()).to_string()
        }),
    ]
}

/// What the server behind the layer receives, and what the client is answered.
fn pass(policy: Policy, user: UserContext, body: String) -> (Option<Vec<u8>>, StatusCode) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let server = service_fn(move |request: Request<InspectedBody<Body>>| {
        let sender = sender.clone();
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            sender.send(body.to_vec()).unwrap();
            Ok::<_, Infallible>(Response::new(Body::from("{}")))
        }
    });
    let mut request = Request::post("/mcp")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .unwrap();
    request.extensions_mut().insert(user);
    let service = PolicyLayer::new(policy, &resource()).layer(server);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let response = runtime.block_on(service.oneshot(request)).unwrap();
    (receiver.try_recv().ok(), response.status())
}

// ── lists ───────────────────────────────────────────────────────────────────────────────────────────────

fn item() -> impl Strategy<Value = (Deed, Object)> {
    deed().prop_filter_map("nothing that is listed", |mut deed| {
        let (kind, name) = deed.object.clone()?;
        let (method, object) = match kind {
            "tool" => ("tools/call", Object::tool(name)),
            "prompt" => ("prompts/get", Object::prompt(name)),
            _ => ("resources/read", Object::resource(name)),
        };
        deed.method = method.to_owned();
        Some((deed, object))
    })
}

/// Every way in which arguments can differ, of an item that has any.
fn uses(deed: &Deed, item: &Object) -> Vec<Deed> {
    let all = match item.kind {
        ObjectKind::Resource => vec![json!({})],
        _ => all_arguments(),
    };
    let with = |arguments| Deed {
        arguments,
        ..deed.clone()
    };
    all.into_iter().map(with).collect()
}

fn granted(person: &Person, more: &ScopeSet) -> UserContext {
    let user = person.user();
    person.holding(&user.scopes().union(more))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn examines_as_the_rules_are_told(table in table(), person in anybody(), deed in deed()) {
        let policy = table.policy();
        let user = person.as_ref().map(Person::user);
        let caller = user.as_ref().map(Caller::from);
        let operation = deed.operation(&policy);
        let examination = policy.examine(&operation, caller.as_ref());
        let (kind, number) = table.worth(&deed, person.as_ref());
        prop_assert_eq!(kind_of(&examination.verdict), kind, "{:?}", examination);
        let rule = examination.rule.map(|rule| rule.to_string());
        let numbered = rule.filter(|rule| rule.starts_with('#'));
        prop_assert_eq!(numbered, number.map(|number| format!("#{number}")));
    }

    #[test]
    fn decides_on_requests_as_the_rules_are_told(table in table(), person in anybody(), deeds in deeds()) {
        let policy = table.policy();
        let user = person.as_ref().map(Person::user);
        let decided = decide(&policy, &deeds, user.as_ref());
        let kind = decided.as_ref().map_or_else(kind_of_denial, |_| Kind::Permitted);
        prop_assert_eq!(kind, table.worth_of_all(&deeds, person.as_ref()), "{:?}", decided);
        if let Ok(passage) = decided {
            prop_assert_eq!(matches!(passage, Passage::Anonymous(_)), person.is_none());
        }
    }

    #[test]
    fn explains_what_it_decides(table in table(), person in anybody(), deed in deed()) {
        let policy = table.policy();
        let user = person.as_ref().map(Person::user);
        let caller = user.as_ref().map(Caller::from);
        let operation = deed.operation(&policy);
        let explanation = policy.explain(&operation, &Requirement::default(), caller.as_ref());
        let examination = policy.examine(&operation, caller.as_ref());
        let decided = policy.decide([&operation], &Requirement::default(), user.as_ref());
        prop_assert_eq!(explanation.is_permitted(), examination.verdict.is_permitted());
        prop_assert_eq!(explanation.rule(), examination.rule.as_ref().map(RuleName::as_str));
        prop_assert_eq!(
            explanation.denial().map(|denial| (denial.reason(), denial.scopes().clone())),
            decided.err().map(|denial| (denial.reason(), denial.scopes().clone()))
        );
    }

    #[test]
    fn nothing_that_is_not_permitted_reaches_the_server(table in table(), person in person(), body in body()) {
        let (received, status) = pass(table.policy(), person.user(), body.clone());
        match received {
            Some(received) => {
                prop_assert_eq!(&received, body.as_bytes());
                let done = read_by_a_server(&received);
                prop_assert_eq!(table.worth_of_all(&done, Some(&person)), Kind::Permitted);
            }
            None => prop_assert!(status.is_client_error()),
        }
    }

    #[test]
    fn what_is_permitted_reaches_the_server(table in table(), person in person(), deeds in deeds()) {
        let messages = deeds.iter().enumerate().map(|(id, deed)| deed.message(id));
        let body = Value::Array(messages.collect()).to_string();
        let (received, _) = pass(table.policy(), person.user(), body);
        let is_permitted = table.worth_of_all(&deeds, Some(&person)) == Kind::Permitted;
        prop_assert_eq!(received.is_some(), is_permitted);
    }

    #[test]
    fn lists_what_can_be_used_and_nothing_else(table in table(), person in anybody(), (deed, item) in item()) {
        let policy = table.policy();
        let user = person.as_ref().map(Person::user);
        let caller = user.as_ref().map(Caller::from);
        let opens = |deed: &Deed| table.worth(deed, person.as_ref()).0 == Kind::Permitted;
        prop_assert_eq!(
            policy.shows(&item, caller.as_ref()),
            uses(&deed, &item).iter().any(opens)
        );
    }

    #[test]
    fn lists_what_can_be_reached_with_more_scopes(table in table(), person in person(), (deed, item) in item()) {
        let policy = table.policy().list_filter(ListFilter::Reachable);
        let user = person.user();
        let all = Person { scopes: ["a", "b", "c", "d", "e"].into(), ..person.clone() };
        let opens = |deed: &Deed| table.worth(deed, Some(&all)).0 == Kind::Permitted;
        prop_assert_eq!(
            policy.shows(&item, Some(&Caller::from(&user))),
            uses(&deed, &item).iter().any(opens)
        );
    }

    #[test]
    fn permits_unknown_arguments_only_where_all_arguments_pass(table in table(), person in anybody(), (deed, item) in item()) {
        let policy = table.policy();
        let user = person.as_ref().map(Person::user);
        let caller = user.as_ref().map(Caller::from);
        let operation = deed.operation(&policy).with(Arguments::unknown());
        if policy.examine(&operation, caller.as_ref()).verdict.is_permitted() {
            for deed in uses(&deed, &item) {
                prop_assert_eq!(table.worth(&deed, person.as_ref()).0, Kind::Permitted, "{}", deed.arguments);
            }
        }
    }

    #[test]
    fn more_scopes_never_refuse_what_fewer_open(table in table(), person in person(), more in person(), deeds in deeds()) {
        let policy = table.policy();
        let is_open = decide(&policy, &deeds, Some(&person.user())).is_ok();
        let with_more = granted(&person, more.user().scopes());
        prop_assert!(!is_open || decide(&policy, &deeds, Some(&with_more)).is_ok());
    }

    #[test]
    fn row_31_a_step_up_to_the_scopes_of_the_challenge_always_ends(
        table in table(), person in person(), deeds in deeds(), cumulative in any::<bool>(),
    ) {
        let step_up = if cumulative { StepUp::Cumulative } else { StepUp::Needed };
        let policy = table.policy().step_up(step_up);
        let user = person.user();
        let Err(denial) = decide(&policy, &deeds, Some(&user)) else { return Ok(()) };
        if denial.reason() == Reason::InsufficientScope {
            prop_assert!(!denial.scopes().is_empty());
            // Whether the authorization server grants these scopes alone or adds them to the old ones.
            let alone = person.holding(denial.scopes());
            prop_assert!(decide(&policy, &deeds, Some(&alone)).is_ok(), "{}", denial.scopes());
            let added = granted(&person, denial.scopes());
            prop_assert!(decide(&policy, &deeds, Some(&added)).is_ok(), "{}", denial.scopes());
            prop_assert!(!cumulative || denial.scopes().includes(user.scopes()));
        }
    }

    #[test]
    fn row_31_asks_for_the_fewest_scopes(table in table(), person in person(), deeds in deeds()) {
        let table = Table { hierarchy: Vec::new(), ..table };
        let user = person.user();
        let Err(denial) = decide(&table.policy(), &deeds, Some(&user)) else { return Ok(()) };
        if denial.reason() == Reason::InsufficientScope {
            let missing = denial.scopes().iter().filter(|scope| !user.scopes().contains(scope));
            prop_assert_eq!(missing.count(), table.fewest_missing(&deeds, &person));
        }
    }

    #[test]
    fn row_31_the_same_question_gets_the_same_challenge(table in table(), person in anybody(), deeds in deeds()) {
        let user = person.as_ref().map(Person::user);
        let once = decide(&table.policy(), &deeds, user.as_ref());
        let twice = decide(&table.policy(), &deeds, user.as_ref());
        prop_assert_eq!(once, twice);
    }
}
