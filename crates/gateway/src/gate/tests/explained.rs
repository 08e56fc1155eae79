//! What `policy explain` says is what the gate does.

use oauthgate_core::{Caller, Scope, ScopeSet};
use serde_json::{Value, json};

use super::{
    lines::Log,
    support::{Answer, Running, exchange},
};
use crate::{
    cli::policy::ruling::{Court, Ruling},
    config::{ResourceSettings, Settings, Sources},
};

const FILE: &str = r#"
[[resource]]
server_url = "https://mcp.example.com/mcp"
upstream = "http://127.0.0.1:1"
issuer_url = "https://auth.example.com"
audience = ["https://mcp.example.com/mcp"]
required_scopes = ["tools:read"]
group_claims = ["/roles"]
step_up = "cumulative"

[resource.scope_hierarchy]
"files:write" = ["files:read"]

[[resource.rule]]
name = "for everybody"
methods = ["initialize"]
anonymous = true

[[resource.rule]]
name = "interns"
tools = ["delete_*"]
roles = ["intern"]
forbid = true

[[resource.rule]]
name = "public files"
tools = ["read_file"]
arguments = [{ pointer = "/path", matches = "^/public/" }]

[[resource.rule]]
name = "files"
tools = ["read_file", "delete_file"]
any_of = [{ scopes = ["files:write"] }, { scopes = ["a", "b"] }]

[[resource.rule]]
tools = ["report"]
claims = { "/department" = ["finance"] }
tiers = ["pro"]

[[resource.rule]]
prompts = ["greet"]
resources = ["file:///public/*"]
scopes = ["files:read"]

[resource.tools]
old = ["old:use"]
"#;

fn settings() -> ResourceSettings {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("oauthgate.toml"), FILE).unwrap();
    let sources = Sources {
        directory: directory.path().to_owned(),
        ..Sources::default()
    };
    let loaded = sources.load().unwrap_or_else(|error| panic!("{error}"));
    loaded.settings.resources.into_iter().next().unwrap()
}

/// The same resource, with the issuer that the test runs.
fn behind(loaded: ResourceSettings) -> impl FnOnce(&mut Settings) {
    move |settings| {
        let running = settings.resources.remove(0);
        let mut resource = loaded;
        let issuer = &mut resource.provider.issuers[0];
        issuer.issuer = running.provider.issuers[0].issuer.clone();
        issuer.keys = running.provider.issuers[0].keys.clone();
        settings.resources.push(resource);
    }
}

/// Who asks (the claims of a token), and for what.
fn questions() -> Vec<(Value, String)> {
    let call = |name: &str, arguments: Value| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name, "arguments": arguments } })
            .to_string()
    };
    let read = |uri: &str| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": { "uri": uri } })
            .to_string()
    };
    let plain = |method: &str| json!({ "jsonrpc": "2.0", "id": 1, "method": method }).to_string();
    let holds = |scope: &str| json!({ "scope": scope });
    let batch = format!(
        "[{},{}]",
        call("old", json!({})),
        read("file:///public/a").replace("\"id\":1", "\"id\":2")
    );
    vec![
        (
            holds("tools:read"),
            call("read_file", json!({ "path": "/public/a" })),
        ),
        (
            holds("tools:read"),
            call("read_file", json!({ "path": "/etc" })),
        ),
        (
            holds("tools:read a"),
            call("read_file", json!({ "path": 1 })),
        ),
        (
            holds("tools:read files:write"),
            call("delete_file", json!({})),
        ),
        (
            json!({ "scope": "tools:read files:write", "roles": ["intern"] }),
            call("delete_file", json!({})),
        ),
        (holds("files:write"), call("delete_file", json!({}))),
        (holds("tools:read"), call("report", json!({}))),
        (
            json!({ "scope": "tools:read", "department": "finance", "tier": "pro" }),
            call("report", json!({})),
        ),
        (holds("tools:read"), call("old", json!({}))),
        (holds("tools:read old:use"), call("old", json!({}))),
        (holds("tools:read"), call("unknown", json!({}))),
        (holds("tools:read"), call("Report", json!({}))),
        (holds("tools:read files:write"), read("file:///public/a")),
        (holds("tools:read"), read("file:///public/../a")),
        (holds("tools:read"), read("file:///private/a")),
        (holds("tools:read"), plain("initialize")),
        (holds("tools:read"), plain("ping")),
        (holds("tools:read"), plain("files/erase")),
        (holds("tools:read"), batch),
        (
            holds("tools:read"),
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}".to_owned(),
        ),
        (Value::Null, plain("initialize")),
        (Value::Null, plain("tools/list")),
        (Value::Null, call("delete_file", json!({}))),
        (Value::Null, call("report", json!({}))),
        (Value::Null, call("unknown", json!({}))),
        (Value::Null, read("file:///public/../a")),
        (holds("tools:read"), "nonsense".to_owned()),
    ]
}

