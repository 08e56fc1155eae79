//! Streams and tunnels end when the token does that opened them, and nobody comes back with it.

use std::time::{Duration, SystemTime};

use oauthgate_tower::StreamExpiry;
use rstest::rstest;
use serde_json::json;
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    between::{Between, ends_soon, read_until, rest, write, write_chunk},
    recorder::head,
    support::PATIENCE,
};

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n";
const SWITCHED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const DOWNLOAD: &[&str] = &["GET /mcp HTTP/1.1"];
const TUNNEL: &[&str] = &[
    "GET /mcp HTTP/1.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
];
/// How long tokens are good here, to begin with.
const LIFE: u64 = 3;

/// A connection that was opened with a token of a few seconds, from both sides.
pub(super) struct Opened {
    between: Between,
    pub(super) client: TcpStream,
    upstream: TcpStream,
    token: String,
    expires_at: u64,
}

fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
}

/// A gate that tolerates no skew and ends streams at once.
async fn between(expiry: StreamExpiry) -> Between {
    let between = Between::with(|settings| {
        settings.resources[0].provider.issuers[0].skew = Duration::ZERO;
        settings.resources[0].stream_expiry = expiry;
    })
    .await;
    between.gate.ready().await;
    between
}

async fn opened(lines: &[&str], expiry: StreamExpiry) -> Opened {
    let between = between(expiry).await;
    let mut life = LIFE;
    loop {
        let expires_at = now() as u64 + life;
        let token = between.gate.signer.token(json!({ "exp": expires_at }));
        if let Some((client, upstream)) = open(&between, lines, &token).await {
            return Opened {
                between,
                client,
                upstream,
                token,
                expires_at,
            };
        }
        // The machine is so slow that the token was old when it came.
        life *= 2;
    }
}

async fn open(between: &Between, lines: &[&str], token: &str) -> Option<(TcpStream, TcpStream)> {
    let mut client = TcpStream::connect(between.gate.public).await.unwrap();
    let lines = lines.join("\r\n");
    let head_of =
        format!("{lines}\r\nHost: mcp.example.com\r\nAuthorization: Bearer {token}\r\n\r\n");
    write(&mut client, &head_of).await;
    tokio::select! {
        accepted = between.upstream.accept() => {
            let (mut upstream, _) = accepted.unwrap();
            head(&mut upstream).await;
            Some((client, upstream))
        }
        _ = client.readable() => None,
    }
}

pub(super) const AT_ONCE: StreamExpiry = StreamExpiry::Close {
    grace: Duration::ZERO,
};

impl Opened {
    pub(super) async fn streaming(expiry: StreamExpiry) -> Self {
        let mut opened = opened(DOWNLOAD, expiry).await;
        write(&mut opened.upstream, EVENTS).await;
        read_until(&mut opened.client, "\r\n\r\n").await;
        write_chunk(&mut opened.upstream, "id: 1\ndata: {}\n\n").await;
        read_until(&mut opened.client, "data: {}\n\n").await;
        opened
    }

    async fn tunnelling() -> Self {
        let mut opened = opened(TUNNEL, AT_ONCE).await;
        write(&mut opened.upstream, SWITCHED).await;
        read_until(&mut opened.client, "\r\n\r\n").await;
        opened
    }

    async fn outlive_the_token(&self) {
        let left = self.expires_at as f64 - now();
        sleep(Duration::from_secs_f64(left.max(0.0))).await;
    }

    /// What a client hears that comes with the old token.
    async fn again(&self, lines: &[&str]) -> (u16, String) {
        self.outlive_the_token().await;
        let bearer = format!("Authorization: Bearer {}", self.token);
        let mut all = lines[1..].to_vec();
        all.push(&bearer);
        let answer = self.between.gate.ask(lines[0], &all).await;
        (answer.status, answer.header("www-authenticate").to_owned())
    }

