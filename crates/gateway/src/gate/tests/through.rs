//! Through the gate to a real upstream and back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::any,
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{sleep, timeout},
};

use super::support::{PATIENCE, Running, exchange, loopback};

/// What the upstream saw; counts the streams that somebody still reads.
#[derive(Clone, Default)]
struct Seen {
    streams: Arc<AtomicUsize>,
}

/// One stream that somebody reads.
struct Reading(Arc<AtomicUsize>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn upstream(seen: Seen) -> String {
    let listener = loopback().await;
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route(
            "/api/echo",
            any(|body: Body| async { Body::from_stream(body.into_data_stream()) }),
        )
        .route("/api/events", any(events))
        .route(
            "/api/late",
            any(|| async { sleep(Duration::from_secs(60)).await }),
        )
        .route(
            "/api/identity",
            any(|| async {
                (
                    [
                        ("x-auth-request-user", "mallory"),
                        ("access-control-allow-origin", "*"),
                        ("x-kept", "1"),
                    ],
                    "",
                )
            }),
        )
        .fallback(describe)
        .with_state(seen);
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/api")
}

async fn describe(request: Request) -> Json<Value> {
    let headers: Map<_, _> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
        .collect();
    Json(
        json!({ "uri": request.uri().to_string(), "method": request.method().as_str(), "headers": headers }),
    )
}

async fn events(State(seen): State<Seen>) -> Response {
    seen.streams.fetch_add(1, Ordering::SeqCst);
    let reading = Reading(seen.streams);
    let events = futures_util::stream::unfold((0, reading), |(number, reading)| async move {
        sleep(Duration::from_millis(20)).await;
        Some((
            Ok::<_, std::io::Error>(Bytes::from(format!("data: {number}\n\n"))),
            (number + 1, reading),
        ))
    });
    (
        [("content-type", "text/event-stream")],
        Body::from_stream(events),
    )
        .into_response()
}

#[tokio::test]
async fn the_upstream_sees_its_own_path_and_who_is_calling_and_no_token() {
    let gate = Running::before(&upstream(Seen::default()).await, |_| {}).await;
    let lines = [
        &gate.bearer(json!({ "tier": "gold", "tenant_id": "acme" }))[..],
        "X-Auth-Request-User: mallory",
        "X_Auth_Request_User: mallory",
        "X-Auth-Tenant: evil",
        "X-Forwarded-For: 1.2.3.4",
        "Connection: x-auth-request-user, x-mine",
        "X-Mine: 1",
        "Mcp-Param-Region: eu",
    ];
    let seen = gate
        .ask("POST /mcp/deep?q=%20x HTTP/1.1", &lines)
        .await
        .json();
    assert_eq!(
        (&seen["uri"], &seen["method"]),
        (&json!("/api/deep?q=%20x"), &json!("POST"))
    );
    let headers = &seen["headers"];
    assert_eq!(
        (
            &headers["x-auth-request-user"],
            &headers["x-auth-tenant"],
            &headers["x-auth-tier"]
        ),
        (&json!("alice"), &json!("acme"), &json!("gold"))
    );
    assert_eq!(
        (
            &headers["x-forwarded-for"],
            &headers["x-forwarded-host"],
            &headers["mcp-param-region"]
        ),
        (&json!("127.0.0.1"), &json!("mcp.example.com"), &json!("eu"))
    );
    assert!(headers["host"].as_str().unwrap().starts_with("127.0.0.1:"));
    for gone in ["authorization", "x_auth_request_user", "x-mine"] {
        assert_eq!(headers[gone], Value::Null, "{gone}");
    }
    let root = gate
        .ask("GET /mcp/ HTTP/1.1", &[&gate.bearer(json!({}))])
        .await
        .json();
    assert_eq!(
        root["uri"], "/api",
        "both spellings reach the path that the operator wrote"
    );
}

/// A name in another script is good, but a header could only carry it changed.
#[tokio::test]
async fn f18_a_caller_whose_name_fits_no_header_stops_at_the_gate() {
    let gate = Running::before(&upstream(Seen::default()).await, |_| {}).await;
    for claim in ["sub", "tenant_id", "client_id"] {
        let caller = gate.bearer(json!({ claim: "samlp|adfs|jürgen@x.de" }));
        let answer = gate.ask("GET /mcp/ HTTP/1.1", &[&caller]).await;
        assert_eq!(answer.status, 401, "{claim}: {answer:?}");
        assert_eq!(answer.json()["error"], "invalid_token", "{claim}");
    }
}

#[tokio::test]
async fn an_upstream_without_a_path_gets_the_path_as_it_is() {
    let address = upstream(Seen::default()).await;
    let gate = Running::before(address.trim_end_matches("/api"), |_| {}).await;
    let seen = gate
        .ask("GET /mcp/%41?a=b HTTP/1.1", &[&gate.bearer(json!({}))])
        .await
        .json();
    assert_eq!(seen["uri"], "/mcp/%41?a=b");
}

#[tokio::test]
async fn nothing_from_the_upstream_looks_like_identity_or_leave() {
    let gate = Running::before(&upstream(Seen::default()).await, |_| {}).await;
    let answer = gate
        .ask("GET /mcp/identity HTTP/1.1", &[&gate.bearer(json!({}))])
        .await;
    assert_eq!((answer.status, answer.header("x-kept")), (200, "1"));
    assert_eq!(
        (
            answer.header("x-auth-request-user"),
            answer.header("access-control-allow-origin")
        ),
        ("", "")
    );
}

/// Opens a connection, sends this, and gives what comes back piece by piece.
async fn pieces(gate: &Running, head: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(gate.public).await.unwrap();
    let head = format!(
        "{head}\r\nHost: mcp.example.com\r\n{}\r\n\r\n",
        gate.bearer(json!({}))
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let first = piece(&mut stream).await;
    (stream, first)
}

async fn piece(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 4096];
    let count = timeout(PATIENCE, stream.read(&mut buffer))
        .await
        .expect("a piece")
        .unwrap();
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

#[tokio::test]
async fn events_arrive_one_by_one_and_a_client_that_leaves_ends_the_upstreams_stream() {
    let seen = Seen::default();
    let gate = Running::before(&upstream(seen.clone()).await, |_| {}).await;
    let (mut stream, first) = pieces(&gate, "GET /mcp/events HTTP/1.1").await;
    assert!(
        first.contains("200 OK") && first.contains("x-accel-buffering: no"),
        "{first}"
    );
    let mut text = first;
    while !text.contains("data: 3") {
        text.push_str(&piece(&mut stream).await);
    }
    assert_eq!(seen.streams.load(Ordering::SeqCst), 1);
    drop(stream);
    for _ in 0..3_000 {
        if seen.streams.load(Ordering::SeqCst) == 0 {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("the upstream still streams for a client that left");
}

#[tokio::test]
async fn an_upload_comes_through_while_it_is_sent() {
    let gate = Running::before(&upstream(Seen::default()).await, |_| {}).await;
    let mut stream = TcpStream::connect(gate.public).await.unwrap();
    let head = format!(
        "POST /mcp/echo HTTP/1.1\r\nHost: mcp.example.com\r\n{}\r\nTransfer-Encoding: chunked\r\n\r\n",
        gate.bearer(json!({}))
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    for word in ["first", "second", "third"] {
        stream
            .write_all(format!("{:x}\r\n{word}\r\n", word.len()).as_bytes())
            .await
            .unwrap();
        while !text.contains(word) {
            text.push_str(&piece(&mut stream).await);
        }
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
}

#[tokio::test]
async fn an_upstream_that_is_gone_is_502_and_a_slow_one_504() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let gate = Running::before(&format!("http://{gone}"), |_| {}).await;
    let answer = gate
        .ask("GET /mcp HTTP/1.1", &[&gate.bearer(json!({}))])
        .await;
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (502, ""),
        "{answer:?}"
    );
    assert!(
        !answer.body.contains(&gone.port().to_string()),
        "{answer:?}"
    );
    let quick = |settings: &mut crate::config::Settings| {
        settings.resources[0].timeouts.response = Duration::from_millis(200);
    };
    let gate = Running::before(&upstream(Seen::default()).await, quick).await;
    let answer = gate
        .ask("GET /mcp/late HTTP/1.1", &[&gate.bearer(json!({}))])
        .await;
    assert_eq!(
        (answer.status, answer.json()["error"].as_str().unwrap()),
        (504, "gateway_timeout")
    );
    let text = gate.ask_admin("/metrics").await.body;
    assert!(
        text.contains("outcome=\"failed\",reason=\"upstream_timeout\"} 1"),
        "{text}"
    );
}

/// An upstream that upgrades to whatever is asked for, and then repeats every byte.
async fn upgrading() -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = loopback().await;
    let address = listener.local_addr().unwrap();
    let (heads, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = piece(&mut stream).await;
            let answer = match head.to_ascii_lowercase().contains("upgrade: websocket") {
                true => {
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"
                }
                false => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            };
            heads.send(head).unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            let (mut read, mut write) = stream.split();
            let _ = tokio::io::copy(&mut read, &mut write).await;
        }
    });
    (format!("http://{address}"), seen)
}

const UPGRADE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: k",
    "Sec-WebSocket-Version: 13",
];

