//! A gate whose client and whose upstream are both played by the test, byte by byte.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{
    recorder::head,
    support::{PATIENCE, Running, loopback},
};
use crate::config::Settings;

/// A gate between a client and an upstream, both played by the test.
pub(super) struct Between {
    pub(super) gate: Running,
    pub(super) upstream: TcpListener,
}

impl Between {
    pub(super) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// After a change to the gate's settings.
    pub(super) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let upstream = loopback().await;
        let url = format!("http://{}", upstream.local_addr().unwrap());
        Self {
            gate: Running::before(&url, change).await,
            upstream,
        }
    }

    /// Sends a request's head; gives both ends, and the head as the upstream gets it.
    pub(super) async fn request(&self, lines: &str) -> (TcpStream, TcpStream, String) {
        let mut client = TcpStream::connect(self.gate.public).await.unwrap();
        let bearer = self.gate.bearer(json!({}));
        write(
            &mut client,
            &format!("{lines}Host: mcp.example.com\r\n{bearer}\r\n\r\n"),
        )
        .await;
        let (mut upstream, _) = timeout(PATIENCE, self.upstream.accept())
            .await
            .expect("a request")
            .unwrap();
        let head = head(&mut upstream).await.to_ascii_lowercase();
        (client, upstream, head)
    }
}

pub(super) async fn write(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

pub(super) async fn write_chunk(stream: &mut TcpStream, text: &str) {
    write(stream, &format!("{:x}\r\n{text}\r\n", text.len())).await;
}

/// Reads until this was there; gives everything that was.
pub(super) async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.contains(end) {
        let mut buffer = [0; 4096];
        let count = timeout(PATIENCE, stream.read(&mut buffer))
            .await
            .unwrap_or_else(|_| panic!("no {end:?} after {text:?}"))
            .unwrap();
        assert!(count > 0, "the end instead of {end:?}: {text:?}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    text
}

/// Everything until the other side ends, well or badly.
pub(super) async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    let _ = end.expect("an end");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The other side is gone, though nobody says anything any more.
pub(super) async fn ends_soon(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    let _ = end.expect("the client's leave reaches the upstream");
}