    async fn counted(&self) -> String {
        let metrics = self.between.gate.ask_admin("/metrics").await.body;
        let line = metrics
            .lines()
            .find(|line| line.starts_with("oauthgate_streams_expired_total"));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn g9_an_event_stream_ends_when_its_token_does() {
    let mut opened = Opened::streaming(AT_ONCE).await;
    assert_eq!(opened.counted().await, "0");
    let end = read_until(&mut opened.client, "0\r\n\r\n").await;
    assert!(now() >= opened.expires_at as f64, "it ended too early");
    assert!(
        end.contains(": the access token that opened this stream has expired"),
        "{end}"
    );
    ends_soon(&mut opened.upstream).await;
    assert_eq!(opened.counted().await, "1");
}

#[tokio::test]
async fn the_connection_of_an_ended_stream_takes_the_next_request() {
    let mut opened = Opened::streaming(AT_ONCE).await;
    read_until(&mut opened.client, "0\r\n\r\n").await;
    let bearer = opened.between.gate.bearer(json!({}));
    let next = format!("GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\n{bearer}\r\n\r\n");
    write(&mut opened.client, &next).await;
    let (mut upstream, _) = opened.between.upstream.accept().await.unwrap();
    head(&mut upstream).await;
    write(&mut upstream, "HTTP/1.1 204 No Content\r\n\r\n").await;
    read_until(&mut opened.client, "204 No Content").await;
}

#[rstest]
#[case::a_stream(&["GET /mcp HTTP/1.1", "Accept: text/event-stream"])]
#[case::where_it_stopped(&["GET /mcp HTTP/1.1", "Accept: text/event-stream", "Last-Event-ID: 1"])]
#[case::a_websocket(TUNNEL)]
#[case::a_call(&["POST /mcp HTTP/1.1", "Content-Length: 0"])]
#[tokio::test]
async fn g9_row_17_row_29_nobody_comes_back_with_an_expired_token(#[case] lines: &[&str]) {
    let opened = Opened::streaming(AT_ONCE).await;
    let (status, challenge) = opened.again(lines).await;
    assert_eq!(status, 401);
    for part in [
        "Bearer error=\"invalid_token\"",
        "resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"",
        "scope=\"tools:read\"",
    ] {
        assert!(challenge.contains(part), "{part}: {challenge}");
    }
}

#[tokio::test]
async fn a_stream_that_is_kept_outlives_its_token() {
    let mut opened = Opened::streaming(StreamExpiry::Keep).await;
    opened.outlive_the_token().await;
    sleep(Duration::from_secs(1)).await;
    write_chunk(&mut opened.upstream, "data: still\n\n").await;
    read_until(&mut opened.client, "data: still\n\n").await;
    assert_eq!(opened.counted().await, "0");
}

/// A frame from the server, up to 125 bytes of text.
fn text_frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, u8::try_from(text.len()).unwrap()];
    frame.extend(text.as_bytes());
    frame
}

async fn write_bytes(stream: &mut TcpStream, bytes: &[u8]) {
    tokio::io::AsyncWriteExt::write_all(stream, bytes)
        .await
        .unwrap();
}

async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    let _ = end.expect("an end");
    bytes
}

#[tokio::test]
async fn g9_a_websocket_is_told_goodbye_when_its_token_expires() {
    let mut opened = Opened::tunnelling().await;
    write_bytes(&mut opened.upstream, &text_frame("hello")).await;
    let said = read_to_end(&mut opened.client).await;
    assert!(now() >= opened.expires_at as f64, "it ended too early");
    let goodbye = said.strip_prefix(&text_frame("hello")[..]).unwrap();
    assert_eq!(
        goodbye[..4],
        [0x88, u8::try_from(goodbye.len() - 2).unwrap(), 3, 240]
    );
    assert_eq!(&goodbye[4..], b"the access token has expired");
    ends_soon(&mut opened.upstream).await;
    assert_eq!(opened.counted().await, "1");
}

#[tokio::test]
async fn g9_a_websocket_amid_a_frame_ends_without_a_word() {
    let mut opened = Opened::tunnelling().await;
    let half = &text_frame("hello")[..4];
    write_bytes(&mut opened.upstream, half).await;
    assert_eq!(read_to_end(&mut opened.client).await, half);
    ends_soon(&mut opened.upstream).await;
}

#[tokio::test]
async fn a_websocket_that_does_not_read_ends_too() {
    let mut opened = Opened::tunnelling().await;
    let piece = vec![0; 64 * 1024];
    let header = [0x82, 127, 0, 0, 0, 255, 255, 255, 255, 255];
    write_bytes(&mut opened.upstream, &header).await;
    let flood = async {
        while tokio::io::AsyncWriteExt::write_all(&mut opened.upstream, &piece)
            .await
            .is_ok()
        {}
    };
    timeout(PATIENCE, flood)
        .await
        .expect("the upstream is let go");
}

#[tokio::test]
async fn a_client_that_goes_on_talking_is_cut() {
    let mut opened = Opened::tunnelling().await;
    opened.outlive_the_token().await;
    let talk = async {
        while tokio::io::AsyncWriteExt::write_all(&mut opened.client, b"masked")
            .await
            .is_ok()
        {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, talk).await.expect("the gate hangs up");
    assert!(!rest(&mut opened.upstream).await.contains("HTTP"));
}

#[tokio::test]
async fn g9_a_stream_whose_client_does_not_read_ends_at_the_upstream() {
    let mut opened = Opened::streaming(AT_ONCE).await;
    let event = format!("data: {}\n\n", "x".repeat(16 * 1024));
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    let flood = async {
        while tokio::io::AsyncWriteExt::write_all(&mut opened.upstream, chunk.as_bytes())
            .await
            .is_ok()
        {}
    };
    timeout(PATIENCE, flood)
        .await
        .expect("the upstream is let go");
    assert_eq!(opened.counted().await, "1");
}
