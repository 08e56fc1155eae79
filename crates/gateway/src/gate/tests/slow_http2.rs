//! HTTP/2: what one client's streams hold, and what a flood of frames does.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rstest::rstest;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::{
    between::{Between, ends_soon, write},
    recorder::head,
    slow::{HASTE, hasty, is_free, metric, patient, slow_peers},
    support::{PATIENCE, Running},
};

/// Room for an answer of a line.
const WINDOW: u32 = 100;
const SHORT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nshort";

/// A client that gives little room to each answer.
async fn client(gate: &Running) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(gate.public).await.unwrap();
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(WINDOW)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn request(gate: &Running, path: &str) -> http::request::Builder {
    let token = gate.signer.token(json!({}));
    Request::get(format!("http://mcp.example.com{path}"))
        .header("authorization", format!("Bearer {token}"))
}

fn nothing() -> Full<Bytes> {
    Full::default()
}

async fn answered(between: &Between, answer: &str) -> TcpStream {
    let (mut upstream, _) = timeout(PATIENCE, between.upstream.accept())
        .await
        .expect("a request")
        .unwrap();
    head(&mut upstream).await;
    let _ = upstream.write_all(answer.as_bytes()).await;
    upstream
}

/// An answer of which so much comes, and one more byte later.
fn unfinished(length: usize) -> String {
    let body = "x".repeat(length);
    let declared = length + 1;
    format!("HTTP/1.1 200 OK\r\nContent-Length: {declared}\r\n\r\n{body}")
}

#[tokio::test]
async fn f20_a_stream_whose_window_stays_shut_is_reset_and_no_other() {
    let between = hasty(|settings| settings.limits.send = HASTE).await;
    let mut client = client(&between.gate).await;
    let asked = request(&between.gate, "/mcp").body(nothing()).unwrap();
    let asked = tokio::spawn(client.send_request(asked));
    let mut upstream = answered(&between, &unfinished(100_000)).await;
    let held = asked.await.unwrap().unwrap();
    ends_soon(&mut upstream).await;
    let begun = Instant::now();
    while metric(&between.gate, "oauthgate_requests_in_flight").await != 0 {
        assert!(begun.elapsed() < PATIENCE);
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(slow_peers(&between.gate, "stalled_client").await, 1);
    assert!(held.into_body().collect().await.is_err(), "it was reset");
    let asked = request(&between.gate, "/mcp").body(nothing()).unwrap();
    let asked = tokio::spawn(client.send_request(asked));
    let _upstream = answered(&between, SHORT).await;
    let other = asked.await.unwrap().unwrap();
    let other = other.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(other, "short");
    drop(client);
    is_free(&between.gate).await;
}

#[tokio::test]
async fn a_stream_for_which_there_is_room_waits_for_its_upstream() {
    let between = hasty(|settings| settings.limits.send = HASTE).await;
    let mut client = client(&between.gate).await;
    let asked = request(&between.gate, "/mcp").body(nothing()).unwrap();
    let asked = tokio::spawn(client.send_request(asked));
    let length = WINDOW as usize - 1;
    let mut upstream = answered(&between, &unfinished(length)).await;
    let held = asked.await.unwrap().unwrap();
    sleep(3 * HASTE).await;
    write(&mut upstream, "!").await;
    let whole = held.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(whole.len(), length + 1);
}

#[tokio::test]
async fn f20_an_answer_that_is_taken_in_small_windows_arrives_whole() {
    let between = hasty(|settings| settings.limits.send = 20 * HASTE).await;
    let mut client = client(&between.gate).await;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n{}",
        "x".repeat(3000)
    );
    let asked = request(&between.gate, "/mcp").body(nothing()).unwrap();
    let asked = tokio::spawn(client.send_request(asked));
    let _upstream = answered(&between, &answer).await;
    let mut body = asked.await.unwrap().unwrap().into_body();
    let mut taken = 0;
    while let Some(frame) = body.frame().await {
        taken += frame.unwrap().into_data().unwrap().len();
        sleep(HASTE / 10).await;
    }
    assert_eq!(taken, 3000);
}

