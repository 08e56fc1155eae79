//! Adds `Authorization` to every request on its way to the gate, for clients that cannot be given a
//! token (the conformance suite). All other bytes, `Host` above all, pass as they are.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// More than any head of the suite.
const MAX_HEAD: usize = 64 * 1024;

/// The injector in front of one gate.
#[derive(Debug)]
pub struct Injector {
    task: JoinHandle<()>,
}

impl Injector {
    /// Listens at `port` and forwards to `gate_port`, one request per connection.
    ///
    /// # Panics
    /// When the port is taken.
    pub async fn start(port: u16, gate_port: u16, token: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("the injector's port is free");
        let header: Arc<str> =
            format!("\r\nAuthorization: Bearer {token}\r\nConnection: close").into();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, gate_port, Arc::clone(&header)));
            }
        });
        Self { task }
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one head, adds the header after the request line, then copies bytes both ways. The gate closes
/// after the answer, because the added `Connection: close` asks for it; so no second head passes unseen.
async fn forward(mut client: TcpStream, gate_port: u16, header: Arc<str>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        if head.len() > MAX_HEAD || client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let first_line = head
        .windows(2)
        .position(|bytes| bytes == b"\r\n")
        .unwrap_or(head.len());
    let rest = without_connection_header(&head[first_line..]);
    let mut gate = TcpStream::connect(("127.0.0.1", gate_port)).await?;
    gate.write_all(&head[..first_line]).await?;
    gate.write_all(header.as_bytes()).await?;
    gate.write_all(&rest).await?;
    copy_bidirectional(&mut client, &mut gate).await.map(|_| ())
}

/// The head without the client's own `Connection` line; whatever follows the head is left alone.
fn without_connection_header(bytes: &[u8]) -> Vec<u8> {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let kept = text
        .split("\r\n")
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let mut head = kept.collect::<Vec<_>>().join("\r\n").into_bytes();
    head.extend_from_slice(&bytes[end..]);
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{process::free_port, raw::exchange, recorder::Recorder};

    #[tokio::test]
    async fn adds_the_token_and_passes_everything_else() {
        let gate = Recorder::start().await;
        let port = free_port();
        let _injector = Injector::start(port, gate.port(), "token").await;
        let request = b"POST /mcp HTTP/1.1\r\nHost: evil.example.com\r\nConnection: keep-alive\r\nMcp-Name: echo\r\nContent-Length: 4\r\n\r\nbody";
        assert_eq!(exchange(port, request).await.status, 200);
        let passed = gate.take().pop().expect("the request passed");
        assert_eq!(passed.values("authorization"), ["Bearer token"]);
        assert_eq!(passed.values("host"), ["evil.example.com"]);
        assert_eq!(passed.values("connection"), ["close"]);
        assert_eq!(passed.values("mcp-name"), ["echo"]);
        assert_eq!(passed.body, b"body");
    }
}
