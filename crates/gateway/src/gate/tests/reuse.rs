//! Connections to the upstream, which the requests of all callers share.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use rstest::rstest;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    recorder::head,
    support::{Answer, Running, loopback},
};

const HONEST: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhonest";
const STRAY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned";

/// Answers a `GET` honestly and anything else with this head; then a body follows that HTTP does not
/// allow there, and that arrives just when the connection is used again. Gives its URL, and how many
/// connections there were.
async fn upstream(bodiless: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = loopback().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream, bodiless));
        }
    });
    (url, connections)
}

async fn serve(mut stream: TcpStream, bodiless: &'static str) {
    let mut stray = "";
    loop {
        let head = head(&mut stream).await;
        if head.is_empty() {
            return;
        }
        let plain = head.starts_with("GET") && !head.contains("if-none-match");
        let answer = if plain { HONEST } else { bodiless };
        let bytes = format!("{stray}{answer}");
        if stream.write_all(bytes.as_bytes()).await.is_err() {
            return;
        }
        stray = if plain { "" } else { STRAY };
    }
}

async fn asked(gate: &Running, request_line: &str, line: &str) -> Answer {
    gate.ask(request_line, &[&gate.bearer(json!({})), line])
        .await
}

#[rstest]
#[case::head("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 47\r\n\r\n", 200)]
#[case::no_content("DELETE", "HTTP/1.1 204 No Content\r\n\r\n", 204)]
#[case::not_modified("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 47\r\n\r\n", 304)]
#[tokio::test]
async fn f19_a_body_where_none_may_be_answers_no_other_caller(
    #[case] method: &str,
    #[case] bodiless: &'static str,
    #[case] status: u16,
) {
    let (url, _) = upstream(bodiless).await;
    let gate = Running::before(&url, |_| {}).await;
    let bodiless = format!("{method} /mcp HTTP/1.1");
    for _ in 0..20 {
        let (first, other) = tokio::join!(
            asked(&gate, &bodiless, "If-None-Match: \"1\""),
            asked(&gate, "GET /mcp HTTP/1.1", "X-Caller: other"),
        );
        let last = asked(&gate, "GET /mcp HTTP/1.1", "X-Caller: last").await;
        assert_eq!((first.status, &first.body[..]), (status, ""));
        for answer in [other, last] {
            assert_eq!((answer.status, &answer.body[..]), (200, "honest"));
        }
    }
}

#[tokio::test]
async fn a_whole_answer_leaves_the_connection_to_the_next_request() {
    let (url, connections) = upstream("").await;
    let gate = Running::before(&url, |_| {}).await;
    for _ in 0..5 {
        let answer = asked(&gate, "GET /mcp HTTP/1.1", "X-Caller: one").await;
        assert_eq!(answer.body, "honest");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}
