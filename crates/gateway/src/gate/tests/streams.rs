//! Bodies stream both ways, and end when either side leaves.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rstest::rstest;
use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    time::{sleep, timeout},
};

use super::{
    between::{Between, ends_soon, read_until, rest, write, write_chunk},
    recorder::head,
    support::PATIENCE,
};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n";
const UPLOAD: &str = "POST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked\r\n";
const DOWNLOAD: &str = "GET /mcp HTTP/1.1\r\n";

#[tokio::test]
async fn an_answer_arrives_piece_by_piece() {
    let between = Between::start().await;
    let (mut client, mut upstream, _) = between.request(DOWNLOAD).await;
    write(&mut upstream, &format!("{CHUNKED}\r\n")).await;
    read_until(&mut client, "\r\n\r\n").await;
    for piece in ["first", "second", "third"] {
        // Nothing more is sent before the client has it.
        write_chunk(&mut upstream, piece).await;
        read_until(&mut client, piece).await;
    }
    write(&mut upstream, "0\r\n\r\n").await;
    read_until(&mut client, "0\r\n\r\n").await;
}

#[tokio::test]
async fn a_request_arrives_piece_by_piece() {
    let between = Between::start().await;
    let (mut client, mut upstream, _) = between.request(UPLOAD).await;
    for piece in ["first", "second", "third"] {
        write_chunk(&mut client, piece).await;
        read_until(&mut upstream, piece).await;
    }
    write(&mut client, "0\r\n\r\n").await;
    read_until(&mut upstream, "0\r\n\r\n").await;
    write(&mut upstream, "HTTP/1.1 204 No Content\r\n\r\n").await;
    read_until(&mut client, "204 No Content").await;
}

#[tokio::test]
async fn a_client_that_asks_before_it_uploads_is_told_to_go_on() {
    let between = Between::start().await;
    let lines = "POST /mcp HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n";
    let (mut client, mut upstream, head) = between.request(lines).await;
    assert!(!head.contains("expect"), "{head}");
    read_until(&mut client, "HTTP/1.1 100 Continue").await;
    write(&mut client, "body").await;
    read_until(&mut upstream, "body").await;
}

#[tokio::test]
async fn each_event_arrives_before_the_next_is_sent() {
    let between = Between::start().await;
    let (mut client, mut upstream, _) = between.request(DOWNLOAD).await;
    write(&mut upstream, &format!("{EVENTS}\r\n")).await;
    let head = read_until(&mut client, "\r\n\r\n").await;
    assert!(head.contains("x-accel-buffering: no"), "{head}");
    for number in 0..5 {
        let event = format!("id: {number}\ndata: {{}}\n\n");
        write_chunk(&mut upstream, &event).await;
        read_until(&mut client, &event).await;
    }
}

#[tokio::test]
async fn row_48_a_client_that_leaves_before_the_answer_takes_its_request_along() {
    let between = Between::start().await;
    let (client, mut upstream, _) = between.request(DOWNLOAD).await;
    drop(client);
    ends_soon(&mut upstream).await;
}

