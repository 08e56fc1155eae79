//! How much may be under way: of the gate, of a caller, of an address.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rstest::rstest;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    between::{Between, ends_soon, read_until, write},
    support::{Answer, PATIENCE, Running},
};
use crate::config::Settings;

const ORIGIN: &str = "Origin: https://mcp.example.com";
const HANDSHAKE: &str = "GET /mcp HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
const AGREED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

async fn one_request(change: impl FnOnce(&mut Settings)) -> Running {
    Running::with("test-1", |settings| {
        settings.limits.in_flight = 1;
        change(settings);
    })
    .await
}

/// Asks for something and leaves the connection open.
async fn asking(gate: &Running, request_line: &str, lines: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gate.public).await.unwrap();
    let bearer = gate.bearer(json!({}));
    let head = format!("{request_line}\r\nHost: mcp.example.com\r\n{bearer}\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn metric(gate: &Running, series: &str) -> i64 {
    let text = gate.ask_admin("/metrics").await.body;
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    let value = line.unwrap_or_else(|| panic!("no {series} in\n{text}"));
    value.trim().parse().unwrap()
}

async fn becomes(gate: &Running, series: &str, expected: i64) {
    for _ in 0..1_000 {
        if metric(gate, series).await == expected {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    let left = metric(gate, series).await;
    panic!("{series} is {left} and not {expected}");
}

const IN_FLIGHT: &str = "oauthgate_requests_in_flight ";
const STREAMS: &str = "oauthgate_open_streams ";

async fn nothing_is_left(gate: &Running) {
    becomes(gate, IN_FLIGHT, 0).await;
    becomes(gate, STREAMS, 0).await;
}

fn is_overloaded(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
    assert_eq!(
        answer.json()["error_description"],
        "Too many requests are under way"
    );
}

#[tokio::test]
async fn a_full_gate_turns_requests_away_and_goes_on_with_the_rest() {
    let gate = one_request(|_| {}).await;
    gate.ready().await;
    let slow = asking(&gate, "GET /mcp/slower HTTP/1.1", "").await;
    becomes(&gate, IN_FLIGHT, 1).await;
    let shed = gate.ask("GET /mcp HTTP/1.1", &[ORIGIN]).await;
    is_overloaded(&shed);
    assert_eq!(
        shed.header("access-control-allow-origin"),
        "https://mcp.example.com"
    );
    let document = "GET /.well-known/oauth-protected-resource/mcp HTTP/1.1";
    assert_eq!(gate.ask(document, &[]).await.status, 200);
    let hint = "GET /.well-known/oauth-authorization-server HTTP/1.1";
    assert_eq!(gate.ask(hint, &[]).await.status, 404);
    let preflight = [ORIGIN, "Access-Control-Request-Method: POST"];
    let preflight = gate.ask("OPTIONS /mcp HTTP/1.1", &preflight).await;
    assert!(preflight.status < 300, "{preflight:?}");
    assert_eq!(gate.ask_admin("/readyz").await.status, 200);
    assert_eq!(
        metric(&gate, "oauthgate_shed_total{what=\"requests\"} ").await,
        1
    );
    let counted =
        "oauthgate_requests_total{resource=\"mcp\",outcome=\"failed\",reason=\"overloaded\"} ";
    assert_eq!(metric(&gate, counted).await, 1);
    drop(slow);
    nothing_is_left(&gate).await;
    assert_eq!(gate.status().await, 200);
}

/// A bad token costs a lookup; whoever sends many, and half a body with each, must not keep good callers out.
#[tokio::test]
async fn a_refusal_is_no_work_any_more_while_its_client_still_sends() {
    let gate = one_request(|_| {}).await;
    let mut refused = TcpStream::connect(gate.public).await.unwrap();
    let head = "POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Length: 100\r\n\r\nhalf";
    write(&mut refused, head).await;
    let counted =
        "oauthgate_requests_total{resource=\"mcp\",outcome=\"refused\",reason=\"no_credentials\"} ";
    for _ in 0..500 {
        if gate.ask_admin("/metrics").await.body.contains(counted) {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    // The rest of the body is still waited for.
    assert_eq!(gate.status().await, 200);
    read_until(&mut refused, "401 Unauthorized").await;
}

#[rstest]
#[case::before_the_answer("GET /mcp/slower HTTP/1.1", IN_FLIGHT)]
#[case::within_a_stream("GET /mcp/stream HTTP/1.1", STREAMS)]
#[tokio::test]
async fn a_client_that_is_gone_gives_its_place_back(#[case] line: &str, #[case] series: &str) {
    let gate = one_request(|_| {}).await;
    let client = asking(&gate, line, "").await;
    becomes(&gate, series, 1).await;
    // A reset, not a farewell.
    client.set_zero_linger().unwrap();
    drop(client);
    nothing_is_left(&gate).await;
    assert_eq!(gate.status().await, 200);
}

#[tokio::test]
async fn a_service_that_panics_gives_its_place_back() {
    let gate = one_request(|_| {}).await;
    let mut client = asking(&gate, "GET /mcp/panics HTTP/1.1", "").await;
    let mut nothing = Vec::new();
    let end = timeout(PATIENCE, client.read_to_end(&mut nothing)).await;
    assert!(end.is_ok() && nothing.is_empty());
    nothing_is_left(&gate).await;
    assert_eq!(gate.status().await, 200);
}

#[tokio::test]
async fn a_head_request_gives_its_place_back_and_opens_no_stream() {
    let gate = one_request(|settings| settings.limits.streams = 1).await;
    let head = gate
        .ask("HEAD /mcp/stream HTTP/1.1", &[&gate.bearer(json!({}))])
        .await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    nothing_is_left(&gate).await;
    assert_eq!(gate.status().await, 200);
}

#[tokio::test]
async fn streams_take_no_places_of_requests() {
    let gate = one_request(|_| {}).await;
    let mut streams = Vec::new();
    for number in 1..=3 {
        streams.push(asking(&gate, "GET /mcp/stream HTTP/1.1", "").await);
        becomes(&gate, STREAMS, number).await;
    }
    assert_eq!(metric(&gate, IN_FLIGHT).await, 0);
    assert_eq!(gate.status().await, 200);
    drop(streams);
    nothing_is_left(&gate).await;
}

#[rstest]
#[case::that_was_asked_for("Accept: text/event-stream", 0)]
#[case::that_nobody_expected("Accept: */*", 1)]
#[tokio::test]
async fn a_stream_too_many_for_the_gate_is_turned_away(
    #[case] accept: &str,
    #[case] hears_of_it: usize,
) {
    let gate = Running::with("test-1", |settings| settings.limits.streams = 1).await;
    let stream = asking(&gate, "GET /mcp/stream HTTP/1.1", "").await;
    becomes(&gate, STREAMS, 1).await;
    let (before, bearer) = (gate.reached(), gate.bearer(json!({})));
    let shed = gate
        .ask("GET /mcp/stream HTTP/1.1", &[&bearer, accept])
        .await;
    is_overloaded(&shed);
    assert_eq!(gate.reached() - before, hears_of_it);
    assert_eq!(
        metric(&gate, "oauthgate_shed_total{what=\"streams\"} ").await,
        1
    );
    drop(stream);
    nothing_is_left(&gate).await;
}

#[tokio::test]
async fn a_caller_has_so_many_streams_and_others_have_their_own() {
    let gate = Running::with("test-1", |settings| settings.limits.streams_per_subject = 1).await;
    let stream = asking(&gate, "GET /mcp/stream HTTP/1.1", "").await;
    becomes(&gate, STREAMS, 1).await;
    let asked = async |claims, path: &str| {
        let line = format!("GET {path} HTTP/1.1");
        gate.ask(&line, &[&gate.bearer(claims)]).await
    };
    // Another token of the same subject, through another client.
    let further = asked(json!({ "client_id": "other" }), "/mcp/stream").await;
    assert_eq!(further.status, 429, "{further:?}");
    assert_eq!(further.header("retry-after"), "1");
    assert_eq!(
        further.json()["error_description"],
        "This caller has too many open streams"
    );
    assert_eq!(gate.status().await, 200, "its requests have their own");
    let (mut other, bearer) = (
        TcpStream::connect(gate.public).await.unwrap(),
        gate.bearer(json!({ "sub": "bob" })),
    );
    let head = format!("GET /mcp/stream HTTP/1.1\r\nHost: mcp.example.com\r\n{bearer}\r\n\r\n");
    write(&mut other, &head).await;
    read_until(&mut other, "200 OK").await;
    assert_eq!(
        metric(&gate, "oauthgate_shed_total{what=\"streams\"} ").await,
        0,
        "the gate is not full"
    );
    drop((stream, other));
    nothing_is_left(&gate).await;
}

#[tokio::test]
async fn a_subscription_is_a_stream_before_its_server_hears_of_it() {
    let gate = Running::with("test-1", |settings| settings.limits.streams_per_subject = 1).await;
    let stream = asking(&gate, "GET /mcp/stream HTTP/1.1", "").await;
    becomes(&gate, STREAMS, 1).await;
    let (before, bearer) = (gate.reached(), gate.bearer(json!({})));
    let subscribing = async |method: &str| {
        let method = format!("Mcp-Method: {method}");
        let lines = [&bearer, &method, "Content-Length: 0"];
        gate.ask("POST /mcp HTTP/1.1", &lines).await.status
    };
    assert_eq!(subscribing("subscriptions/listen").await, 429);
    assert_eq!(gate.reached(), before);
    assert_eq!(subscribing("tools/call").await, 200);
    drop(stream);
    nothing_is_left(&gate).await;
    assert_eq!(subscribing("subscriptions/listen").await, 200);
    nothing_is_left(&gate).await;
}

#[tokio::test]
async fn a_caller_has_so_many_requests_in_flight_and_others_have_their_own() {
    let gate = Running::with("test-1", |settings| {
        settings.limits.in_flight_per_subject = 1;
    })
    .await;
    let slow = asking(&gate, "GET /mcp/slower HTTP/1.1", "").await;
    becomes(&gate, IN_FLIGHT, 1).await;
    for _ in 0..500 {
        if gate.reached() > 0 {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    let further = gate
        .ask("GET /mcp HTTP/1.1", &[&gate.bearer(json!({}))])
        .await;
    assert_eq!(further.status, 429, "{further:?}");
    assert_eq!(further.header("retry-after"), "1");
    assert_eq!(
        further.json()["error_description"],
        "Too many requests of this caller are under way"
    );
    for other in [
        json!({ "sub": "bob" }),
        json!({ "tid": "t2", "sub": "carol" }),
    ] {
        let answer = gate.ask("GET /mcp HTTP/1.1", &[&gate.bearer(other)]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    drop(slow);
    nothing_is_left(&gate).await;
    assert_eq!(gate.status().await, 200);
}

#[rstest]
#[case::of_the_gate(1, 1_000, "503 Service Unavailable")]
#[case::of_the_caller(1_000, 1, "429 Too Many Requests")]
#[tokio::test]
async fn a_tunnel_is_a_stream_until_either_side_leaves(
    #[case] streams: usize,
    #[case] per_subject: usize,
    #[case] refusal: &str,
) {
    let between = Between::with(|settings| {
        settings.limits.streams = streams;
        settings.limits.streams_per_subject = per_subject;
    })
    .await;
    let gate = &between.gate;
    let open = async || {
        let (mut client, mut upstream, _) = between.request(HANDSHAKE).await;
        write(&mut upstream, AGREED).await;
        read_until(&mut client, "\r\n\r\n").await;
        (client, upstream)
    };
    let (client, upstream) = open().await;
    becomes(gate, STREAMS, 1).await;
    becomes(gate, IN_FLIGHT, 0).await;
    // Long after the response is over.
    sleep(Duration::from_millis(100)).await;
    let mut further = asking(
        gate,
        "GET /mcp HTTP/1.1",
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
    )
    .await;
    read_until(&mut further, refusal).await;
    let unheard = timeout(Duration::from_millis(100), between.upstream.accept()).await;
    assert!(unheard.is_err(), "the upstream heard of it");
    // A farewell, which the other side takes up, and a reset.
    let (mut client, mut upstream) = (client, upstream);
    client.shutdown().await.unwrap();
    ends_soon(&mut upstream).await;
    drop(upstream);
    nothing_is_left(gate).await;
    let (client, _upstream) = open().await;
    becomes(gate, STREAMS, 1).await;
    client.set_zero_linger().unwrap();
    drop(client);
    nothing_is_left(gate).await;
}

type Http2 = Client<hyper_util::client::legacy::connect::HttpConnector, Empty<Bytes>>;

fn http2() -> Http2 {
    Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http()
}

fn request(gate: &Running, path: &str) -> Request<Empty<Bytes>> {
    let token = gate.signer.token(json!({}));
    Request::get(format!("http://{}{path}", gate.public))
        .header("authorization", format!("Bearer {token}"))
        .body(Empty::new())
        .unwrap()
}

/// One connection may carry 250 requests at a time: connections are no measure of what is under way.
#[tokio::test]
async fn f20_the_streams_of_one_http2_connection_all_count() {
    let gate = Running::with("test-1", |settings| {
        settings.limits.in_flight = 4;
        let host = "127.0.0.1".to_owned();
        settings.resources[0].allowed_hosts.push(host);
    })
    .await;
    let client = http2();
    let slow: Vec<_> = (0..10)
        .map(|_| tokio::spawn(client.request(request(&gate, "/mcp/slow"))))
        .collect();
    let mut statuses = Vec::new();
    for answer in slow {
        let answer = answer.await.unwrap().unwrap();
        statuses.push(answer.status().as_u16());
        drop(answer.into_body().collect().await);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [[200; 4].as_slice(), &[503; 6]].concat());
    nothing_is_left(&gate).await;
}

#[tokio::test]
async fn f20_a_stream_that_is_reset_gives_its_place_back() {
    let gate = one_request(|_| {}).await;
    let client = http2();
    for _ in 0..20 {
        let slow = tokio::spawn(client.request(request(&gate, "/mcp/slower")));
        becomes(&gate, IN_FLIGHT, 1).await;
        slow.abort();
        nothing_is_left(&gate).await;
    }
    let answer = client.request(request(&gate, "/mcp")).await.unwrap();
    assert_eq!(answer.status(), 200);
}

/// The connection is closed without a word.
async fn is_closed(gate: &Running) -> bool {
    let mut client = TcpStream::connect(gate.public).await.unwrap();
    let mut nothing = [0];
    let end = timeout(Duration::from_millis(300), client.read(&mut nothing)).await;
    matches!(end, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn f28_an_address_has_so_many_connections() {
    let gate = Running::with("test-1", |settings| {
        settings.limits.connections_per_address = 2;
    })
    .await;
    let first = TcpStream::connect(gate.public).await.unwrap();
    let tunnel = asking(&gate, "GET /mcp/stream HTTP/1.1", "").await;
    becomes(&gate, "oauthgate_connections ", 2).await;
    assert!(is_closed(&gate).await);
    assert_eq!(
        metric(&gate, "oauthgate_shed_total{what=\"connections\"} ").await,
        1
    );
    assert_eq!(gate.ask_admin("/readyz").await.status, 200);
    drop(first);
    becomes(&gate, "oauthgate_connections ", 1).await;
    assert_eq!(gate.status().await, 200);
    drop(tunnel);
}

#[tokio::test]
async fn a_trusted_proxy_has_as_many_connections_as_it_likes() {
    let gate = Running::with("test-1", |settings| {
        settings.limits.connections_per_address = 1;
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let held = [
        TcpStream::connect(gate.public).await.unwrap(),
        TcpStream::connect(gate.public).await.unwrap(),
    ];
    becomes(&gate, "oauthgate_connections ", 2).await;
    assert_eq!(gate.status().await, 200);
    drop(held);
}
