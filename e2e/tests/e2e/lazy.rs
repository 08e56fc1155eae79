//! Lazy authorization: clients look around without a token and log in when a tool asks for it.

use std::collections::BTreeSet;

use oauthgate_dev_issuer::TokenSpec;
use oauthgate_e2e::{
    AuthorizationServer, Call, Client, Gate, GateBuilder, Kind, RawResponse, Recorder, Step,
    StepUpJob, Upstream, exchange, request_head, step_up,
};
use serde_json::{Value, json};

use crate::limit;

/// Everybody may look around and use `echo`; the other tools need a scope each.
const POLICY: &str = r#"
list_filter = "reachable"

[[resource.rule]]
name = "looking around"
methods = ["initialize", "notifications/*", "ping", "server/discover", "tools/list"]
anonymous = true

[[resource.rule]]
name = "open tools"
tools = ["echo"]
anonymous = true

[[resource.rule]]
name = "writers"
tools = ["count", "get-sum"]
scopes = ["mcp:write"]
"#;

async fn gate_before(upstream: &str, server: &AuthorizationServer) -> Gate {
    GateBuilder::new(upstream, server)
        .set("OAUTHGATE_REQUIRED_SCOPES", "mcp:read")
        .set("OAUTHGATE_SCOPES", "mcp:read")
        .with_policy(POLICY)
        .start()
        .await
}

async fn ask(
    gate: &Gate,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> RawResponse {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let length = body.len().to_string();
    let mut all = vec![
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("Content-Length", length.as_str()),
    ];
    all.extend_from_slice(headers);
    let mut request = request_head(method, target, gate.port, &all);
    request.extend_from_slice(body.as_bytes());
    exchange(gate.port, &request).await
}

async fn post(gate: &Gate, headers: &[(&str, &str)], body: &Value) -> RawResponse {
    ask(gate, "POST", "/mcp", headers, body).await
}

fn call(tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {"message": "hi"}}})
}

fn initialize() -> Value {
    let client = json!({"name": "curl", "version": "1"});
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}})
}

/// The challenge to somebody without a token.
fn challenge(gate: &Gate, scope: &str) -> String {
    let origin = gate.resource.strip_suffix("/mcp").expect("a path");
    format!(
        r#"Bearer resource_metadata="{origin}/.well-known/oauth-protected-resource/mcp", scope="{scope}""#
    )
}

