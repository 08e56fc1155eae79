//! Who hears what: the table of answers, over HTTP.

use oauthgate_core::ScopeSet;
use oauthgate_tower::ClientPrefixes;
use rstest::rstest;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::support::{Running, exchange, resource};

const CHALLENGE: &str = "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\", scope=\"tools:read\"";
const METADATA: &str =
    "resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"";

#[tokio::test]
async fn a_good_token_passes_and_stays_here() {
    let gate = Running::start().await;
    for path in ["/mcp", "/mcp/", "/mcp/below?q=1"] {
        let answer = gate
            .ask(&format!("GET {path} HTTP/1.1"), &[&gate.bearer(json!({}))])
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["authorization"], false);
    }
}

#[rstest]
#[case("GET", "/mcp")]
#[case("GET", "/mcp/")]
#[case("POST", "/mcp")]
#[case("HEAD", "/mcp")]
#[case("DELETE", "/mcp/anything/below")]
#[case("PUT", "/mcp")]
#[tokio::test]
async fn no_credentials_hear_a_bare_challenge_on_every_method_and_path(
    #[case] method: &str,
    #[case] path: &str,
) {
    let gate = Running::start().await;
    let answer = gate
        .ask(&format!("{method} {path} HTTP/1.1"), &["Content-Length: 0"])
        .await;
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (401, CHALLENGE)
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(gate.reached(), 0);
}

#[tokio::test]
async fn f3_a_token_in_the_query_is_no_credential_and_f2_two_are_too_many() {
    let gate = Running::start().await;
    let token = gate.signer.token(json!({}));
    let query = gate
        .ask(&format!("GET /mcp?access_token={token} HTTP/1.1"), &[])
        .await;
    assert_eq!(
        (query.status, query.header("www-authenticate")),
        (401, CHALLENGE)
    );
    let both = gate
        .ask(
            &format!("GET /mcp?access_token={token} HTTP/1.1"),
            &[&gate.bearer(json!({}))],
        )
        .await;
    assert_eq!(
        (both.status, both.json()["error"].as_str().unwrap()),
        (400, "invalid_request")
    );
    let twice = gate
        .ask(
            "GET /mcp HTTP/1.1",
            &[&gate.bearer(json!({})), &gate.bearer(json!({}))],
        )
        .await;
    assert_eq!(twice.status, 400);
    assert_eq!(gate.reached(), 0);
}

#[rstest]
#[case::expired(json!({"exp": 1}))]
#[case::c4_other_audience(json!({"aud": "https://other.example.com"}))]
#[case::c10_other_issuer(json!({"iss": "https://evil.test"}))]
#[case::c3_no_exp(json!({"exp": null}))]
#[case::other_resource(json!({"resource": "https://mcp.example.com/mcp.evil.test"}))]
#[tokio::test]
async fn a_bad_token_hears_invalid_token(#[case] claims: serde_json::Value) {
    let gate = Running::start().await;
    let answer = gate
        .ask(
            "POST /mcp HTTP/1.1",
            &[&gate.bearer(claims), "Content-Length: 0"],
        )
        .await;
    let challenge = answer.header("www-authenticate");
    assert_eq!(answer.status, 401, "{answer:?}");
    assert!(
        challenge.starts_with("Bearer error=\"invalid_token\", error_description=\"")
            && challenge.contains(METADATA),
        "{challenge}"
    );
    assert!(!answer.json()["reference"].as_str().unwrap().is_empty());
    assert_eq!(gate.reached(), 0);
}

#[tokio::test]
async fn b9_garbage_is_a_bad_token_and_f1_bad_grammar_a_bad_request() {
    let gate = Running::start().await;
    assert_eq!(
        gate.ask("GET /mcp HTTP/1.1", &["Authorization: Bearer a.b.c"])
            .await
            .status,
        401
    );
    assert_eq!(
        gate.ask("GET /mcp HTTP/1.1", &["Authorization: bearer a.b.c"])
            .await
            .status,
        401
    );
    assert_eq!(
        gate.ask("GET /mcp HTTP/1.1", &["Authorization: Bearer a b"])
            .await
            .status,
        400
    );
    assert_eq!(gate.reached(), 0);
}

