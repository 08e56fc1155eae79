//! Documents for everybody, preflights, and the pages of the admin listener.

use rstest::rstest;
use serde_json::json;

use super::support::{Running, exchange, resource};

#[rstest]
#[case("/.well-known/oauth-protected-resource/mcp")]
#[case("/.well-known/oauth-protected-resource/mcp/")]
#[case("/.well-known/oauth-protected-resource")]
#[tokio::test]
async fn g11_metadata_is_for_everybody_and_names_the_configured_resource(#[case] path: &str) {
    let gate = Running::start().await;
    for host in ["mcp.example.com", "evil.test"] {
        let lines = [
            &format!("Host: {host}")[..],
            "X-Forwarded-Host: evil.test",
            "Origin: https://evil.test",
        ];
        let answer = exchange(gate.public, &format!("GET {path} HTTP/1.1"), &lines, "").await;
        assert_eq!(
            (answer.status, answer.header("access-control-allow-origin")),
            (200, "*"),
            "{answer:?}"
        );
        assert_eq!(answer.json()["resource"], "https://mcp.example.com/mcp");
        assert_eq!(
            answer.json()["authorization_servers"],
            json!([gate.signer.issuer])
        );
    }
}

#[rstest]
#[case("GET", "/.well-known/oauth-authorization-server")]
#[case("GET", "/.well-known/oauth-authorization-server/mcp")]
#[case("GET", "/.well-known/openid-configuration")]
#[case("GET", "/.well-known/oauth-protected-resource/other")]
#[case("GET", "/authorize?client_id=x")]
#[case("POST", "/token")]
#[case("POST", "/register")]
#[tokio::test]
async fn who_looks_for_an_authorization_server_hears_a_hint(
    #[case] method: &str,
    #[case] path: &str,
) {
    let at_the_root =
        |settings: &mut crate::config::Settings| settings.resources[0].path = String::new();
    let gate = Running::with("test-1", at_the_root).await;
    let answer = gate
        .ask(&format!("{method} {path} HTTP/1.1"), &["Content-Length: 0"])
        .await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (404, "application/json"),
        "{answer:?}"
    );
    assert!(
        answer.json()["hint"]
            .as_str()
            .unwrap()
            .contains("/.well-known/oauth-protected-resource/mcp")
    );
}

#[tokio::test]
async fn each_of_several_resources_has_its_own_document_and_nobody_the_root() {
    let two = |settings: &mut crate::config::Settings| {
        let issuer = settings.resources[0].provider.issuers[0].issuer.to_string();
        settings
            .resources
            .push(resource("https://mcp.example.com/token", &issuer));
    };
    let gate = Running::with("test-1", two).await;
    for path in ["mcp", "token"] {
        let answer = gate
            .ask(
                &format!("GET /.well-known/oauth-protected-resource/{path} HTTP/1.1"),
                &[],
            )
            .await;
        assert_eq!(
            answer.json()["resource"],
            format!("https://mcp.example.com/{path}")
        );
    }
    assert_eq!(
        gate.ask("GET /.well-known/oauth-protected-resource HTTP/1.1", &[])
            .await
            .status,
        404
    );
    let on_purpose = gate.ask("GET /token HTTP/1.1", &[]).await;
    assert_eq!(
        on_purpose.status, 401,
        "an operator may serve a resource under such a name"
    );
}