fn access_lines(gate: &Gate) -> Vec<Value> {
    let output = gate.process.output();
    let lines = output
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["target"] == "oauthgate::access")
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_33_everybody_looks_around_and_hears_401_for_the_rest() {
    let server = AuthorizationServer::start(Kind::DevIssuer).await;
    let upstream = Recorder::start().await;
    let gate = gate_before(&upstream.url(), &server).await;

    let identity = [
        ("X-Auth-Request-User", "root"),
        ("X-Auth-Kind", "user"),
        ("X-Forwarded-User", "root"),
        ("Remote-User", "root"),
    ];
    let open = post(&gate, &identity, &call("echo")).await;
    assert_eq!(open.status, 200, "{}", open.text);
    let reached = upstream.take().pop().expect("it reached the upstream");
    for name in [
        "x-auth-request-user",
        "x-auth-kind",
        "x-forwarded-user",
        "remote-user",
        "authorization",
    ] {
        assert!(
            reached.values(name).is_empty(),
            "{name}: {:?}",
            reached.headers
        );
    }

    // What a rule names, what no rule is about, a stream, and nothing at all.
    let mut other_call = call("count");
    other_call["id"] = json!(2);
    let unknown = json!({"jsonrpc": "2.0", "id": 1, "method": "secret/thing"});
    for (method, body, scope) in [
        ("POST", call("count"), "mcp:read mcp:write"),
        ("POST", call("delete_everything"), "mcp:read"),
        ("POST", unknown, "mcp:read"),
        (
            "POST",
            json!([call("echo"), other_call]),
            "mcp:read mcp:write",
        ),
        ("POST", Value::Null, "mcp:read"),
        ("GET", Value::Null, "mcp:read"),
        ("HEAD", Value::Null, "mcp:read"),
        ("DELETE", Value::Null, "mcp:read"),
    ] {
        let answer = ask(&gate, method, "/mcp", &[], &body).await;
        assert_eq!(answer.status, 401, "{method} {body}: {}", answer.text);
        let expected = challenge(&gate, scope);
        assert_eq!(
            answer.header("www-authenticate"),
            Some(expected.as_str()),
            "{method} {body}"
        );
    }
    assert!(upstream.take().is_empty(), "nothing else passed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c22_bad_credentials_open_nothing_that_is_open_to_everybody() {
    let server = AuthorizationServer::start(Kind::DevIssuer).await;
    let upstream = Recorder::start().await;
    let gate = gate_before(&upstream.url(), &server).await;
    let elsewhere = server.as_dev_issuer().mint(
        TokenSpec::new("https://elsewhere.example.com/mcp")
            .subject("ada")
            .scope("mcp:read"),
    );
    let lines = [
        "Bearer rubbish".to_owned(),
        "Bearer".to_owned(),
        "Basic YTpi".to_owned(),
        format!("Bearer {elsewhere}"),
    ];
    for line in &lines {
        let answer = post(&gate, &[("Authorization", line)], &call("echo")).await;
        assert!(
            matches!(answer.status, 400 | 401),
            "{line}: {}",
            answer.text
        );
        assert!(answer.header("www-authenticate").is_some(), "{line}");
    }
    let answer = ask(
        &gate,
        "POST",
        "/mcp?access_token=rubbish",
        &[],
        &call("echo"),
    )
    .await;
    assert_eq!(answer.status, 401, "{}", answer.text);
    assert!(upstream.take().is_empty(), "none of them is anonymous");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_sees_who_was_nobody_and_which_rule_decided() {
    let server = AuthorizationServer::start(Kind::DevIssuer).await;
    let upstream = Recorder::start().await;
    let gate = gate_before(&upstream.url(), &server).await;
    let bearer = |scope: &str| {
        let token = TokenSpec::new(gate.resource.as_str())
            .subject("ada")
            .scope(scope);
        format!("Bearer {}", server.as_dev_issuer().mint(token))
    };
    post(&gate, &[], &call("echo")).await;
    post(&gate, &[], &call("count")).await;
    let poor = bearer("mcp:read");
    let refused = post(&gate, &[("Authorization", &poor)], &call("count")).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let rich = bearer("mcp:read mcp:write");
    let allowed = post(&gate, &[("Authorization", &rich)], &call("count")).await;
    assert_eq!(allowed.status, 200, "{}", allowed.text);

    let lines = access_lines(&gate);
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let field = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
            let anonymous = line["anonymous"].as_bool().unwrap_or(false);
            (
                anonymous,
                field("outcome"),
                field("reason"),
                field("mcp_method"),
                field("mcp_name"),
                field("rule"),
            )
        })
        .collect();
    let line = |anonymous, outcome: &str, reason: &str, tool: &str, rule: &str| {
        let text = str::to_owned;
        (
            anonymous,
            text(outcome),
            text(reason),
            text("tools/call"),
            text(tool),
            text(rule),
        )
    };
    assert_eq!(
        told,
        [
            line(true, "allowed", "ok", "echo", "open tools"),
            line(true, "refused", "no_credentials", "count", "writers"),
            line(false, "refused", "insufficient_scope", "count", "writers"),
            line(false, "allowed", "ok", "count", "writers"),
        ]
    );
    let metrics = gate.metrics().await;
    for sample in [
        r#"oauthgate_policy_decisions_total{resource="mcp",rule="open tools",decision="allowed"} 1"#,
        r#"oauthgate_policy_decisions_total{resource="mcp",rule="writers",decision="login"} 1"#,
        r#"oauthgate_policy_decisions_total{resource="mcp",rule="writers",decision="challenged"} 1"#,
        r#"oauthgate_policy_decisions_total{resource="mcp",rule="writers",decision="allowed"} 1"#,
        r#"oauthgate_step_up_challenges_total{resource="mcp"} 1"#,
        r#"oauthgate_step_up_succeeded_total{resource="mcp"} 1"#,
    ] {
        assert!(metrics.contains(sample), "{sample}\n{metrics}");
    }
    let elevation = gate.process.output();
    assert!(
        elevation.contains("scopes were granted after a challenge"),
        "{elevation}"
    );
    assert!(
        elevation.contains("open to everybody"),
        "said at start: {elevation}"
    );
}