/// A tunnel through the gate, and what the gate answered.
async fn tunnel(gate: &Running) -> (TcpStream, String) {
    let (stream, answer) = pieces(
        gate,
        &format!("GET /mcp HTTP/1.1\r\n{}", UPGRADE.join("\r\n")),
    )
    .await;
    (stream, answer.to_ascii_lowercase())
}

#[tokio::test]
async fn a_websocket_is_a_tunnel_after_the_token_was_checked() {
    let (address, mut seen) = upgrading().await;
    let gate = Running::before(&address, |_| {}).await;
    let (mut stream, answer) = tunnel(&gate).await;
    assert!(
        answer.starts_with("http/1.1 101")
            && answer.contains("sec-websocket-accept: x")
            && answer.contains("upgrade: websocket"),
        "{answer}"
    );
    stream.write_all(b"ping").await.unwrap();
    assert_eq!(piece(&mut stream).await, "ping");
    let head = seen.recv().await.unwrap().to_ascii_lowercase();
    assert!(
        head.contains("x-auth-request-user: alice") && !head.contains("authorization"),
        "{head}"
    );
    assert_eq!(gate.ask("GET /mcp HTTP/1.1", &UPGRADE).await.status, 401);
}

#[tokio::test]
async fn a_websocket_is_refused_where_tools_have_rules() {
    let (address, _seen) = upgrading().await;
    let rules = |settings: &mut crate::config::Settings| {
        let tools = &mut settings.resources[0].tools.scopes;
        tools.insert("x".to_owned(), oauthgate_core::ScopeSet::empty());
    };
    let gate = Running::before(&address, rules).await;
    let (_, answer) = tunnel(&gate).await;
    assert!(
        answer.starts_with("http/1.1 4"),
        "messages of a tunnel would pass unseen: {answer}"
    );
}

