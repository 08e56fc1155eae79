//! What reaches the upstream of a hostile request: nothing that speaks in our name.

use rstest::rstest;
use serde_json::json;

use super::{
    recorder::{NOTHING, Recorder},
    support::{Answer, Running, exchange},
};
use crate::upstream::protected::tests::{NAMES, aliases};

async fn recorded() -> (Running, Recorder) {
    let recorder = Recorder::answering(NOTHING).await;
    (Running::before(&recorder.url(), |_| {}).await, recorder)
}

/// Sends a good token and these lines; gives the head that came out behind the gate.
async fn forwarded(gate: &Running, recorder: &mut Recorder, lines: &[&str]) -> String {
    let bearer = gate.bearer(json!({}));
    let all = [&[bearer.as_str()], lines].concat();
    let answer = gate.ask("GET /mcp HTTP/1.1", &all).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    recorder.head().await
}

fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let prefix = format!("{name}: ");
    let lines = head.split("\r\n");
    lines
        .filter_map(|line| line.strip_prefix(&prefix))
        .collect()
}

#[tokio::test]
async fn f8_no_spelling_of_an_identity_header_comes_through() {
    let (gate, mut recorder) = recorded().await;
    let lines: Vec<_> = NAMES
        .iter()
        .flat_map(|name| aliases(name))
        .map(|alias| format!("{alias}: mallory"))
        .collect();
    assert!(lines.len() > 1000);
    for some in lines.chunks(80) {
        let some: Vec<_> = some.iter().map(String::as_str).collect();
        let head = forwarded(&gate, &mut recorder, &some).await;
        assert!(!head.contains("mallory"), "{head}");
        assert_eq!(values(&head, "x-auth-request-user"), ["alice"]);
    }
}

#[rstest]
#[case("X-Auth-Request-User\t: mallory")]
#[case("X-Auth-Request-User : mallory")]
#[case("X-Auth-Request-Us\u{435}r: mallory")]
#[case(" X-Auth-Request-User: mallory")]
#[tokio::test]
async fn f8_a_name_that_is_none_is_refused(#[case] line: &str) {
    let (gate, recorder) = recorded().await;
    let bearer = gate.bearer(json!({}));
    let answer = gate
        .ask("GET /mcp HTTP/1.1", &["X-First: 1", line, &bearer])
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(recorder.connections(), 0);
}

#[rstest]
#[case("authorization")]
#[case("AUTHORIZATION")]
#[case("AuThOrIzAtIoN")]
#[tokio::test]
async fn f4_the_case_of_a_header_name_does_not_matter(#[case] name: &str) {
    let (gate, mut recorder) = recorded().await;
    let token = gate.signer.token(json!({}));
    let line = format!("{name}: bearer {token}");
    let spoofed = [&line[..], "x-auth-tenant: evil", "X-AUTH-TENANT: evil"];
    assert_eq!(gate.ask("GET /mcp HTTP/1.1", &spoofed).await.status, 204);
    let head = recorder.head().await;
    assert!(
        !head.contains("authorization") && !head.contains("evil"),
        "{head}"
    );
    let twice = [&line[..], &line.to_uppercase()];
    assert_eq!(gate.ask("GET /mcp HTTP/1.1", &twice).await.status, 400);
}

const FAMILY: [&str; 19] = [
    "X-Forwarded-Proto: evil",
    "X-Forwarded-Host: evil",
    "X-Forwarded-Port: evil",
    "X-Forwarded-Prefix: evil",
    "X-Forwarded-Server: evil",
    "X-Forwarded-Uri: evil",
    "X-Forwarded-Method: evil",
    "X-Original-Url: evil",
    "X-Original-Host: evil",
    "X-Rewrite-Url: evil",
    "X-Real-Ip: evil",
    "X-Client-Ip: evil",
    "True-Client-Ip: evil",
    "CF-Connecting-IP: evil",
    "Fastly-Client-IP: evil",
    "X-Cluster-Client-Ip: evil",
    "X-Original-For: evil",
    "X-Http-Method-Override: evil",
    "Proxy: evil",
];

