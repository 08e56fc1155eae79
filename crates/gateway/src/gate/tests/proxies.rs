//! Proxies in front: who is believed, about what, and that nobody else is.

use std::net::SocketAddr;

use rstest::rstest;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    lines::Log,
    recorder::{NOTHING, Recorder},
    support::{PATIENCE, Running},
};
use crate::config::{ForwardedHeader, Settings};

const V1: &[u8] = b"PROXY TCP4 198.51.100.1 10.0.0.1 5000 80\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x01\x0a\0\0\x01\x13\x88\0\x50";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

fn trusting(networks: &[&str]) -> impl Fn(&mut Settings) {
    let networks: Vec<_> = networks.iter().map(|net| net.parse().unwrap()).collect();
    move |settings| settings.trusted_proxies.clone_from(&networks)
}

/// A gate that trusts this machine, and the PROXY protocol on.
fn expecting(settings: &mut Settings) {
    trusting(&["127.0.0.0/8", "192.0.2.0/24"])(settings);
    settings.proxy_protocol = true;
}

/// What came back for these bytes on one connection; nothing when the gate hung up.
async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may hang up before it was told all.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    drop(end.expect("the connection ends"));
    String::from_utf8(answer).unwrap()
}

fn request(gate: &Running, lines: &[&str]) -> Vec<u8> {
    let bearer = gate.bearer(json!({}));
    let lines = [
        &["Host: mcp.example.com", "Connection: close", &bearer],
        lines,
    ]
    .concat();
    format!("GET /mcp HTTP/1.1\r\n{}\r\n\r\n", lines.join("\r\n")).into_bytes()
}

fn value<'a>(head: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    let mut values = head
        .split("\r\n")
        .filter_map(|line| line.strip_prefix(&prefix));
    let value = values.next().unwrap_or("-");
    assert_eq!(values.next(), None, "{head}");
    value
}

#[rstest]
#[case::v1(V1, &[], "198.51.100.1")]
#[case::v2(V2, &[], "198.51.100.1")]
#[case::local(LOCAL, &[], "127.0.0.1")]
#[case::unknown(b"PROXY UNKNOWN\r\n", &[], "127.0.0.1")]
// The client that a header of the connection names is no proxy, whatever it sends.
#[case::spoofed(V2, &["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: http"], "198.51.100.1")]
#[case::spoofed_in_two_ways(V2, &["Forwarded: for=\"", "X-Forwarded-For: 203.0.113.9"], "198.51.100.1")]
// A trusted proxy behind a balancer that passes bytes on is believed in turn.
#[case::a_chain(b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 80\r\n", &["X-Forwarded-For: 1.1.1.1, 203.0.113.9"], "203.0.113.9")]
#[case::a_local_chain(LOCAL, &["X-Forwarded-For: 203.0.113.9"], "203.0.113.9")]
#[case::v6(b"PROXY TCP6 2001:db8::7 ::1 5000 80\r\n", &[], "2001:db8::7")]
#[case::mapped(b"PROXY TCP6 ::ffff:198.51.100.1 ::1 5000 80\r\n", &["X-Forwarded-For: 1.1.1.1"], "198.51.100.1")]
#[tokio::test]
async fn h5_the_proxy_protocol_says_who_the_peer_is(
    #[case] header: &[u8],
    #[case] lines: &[&str],
    #[case] expected: &str,
) {
    let mut recorder = Recorder::answering(NOTHING).await;
    let gate = Running::before(&recorder.url(), expecting).await;
    let answer = raw(gate.public, &[header, &request(&gate, lines)].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let head = recorder.head().await;
    assert_eq!(value(&head, "x-forwarded-for"), expected);
    assert_eq!(value(&head, "x-forwarded-proto"), "https");
}

#[tokio::test]
async fn h5_every_request_of_a_connection_has_its_address() {
    let (log, _guard) = Log::of_this_thread("info");
    let gate = Running::with("test-1", expecting).await;
    let keeping = "GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n";
    let bytes = [V2, keeping.as_bytes(), &request(&gate, &[])].concat();
    let answer = raw(gate.public, &bytes).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
    let clients: Vec<_> = log
        .access()
        .iter()
        .map(|line| line["client"].clone())
        .collect();
    assert_eq!(clients, ["198.51.100.1", "198.51.100.1"]);
}

#[tokio::test]
async fn a_proxy_may_speak_http_2_after_its_header() {
    let gate = Running::with("test-1", expecting).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let mut stream = TcpStream::connect(gate.public).await.unwrap();
    stream.write_all(&[V2, preface].concat()).await.unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "the gate's settings: {frame:?}");
}