#[tokio::test]
async fn c18_a_missing_scope_hears_all_scopes_of_the_operation() {
    let needs_two = |settings: &mut crate::config::Settings| {
        settings.resources[0].required_scopes = ScopeSet::parse("tools:read tools:write").unwrap();
    };
    let gate = Running::with("test-1", needs_two).await;
    let answer = gate
        .ask("GET /mcp HTTP/1.1", &[&gate.bearer(json!({}))])
        .await;
    let challenge = answer.header("www-authenticate");
    assert_eq!(answer.status, 403);
    assert!(
        challenge.contains("error=\"insufficient_scope\"")
            && challenge.contains("scope=\"tools:read tools:write\"")
            && challenge.contains(METADATA),
        "{challenge}"
    );
}

#[tokio::test]
async fn row_34_g10_a_foreign_origin_or_host_hears_403_without_a_challenge() {
    let gate = Running::start().await;
    let bearer = gate.bearer(json!({}));
    for origin in [
        "https://evil.test",
        "null",
        "https://mcp.example.com.evil.test",
    ] {
        let answer = gate
            .ask(
                "POST /mcp HTTP/1.1",
                &[&bearer, &format!("Origin: {origin}"), "Content-Length: 0"],
            )
            .await;
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (403, ""),
            "{origin}"
        );
    }
    for host in ["evil.test", "mcp.example.com.evil.test", "evil.test:8080"] {
        let answer = exchange(
            gate.public,
            "GET /mcp HTTP/1.1",
            &[&format!("Host: {host}"), &bearer],
            "",
        )
        .await;
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (403, ""),
            "{host}"
        );
    }
    let local = exchange(
        gate.public,
        "GET /mcp HTTP/1.1",
        &["Host: localhost:1234", &bearer],
        "",
    )
    .await;
    assert_eq!(
        local.status, 200,
        "a loopback listener serves this machine's names"
    );
    assert_eq!(gate.reached(), 1);
}

#[rstest]
#[case("/mcp/../admin")]
#[case("/mcp//x")]
#[case("/mcp/./x")]
#[case("/mcp/%2e%2e/x")]
#[case("/mcp%2fx")]
#[case("/mcp;x=1")]
#[case("/mcp/%5cx")]
#[tokio::test]
async fn f15_an_ambiguous_path_is_refused(#[case] path: &str) {
    let gate = Running::start().await;
    let answer = gate
        .ask(&format!("GET {path} HTTP/1.1"), &[&gate.bearer(json!({}))])
        .await;
    assert_eq!((answer.status, gate.reached()), (400, 0), "{answer:?}");
}

#[rstest]
#[case("/")]
#[case("/mcpx")]
#[case("/MCP")]
#[case("/mcp..")]
#[case("/healthz")]
#[case("/metrics")]
#[tokio::test]
async fn f16_a_path_beside_every_resource_is_not_served(#[case] path: &str) {
    let gate = Running::start().await;
    let answer = gate
        .ask(&format!("GET {path} HTTP/1.1"), &[&gate.bearer(json!({}))])
        .await;
    assert_eq!(
        (answer.status, answer.json()["error"].as_str().unwrap()),
        (404, "not_found")
    );
    assert_eq!(gate.reached(), 0);
}

#[tokio::test]
async fn c9_without_keys_the_answer_is_503_and_never_401() {
    let mut dead = resource("https://mcp.example.com/mcp", "http://127.0.0.1:9");
    dead.provider.issuers[0].keys.jwks_url = Some("http://127.0.0.1:9/keys".parse().unwrap());
    let signer = std::sync::Arc::new(super::support::Signer::new(
        "k",
        "http://127.0.0.1:9".to_owned(),
    ));
    let gate = Running::over(crate::config::Settings::new(vec![dead]), signer).await;
    let answer = gate
        .ask("GET /mcp HTTP/1.1", &[&gate.bearer(json!({}))])
        .await;
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (503, ""),
        "{answer:?}"
    );
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    let ready = gate.ask_admin("/readyz").await;
    assert_eq!((ready.status, &ready.json()["ready"]), (503, &json!(false)));
}