#[tokio::test]
async fn f6_a_stranger_cannot_say_where_a_request_came_from() {
    let (gate, mut recorder) = recorded().await;
    let spoofed = [
        "X-Forwarded-For: 203.0.113.9",
        "Forwarded: for=203.0.113.9;host=evil",
    ];
    let lines = [&FAMILY[..], &spoofed].concat();
    let head = forwarded(&gate, &mut recorder, &lines).await;
    assert!(
        !head.contains("evil") && !head.contains("203.0.113.9"),
        "{head}"
    );
    assert_eq!(values(&head, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(&head, "x-forwarded-host"), ["mcp.example.com"]);
    assert_eq!(values(&head, "x-forwarded-proto"), ["https"]);
}

#[tokio::test]
async fn f6_a_trusted_proxy_says_address_scheme_and_host_and_nothing_else() {
    let mut recorder = Recorder::answering(NOTHING).await;
    let gate = Running::before(&recorder.url(), |settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        let hosts = &mut settings.resources[0].allowed_hosts;
        hosts.push("other.example.com".to_owned());
    })
    .await;
    let others: Vec<_> = FAMILY
        .into_iter()
        .filter(|line| {
            !line.starts_with("X-Forwarded-Proto") && !line.starts_with("X-Forwarded-Host")
        })
        .collect();
    let said = [
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: other.example.com",
    ];
    let head = forwarded(&gate, &mut recorder, &[&others[..], &said].concat()).await;
    assert!(!head.contains("evil"), "{head}");
    assert_eq!(values(&head, "x-forwarded-for"), ["203.0.113.9"]);
    assert_eq!(values(&head, "x-forwarded-proto"), ["http"]);
    assert_eq!(values(&head, "x-forwarded-host"), ["other.example.com"]);
}

#[tokio::test]
async fn f9_f10_the_gates_value_or_none() {
    let (gate, mut recorder) = recorded().await;
    let lines = [
        "x-auth-request-user: mallory",
        "X-AUTH-Request-User: mallory",
        "X-Auth-Tenant: mallory",
        "X-Auth-Request-Email: mallory",
        "X-User-Email: mallory",
        "Remote-User: mallory",
        "X-Auth-Issuer: mallory",
    ];
    let head = forwarded(&gate, &mut recorder, &lines).await;
    assert!(!head.contains("mallory"), "{head}");
    assert_eq!(values(&head, "x-auth-request-user"), ["alice"]);
    assert_eq!(values(&head, "x-auth-issuer"), [&gate.signer.issuer]);
    assert_eq!(values(&head, "x-auth-tenant"), [""; 0]);
}

#[tokio::test]
async fn f11_connection_cannot_name_our_headers_away() {
    let (gate, mut recorder) = recorded().await;
    for name in [
        "X-Auth-Request-User",
        "x-auth-request-user",
        "X-AUTH-SCOPES",
        "X-Forwarded-For",
        "Authorization",
        "Host",
    ] {
        let line = format!("Connection: keep-alive, {name}");
        let head = forwarded(&gate, &mut recorder, &[&line]).await;
        assert_eq!(values(&head, "x-auth-request-user"), ["alice"], "{name}");
        assert_eq!(values(&head, "x-auth-scopes"), ["tools:read"], "{name}");
        assert_eq!(values(&head, "x-forwarded-for"), ["127.0.0.1"], "{name}");
        assert_eq!(values(&head, "host"), [recorder.address.to_string()]);
        assert_eq!(values(&head, "connection"), [""; 0], "{name}");
    }
}

#[tokio::test]
async fn f12_no_header_of_a_stranger_opens_a_side_door() {
    let (gate, recorder) = recorded().await;
    for line in [
        "X-Auth-Request-User: alice",
        "Remote-User: alice",
        "X-Forwarded-User: alice",
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Uri: /.well-known/oauth-protected-resource",
        "X-Original-Url: /livez",
        "X-Internal: true",
        "X-OAuthGate-Internal: true",
        "Cf-Access-Jwt-Assertion: x.y.z",
    ] {
        let answer = gate.ask("GET /mcp HTTP/1.1", &[line]).await;
        assert_eq!(answer.status, 401, "{line}");
    }
    assert_eq!(recorder.connections(), 0);
}