#[rstest]
#[case::proxy_without_a_header(true, "127.0.0.0/8", b"", "missing")]
#[case::proxy_with_half_of_one(true, "127.0.0.0/8", b"PROXY TCP4 198.51.100.1\r\n", "malformed")]
#[case::proxy_about_datagrams(
    true,
    "127.0.0.0/8",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xc6\x33\x64\x01\x0a\0\0\x01\x13\x88\0\x50",
    "other_transport"
)]
#[case::stranger_v1(true, "192.0.2.0/24", V1, "unexpected")]
#[case::stranger_v2(true, "192.0.2.0/24", V2, "unexpected")]
#[case::stranger_local(true, "192.0.2.0/24", LOCAL, "unexpected")]
#[case::off_v1(false, "127.0.0.0/8", V1, "unexpected")]
#[case::off_v2(false, "127.0.0.0/8", V2, "unexpected")]
#[tokio::test]
async fn f6_whoever_begins_otherwise_is_hung_up_on(
    #[case] on: bool,
    #[case] trusted: &str,
    #[case] header: &[u8],
    #[case] fault: &str,
) {
    let (log, _guard) = Log::of_this_thread("info");
    let gate = Running::with("test-1", |settings| {
        trusting(&[trusted])(settings);
        settings.proxy_protocol = on;
    })
    .await;
    for _ in 0..3 {
        let bytes = [header, &request(&gate, &[])].concat();
        assert_eq!(raw(gate.public, &bytes).await, "");
    }
    assert_eq!(gate.reached(), 0);
    let told = log.lines(|line| line["reason"] == fault);
    assert_eq!(told.len(), 1, "{}", log.text());
    assert_eq!(told[0]["peer"], "127.0.0.1");
    let metrics = gate.ask_admin("/metrics").await.body;
    let counted = format!("oauthgate_proxy_headers_refused_total{{fault=\"{fault}\"}} 3");
    assert!(metrics.contains(&counted), "{metrics}");
}

#[tokio::test]
async fn a_stranger_is_served_beside_proxies_and_the_admin_pages_expect_no_header() {
    let gate = Running::with("test-1", |settings| {
        trusting(&["192.0.2.0/24"])(settings);
        settings.proxy_protocol = true;
    })
    .await;
    assert_eq!(gate.status().await, 200);
    let gate = Running::with("test-1", expecting).await;
    assert_eq!(gate.ask_admin("/livez").await.status, 200);
}

#[tokio::test]
async fn a_proxy_has_as_long_for_its_header_as_clients_for_theirs() {
    let gate = Running::with("test-1", |settings| {
        expecting(settings);
        settings.limits.head = std::time::Duration::from_millis(200);
    })
    .await;
    let mut stream = TcpStream::connect(gate.public).await.unwrap();
    stream.write_all(&V2[..20]).await.unwrap();
    let mut answer = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(end.is_ok() && answer.is_empty(), "{end:?}");
    let metrics = gate.ask_admin("/metrics").await.body;
    let counted = "oauthgate_proxy_headers_refused_total{fault=\"slow\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn a_drain_waits_for_nobody_who_has_not_said_who_it_is() {
    let mut gate = Running::with("test-1", expecting).await;
    let mut stream = TcpStream::connect(gate.public).await.unwrap();
    stream.write_all(&V1[..10]).await.unwrap();
    while !gate
        .ask_admin("/metrics")
        .await
        .body
        .contains("oauthgate_connections 1")
    {}
    gate.stop();
    timeout(std::time::Duration::from_secs(10), &mut gate.ended)
        .await
        .expect("the gate ends long before its drain timeout")
        .unwrap();
}

#[tokio::test]
async fn h5_the_budget_of_refused_tokens_is_charged_to_whom_the_header_names() {
    let gate = Running::with("test-1", expecting).await;
    gate.ready().await;
    let bad = |source: &str| {
        let lines = "Host: mcp.example.com\r\nConnection: close\r\nAuthorization: Bearer a.b.c";
        format!("PROXY TCP4 {source} 10.0.0.1 5000 80\r\nGET /mcp HTTP/1.1\r\n{lines}\r\n\r\n")
    };
    for _ in 0..65 {
        raw(gate.public, bad("198.51.100.1").as_bytes()).await;
    }
    let mut same = Vec::new();
    for _ in 0..10 {
        same.push(raw(gate.public, bad("198.51.100.1").as_bytes()).await);
    }
    assert!(
        same.iter().any(|answer| answer.starts_with("HTTP/1.1 429")),
        "{same:?}"
    );
    let other = raw(gate.public, bad("198.51.100.2").as_bytes()).await;
    assert!(other.starts_with("HTTP/1.1 401"), "{other}");
}

