//! Quotas, through the whole gate.

use std::num::NonZeroU32;

use oauthgate_core::{Issuer, ScopeSet};
use oauthgate_mcp::{Costs, limits::ToolPatterns, policy::Rule};
use oauthgate_tower::quota::{By, Limit};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{
    between::{read_until, write},
    lines::Log,
    recorder::Recorder,
    support::{Answer, Running, exchange, issuing, resource},
};
use crate::config::Settings;

const LEFT: &str = "ratelimit";

fn limit(name: &str, by: &[By], rate: &str) -> Limit {
    let limit = Limit::new(name, by.iter().copied()).unwrap();
    limit.rate(rate.parse().unwrap())
}

fn per_user(rate: &str) -> Limit {
    limit("per-user", &[By::Subject], rate)
}

/// A gate with these limits.
async fn limited(limits: impl IntoIterator<Item = Limit>) -> Running {
    changed(limits, |_| {}).await
}

async fn changed(
    limits: impl IntoIterator<Item = Limit>,
    change: impl FnOnce(&mut Settings),
) -> Running {
    Running::with("test-1", |settings| {
        settings.resources[0].quotas.limits.extend(limits);
        change(settings);
    })
    .await
}

async fn get(gate: &Running, user: &str) -> Answer {
    let bearer = gate.bearer(json!({ "sub": user }));
    gate.ask("GET /mcp HTTP/1.1", &[&bearer]).await
}

async fn post(gate: &Running, body: &str, claims: Value) -> Answer {
    let lines = [
        "Host: mcp.example.com",
        "Content-Type: application/json",
        &format!("Content-Length: {}", body.len()),
        &gate.bearer(claims),
    ];
    exchange(gate.public, "POST /mcp HTTP/1.1", &lines, body).await
}

fn call(id: u32, tool: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool } })
        .to_string()
}

