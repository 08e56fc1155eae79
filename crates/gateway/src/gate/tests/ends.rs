//! Connections that linger, and the end of a gate.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::support::{PATIENCE, Running};

async fn open(gate: &Running, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gate.public).await.unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: mcp.example.com\r\n{}\r\n\r\n",
        gate.bearer(json!({}))
    );
    let reached = gate.reached();
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..3_000 {
        if gate.reached() > reached {
            return stream;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("the request did not reach the upstream");
}

async fn is_over(gate: &mut Running) {
    timeout(PATIENCE, &mut gate.ended)
        .await
        .expect("the gate ends")
        .unwrap();
}

#[tokio::test]
async fn a_drain_lets_requests_end_and_takes_no_new_ones() {
    let mut gate = Running::start().await;
    gate.ready().await;
    let mut slow = open(&gate, "/mcp/slower").await;
    gate.stop();
    // Until nobody listens there.
    while TcpStream::connect(gate.public).await.is_ok() {
        sleep(Duration::from_millis(10)).await;
    }
    let ready = gate.ask_admin("/readyz").await;
    assert_eq!(
        (ready.status, &ready.json()["draining"]),
        (503, &json!(true))
    );
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    is_over(&mut gate).await;
}

#[tokio::test]
async fn a_drain_does_not_wait_for_requests_that_are_only_begun() {
    let endless = |settings: &mut crate::config::Settings| {
        settings.limits.idle = 100 * PATIENCE;
        settings.limits.head = 100 * PATIENCE;
        settings.limits.drain = 100 * PATIENCE;
    };
    for begun in ["GET /mcp HTTP/1.1\r\nHost: 127", "PRI * HT", ""] {
        let mut gate = Running::with("test-1", endless).await;
        let mut stream = TcpStream::connect(gate.public).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut slow = open(&gate, "/mcp/slow").await;
        gate.stop();
        let mut answer = String::new();
        slow.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        timeout(PATIENCE, &mut gate.ended)
            .await
            .unwrap_or_else(|_| panic!("{begun:?} holds the drain"))
            .unwrap();
    }
}

#[tokio::test]
async fn the_drain_timeout_cuts_what_is_left() {
    let quick =
        |settings: &mut crate::config::Settings| settings.limits.drain = Duration::from_millis(300);
    let mut gate = Running::with("test-1", quick).await;
    let mut stream = open(&gate, "/mcp/stream").await;
    let started = Instant::now();
    gate.stop();
    is_over(&mut gate).await;
    assert!(started.elapsed() >= Duration::from_millis(300));
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest))
        .await
        .expect("the stream was cut");
}

#[tokio::test]
async fn a_second_signal_cuts_at_once() {
    let mut gate = Running::start().await;
    let _stream = open(&gate, "/mcp/stream").await;
    gate.stop();
    sleep(Duration::from_millis(50)).await;
    assert!(!gate.ended.is_finished());
    gate.cut();
    is_over(&mut gate).await;
}

#[tokio::test]
async fn open_streams_are_counted_while_they_last() {
    let gate = Running::start().await;
    let stream = open(&gate, "/mcp/stream").await;
    let gauge = |text: &str| {
        text.lines()
            .find(|line| line.starts_with("oauthgate_open_streams "))
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        gauge(&gate.ask_admin("/metrics").await.body),
        "oauthgate_open_streams 1"
    );
    drop(stream);
    for _ in 0..3_000 {
        if gauge(&gate.ask_admin("/metrics").await.body).ends_with(" 0") {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("a stream that is gone is still counted");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_left_alone() {
    let hasty = |settings: &mut crate::config::Settings| {
        settings.limits.idle = Duration::from_millis(200);
        settings.limits.head = Duration::from_millis(200);
    };
    let gate = Running::with("test-1", hasty).await;
    for first in [
        "",
        "PRI * HT",
        "GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nX-Slow: ",
    ] {
        let mut stream = TcpStream::connect(gate.public).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let end = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "{first:?} keeps its connection");
    }
}

#[tokio::test]
async fn f20_an_http2_connection_without_streams_ends_like_any_other() {
    let hasty = |settings: &mut crate::config::Settings| {
        settings.limits.idle = Duration::from_millis(200);
        settings.limits.head = Duration::from_millis(200);
    };
    let gate = Running::with("test-1", hasty).await;
    let mut stream = TcpStream::connect(gate.public).await.unwrap();
    let empty_settings = b"\0\0\0\x04\0\0\0\0\0";
    stream
        .write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &empty_settings[..]].concat())
        .await
        .unwrap();
    let mut frames = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut frames)).await;
    assert!(end.is_ok(), "it keeps its place");
    let goaway = b"\0\0\x08\x07\0\0\0\0\0";
    assert!(frames.windows(9).any(|frame| frame == goaway), "{frames:?}");
}

#[tokio::test]
async fn f20_a_head_beyond_the_limit_is_refused() {
    let gate = Running::start().await;
    let mut stream = TcpStream::connect(gate.public).await.unwrap();
    let filler = "X-Filler: ".to_owned() + &"a".repeat(1_000_000);
    let head = format!("GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\n{filler}\r\n\r\n");
    let _ = stream.write_all(head.as_bytes()).await;
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("an end");
    let answer = String::from_utf8_lossy(&bytes);
    assert!(
        bytes.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    assert_eq!(gate.reached(), 0);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let one = |settings: &mut crate::config::Settings| settings.limits.connections = 1;
    let gate = Running::with("test-1", one).await;
    let first = open(&gate, "/mcp/stream").await;
    let bearer = gate.bearer(json!({}));
    let lines = [bearer.as_str()];
    let second = gate.ask("GET /mcp HTTP/1.1", &lines);
    tokio::pin!(second);
    assert!(
        timeout(Duration::from_millis(200), &mut second)
            .await
            .is_err(),
        "no place yet"
    );
    drop(first);
    assert_eq!(second.await.status, 200);
}