#[rstest]
#[case::rewritten("127.0.0.1:8080", &["X-Forwarded-Host: mcp.example.com"], 200)]
#[case::rewritten_and_standard("gate.internal", &["Forwarded: for=198.51.100.1;host=mcp.example.com"], 200)]
#[case::with_a_default_port("gate.internal", &["X-Forwarded-Host: mcp.example.com:443"], 200)]
#[case::with_another_port("gate.internal", &["X-Forwarded-Host: mcp.example.com:8443"], 403)]
#[case::foreign("mcp.example.com", &["X-Forwarded-Host: evil.example"], 403)]
#[case::foreign_and_standard("mcp.example.com", &["Forwarded: host=evil.example"], 403)]
#[case::not_said("gate.internal", &["X-Forwarded-For: 198.51.100.1"], 403)]
#[case::two_that_disagree("mcp.example.com", &["X-Forwarded-For: 1.1.1.1, 127.0.0.2", "X-Forwarded-Host: mcp.example.com, evil.example"], 400)]
#[case::two_headers_that_disagree("mcp.example.com", &["Forwarded: host=evil.example", "X-Forwarded-Host: mcp.example.com"], 400)]
#[case::none("mcp.example.com", &["X-Forwarded-Host: a b"], 400)]
#[tokio::test]
async fn f7_g10_the_host_that_a_trusted_proxy_heard_is_judged(
    #[case] host: &str,
    #[case] lines: &[&str],
    #[case] expected: u16,
) {
    let gate = Running::with("test-1", trusting(&["127.0.0.0/8"])).await;
    let bearer = gate.bearer(json!({}));
    let host = format!("Host: {host}");
    let lines = [&[&host, &bearer[..]], lines].concat();
    let answer = super::support::exchange(gate.public, "GET /mcp HTTP/1.1", &lines, "").await;
    assert_eq!(answer.status, expected, "{answer:?}");
    assert_eq!(gate.reached(), usize::from(expected == 200));
    // From anybody else the words change nothing.
    let gate = Running::start().await;
    let bearer = gate.bearer(json!({}));
    let lines = [&["Host: mcp.example.com", &bearer[..]], &lines[2..]].concat();
    let answer = super::support::exchange(gate.public, "GET /mcp HTTP/1.1", &lines, "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn h5_two_stories_are_refused_until_a_setting_says_which_counts() {
    let (log, _guard) = Log::of_this_thread("info");
    let lines = [
        "Forwarded: for=1.1.1.1;x=\"\u{7f}\"",
        "X-Forwarded-For: 198.51.100.1",
    ];
    let lines = [&lines[0].replace('\u{7f}', "y")[..], lines[1]];
    let gate = Running::with("test-1", trusting(&["127.0.0.0/8"])).await;
    let bearer = gate.bearer(json!({}));
    let asked = [&bearer[..], lines[0], lines[1]];
    let answer = gate.ask("GET /mcp HTTP/1.1", &asked).await;
    assert_eq!((answer.status, gate.reached()), (400, 0), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), "");
    assert!(!format!("{answer:?}").contains("1.1.1.1"), "{answer:?}");
    let line = log.access().pop().unwrap();
    assert_eq!(
        (&line["reason"], &line["client"]),
        (&json!("ambiguous_client"), &json!("127.0.0.1"))
    );
    let detail = line["detail"].as_str().unwrap();
    for part in [
        "OAUTHGATE_FORWARDED_HEADER",
        "for=1.1.1.1",
        "`198.51.100.1`",
    ] {
        assert!(detail.contains(part), "{detail}");
    }

    for (header, client) in [
        (ForwardedHeader::XForwarded, "198.51.100.1"),
        (ForwardedHeader::Forwarded, "1.1.1.1"),
        (ForwardedHeader::Nothing, "127.0.0.1"),
    ] {
        let mut recorder = Recorder::answering(NOTHING).await;
        let gate = Running::before(&recorder.url(), |settings| {
            trusting(&["127.0.0.0/8"])(settings);
            settings.forwarded_header = header;
        })
        .await;
        let bearer = gate.bearer(json!({}));
        let asked = [&bearer[..], lines[0], lines[1]];
        assert_eq!(gate.ask("GET /mcp HTTP/1.1", &asked).await.status, 204);
        let head = recorder.head().await;
        assert_eq!(value(&head, "x-forwarded-for"), client, "{header:?}");
        assert_eq!(value(&head, "forwarded"), "-");
    }
}

/// What people put in front of proxies to become somebody else.
const SPOOFS: [&str; 14] = [
    "Forwarded: for=1.1.1.1;host=evil.example;proto=gopher",
    "Forwarded: host=\"evil.example",
    "X-Forwarded-For: 1.1.1.1, garbage",
    "X-Forwarded-Proto: gopher",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Host: evil.example, mcp.example.com, evil.example",
    "X-Forwarded-Port: 1",
    "X-Forwarded-Prefix: /evil.example",
    "X-Forwarded-Server: evil.example",
    "X-Forwarded-Uri: https://evil.example/mcp",
    "X-Original-Url: https://evil.example/mcp",
    "X-Rewrite-Url: https://evil.example/mcp",
    "X-Host: evil.example",
    "CF-Connecting-IP: 1.1.1.1",
];