#[tokio::test]
async fn too_many_refused_tokens_hear_429_and_good_ones_never_do() {
    let gate = Running::start().await;
    gate.ready().await;
    let bad = "Authorization: Bearer a.b.c";
    let mut statuses = Vec::new();
    for _ in 0..70 {
        statuses.push(gate.ask("GET /mcp HTTP/1.1", &[bad]).await.status);
    }
    assert_eq!(statuses[0], 401);
    let over = gate.ask("GET /mcp HTTP/1.1", &[bad]).await;
    assert_eq!(over.status, 429);
    assert!(!over.header("retry-after").is_empty());
    let metrics = gate.ask_admin("/metrics").await.body;
    for line in [
        "oauthgate_refused_tokens_total{answer=\"challenged\"} 60",
        "oauthgate_refused_tokens_total{answer=\"unverified\"} 11",
        "oauthgate_refused_tokens_clients_over_budget 1",
        "oauthgate_known_tokens 0",
    ] {
        assert!(
            metrics.lines().any(|other| other == line),
            "{line}: {metrics}"
        );
    }
    assert_eq!(
        gate.ask("GET /mcp HTTP/1.1", &[&gate.bearer(json!({}))])
            .await
            .status,
        200
    );
    assert_eq!(
        gate.ask(
            "GET /.well-known/oauth-protected-resource/mcp HTTP/1.1",
            &[]
        )
        .await
        .status,
        200
    );
}

#[tokio::test]
async fn a16_the_keys_of_a_dev_issuer_are_refused_unless_told_otherwise() {
    let gate = Running::with("oauthgate-dev-1", |_| {}).await;
    let refused = gate
        .ask("GET /mcp HTTP/1.1", &[&gate.bearer(json!({}))])
        .await;
    assert_eq!((refused.status, gate.reached()), (503, 0));
    let demo = Running::with("oauthgate-dev-1", |settings| {
        settings.accept_dev_issuer = true;
    })
    .await;
    assert_eq!(
        demo.ask("GET /mcp HTTP/1.1", &[&demo.bearer(json!({}))])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn c21_a_rule_for_a_tool_replaces_no_check_on_the_token() {
    let with_a_rule = |settings: &mut crate::config::Settings| {
        let rules = &mut settings.resources[0].tools.scopes;
        rules.insert("read".to_owned(), ScopeSet::empty());
    };
    let gate = Running::with("test-1", with_a_rule).await;
    let call =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "read" } })
            .to_string();
    let expired = json!({ "exp": 1_000_000_000, "iat": 999_999_999 });
    let elsewhere = json!({ "aud": "https://elsewhere.example.com" });
    for claims in [expired, elsewhere, json!({ "iss": "https://evil.test" })] {
        let lines = [
            "Host: mcp.example.com",
            "Content-Type: application/json",
            &format!("Content-Length: {}", call.len()),
            &gate.bearer(claims.clone()),
        ];
        let answer = exchange(gate.public, "POST /mcp HTTP/1.1", &lines, &call).await;
        assert_eq!(answer.status, 401, "{claims}");
    }
    assert_eq!(gate.reached(), 0);
}

#[tokio::test]
async fn tools_are_decided_on_when_they_have_rules() {
    let with_rules = |settings: &mut crate::config::Settings| {
        let rules = &mut settings.resources[0].tools.scopes;
        rules.insert("read".to_owned(), ScopeSet::parse("tools:read").unwrap());
        rules.insert("delete".to_owned(), ScopeSet::parse("tools:write").unwrap());
    };
    let gate = Running::with("test-1", with_rules).await;
    for (tool, expected) in [("read", 200), ("delete", 403), ("unlisted", 403)] {
        let answer = gate.call_tool(tool, json!({})).await;
        assert_eq!(answer.status, expected, "{tool}: {answer:?}");
    }
}

#[tokio::test]
async fn h5_only_a_trusted_proxy_says_who_the_client_is() {
    let trusting = |settings: &mut crate::config::Settings| {
        settings.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    };
    let gate = Running::with("test-1", trusting).await;
    gate.ready().await;
    let bad = "Authorization: Bearer a.b.c";
    for _ in 0..65 {
        gate.ask("GET /mcp HTTP/1.1", &[bad, "X-Forwarded-For: 198.51.100.1"])
            .await;
    }
    assert_eq!(
        gate.ask("GET /mcp HTTP/1.1", &[bad, "X-Forwarded-For: 198.51.100.1"])
            .await
            .status,
        429
    );
    assert_eq!(
        gate.ask("GET /mcp HTTP/1.1", &[bad, "X-Forwarded-For: 198.51.100.2"])
            .await
            .status,
        401
    );
}

