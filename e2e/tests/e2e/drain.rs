//! SIGTERM: what is in flight ends well, nothing new begins, the exit code is 0.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use oauthgate_e2e::{AuthorizationServer, Gate, GateBuilder, Kind};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
};

const EVENTS: usize = 5;
const BETWEEN_EVENTS: Duration = Duration::from_millis(250);
const LIMIT: Duration = Duration::from_secs(20);

/// An upstream that streams a few events slowly to everybody.
async fn slow_stream() -> (String, JoinHandle<()>) {
    stream_with(Arc::new(Semaphore::new(Semaphore::MAX_PERMITS))).await
}

/// As [`slow_stream`], but each event after the first needs a permit.
async fn stream_with(permits: Arc<Semaphore>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(stream_events(stream, Arc::clone(&permits)));
        }
    });
    (url, task)
}

async fn stream_events(mut stream: TcpStream, permits: Arc<Semaphore>) -> std::io::Result<()> {
    let _ = stream.read(&mut [0; 8192]).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await?;
    for number in 0..EVENTS {
        let event = format!("data: {number}\n\n");
        stream
            .write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())
            .await?;
        tokio::time::sleep(BETWEEN_EVENTS).await;
        permits.acquire().await.expect("never closed").forget();
    }
    stream.write_all(b"0\r\n\r\n").await
}

async fn open_stream(gate: &Gate, token: &str) -> reqwest::Response {
    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let response = http
        .get(&gate.resource)
        .bearer_auth(token)
        .header("accept", "text/event-stream")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 200);
    response
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_lets_a_stream_finish_refuses_newcomers_and_exits_0() {
    let server = AuthorizationServer::start(Kind::DevIssuer).await;
    let (url, _upstream) = slow_stream().await;
    let mut gate = GateBuilder::new(&url, &server).start().await;
    let token = server.token(&gate.resource, "mcp:read").await;
    let mut events = open_stream(&gate, &token).await.bytes_stream();
    let mut text = events
        .next()
        .await
        .expect("a first event")
        .expect("bytes")
        .to_vec();
    gate.process.signal("TERM");
    while let Some(chunk) = events.next().await {
        text.extend_from_slice(&chunk.expect("the stream is not cut"));
    }
    let text = String::from_utf8(text).expect("text");
    assert_eq!(text.matches("data: ").count(), EVENTS, "{text}");
    assert_eq!(gate.process.wait(LIMIT).await.code(), Some(0));
    assert!(
        TcpStream::connect(("127.0.0.1", gate.port)).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_gate_ends_at_once() {
    let server = AuthorizationServer::start(Kind::DevIssuer).await;
    let (url, _upstream) = slow_stream().await;
    let mut gate = GateBuilder::new(&url, &server).start().await;
    gate.process.signal("TERM");
    assert_eq!(gate.process.wait(LIMIT).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_reach_the_client_as_they_are_sent() {
    let server = AuthorizationServer::start(Kind::DevIssuer).await;
    let permits = Arc::new(Semaphore::new(0));
    let (url, _upstream) = stream_with(Arc::clone(&permits)).await;
    let gate = GateBuilder::new(&url, &server).start().await;
    let token = server.token(&gate.resource, "mcp:read").await;
    let mut events = open_stream(&gate, &token).await.bytes_stream();
    for _ in 0..EVENTS {
        // The upstream sends the next one when this one has arrived.
        let event = tokio::time::timeout(LIMIT, events.next()).await;
        let event = event.expect("an event waits for those after it");
        event.expect("an event").expect("bytes");
        permits.add_permits(1);
    }
    assert!(events.next().await.is_none(), "the end");
}
