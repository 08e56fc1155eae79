//! Refusals for scope, and what an operator sees of those who come back.

use std::time::SystemTime;

use oauthgate_core::ScopeSet;
use serde_json::{Value, json};

use super::{lines::Log, support::Running};
use crate::config::Settings;

const INSUFFICIENT: &str = r#"Bearer error="insufficient_scope", error_description="The access token lacks a permission that this operation needs", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope=""#;

/// Everything needs `base`, `read` and `write` more.
fn rules(settings: &mut Settings) {
    let resource = &mut settings.resources[0];
    resource.required_scopes = ScopeSet::parse("base").unwrap();
    for name in ["read", "write"] {
        let scopes = ScopeSet::parse(&format!("tools:{name}")).unwrap();
        resource.tools.scopes.insert(name.to_owned(), scopes);
    }
}

/// The claims of a token that was issued so many seconds after the first.
fn issued(second: i64, scope: &str) -> Value {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let first = i64::try_from(now).unwrap() - 60;
    json!({ "scope": scope, "iat": first + second, "jti": second.to_string() })
}

async fn counted(gate: &Running) -> [String; 3] {
    let metrics = gate.ask_admin("/metrics").await.body;
    ["challenges", "repeated", "succeeded"].map(|name| {
        let start = format!("oauthgate_step_up_{name}_total{{resource=\"mcp\"}} ");
        let mut values = metrics.lines().filter_map(|line| line.strip_prefix(&start));
        values.next().expect(name).to_owned()
    })
}

#[tokio::test]
async fn row_31_one_challenge_names_what_the_resource_and_the_tool_need() {
    let gate = Running::with("test-1", rules).await;
    for held in ["other", "base", "tools:read"] {
        let answer = gate.call_tool("write", issued(0, held)).await;
        assert_eq!(answer.status, 403);
        let expected = format!("{INSUFFICIENT}base tools:write\"");
        assert_eq!(answer.header("www-authenticate"), expected, "{held}");
    }
    for line in ["GET", "HEAD", "DELETE"] {
        let bearer = gate.bearer(issued(0, "tools:read"));
        let answer = gate.ask(&format!("{line} /mcp HTTP/1.1"), &[&bearer]).await;
        assert_eq!(answer.status, 403, "{line}");
        assert_eq!(
            answer.header("www-authenticate"),
            format!("{INSUFFICIENT}base\"")
        );
    }
    assert_eq!(gate.reached(), 0);
}

#[tokio::test]
async fn row_24_an_elevation_is_logged_with_the_reference_of_its_challenge() {
    let (log, _guard) = Log::of_this_thread("info");
    let gate = Running::with("test-1", rules).await;
    let refused = gate.call_tool("write", issued(0, "base")).await;
    let reference = refused.json()["reference"].clone();
    let passed = gate.call_tool("write", issued(1, "base tools:write")).await;
    assert_eq!((refused.status, passed.status), (403, 200));
    let elevation = log.lines(|line| line["target"] == "oauthgate::step_up");
    let [line] = &elevation[..] else {
        panic!("one line: {}", log.text())
    };
    assert_eq!(line["message"], "scopes were granted after a challenge");
    assert_eq!(
        (&line["challenge"], &line["level"]),
        (&reference, &json!("INFO"))
    );
    let lines = log.access();
    assert_eq!(
        (&line["reference"], &line["caller"]),
        (&lines[1]["reference"], &lines[1]["caller"])
    );
    assert_eq!(counted(&gate).await, ["1", "0", "1"]);
}

#[tokio::test]
async fn a_login_loop_is_counted_and_told_once_with_a_hint() {
    let (log, _guard) = Log::of_this_thread("info");
    let gate = Running::with("test-1", rules).await;
    for second in 0..4 {
        gate.call_tool("write", issued(second, "base")).await;
    }
    assert_eq!(counted(&gate).await, ["4", "3", "0"]);
    let warnings =
        log.lines(|line| line["level"] == "WARN" && line["target"] == "oauthgate::step_up");
    let [warning] = &warnings[..] else {
        panic!("one warning: {}", log.text())
    };
    assert_eq!(
        (&warning["missing"], &warning["resource"]),
        (&json!("tools:write"), &json!("mcp"))
    );
    assert!(
        warning["hint"]
            .as_str()
            .unwrap()
            .contains("does the authorization server grant")
    );
}

#[tokio::test]
async fn a_client_that_overwrites_its_scopes_is_told_how_to_be_helped() {
    let (log, _guard) = Log::of_this_thread("warn");
    let gate = Running::with("test-1", rules).await;
    let story = [
        ("write", "base tools:read", 403),
        ("write", "base tools:write", 200),
        ("read", "base tools:write", 403),
        ("read", "base tools:read", 200),
        ("write", "base tools:read", 403),
    ];
    for ((tool, scope, status), second) in story.into_iter().zip([0, 1, 1, 2, 2]) {
        let answer = gate.call_tool(tool, issued(second, scope)).await;
        assert_eq!(answer.status, status, "{tool} {scope}");
    }
    let warnings = log.lines(|line| line["target"] == "oauthgate::step_up");
    let [warning] = &warnings[..] else {
        panic!("one warning: {}", log.text())
    };
    assert!(
        warning["hint"]
            .as_str()
            .unwrap()
            .contains("step_up = \"cumulative\"")
    );
    assert_eq!(counted(&gate).await, ["3", "1", "2"]);
}

#[tokio::test]
async fn the_access_line_says_what_was_asked_for_and_which_rule_decided() {
    let (log, _guard) = Log::of_this_thread("info");
    let gate = Running::with("test-1", rules).await;
    gate.call_tool("write", issued(0, "base")).await;
    gate.call_tool("write", issued(0, "base tools:write")).await;
    gate.call_tool("a\u{1b}[31m b", issued(0, "base")).await;
    let told: Vec<_> = log
        .access()
        .into_iter()
        .map(|line| {
            ["outcome", "mcp_method", "mcp_name", "rule"]
                .map(|name| line[name].as_str().unwrap_or("-").to_owned())
        })
        .collect();
    assert_eq!(
        told,
        [
            ["refused", "tools/call", "write", "tools.write"],
            ["allowed", "tools/call", "write", "tools.write"],
            [
                "refused",
                "tools/call",
                "a\\u{1b}[31m\\u{20}b",
                "unlisted_tools"
            ],
        ]
    );
    assert!(
        !log.text().contains("canary"),
        "arguments are nobody's business"
    );
    let metrics = gate.ask_admin("/metrics").await.body;
    for sample in [
        r#"{resource="mcp",rule="tools.write",decision="challenged"} 1"#,
        r#"{resource="mcp",rule="tools.write",decision="allowed"} 1"#,
        r#"{resource="mcp",rule="unlisted_tools",decision="refused"} 1"#,
    ] {
        let sample = format!("oauthgate_policy_decisions_total{sample}");
        assert!(metrics.contains(&sample), "{sample}\n{metrics}");
    }
}
