//! What a client may do with its connection after a refusal.

use std::time::Duration;

use oauthgate_e2e::{AuthorizationServer, Gate, GateBuilder, Kind, Recorder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Long enough for the gate to have answered a head alone.
const LATE: Duration = Duration::from_millis(150);

async fn gate() -> (AuthorizationServer, Recorder, Gate) {
    let server = AuthorizationServer::start(Kind::OidcProvider).await;
    let upstream = Recorder::start().await;
    let gate = GateBuilder::new(&upstream.url(), &server).start().await;
    (server, upstream, gate)
}

fn head(gate: &Gate, length: usize, more: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost:{}\r\nContent-Length: {length}\r\n{more}\r\n",
        gate.port
    )
}

/// Reads one response with a `Content-Length`.
async fn read_response(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let body = text
            .split_once("\r\n\r\n")
            .map(|(head, body)| (head.to_owned(), body.len()));
        if let Some((head, read)) = body {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if read >= length {
                return text;
            }
        }
        let read =
            tokio::time::timeout(Duration::from_secs(10), stream.read_buf(&mut answer)).await;
        assert!(
            matches!(read, Ok(Ok(1..))),
            "the connection ended: {}",
            String::from_utf8_lossy(&answer)
        );
    }
}

/// PyPI `mcp` sends the head and the body of its first call in two packets, is refused, logs in, and sends
/// the call again on the same connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_request_whose_body_comes_late_leaves_its_connection_usable() {
    let (_server, upstream, gate) = gate().await;
    let mut stream = TcpStream::connect(("127.0.0.1", gate.port))
        .await
        .expect("the gate listens");
    for _ in 0..3 {
        stream
            .write_all(head(&gate, 5, "").as_bytes())
            .await
            .expect("a head is taken");
        tokio::time::sleep(LATE).await;
        stream
            .write_all(b"hello")
            .await
            .expect("a late body is taken");
        let answer = read_response(&mut stream).await;
        assert!(answer.starts_with("http/1.1 401"), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
    assert!(upstream.take().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_so_when_it_must_end_the_connection() {
    let (_server, upstream, gate) = gate().await;
    for (length, more) in [(100_000_000, ""), (5, ""), (5, "Expect: 100-continue\r\n")] {
        let mut stream = TcpStream::connect(("127.0.0.1", gate.port))
            .await
            .expect("the gate listens");
        stream
            .write_all(head(&gate, length, more).as_bytes())
            .await
            .expect("a head is taken");
        let answer = read_response(&mut stream).await;
        assert!(answer.starts_with("http/1.1 401"), "{answer}");
        assert!(
            answer.contains("connection: close"),
            "{length} {more}: {answer}"
        );
    }
    assert!(upstream.take().is_empty());
}