#[tokio::test]
async fn g11_f7_metadata_and_challenges_say_the_same_whatever_proxies_say() {
    let strict = Running::start().await;
    for trusted in [&[][..], &["127.0.0.0/8"]] {
        let gate = Running::with("test-1", trusting(trusted)).await;
        let document = "GET /.well-known/oauth-protected-resource/mcp HTTP/1.1";
        let expected = strict.ask(document, &[]).await.json()["resource"].clone();
        assert_eq!(expected, "https://mcp.example.com/mcp");
        for spoof in SPOOFS {
            let answer = gate.ask(document, &[spoof]).await;
            assert_eq!(answer.status, 200, "{spoof}: {answer:?}");
            assert_eq!(answer.json()["resource"], expected, "{spoof}");
            for lines in [&[spoof][..], &[spoof, "Authorization: Bearer a.b.c"]] {
                let answer = gate.ask("GET /mcp HTTP/1.1", lines).await;
                let told = format!("{answer:?}");
                assert!(!told.contains("evil") && !told.contains("gopher"), "{told}");
                let challenge = answer.header("www-authenticate");
                let place = "resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"";
                assert!(answer.status != 401 || challenge.contains(place), "{told}");
            }
        }
    }
}

/// Forward authentication asks about a request in headers; a gate that stands in its way does not.
#[tokio::test]
async fn f5_the_decision_is_on_the_request_that_is_made() {
    let told = [
        "X-Forwarded-Uri: /.well-known/oauth-protected-resource",
        "X-Forwarded-Method: OPTIONS",
        "X-Forwarded-Prefix: /mcp",
        "X-Original-Url: /mcp",
        "X-Original-Uri: /mcp",
        "X-Original-Method: OPTIONS",
        "X-Rewrite-Url: /mcp",
        "X-Http-Method-Override: OPTIONS",
        "X-Forwarded-Host: mcp.example.com",
    ];
    for trusted in [&[][..], &["127.0.0.0/8"]] {
        let mut recorder = Recorder::answering(NOTHING).await;
        let gate = Running::before(&recorder.url(), trusting(trusted)).await;
        let bearer = gate.bearer(json!({}));
        assert_eq!(gate.ask("GET /mcp HTTP/1.1", &told).await.status, 401);
        let with_token = [&[&bearer[..]], &told[..]].concat();
        assert_eq!(
            gate.ask("GET /elsewhere HTTP/1.1", &with_token)
                .await
                .status,
            404
        );
        assert_eq!(recorder.connections(), 0);
        assert_eq!(
            gate.ask("DELETE /mcp/x?y=1 HTTP/1.1", &with_token)
                .await
                .status,
            204
        );
        let head = recorder.head().await;
        assert!(head.starts_with("delete /mcp/x?y=1 http/1.1\r\n"), "{head}");
        assert!(
            !head.contains("x-original") && !head.contains("x-rewrite"),
            "{head}"
        );
        assert_eq!(value(&head, "x-forwarded-uri"), "-");
        assert_eq!(value(&head, "x-forwarded-method"), "-");
        assert_eq!(value(&head, "x-forwarded-prefix"), "-");
    }
}

#[rstest]
#[case::nobody(&[], "9.9.9.9, 198.51.100.1", "127.0.0.1")]
#[case::one_hop(&["127.0.0.0/8"], "9.9.9.9, 198.51.100.1", "198.51.100.1")]
#[case::two_hops(&["127.0.0.0/8", "10.0.0.0/8"], "9.9.9.9, 198.51.100.1, 10.0.0.2", "198.51.100.1")]
#[case::one_of_two(&["127.0.0.0/8"], "9.9.9.9, 198.51.100.1, 10.0.0.2", "10.0.0.2")]
#[tokio::test]
async fn h5_the_client_is_behind_as_many_hops_as_are_trusted(
    #[case] trusted: &[&str],
    #[case] chain: &str,
    #[case] expected: &str,
) {
    let mut recorder = Recorder::answering(NOTHING).await;
    let gate = Running::before(&recorder.url(), trusting(trusted)).await;
    let bearer = gate.bearer(json!({}));
    let line = format!("X-Forwarded-For: {chain}");
    assert_eq!(
        gate.ask("GET /mcp HTTP/1.1", &[&bearer, &line])
            .await
            .status,
        204
    );
    assert_eq!(value(&recorder.head().await, "x-forwarded-for"), expected);
}