#[tokio::test]
async fn a_caller_over_its_quota_hears_429_and_the_upstream_nothing() {
    let gate = limited([per_user("2/h")]).await;
    let first = get(&gate, "alice").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("ratelimit-policy"), r#""per-user";q=2;w=3600"#);
    assert_eq!(first.header(LEFT), r#""per-user";r=1;t=1800"#);
    assert_eq!(first.header("retry-after"), "");
    assert_eq!(get(&gate, "alice").await.status, 200);
    let over = get(&gate, "alice").await;
    assert_eq!((over.status, gate.reached()), (429, 2));
    assert_eq!(over.header("ratelimit-policy"), r#""per-user";q=2;w=3600"#);
    let wait: u32 = over.header("retry-after").parse().unwrap();
    assert!((1_700..=1_800).contains(&wait), "{wait}");
    assert_eq!(over.header(LEFT), format!("\"per-user\";r=0;t={wait}"));
    assert_eq!(over.header("www-authenticate"), "");
    assert_eq!(over.header("content-type"), "application/json");
    assert_eq!(over.json()["error"], "too_many_requests");
}

#[tokio::test]
async fn f26_a_page_may_read_what_is_left_and_when_to_come_back() {
    let gate = limited([per_user("1/h")]).await;
    let bearer = gate.bearer(json!({}));
    let lines = [bearer.as_str(), "Origin: https://mcp.example.com"];
    for status in [200, 429] {
        let answer = gate.ask("GET /mcp HTTP/1.1", &lines).await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            "https://mcp.example.com"
        );
        let exposed = answer.header("access-control-expose-headers");
        for name in ["RateLimit", "RateLimit-Policy", "Retry-After"] {
            assert!(exposed.split(", ").any(|known| known == name), "{exposed}");
        }
    }
}

#[tokio::test]
async fn what_is_refused_for_another_reason_costs_nothing() {
    let gate = changed([per_user("3/h"), limit("all", &[], "3/h")], |settings| {
        let scopes = ScopeSet::parse("files").unwrap();
        let rule = Rule::builder()
            .tools(["read"])
            .scopes(scopes)
            .build()
            .unwrap();
        settings.resources[0].policy.rules.push(rule);
    })
    .await;
    let stale = gate.bearer(json!({ "exp": 1 }));
    let good = gate.bearer(json!({}));
    let bad = [
        (401, vec!["X: 1"]),
        (401, vec!["Authorization: Bearer forged"]),
        (401, vec![&*stale]),
        (400, vec![&*good, "Authorization: Bearer twice"]),
        (403, vec![&*good, "Origin: https://evil.example"]),
    ];
    for (status, lines) in bad {
        let answer = gate.ask("GET /mcp HTTP/1.1", &lines).await;
        assert_eq!(
            (answer.status, answer.header(LEFT)),
            (status, ""),
            "{lines:?}"
        );
    }
    let bodies = [
        (403, call(1, "read")),
        (403, call(1, "unlisted")),
        (400, "{".to_owned()),
        (400, call(1, "read").replace("\"id\"", "\"ID\"")),
        (
            400,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.to_owned(),
        ),
    ];
    for (status, body) in bodies {
        let answer = post(&gate, &body, json!({})).await;
        assert_eq!((answer.status, answer.header(LEFT)), (status, ""), "{body}");
    }
    let answer = post(&gate, &call(1, "read"), json!({ "scope": "files" })).await;
    assert_eq!(
        answer.header(LEFT),
        r#""per-user";r=2;t=2400, "all";r=2;t=2400"#
    );
}

#[tokio::test]
async fn documents_preflights_probes_and_strange_paths_are_never_counted() {
    let gate = limited([per_user("1/h"), limit("all", &[], "1/h")]).await;
    let preflight = [
        "Origin: https://mcp.example.com",
        "Access-Control-Request-Method: POST",
    ];
    for _ in 0..3 {
        let asked = [
            (
                200,
                "GET /.well-known/oauth-protected-resource/mcp HTTP/1.1",
                &[][..],
            ),
            (204, "OPTIONS /mcp HTTP/1.1", &preflight),
            (404, "GET /elsewhere HTTP/1.1", &[]),
        ];
        for (status, line, lines) in asked {
            let answer = gate.ask(line, lines).await;
            assert_eq!((answer.status, answer.header(LEFT)), (status, ""), "{line}");
        }
        assert_eq!(gate.ask_admin("/livez").await.status, 200);
    }
    assert_eq!(
        get(&gate, "alice").await.status,
        200,
        "all of it is still there"
    );
}

#[rstest]
#[case("GET /mcp HTTP/1.1")]
#[case("GET /mcp/stream HTTP/1.1")]
#[case("DELETE /mcp HTTP/1.1")]
#[case("HEAD /mcp HTTP/1.1")]
#[case("PUT /mcp/file HTTP/1.1")]
#[tokio::test]
async fn a_request_without_a_message_counts_one(#[case] line: &str) {
    let gate = changed([limit("all", &[], "5/h")], |settings| {
        settings.resources[0].quotas.costs = Costs::new().tool("*", 3).unwrap();
    })
    .await;
    let (_client, head) = opened(&gate, line).await;
    let left = "ratelimit: \"all\";r=4;t=2880\r\n";
    assert!(head.to_ascii_lowercase().contains(left), "{head}");
}

/// The head of an answer whose body may never end.
async fn opened(gate: &Running, line: &str) -> (TcpStream, String) {
    let mut client = TcpStream::connect(gate.public).await.unwrap();
    let bearer = gate.bearer(json!({}));
    let lines = [
        line,
        "Host: mcp.example.com",
        "Content-Length: 0",
        "Accept: text/event-stream",
        &bearer,
    ];
    write(&mut client, &format!("{}\r\n\r\n", lines.join("\r\n"))).await;
    let head = read_until(&mut client, "\r\n\r\n").await;
    (client, head)
}

#[tokio::test]
async fn h6_a_caller_over_its_quota_costs_nobody_else_behind_its_address() {
    let gate = limited([per_user("3/h")]).await;
    for _ in 0..20 {
        get(&gate, "attacker").await;
    }
    for user in 0..50 {
        let user = format!("user-{user}");
        for _ in 0..3 {
            assert_eq!(get(&gate, &user).await.status, 200, "{user}");
        }
    }
    assert_eq!(get(&gate, "attacker").await.status, 429);
}

#[tokio::test]
async fn equal_subjects_of_two_issuers_never_share() {
    let other = issuing("test-2").await;
    let second = other.issuer.clone();
    let gate = changed([per_user("1/h")], |settings| {
        let provider = &mut settings.resources[0].provider;
        let mut issuer = provider.issuers[0].clone();
        issuer.issuer = Issuer::new(&second).unwrap();
        issuer.keys.jwks_url = Some(format!("{second}/keys").parse().unwrap());
        provider.issuers.push(issuer);
    })
    .await;
    assert_eq!(get(&gate, "alice").await.status, 200);
    assert_eq!(get(&gate, "alice").await.status, 429);
    let theirs = format!("Authorization: Bearer {}", other.token(json!({})));
    let answer = gate.ask("GET /mcp HTTP/1.1", &[&theirs]).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn each_resource_counts_for_itself() {
    let signer = issuing("test-1").await;
    let resources = [
        "https://mcp.example.com/mcp",
        "https://mcp.example.com/other",
    ];
    let resources = resources.map(|identifier| {
        let mut resource = resource(identifier, &signer.issuer);
        resource.quotas.limits.push(per_user("1/h"));
        resource
    });
    let gate = Running::over(Settings::new(resources.into()), signer).await;
    let bearer = gate.bearer(json!({}));
    let mut statuses = Vec::new();
    for path in ["/mcp", "/mcp", "/other", "/other"] {
        let line = format!("GET {path} HTTP/1.1");
        statuses.push(gate.ask(&line, &[&bearer]).await.status);
    }
    assert_eq!(statuses, [200, 429, 200, 429]);
}

#[tokio::test]
async fn a_tier_has_the_quota_of_its_tier() {
    let tiered = per_user("1/h").tier("pro", "3/h".parse().unwrap());
    let gate = limited([tiered]).await;
    for (tier, most) in [("pro", 3), ("gold", 1), ("free", 1)] {
        let claims = json!({ "sub": tier, "tier": tier });
        let bearer = gate.bearer(claims);
        for _ in 0..most {
            assert_eq!(gate.ask("GET /mcp HTTP/1.1", &[&bearer]).await.status, 200);
        }
        assert_eq!(
            gate.ask("GET /mcp HTTP/1.1", &[&bearer]).await.status,
            429,
            "{tier}"
        );
    }
}

/// Calls of `export_*` cost 10, `status` nothing.
fn exports(settings: &mut Settings) {
    let tools = ToolPatterns::parse(["export_*"]).unwrap();
    let limit = limit("exports", &[By::Subject], "30/h").tools(move |tool| tools.hold(tool));
    let quotas = &mut settings.resources[0].quotas;
    quotas.limits.push(limit);
    let costs = Costs::new().tool("export_*", 10).unwrap();
    quotas.costs = costs.tool("status", 0).unwrap();
}

#[tokio::test]
async fn calls_cost_what_they_cost_and_a_batch_the_sum() {
    let gate = changed([per_user("100/h")], exports).await;
    let export = post(&gate, &call(1, "export_a"), json!({})).await;
    let left = r#""per-user";r=90;t=3240, "exports";r=20;t=2400"#;
    assert_eq!((export.status, export.header(LEFT)), (200, left));
    let search = post(&gate, &call(1, "search"), json!({})).await;
    assert_eq!(search.header(LEFT), r#""per-user";r=89;t=3204"#);
    let free = post(&gate, &call(1, "status"), json!({})).await;
    assert_eq!((free.status, free.header(LEFT)), (200, ""));
    let ping = r#"{"jsonrpc":"2.0","id":4,"method":"ping"}"#;
    let batch = format!("[{},{},{ping}]", call(1, "export_a"), call(2, "search"));
    let batch = post(&gate, &batch, json!({})).await;
    let left = r#""per-user";r=77;t=2772, "exports";r=10;t=1200"#;
    assert_eq!((batch.status, batch.header(LEFT)), (200, left));
    let two = format!("[{},{}]", call(1, "export_a"), call(2, "export_b"));
    let over = post(&gate, &two, json!({})).await;
    assert_eq!(over.status, 429);
    assert!(
        over.header(LEFT)
            .starts_with(r#""per-user";r=77, "exports";r=10;t="#)
    );
    let one = post(&gate, &call(1, "export_a"), json!({})).await;
    assert_eq!(one.status, 200, "what was refused was charged to nothing");
}

#[rstest]
#[case("Export_a")]
#[case("EXPORT_A")]
#[case(" export_a")]
#[case("export_a\u{200b}")]
#[case("e\u{fe0f}xport_a")]
#[tokio::test]
async fn a_look_alike_neither_escapes_nor_is_charged_to_nobody(#[case] tool: &str) {
    let gate = changed([per_user("100/h")], exports).await;
    let answer = post(&gate, &call(1, tool), json!({})).await;
    let looks_alike = !tool.contains('\u{fe0f}');
    let left = match looks_alike {
        true => r#""per-user";r=90;t=3240, "exports";r=20;t=2400"#,
        false => r#""per-user";r=99;t=3564"#,
    };
    assert_eq!(answer.header(LEFT), left, "{tool:?}");
}

#[rstest]
#[case::nobody_reads(false, false, 5)]
#[case::rules_are_asked(true, false, 3)]
#[case::costs_are_asked(false, true, 3)]
#[tokio::test]
async fn a_batch_is_counted_one_by_one_where_anybody_reads_it(
    #[case] rules: bool,
    #[case] costs: bool,
    #[case] left: u32,
) {
    let gate = changed([limit("all", &[], "6/h")], |settings| {
        let resource = &mut settings.resources[0];
        if rules {
            let rule = Rule::builder().tools(["*"]).build().unwrap();
            resource.policy.rules.push(rule);
        }
        if costs {
            resource.quotas.costs = Costs::new().tool("*", 1).unwrap();
        }
    })
    .await;
    let batch = format!("[{},{},{}]", call(1, "a"), call(2, "b"), call(3, "c"));
    let answer = post(&gate, &batch, json!({})).await;
    let told = format!("\"all\";r={left};t={}", left * 600);
    assert_eq!((answer.status, answer.header(LEFT)), (200, &*told));
}

#[tokio::test]
async fn all_spellings_of_a_tool_share_its_count() {
    let gate = limited([limit("per-tool", &[By::Subject, By::Tool], "2/h")]).await;
    let mut statuses = Vec::new();
    for tool in ["export", "Export", " EXPORT", "search", "export"] {
        statuses.push(post(&gate, &call(1, tool), json!({})).await.status);
    }
    assert_eq!(statuses, [200, 200, 429, 200, 429]);
    assert_eq!(
        get(&gate, "alice").await.header(LEFT),
        "",
        "that calls no tool"
    );
}

#[tokio::test]
async fn counting_tools_refuses_no_tool_and_reads_no_message_twice() {
    let gate = changed([], exports).await;
    assert_eq!(
        post(&gate, &call(1, "whatever"), json!({})).await.status,
        200
    );
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(
        post(&gate, list, json!({})).await.status,
        200,
        "an answer is no list to be read"
    );
    let other = r#"{"jsonrpc":"2.0","id":1,"method":"something/new"}"#;
    assert_eq!(post(&gate, other, json!({})).await.status, 200);
    let twice =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"export_a"}}"#;
    assert_eq!(post(&gate, twice, json!({})).await.status, 400);
    assert_eq!(gate.reached(), 3);
}

#[tokio::test]
async fn callers_without_a_token_are_counted_by_their_network() {
    let gate = changed([per_user("2/h")], |settings| {
        let open = Rule::builder()
            .tools(["search"])
            .anonymous(true)
            .build()
            .unwrap();
        settings.resources[0].policy.rules.push(open);
        settings.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let body = call(1, "search");
    let from = async |address: &str| {
        let lines = [
            "Host: mcp.example.com",
            "Content-Type: application/json",
            &format!("Content-Length: {}", body.len()),
            &format!("X-Forwarded-For: {address}"),
        ];
        exchange(gate.public, "POST /mcp HTTP/1.1", &lines, &body)
            .await
            .status
    };
    let mut statuses = Vec::new();
    let addresses = [
        "192.0.2.1",
        "192.0.2.1",
        "192.0.2.1",
        "2001:db8::1",
        "2001:db8::2",
        "2001:db8::3",
        "192.0.2.9",
    ];
    for address in addresses {
        statuses.push(from(address).await);
    }
    assert_eq!(statuses, [200, 200, 429, 200, 200, 429, 200]);
    assert_eq!(get(&gate, "alice").await.status, 200);
}

#[tokio::test]
async fn the_log_and_the_metrics_say_which_limit_refused_and_for_how_long() {
    let (log, _guard) = Log::of_this_thread("info");
    let gate = changed([per_user("100/h")], exports).await;
    for _ in 0..4 {
        post(
            &gate,
            &call(1, "export_a"),
            json!({ "sub": "alice@example.com" }),
        )
        .await;
    }
    let lines = log.access();
    let [passed, _, _, over] = &lines[..] else {
        panic!("four lines: {}", log.text())
    };
    for key in ["limit", "limit_by", "retry_after_s"] {
        assert_eq!(passed[key], Value::Null, "{key}");
    }
    assert_eq!(over["status"], 429);
    assert_eq!(
        (&over["outcome"], &over["reason"]),
        (&json!("refused"), &json!("quota_exceeded"))
    );
    assert_eq!(
        (&over["limit"], &over["limit_by"]),
        (&json!("exports"), &json!("subject"))
    );
    assert!(
        (1_100..=1_200).contains(&over["retry_after_s"].as_u64().unwrap()),
        "{over}"
    );
    assert_eq!(
        (&over["mcp_name"], &over["caller"]),
        (&json!("export_a"), &passed["caller"])
    );
    let detail = over["detail"].as_str().unwrap();
    assert!(
        detail.starts_with(
            "the limit exports (by subject) has 0 of 30 left and the request costs 10"
        ),
        "{detail}"
    );
    assert!(!log.text().contains("alice@"), "subjects are in no line");
    let metrics = gate.ask_admin("/metrics").await.body;
    for (limit, decision, number) in [
        ("exports", "within", 3),
        ("exports", "over", 1),
        ("per-user", "within", 3),
        ("per-user", "spared", 1),
    ] {
        let line = format!(
            "oauthgate_limit_decisions_total{{resource=\"mcp\",limit=\"{limit}\",decision=\"{decision}\"}} {number}\n"
        );
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}

#[tokio::test]
async fn what_the_upstream_says_of_its_own_limits_stays() {
    let answer = "HTTP/1.1 200 OK\r\nRateLimit: \"theirs\";r=1;t=9\r\nRateLimit-Policy: \"theirs\";q=5;w=9\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let upstream = Recorder::answering(answer).await;
    let gate = Running::before(&upstream.url(), |settings| {
        settings.resources[0].quotas.limits.push(per_user("60/min"));
    })
    .await;
    let answer = get(&gate, "alice").await;
    assert_eq!(
        answer.header(LEFT),
        r#""theirs";r=1;t=9, "per-user";r=59;t=59"#
    );
    assert_eq!(
        answer.header("ratelimit-policy"),
        r#""theirs";q=5;w=9, "per-user";q=60;w=60"#
    );
}

#[tokio::test]
async fn a_caller_with_enough_under_way_waits_and_is_charged_nothing() {
    let few = Limit::new("few", [By::Subject]).unwrap();
    let few = few.in_flight(NonZeroU32::MIN);
    let gate = limited([few, limit("all", &[], "9/h")]).await;
    let bearer = gate.bearer(json!({}));
    let lines = [bearer.as_str()];
    let slow = gate.ask("GET /mcp/slow HTTP/1.1", &lines);
    let at_once = async {
        while gate.reached() == 0 {
            tokio::task::yield_now().await;
        }
        let refused = get(&gate, "alice").await;
        (refused, get(&gate, "bob").await)
    };
    let (slow, (refused, other)) = tokio::join!(slow, at_once);
    assert_eq!((slow.status, refused.status, other.status), (200, 429, 200));
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(
        get(&gate, "alice").await.header(LEFT),
        r#""all";r=6;t=2400"#
    );
}

#[tokio::test]
async fn a_caller_with_enough_open_streams_hears_429() {
    let few = Limit::new("few", [By::Subject]).unwrap();
    let gate = limited([few.streams(NonZeroU32::MIN)]).await;
    let (_stream, head) = opened(&gate, "GET /mcp/stream HTTP/1.1").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let (_refused, head) = opened(&gate, "GET /mcp/stream HTTP/1.1").await;
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
    assert_eq!(
        get(&gate, "alice").await.status,
        200,
        "a request is no stream"
    );
}
