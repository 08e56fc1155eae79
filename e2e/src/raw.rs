//! Requests written byte by byte, for what no HTTP library would send.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How long the whole answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct RawResponse {
    /// The status of the first response; 0 when the connection was closed without one.
    pub status: u16,
    /// The head of the first response, as text.
    pub head: String,
    /// Everything, including further responses on the same connection.
    pub text: String,
}

impl RawResponse {
    /// The value of a header of the first response.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// How many responses came on the connection.
    #[must_use]
    pub fn responses(&self) -> usize {
        self.text.matches("HTTP/1.1 ").count()
    }
}

/// The head of a request to the gate with the headers given, ended by an empty line.
#[must_use]
pub fn request_head(method: &str, target: &str, port: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head =
        format!("{method} {target} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n")
            .into_bytes();
    for (name, value) in headers {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Sends bytes and reads until the other side closes or falls silent. The gate may close before all
/// was written: that is an answer too.
pub async fn exchange(port: u16, bytes: &[u8]) -> RawResponse {
    try_exchange(port, bytes).await.expect("the gate listens")
}

/// As [`exchange`]; nothing when nobody listens.
pub(crate) async fn try_exchange(port: u16, bytes: &[u8]) -> Option<RawResponse> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let (mut reading, mut writing) = stream.into_split();
    let write = async {
        let _ = writing.write_all(bytes).await;
        let _ = writing.flush().await;
        writing
    };
    let read = async {
        let mut answer = Vec::new();
        let mut buffer = [0; 8192];
        while let Ok(Ok(count @ 1..)) = tokio::time::timeout(LIMIT, reading.read(&mut buffer)).await
        {
            answer.extend_from_slice(&buffer[..count]);
        }
        answer
    };
    let (_open, answer) = tokio::join!(write, read);
    Some(parse(&answer))
}

/// A connection for one request after the other.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// To the gate at this port.
    ///
    /// # Panics
    /// When nobody listens.
    pub async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        let stream = stream.expect("the gate listens");
        stream.set_nodelay(true).expect("an option of every system");
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// The status of the answer to this request; its body must have a length.
    ///
    /// # Panics
    /// When no whole answer comes.
    pub async fn send(&mut self, request: &[u8]) -> u16 {
        self.stream
            .write_all(request)
            .await
            .expect("a request is taken");
        loop {
            if let Some((status, length)) = whole(&self.read) {
                self.read.drain(..length);
                return status;
            }
            let read = self.stream.read_buf(&mut self.read);
            let read = tokio::time::timeout(LIMIT, read).await;
            assert!(
                matches!(read, Ok(Ok(1..))),
                "no whole answer: {}",
                String::from_utf8_lossy(&self.read)
            );
        }
    }
}

/// The status and the length of the first response, once all of it is there.
fn whole(bytes: &[u8]) -> Option<(u16, usize)> {
    let end = 4 + bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let response = parse(bytes.get(..end)?);
    let length: usize = response.header("content-length")?.parse().ok()?;
    (bytes.len() >= end + length).then_some((response.status, end + length))
}

fn parse(answer: &[u8]) -> RawResponse {
    let text = String::from_utf8_lossy(answer).into_owned();
    let head = text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    RawResponse { status, head, text }
}