#[tokio::test]
async fn f21_a_body_that_stops_coming_on_http2_is_answered_408() {
    let between = hasty(|settings| settings.limits.body = HASTE).await;
    let stream = TcpStream::connect(between.gate.public).await.unwrap();
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let half = futures_util::stream::once(async {
        Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::from_static(b"half")))
    });
    let half = futures_util::StreamExt::chain(half, futures_util::stream::pending());
    let half = http_body_util::StreamBody::new(Box::pin(half));
    let asked = request(&between.gate, "/mcp")
        .method("POST")
        .body(half)
        .unwrap();
    let answer = timeout(PATIENCE, client.send_request(asked)).await;
    assert_eq!(
        answer.unwrap().unwrap().status(),
        StatusCode::REQUEST_TIMEOUT
    );
    assert_eq!(slow_peers(&between.gate, "slow_request").await, 1);
    drop(client);
    is_free(&between.gate).await;
}

#[tokio::test]
async fn f20_who_only_resets_streams_loses_the_connection() {
    let gate = Running::with("test-1", patient).await;
    let mut flood = client(&gate).await;
    let mut other = client(&gate).await;
    let flooding = Instant::now();
    // What a busy machine takes back too late does not count.
    while flood.ready().await.is_ok() {
        assert!(flooding.elapsed() < PATIENCE, "nobody minds");
        let reached = gate.reached();
        let asked = request(&gate, "/mcp/slower").body(nothing()).unwrap();
        let asked = tokio::spawn(flood.send_request(asked));
        let begun = Instant::now();
        while gate.reached() == reached && !asked.is_finished() {
            assert!(begun.elapsed() < PATIENCE);
            sleep(Duration::from_millis(1)).await;
        }
        asked.abort();
    }
    assert_eq!(slow_peers(&gate, "rapid_reset").await, 1);
    let asked = request(&gate, "/mcp").body(nothing()).unwrap();
    let answer = other.send_request(asked).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    drop((flood, answer, other));
    is_free(&gate).await;
}

#[rstest]
#[case::as_many(100, StatusCode::UNAUTHORIZED)]
#[case::one_more(101, StatusCode::BAD_REQUEST)]
#[tokio::test]
async fn f20_headers_of_http2_are_counted(#[case] headers: usize, #[case] status: StatusCode) {
    let gate = Running::with("test-1", patient).await;
    let mut client = client(&gate).await;
    let many = (0..headers).fold(
        Request::get("http://mcp.example.com/mcp"),
        |request, number| request.header(format!("x-{number}"), "1"),
    );
    let answer = client.send_request(many.body(nothing()).unwrap()).await;
    assert_eq!(answer.unwrap().status(), status);
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A frame of stream 1.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags, 0, 0, 0, 1]);
    frame.extend(payload);
    frame
}

/// A header without an entry in any table.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).unwrap();
    let mut field = vec![0, length(name)];
    field.extend(name.as_bytes());
    field.push(length(value));
    field.extend(value.as_bytes());
    field
}

/// Writes as long as it is taken; gives how much that was.
async fn flooded(stream: &mut TcpStream, piece: &[u8], most: usize) -> usize {
    let mut sent = 0;
    while sent < most {
        match timeout(PATIENCE, stream.write_all(piece)).await {
            Ok(Ok(())) => sent += piece.len(),
            _ => break,
        }
    }
    sent
}

#[rstest]
#[case::with_headers(literal("x-filler", &"a".repeat(100)))]
#[case::with_nothing(Vec::new())]
#[tokio::test]
async fn f20_a_head_without_end_ends_the_connection(#[case] piece: Vec<u8>) {
    const MOST: usize = 64 * 1024 * 1024;
    let gate = Running::with("test-1", patient).await;
    let mut stream = TcpStream::connect(gate.public).await.unwrap();
    let begin = [PREFACE, &frame(1, 0, &literal("x-first", "1"))].concat();
    stream.write_all(&begin).await.unwrap();
    let continuation = frame(9, 0, &piece).repeat(100);
    assert!(flooded(&mut stream, &continuation, MOST).await < MOST);
    drop(stream);
    is_free(&gate).await;
}

/// Nothing else can be said in the middle of a head, not even an answer to a ping; here the connection's
/// idle time is over first.
#[tokio::test]
async fn f20_half_a_head_of_http2_is_not_waited_for() {
    let gate = Running::with("test-1", |settings| {
        patient(settings);
        settings.limits.idle = HASTE;
    })
    .await;
    let mut stream = TcpStream::connect(gate.public).await.unwrap();
    let begin = [PREFACE, &frame(1, 0, &literal("x-first", "1"))].concat();
    stream.write_all(&begin).await.unwrap();
    let mut frames = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut frames)).await;
    assert!(end.is_ok(), "it keeps its place");
    is_free(&gate).await;
}