/// A caller whose token would have these claims; nobody without claims.
fn caller(claims: &Value) -> Option<Caller<'static>> {
    if claims.is_null() {
        return None;
    }
    let scopes = claims["scope"].as_str().unwrap().split(' ');
    let scopes: ScopeSet = scopes.map(|scope| Scope::new(scope).unwrap()).collect();
    let roles = claims["roles"].as_array().cloned().unwrap_or_default();
    let roles = roles.iter().map(|role| role.as_str().unwrap().to_owned());
    let caller = Caller::hypothetical()
        .with_scopes(scopes)
        .with_roles(roles)
        .in_tier(claims["tier"].as_str().unwrap_or("free"))
        .with_claims(claims.as_object().unwrap().clone());
    Some(caller)
}

async fn post(gate: &Running, claims: &Value, body: &str) -> Answer {
    let bearer = match claims.is_null() {
        true => "Accept: application/json".to_owned(),
        false => gate.bearer(claims.clone()),
    };
    let lines = [
        "Host: mcp.example.com",
        "Content-Type: application/json",
        &format!("Content-Length: {}", body.len()),
        &bearer,
    ];
    exchange(gate.public, "POST /mcp HTTP/1.1", &lines, body).await
}

fn told(ruling: &Ruling) -> (u16, String) {
    match &ruling.refusal {
        None => (200, String::new()),
        Some((_, answer)) => (
            answer.status().as_u16(),
            answer
                .challenge()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ),
    }
}

#[tokio::test]
async fn an_explanation_says_what_the_gate_does() {
    let (log, _guard) = Log::of_this_thread("info");
    let loaded = settings();
    let gate = Running::with("test-1", behind(loaded.clone())).await;
    let court = Court::of(&loaded);
    let mut seen = std::collections::BTreeSet::new();
    for (number, (claims, body)) in questions().iter().enumerate() {
        let ruling = court.rule(body, caller(claims).as_ref());
        let answer = post(&gate, claims, body).await;
        let (status, challenge) = told(&ruling);
        let question = format!("{claims} {body}");
        assert_eq!(answer.status, status, "{question}: {answer:?}");
        assert_eq!(answer.header("www-authenticate"), challenge, "{question}");
        let line = log.access().remove(number);
        assert_eq!(
            line["rule"].as_str().unwrap_or_default(),
            ruling.rules.join(", "),
            "{question}"
        );
        let reason = ruling.refusal.as_ref().map(|(denial, _)| denial.code());
        assert_eq!(line["reason"], reason.unwrap_or("ok"), "{question}");
        seen.insert(ruling.outcome.as_str());
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        ["allow", "forbid", "login", "malformed", "step-up"]
    );
}

#[tokio::test]
async fn without_a_rule_for_everybody_nobody_is_asked_what_it_wants() {
    let mut loaded = settings();
    loaded.policy.rules.retain(|rule| !rule.is_anonymous());
    let gate = Running::with("test-1", behind(loaded.clone())).await;
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize" }).to_string();
    let answer = post(&gate, &Value::Null, &body).await;
    let (status, challenge) = told(&Court::of(&loaded).rule(&body, None));
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (status, challenge.as_str())
    );
    assert_eq!(status, 401);
}