#[tokio::test]
async fn row_48_a_client_that_leaves_a_silent_stream_ends_it_at_the_upstream() {
    let between = Between::start().await;
    let (mut client, mut upstream, _) = between.request(DOWNLOAD).await;
    write(&mut upstream, &format!("{EVENTS}\r\n")).await;
    read_until(&mut client, "\r\n\r\n").await;
    drop(client);
    ends_soon(&mut upstream).await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_never_looks_whole() {
    let between = Between::start().await;
    let (mut client, mut upstream, _) = between.request(UPLOAD).await;
    write_chunk(&mut client, "half").await;
    read_until(&mut upstream, "half").await;
    drop(client);
    let rest = timeout(PATIENCE, rest(&mut upstream)).await;
    let rest = rest.expect("the upstream learns it");
    assert!(!rest.contains("0\r\n"), "{rest:?}");
}

#[rstest]
#[case::no_chunk("Transfer-Encoding: chunked", "zz\r\n")]
#[case::half_a_chunk("Transfer-Encoding: chunked", "4\r\nha")]
#[case::half_the_length("Content-Length: 100", "abc")]
#[tokio::test]
async fn f19_a_body_that_the_client_spoils_is_no_fault_of_the_upstream(
    #[case] framing: &str,
    #[case] body: &str,
) {
    let between = Between::start().await;
    let lines = format!("POST /mcp HTTP/1.1\r\n{framing}\r\n");
    let (mut client, mut upstream, _) = between.request(&lines).await;
    write(&mut client, body).await;
    client.shutdown().await.unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
    assert!(!rest(&mut upstream).await.contains("0\r\n\r\n"));
    let metrics = between.gate.ask_admin("/metrics").await.body;
    let counted = |reason: &str| {
        let line = |line: &str| line.contains(reason) && line.ends_with(" 1");
        metrics.lines().any(line)
    };
    assert!(counted("\"malformed_request\""), "{metrics}");
    assert!(!counted("\"upstream_unreachable\""), "{metrics}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_never_looks_whole() {
    let between = Between::start().await;
    for (framing, body) in [
        ("Transfer-Encoding: chunked", "4\r\nhalf\r\n"),
        ("Content-Length: 8", "half"),
    ] {
        let (mut client, mut upstream, _) = between.request(DOWNLOAD).await;
        write(
            &mut upstream,
            &format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{body}"),
        )
        .await;
        let begun = read_until(&mut client, "half").await;
        drop(upstream);
        let text = format!("{begun}{}", rest(&mut client).await);
        assert!(
            text.to_ascii_lowercase()
                .contains(&framing.to_ascii_lowercase())
        );
        assert!(!text.contains("0\r\n\r\n"), "{text:?}");
        assert!(text.trim_end().ends_with("half"), "{text:?}");
    }
}

#[tokio::test]
async fn f8_trailers_pass_without_identity_in_both_directions() {
    const TRAILERS: &str =
        "0\r\nX-Checksum: 1\r\nX-Auth-Request-User: mallory\r\nX_Auth_Tenant: mallory\r\n\r\n";
    const NAMES: &str = "Trailer: X-Checksum, X-Auth-Request-User, X_Auth_Tenant\r\n";
    let between = Between::start().await;
    let lines = format!("{UPLOAD}Connection: close\r\nTE: trailers\r\n{NAMES}");
    let (mut client, mut upstream, head) = between.request(&lines).await;
    assert!(head.contains("te: trailers"), "{head}");
    write(&mut client, TRAILERS).await;
    let text = read_until(&mut upstream, "\r\n\r\n").await;
    let text = text.to_ascii_lowercase();
    assert!(
        text.contains("x-checksum: 1") && !text.contains("mallory"),
        "{text}"
    );
    write(&mut upstream, &format!("{CHUNKED}{NAMES}\r\n{TRAILERS}")).await;
    let text = rest(&mut client).await;
    assert!(text.contains("x-checksum: 1"), "{text}");
    assert!(!text.contains("mallory"), "{text}");
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_upstream_not_the_memory() {
    const ENOUGH: usize = 256 * 1024 * 1024;
    let between = Between::start().await;
    let (_client, mut upstream, _) = between.request(DOWNLOAD).await;
    write(
        &mut upstream,
        &format!("HTTP/1.1 200 OK\r\nContent-Length: {ENOUGH}\r\n\r\n"),
    )
    .await;
    let piece = vec![b'x'; 64 * 1024];
    let mut sent = 0;
    while sent < ENOUGH {
        match timeout(Duration::from_millis(500), upstream.write_all(&piece)).await {
            Ok(written) => written.unwrap(),
            Err(_) => return,
        }
        sent += piece.len();
    }
    panic!("the gate took {sent} bytes that nobody reads");
}

#[tokio::test]
async fn an_upload_may_take_longer_than_an_answer() {
    let between = Between::with(|settings| {
        settings.resources[0].timeouts.response = Duration::from_millis(400);
    })
    .await;
    let (mut client, mut upstream, _) = between.request(UPLOAD).await;
    for _ in 0..6 {
        sleep(Duration::from_millis(150)).await;
        write_chunk(&mut client, "piece").await;
    }
    write(&mut client, "0\r\n\r\n").await;
    read_until(&mut upstream, "0\r\n\r\n").await;
    read_until(&mut client, "504 Gateway Timeout").await;
}

#[tokio::test]
async fn row_48_an_http2_client_that_resets_its_stream_ends_it_at_the_upstream() {
    let between = Between::start().await;
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http::<Empty<Bytes>>();
    let request = http::Request::get(format!("http://{}/mcp", between.gate.public))
        .header(
            "authorization",
            format!("Bearer {}", between.gate.signer.token(json!({}))),
        )
        .body(Empty::new())
        .unwrap();
    let answer = tokio::spawn(async move { client.request(request).await.unwrap() });
    let (mut upstream, _) = between.upstream.accept().await.unwrap();
    head(&mut upstream).await;
    write(&mut upstream, &format!("{EVENTS}\r\n")).await;
    write_chunk(&mut upstream, "data: 1\n\n").await;
    let mut body = answer.await.unwrap().into_body();
    let event = body.frame().await.unwrap().unwrap();
    assert_eq!(event.into_data().unwrap(), "data: 1\n\n");
    drop(body);
    ends_soon(&mut upstream).await;
}
