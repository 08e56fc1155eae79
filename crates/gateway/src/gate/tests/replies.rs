//! What becomes of an upstream's answers, good and bad.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rstest::rstest;
use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    time::{sleep, timeout},
};

use super::{
    recorder::{Recorder, head},
    support::{Answer, PATIENCE, Running, exchange, loopback},
};

async fn answered(gate: &Running, request_line: &str) -> Answer {
    gate.ask(request_line, &[&gate.bearer(json!({}))]).await
}

#[rstest]
#[case("http://{}/api/next?page=2", "https://mcp.example.com/mcp/next?page=2")]
#[case("https://{}/api/", "https://mcp.example.com/mcp/")]
#[case("/api/next", "/mcp/next")]
#[case("next", "next")]
#[case("https://other.example/login", "https://other.example/login")]
#[tokio::test]
async fn a_redirect_leads_back_to_the_gate(#[case] location: &str, #[case] expected: &str) {
    let recorder = Recorder::answering_from(|address| {
        let location = location.replace("{}", &address.to_string());
        format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        )
    })
    .await;
    let gate = Running::before(&format!("{}/api", recorder.url()), |_| {}).await;
    let answer = answered(&gate, "POST /mcp HTTP/1.1").await;
    assert_eq!((answer.status, answer.header("location")), (307, expected));
}

#[tokio::test]
async fn the_upstreams_challenge_is_not_the_gates() {
    let recorder = Recorder::answering(
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\
         WWW-Authenticate: Bearer resource_metadata=\"https://evil.example/\"\r\n\r\nlogin",
    )
    .await;
    let gate = Running::before(&recorder.url(), |_| {}).await;
    let answer = answered(&gate, "GET /mcp HTTP/1.1").await;
    assert_eq!((answer.status, &answer.body[..]), (401, "login"));
    assert_eq!(answer.header("www-authenticate"), "");
}

#[rstest]
#[case::no_http("SSH-2.0-OpenSSH_9.9\r\n\r\n")]
#[case::nothing("")]
#[case::half_a_head("HTTP/1.1 200 OK\r\nContent-")]
#[case::two_lengths("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")]
#[case::an_unasked_switch(
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
)]
#[tokio::test]
async fn an_answer_that_is_none_is_502_and_nothing_is_sent_twice(#[case] answer: &str) {
    let recorder = Recorder::answering(answer).await;
    let gate = Running::before(&recorder.url(), |_| {}).await;
    for method in ["POST", "GET"] {
        let before = recorder.connections();
        let answer = answered(&gate, &format!("{method} /mcp HTTP/1.1")).await;
        assert_eq!(answer.status, 502, "{answer:?}");
        assert_eq!(answer.json()["error"], "bad_gateway");
        assert_eq!(recorder.connections(), before + 1);
    }
}

#[tokio::test]
async fn what_failed_inside_is_not_told_outside() {
    let recorder = Recorder::answering("nonsense\r\n\r\n").await;
    let gate = Running::before(&recorder.url(), |_| {}).await;
    let text = format!("{:?}", answered(&gate, "GET /mcp HTTP/1.1").await);
    assert!(
        !text.contains(&recorder.address.port().to_string()),
        "{text}"
    );
    assert!(
        !text.contains("parse") && !text.contains("nonsense"),
        "{text}"
    );
}

#[tokio::test]
async fn a_head_without_end_is_502() {
    let listener = loopback().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        let line = format!("X-Filler: {}\r\n", "x".repeat(8 * 1024));
        while stream.write_all(line.as_bytes()).await.is_ok() {}
    });
    let gate = Running::before(&url, |_| {}).await;
    let answer = timeout(PATIENCE, answered(&gate, "GET /mcp HTTP/1.1"));
    assert_eq!(answer.await.expect("an end").status, 502);
}

#[tokio::test]
async fn a_connection_that_the_upstream_closed_meanwhile_is_not_used_again() {
    let recorder = Recorder::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let gate = Running::before(&recorder.url(), |_| {}).await;
    for count in 1..=10 {
        let answer = answered(&gate, "POST /mcp HTTP/1.1").await;
        assert_eq!((answer.status, &answer.body[..]), (200, "ok"));
        assert_eq!(recorder.connections(), count);
        sleep(Duration::from_millis(20)).await;
    }
}

/// Answers on each connection as often as it is asked; counts the connections.
async fn keeping_alive() -> (String, Arc<AtomicUsize>) {
    let listener = loopback().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                while !head(&mut stream).await.is_empty() {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                    stream.write_all(answer).await.unwrap();
                }
            });
        }
    });
    (url, connections)
}

#[tokio::test]
async fn a_connection_is_used_again_until_servers_commonly_close_it() {
    let (url, connections) = keeping_alive().await;
    let gate = Running::before(&url, |_| {}).await;
    for _ in 0..5 {
        assert_eq!(answered(&gate, "POST /mcp HTTP/1.1").await.status, 200);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    sleep(Duration::from_millis(4500)).await;
    assert_eq!(answered(&gate, "POST /mcp HTTP/1.1").await.status, 200);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[rstest]
#[case("HEAD", "200 OK\r\nContent-Length: 7")]
#[case("GET", "304 Not Modified")]
#[case("DELETE", "204 No Content")]
#[tokio::test]
async fn an_answer_without_a_body_keeps_its_headers(#[case] method: &str, #[case] head: &str) {
    let answer = format!("HTTP/1.1 {head}\r\nETag: \"1\"\r\nConnection: close\r\n\r\n");
    let recorder = Recorder::answering(&answer).await;
    let gate = Running::before(&recorder.url(), |_| {}).await;
    let answer = answered(&gate, &format!("{method} /mcp HTTP/1.1")).await;
    assert!(head.starts_with(&answer.status.to_string()), "{answer:?}");
    assert_eq!((answer.header("etag"), &answer.body[..]), ("\"1\"", ""));
    let length = if method == "HEAD" { "7" } else { "" };
    assert_eq!(answer.header("content-length"), length);
}

#[tokio::test]
async fn an_answer_may_come_before_the_upload_is_over() {
    let recorder = Recorder::answering(
        "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    )
    .await;
    let gate = Running::before(&recorder.url(), |_| {}).await;
    let bearer = gate.bearer(json!({}));
    let lines = ["Host: mcp.example.com", &bearer, "Content-Length: 1000000"];
    let answer = exchange(gate.public, "POST /mcp HTTP/1.1", &lines, "begun").await;
    assert_eq!(answer.status, 413);
}