#[rstest]
#[case(
    "b.example.com",
    "/.well-known/oauth-protected-resource",
    Some("https://b.example.com/.well-known/oauth-protected-resource/b")
)]
#[case(
    "mcp.example.com",
    "/.well-known/oauth-protected-resource/x",
    Some("https://mcp.example.com/.well-known/oauth-protected-resource/mcp")
)]
#[case(
    "b.example.com",
    "/register",
    Some("https://b.example.com/.well-known/oauth-protected-resource/b")
)]
#[case("evil.test", "/.well-known/oauth-protected-resource", None)]
#[case("evil.test", "/register", None)]
#[tokio::test]
async fn a_hint_names_a_resource_of_the_host_that_was_asked(
    #[case] host: &str,
    #[case] path: &str,
    #[case] named: Option<&str>,
) {
    let two = |settings: &mut crate::config::Settings| {
        let issuer = settings.resources[0].provider.issuers[0].issuer.to_string();
        let mut second = resource("https://b.example.com/b", &issuer);
        second.allowed_hosts = vec!["b.example.com".to_owned()];
        settings.resources.push(second);
    };
    let gate = Running::with("test-1", two).await;
    let lines = [&format!("Host: {host}")[..]];
    let answer = exchange(gate.public, &format!("GET {path} HTTP/1.1"), &lines, "").await;
    let hint = answer.json()["hint"].as_str().unwrap().to_owned();
    assert_eq!(answer.status, 404);
    match named {
        Some(url) => assert!(hint.contains(url), "{hint}"),
        None => assert!(!answer.body.contains("example.com"), "{answer:?}"),
    }
    assert_eq!(
        hint.contains("no authorization server"),
        path == "/register",
        "{hint}"
    );
}

#[tokio::test]
async fn f26_a_preflight_is_answered_without_a_token_and_without_the_upstream() {
    let allow = |settings: &mut crate::config::Settings| {
        settings.resources[0].allowed_origins = vec!["https://app.example.com".to_owned()];
    };
    let gate = Running::with("test-1", allow).await;
    let asked = |origin: &str| {
        vec![
            format!("Origin: {origin}"),
            "Access-Control-Request-Method: POST".to_owned(),
        ]
    };
    let lines = asked("https://app.example.com");
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let answer = gate.ask("OPTIONS /mcp HTTP/1.1", &lines).await;
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (204, "https://app.example.com")
    );
    let refused = gate
        .ask(
            "POST /mcp HTTP/1.1",
            &["Origin: https://app.example.com", "Content-Length: 0"],
        )
        .await;
    assert_eq!(
        (
            refused.status,
            refused.header("access-control-allow-origin")
        ),
        (401, "https://app.example.com")
    );
    assert!(
        refused
            .header("access-control-expose-headers")
            .contains("WWW-Authenticate")
    );
    let foreign = asked("https://evil.test");
    let foreign: Vec<_> = foreign.iter().map(String::as_str).collect();
    assert_eq!(
        gate.ask("OPTIONS /mcp HTTP/1.1", &foreign).await.status,
        403
    );
    assert_eq!(gate.reached(), 0);
}