#[rstest]
#[case::two_lengths("Content-Length: 5\r\nContent-Length: 6", "hello")]
#[case::length_list("Content-Length: 5, 6", "hello")]
#[case::unknown_coding_last("Transfer-Encoding: chunked, x", "0\r\n\r\n")]
#[case::unknown_coding("Transfer-Encoding: xchunked", "0\r\n\r\n")]
#[case::signed_length("Content-Length: +5", "hello")]
#[case::folded("X-A: b\r\n folded: c", "")]
#[case::blank_before_colon("Content-Length : 5", "hello")]
#[tokio::test]
async fn f19_framing_that_two_readers_could_read_differently_is_refused(
    #[case] lines: &str,
    #[case] body: &str,
) {
    let gate = Running::start().await;
    let answer = exchange(
        gate.public,
        "POST /mcp HTTP/1.1",
        &["Host: mcp.example.com", &gate.bearer(json!({})), lines],
        body,
    )
    .await;
    assert_eq!((answer.status, gate.reached()), (400, 0), "{answer:?}");
}

#[tokio::test]
async fn f19_after_chunks_nothing_on_the_connection_is_read_as_a_request() {
    let gate = Running::start().await;
    let bearer = gate.bearer(json!({}));
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
    ] {
        let before = gate.reached();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\n{bearer}\r\n{lines}\r\n\r\n0\r\n\r\n"
        );
        let smuggled =
            format!("GET /mcp/smuggled HTTP/1.1\r\nHost: mcp.example.com\r\n{bearer}\r\n\r\n");
        let mut stream = TcpStream::connect(gate.public).await.unwrap();
        stream
            .write_all(format!("{head}{smuggled}").as_bytes())
            .await
            .unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        assert_eq!(
            (text.matches("HTTP/1.1 ").count(), gate.reached() - before),
            (1, 1),
            "{text}"
        );
    }
}

#[tokio::test]
async fn f13_no_user_agent_opens_anything() {
    let gate = Running::start().await;
    for agent in ["kube-probe/1.33", "ELB-HealthChecker/2.0", "GoogleHC/1.0"] {
        let agent = format!("User-Agent: {agent}");
        for path in ["/mcp", "/mcp/healthz", "/mcp/ping"] {
            let answer = gate.ask(&format!("GET {path} HTTP/1.1"), &[&agent]).await;
            assert_eq!(answer.status, 401, "{agent} {path}");
        }
    }
    assert_eq!(gate.reached(), 0);
}

#[rstest]
#[case("/mcp?x=/.well-known/oauth-protected-resource", 401)]
#[case("/mcp?/../authorize", 401)]
#[case("/elsewhere?x=/mcp", 404)]
#[case("/elsewhere#/mcp", 404)]
#[tokio::test]
async fn f14_only_the_path_decides_where_a_request_goes(
    #[case] target: &str,
    #[case] expected: u16,
) {
    let gate = Running::start().await;
    let answer = gate.ask(&format!("GET {target} HTTP/1.1"), &[]).await;
    assert_eq!((answer.status, gate.reached()), (expected, 0), "{answer:?}");
}

#[tokio::test]
async fn refused_tokens_are_counted_as_the_settings_say() {
    let bad = "Authorization: Bearer a.b.c";
    let gate = Running::with("test-1", |settings| {
        settings.refused_tokens = "2/min".parse().unwrap();
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(gate.ask("GET /mcp HTTP/1.1", &[bad]).await.status);
    }
    assert_eq!(statuses, [401, 401, 429]);
    assert_eq!(gate.ask_admin("/livez").await.status, 200);
    let unlimited = Running::with("test-1", |settings| {
        settings.unlimited_refused_tokens = true;
    })
    .await;
    for _ in 0..100 {
        let answer = unlimited.ask("GET /mcp HTTP/1.1", &[bad]).await;
        assert_eq!(answer.status, 401);
    }
}

#[tokio::test]
async fn a_client_is_as_wide_as_the_settings_say() {
    let gate = Running::with("test-1", |settings| {
        settings.refused_tokens = "1/h".parse().unwrap();
        settings.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        settings.client_prefixes = ClientPrefixes::new(24, 48);
    })
    .await;
    let bad = "Authorization: Bearer a.b.c";
    for (client, status) in [
        ("192.0.2.1", 401),
        ("192.0.2.255", 429),
        ("192.0.3.1", 401),
        ("2001:db8:1:2::1", 401),
        ("2001:db8:1:3::1", 429),
    ] {
        let forwarded = format!("X-Forwarded-For: {client}");
        let answer = gate.ask("GET /mcp HTTP/1.1", &[bad, &forwarded]).await;
        assert_eq!(answer.status, status, "{client}");
    }
}