#[tokio::test]
async fn a_tunnel_keeps_its_place_and_a_drain_waits_for_it() {
    let (address, _seen) = upgrading().await;
    let mut gate = Running::before(&address, |settings| settings.limits.connections = 1).await;
    let (mut stream, _) = tunnel(&gate).await;
    let mut waiting = TcpStream::connect(gate.public).await.unwrap();
    waiting
        .write_all(b"GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n")
        .await
        .unwrap();
    let answer = timeout(Duration::from_millis(200), waiting.read(&mut [0; 16])).await;
    assert!(answer.is_err(), "the tunnel has the only place");
    gate.stop();
    sleep(Duration::from_millis(100)).await;
    stream.write_all(b"still").await.unwrap();
    assert_eq!(piece(&mut stream).await, "still");
    assert!(!gate.ended.is_finished());
    gate.cut();
    timeout(PATIENCE, &mut gate.ended)
        .await
        .expect("the gate ends")
        .unwrap();
    let end = timeout(PATIENCE, stream.read(&mut [0; 16]))
        .await
        .expect("the tunnel was cut");
    assert!(matches!(end, Ok(0) | Err(_)));
}

#[tokio::test]
async fn f28_no_other_upgrade_is_passed_on() {
    let (address, mut seen) = upgrading().await;
    let gate = Running::before(&address, |_| {}).await;
    let lines = [
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
        &gate.bearer(json!({})),
    ];
    let mut all = vec!["Host: mcp.example.com"];
    all.extend(lines);
    assert_eq!(
        exchange(gate.public, "GET /mcp HTTP/1.1", &all, "")
            .await
            .status,
        200
    );
    let head = seen.recv().await.unwrap().to_ascii_lowercase();
    assert!(
        !head.contains("upgrade") && !head.contains("http2-settings"),
        "{head}"
    );
}

#[tokio::test]
async fn http2_by_prior_knowledge_is_served_alike() {
    let gate = Running::before(&upstream(Seen::default()).await, |_| {}).await;
    let mut builder =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new());
    let client = builder
        .http2_only(true)
        .build_http::<http_body_util::Empty<Bytes>>();
    let request = |token: Option<String>| {
        let request = http::Request::get(format!("http://{}/mcp", gate.public));
        let request = match token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        request.body(http_body_util::Empty::new()).unwrap()
    };
    let good = client
        .request(request(Some(gate.signer.token(json!({})))))
        .await
        .unwrap();
    assert_eq!(
        (good.status().as_u16(), good.version()),
        (200, http::Version::HTTP_2)
    );
    let body = http_body_util::BodyStream::new(good.into_body())
        .collect::<Vec<_>>()
        .await;
    assert!(!body.is_empty());
    assert_eq!(client.request(request(None)).await.unwrap().status(), 401);
}