/// Sessions that were opened without a token go on with one.
async fn logs_in_at_the_first_protected_call(upstream: Upstream, keeps_session: bool) {
    let server = AuthorizationServer::start(Kind::DevIssuer).await;
    let gate = gate_before(&upstream.url, &server).await;
    let guarded = match upstream.name {
        "server-everything" => ("get-sum", json!({"a": 1, "b": 2})),
        _ => ("count", json!({"to": 2})),
    };
    let calls = [
        ("echo", json!({"message": "open"})),
        guarded.clone(),
        guarded.clone(),
    ];
    let job = StepUpJob {
        url: gate.resource.clone(),
        calls: calls
            .map(|(tool, arguments)| Call {
                tool: tool.to_owned(),
                arguments,
            })
            .into(),
        refresh: false,
    };
    let report = step_up(Client::LazyTypescriptV2, &job).await;
    assert_eq!(report.protocol.as_deref(), Some(upstream.revision));
    let [
        Step::Listed(tools),
        Step::Called {
            tool: open,
            said: echoed,
        },
        Step::Registered,
        Step::Authorize { scope, resource },
        Step::Token { .. },
        Step::Called { tool: first, said },
        Step::Called { tool: second, .. },
    ] = &report.steps[..]
    else {
        panic!("not one login, and that late: {:#?}", report.steps)
    };
    assert!(
        tools.iter().any(|tool| tool == guarded.0),
        "what a login opens is shown: {tools:?}"
    );
    assert_eq!(
        (open.as_str(), first.as_str(), second.as_str()),
        ("echo", guarded.0, guarded.0)
    );
    assert!(
        echoed.contains("open") && said.contains('2'),
        "{echoed} {said}"
    );
    let asked: BTreeSet<_> = scope
        .split(' ')
        .filter(|scope| scope.starts_with("mcp:"))
        .collect();
    assert_eq!(asked, BTreeSet::from(["mcp:read", "mcp:write"]));
    assert_eq!(resource, &gate.resource);
    let [before, after] = &report.sessions[..] else {
        panic!("two looks at the session: {:?}", report.sessions)
    };
    assert_eq!(
        (before, before.is_some()),
        (after, keeps_session),
        "the session goes on"
    );
    assert_eq!(
        gate.refusals()
            .iter()
            .filter(|reason| *reason != "no_credentials")
            .count(),
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typescript_sdk_2_logs_in_at_the_first_protected_call_of_a_2026_server() {
    let _turn = limit::turn().await;
    logs_in_at_the_first_protected_call(Upstream::typescript().await, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typescript_sdk_2_logs_in_within_the_session_that_it_opened_without_a_token() {
    let _turn = limit::turn().await;
    logs_in_at_the_first_protected_call(Upstream::everything().await, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g5_a_session_that_was_claimed_with_a_token_is_no_longer_everybodys() {
    let _turn = limit::turn().await;
    let upstream = Upstream::everything().await;
    let server = AuthorizationServer::start(Kind::DevIssuer).await;
    let gate = gate_before(&upstream.url, &server).await;
    let opened = post(&gate, &[], &initialize()).await;
    assert_eq!(opened.status, 200, "{}", opened.text);
    let session = opened
        .header("mcp-session-id")
        .expect("a session")
        .to_owned();
    let token = TokenSpec::new(gate.resource.as_str())
        .subject("ada")
        .scope("mcp:read mcp:write");
    let bearer = format!("Bearer {}", server.as_dev_issuer().mint(token));
    let version = ("Mcp-Protocol-Version", "2025-11-25");
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let anonymously = [("Mcp-Session-Id", session.as_str()), version];
    assert_eq!(post(&gate, &anonymously, &initialized).await.status, 202);
    let with_token = [anonymously[0], version, ("Authorization", bearer.as_str())];
    let sum = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "get-sum", "arguments": {"a": 1, "b": 2}}});
    let called = post(&gate, &with_token, &sum).await;
    assert_eq!(called.status, 200, "{}", called.text);
    for (method, body) in [
        ("POST", call("echo")),
        ("DELETE", Value::Null),
        ("GET", Value::Null),
    ] {
        let answer = ask(&gate, method, "/mcp", &anonymously, &body).await;
        assert!(
            matches!(answer.status, 401 | 404),
            "{method}: {}",
            answer.text
        );
    }
    let ended = ask(&gate, "DELETE", "/mcp", &with_token, &Value::Null).await;
    assert!(matches!(ended.status, 200 | 204), "{}", ended.text);
}