#[tokio::test]
async fn the_admin_pages_tell_how_the_gate_is_doing() {
    let gate = Running::start().await;
    gate.ready().await;
    assert_eq!(gate.ask_admin("/livez").await.status, 200);
    assert_eq!(gate.ask_admin("/healthz").await.status, 200);
    assert_eq!(gate.ask_admin("/version").await.json()["name"], "oauthgate");
    let ready = gate.ask_admin("/readyz").await.json();
    assert_eq!(
        (&ready["issuers"][0]["usable"], &ready["issuers"][0]["keys"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(gate.ask_admin("/mcp").await.status, 404);
}

#[rstest]
#[case("/metrics", "Host: localhost:9090", 200)]
#[case("/metrics", "Host: 127.0.0.1", 200)]
#[case("/livez", "Host: [::1]:9090", 200)]
#[case("http://localhost/livez", "Host: localhost", 200)]
#[case("/metrics", "Host: evil.test", 403)]
#[case("/readyz", "Host: localhost.evil.test:9090", 403)]
#[case("/nowhere", "Host: 127.0.0.1.nip.io", 403)]
#[case("/livez", "Host: localhost\r\nHost: evil.test", 403)]
#[case("/livez", "X: no-host", 403)]
#[case("http://evil.test/livez", "Host: localhost", 403)]
#[tokio::test]
async fn g10_a_page_that_was_rebound_to_loopback_cannot_read_the_admin_pages(
    #[case] target: &str,
    #[case] host: &str,
    #[case] expected: u16,
) {
    let gate = Running::start().await;
    let answer = exchange(gate.admin, &format!("GET {target} HTTP/1.1"), &[host], "").await;
    assert_eq!(answer.status, expected, "{answer:?}");
    assert_eq!(
        answer.body.contains("oauthgate_"),
        target == "/metrics" && expected == 200
    );
}

#[tokio::test]
async fn metrics_count_requests_by_outcome_and_reason() {
    let gate = Running::start().await;
    gate.ready().await;
    gate.ask("GET /mcp HTTP/1.1", &[&gate.bearer(json!({}))])
        .await;
    gate.ask("GET /mcp HTTP/1.1", &[&gate.bearer(json!({"exp": 1}))])
        .await;
    gate.ask("GET /nowhere/h8-secret HTTP/1.1", &[]).await;
    let text = gate.ask_admin("/metrics").await.body;
    for line in [
        "oauthgate_requests_total{resource=\"mcp\",outcome=\"allowed\",reason=\"ok\"} 1",
        "oauthgate_requests_total{resource=\"mcp\",outcome=\"refused\",reason=\"expired\"} 1",
        "oauthgate_requests_total{resource=\"none\",outcome=\"refused\",reason=\"not_served\"} 1",
        "oauthgate_verification_duration_seconds_count{resource=\"mcp\"} 2",
        "oauthgate_upstream_duration_seconds_count{resource=\"mcp\"} 1",
        "oauthgate_requests_in_flight 0",
        "oauthgate_build_info{version=",
        "oauthgate_keys_servable{issuer=\"http://127.0.0.1:",
        "oauthgate_keys_strangers_left 20",
        "outcome=\"ok\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn what_the_gate_answers_to_anybody_is_not_counted_as_allowed() {
    let allow = |settings: &mut crate::config::Settings| {
        settings.resources[0].allowed_origins = vec!["https://app.example.com".to_owned()];
    };
    let gate = Running::with("test-1", allow).await;
    let preflight = [
        "Origin: https://app.example.com",
        "Access-Control-Request-Method: POST",
    ];
    gate.ask("OPTIONS /mcp HTTP/1.1", &preflight).await;
    for method in ["GET", "PATCH"] {
        let document = "/.well-known/oauth-protected-resource/mcp";
        gate.ask(&format!("{method} {document} HTTP/1.1"), &[])
            .await;
    }
    let text = gate.ask_admin("/metrics").await.body;
    for line in [
        "oauthgate_requests_total{resource=\"mcp\",outcome=\"answered\",reason=\"ok\"} 1",
        "oauthgate_requests_total{resource=\"none\",outcome=\"answered\",reason=\"ok\"} 2",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("allowed"), "{text}");
}

#[tokio::test]
async fn h8_strangers_cannot_make_new_series() {
    let gate = Running::start().await;
    gate.ready().await;
    let ask = async |number: usize| {
        let other_key = super::support::Signer::new("test-1", gate.signer.issuer.clone())
            .token(json!({ "sub": format!("s{number}") }));
        gate.ask(&format!("M{number} /p{number}?q={number} HTTP/1.1"), &[])
            .await;
        gate.ask(
            &format!("M{number} /mcp/p{number} HTTP/1.1"),
            &[&format!("Authorization: Bearer {other_key}")],
        )
        .await;
        gate.ask(
            "GET /mcp HTTP/1.1",
            &[&format!("Origin: https://o{number}.example")],
        )
        .await;
        gate.ask_admin("/metrics").await.body.lines().count()
    };
    let first = ask(0).await;
    for number in 1..30 {
        assert_eq!(ask(number).await, first, "after {number}");
    }
}

#[tokio::test]
async fn one_issuer_that_is_away_does_not_close_the_gate() {
    let second = |settings: &mut crate::config::Settings| {
        let provider = &mut settings.resources[0].provider;
        let mut away = provider.issuers[0].clone();
        away.issuer = oauthgate_core::Issuer::new("http://127.0.0.1:9").unwrap();
        away.keys.jwks_url = Some("http://127.0.0.1:9/keys".parse().unwrap());
        provider.issuers.push(away);
    };
    let gate = Running::with("test-1", second).await;
    gate.ready().await;
    let issuers = gate.ask_admin("/readyz").await.json()["issuers"].clone();
    assert_eq!(
        (&issuers[0]["usable"], &issuers[1]["usable"]),
        (&json!(true), &json!(false))
    );
}