#[tokio::test]
async fn f12_an_upstream_cannot_speak_as_the_gate() {
    let recorder = Recorder::answering(
        "HTTP/1.1 200 OK\r\nX-Auth-Request-User: mallory\r\nX_Auth_Tenant: mallory\r\nRemote-User: mallory\r\n\
         Alt-Svc: h2=\"mallory:443\"\r\nConnection: close, x-hop\r\nX-Hop: mallory\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let gate = Running::before(&recorder.url(), |_| {}).await;
    let answer = gate
        .ask("GET /mcp HTTP/1.1", &[&gate.bearer(json!({}))])
        .await;
    assert_eq!((answer.status, answer.header("x-kept")), (200, "1"));
    assert_eq!(answer.body, "ok");
    assert!(!format!("{answer:?}").contains("mallory"), "{answer:?}");
}

#[tokio::test]
async fn row_25_g1_the_token_ends_at_the_gate() {
    let (gate, mut recorder) = recorded().await;
    let token = gate.signer.token(json!({}));
    let lines = [
        format!("Authorization: Bearer {token}"),
        format!("X-MCP-Auth: {token}"),
        format!("x_mcp_auth_token: {token}"),
        format!("DPoP: {token}"),
        format!("Proxy-Authorization: Bearer {token}"),
        format!("X-Forwarded-Access-Token: {token}"),
        "Cookie: session=mine".to_owned(),
        "X-Api-Key: mine".to_owned(),
    ];
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    assert_eq!(gate.ask("GET /mcp?x=1 HTTP/1.1", &lines).await.status, 204);
    let head = recorder.head().await;
    assert!(!head.contains(&token.to_ascii_lowercase()), "{head}");
    assert!(head.starts_with("get /mcp?x=1 http/1.1\r\n"), "{head}");
    // What was never for us goes on.
    assert_eq!(values(&head, "cookie"), ["session=mine"]);
    assert_eq!(values(&head, "x-api-key"), ["mine"]);
}

#[tokio::test]
async fn f3_a_token_in_the_query_opens_nothing_and_goes_nowhere() {
    let (gate, recorder) = recorded().await;
    let token = gate.signer.token(json!({}));
    let bearer = gate.bearer(json!({}));
    for name in ["access_token", "access%5Ftoken"] {
        let line = format!("GET /mcp?{name}={token} HTTP/1.1");
        assert_eq!(gate.ask(&line, &[]).await.status, 401);
        assert_eq!(gate.ask(&line, &[&bearer]).await.status, 400);
    }
    assert_eq!(recorder.connections(), 0);
}

#[tokio::test]
async fn f25_a_failure_calls_nobody_with_the_clients_credentials() {
    let recorder =
        Recorder::answering("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    let gate = Running::before(&recorder.url(), |_| {}).await;
    let lines = [&gate.bearer(json!({}))[..], "Cookie: a=b", "DPoP: proof"];
    assert_eq!(gate.ask("GET /mcp HTTP/1.1", &lines).await.status, 503);
    assert_eq!(recorder.connections(), 1);
}

#[tokio::test]
async fn g12_only_the_settings_choose_the_upstream() {
    let (gate, mut recorder) = recorded().await;
    let decoy = Recorder::answering(NOTHING).await;
    let lines = [
        format!("SW-URL: {}", decoy.url()),
        format!("Mcp-Init-Host: {}", decoy.address),
        format!("X-Forwarded-Host: {}", decoy.address),
        format!("X-Upstream: {}", decoy.url()),
        format!("X-Original-Url: {}", decoy.url()),
        format!("Destination: {}", decoy.url()),
    ];
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let head = forwarded(&gate, &mut recorder, &lines).await;
    assert_eq!(values(&head, "host"), [recorder.address.to_string()]);
    let bearer = gate.bearer(json!({}));
    let ask = async |target: &str, host: &str| -> Answer {
        let host = format!("Host: {host}");
        exchange(
            gate.public,
            &format!("GET {target} HTTP/1.1"),
            &[&host, &bearer],
            "",
        )
        .await
    };
    let foreign = format!("{}/mcp", decoy.url());
    assert_eq!(ask(&foreign, "mcp.example.com").await.status, 400);
    let answer = ask("http://mcp.example.com/mcp", "mcp.example.com").await;
    assert_eq!(answer.status, 204);
    let head = recorder.head().await;
    assert!(head.starts_with("get /mcp http/1.1\r\n"), "{head}");
    assert_eq!(decoy.connections(), 0);
}

#[tokio::test]
async fn f7_our_own_addresses_come_from_the_settings_alone() {
    let (gate, recorder) = recorded().await;
    let spoofed = [
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: gopher",
        "X-Forwarded-Prefix: /evil",
        "Forwarded: host=evil.example;proto=gopher",
        "X-Original-Url: http://evil.example/",
    ];
    for line in [
        "GET /mcp HTTP/1.1",
        "GET /.well-known/oauth-protected-resource/mcp HTTP/1.1",
        "GET /.well-known/oauth-authorization-server HTTP/1.1",
    ] {
        let text = format!("{:?}", gate.ask(line, &spoofed).await);
        assert!(
            text.contains("https://mcp.example.com/")
                && !text.contains("evil")
                && !text.contains("gopher"),
            "{text}"
        );
    }
    assert_eq!(recorder.connections(), 0);
}

#[rstest]
#[case("GoogleHC/1.0")]
#[case("kube-probe/1.30")]
#[case("ELB-HealthChecker/2.0")]
#[tokio::test]
async fn f13_a_probe_needs_a_token_like_anybody(#[case] agent: &str) {
    let (gate, recorder) = recorded().await;
    let agent = format!("User-Agent: {agent}");
    for path in ["/mcp", "/mcp/healthz", "/mcp/livez", "/mcp/ping"] {
        let answer = gate.ask(&format!("GET {path} HTTP/1.1"), &[&agent]).await;
        assert_eq!(answer.status, 401, "{path}");
    }
    for path in ["/livez", "/readyz", "/healthz", "/metrics", "/"] {
        let answer = gate.ask(&format!("GET {path} HTTP/1.1"), &[&agent]).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(recorder.connections(), 0);
}
