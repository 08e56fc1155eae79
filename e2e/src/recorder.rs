//! An upstream that remembers every request that reached it, byte-exact heads included.

use std::sync::{Arc, Mutex};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A request that reached the upstream.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The request line.
    pub line: String,
    /// Header lines as they came: name in lower case, value.
    pub headers: Vec<(String, String)>,
    /// The body, as far as `Content-Length` announced one.
    pub body: Vec<u8>,
}

impl Recorded {
    /// Every value of a header.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }
}

/// A recording upstream. It answers every request with 200 and the text `reached`.
#[derive(Debug)]
pub struct Recorder {
    port: u16,
    seen: Arc<Mutex<Vec<Recorded>>>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Starts it.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        raise_descriptors();
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&record)));
            }
        });
        Self { port, seen, task }
    }

    /// Where it listens on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its base URL with the path `/mcp`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    /// Every request since the last time, in order.
    ///
    /// # Panics
    /// Never in practice: the lock is held only to push and to take.
    #[must_use]
    pub fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.seen.lock().expect("no holder panics"))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A thousand requests at a time are a thousand connections here: as many as the system grants.
fn raise_descriptors() {
    let granted = getrlimit(Resource::Nofile).maximum;
    let wanted = Rlimit {
        current: granted,
        maximum: granted,
    };
    // Where the system will not have it, most tests need no more than there are.
    let _ = setrlimit(Resource::Nofile, wanted);
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<Recorded>>>) {
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await {
        let last = request
            .values("connection")
            .iter()
            .any(|value| value.eq_ignore_ascii_case("close"));
        seen.lock().expect("no holder panics").push(request);
        let answer =
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\nreached";
        if stream.write_all(answer).await.is_err() || last {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Recorded> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        read_some(stream, buffer).await?;
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value.eq_ignore_ascii_case("chunked"));
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .and_then(|(_, value)| value.parse::<usize>().ok());
    let body = if chunked {
        read_chunked(stream, buffer, end).await?
    } else {
        read_sized(stream, buffer, end, length.unwrap_or(0)).await?
    };
    Some(Recorded {
        line,
        headers,
        body,
    })
}

async fn read_sized(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    start: usize,
    length: usize,
) -> Option<Vec<u8>> {
    while buffer.len() < start + length {
        read_some(stream, buffer).await?;
    }
    let body = buffer[start..start + length].to_vec();
    buffer.drain(..start + length);
    Some(body)
}

/// Keeps a chunked body as it is framed: tests look for text in it.
async fn read_chunked(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    start: usize,
) -> Option<Vec<u8>> {
    let end = loop {
        if let Some(end) = buffer[start..]
            .windows(5)
            .position(|bytes| bytes == b"0\r\n\r\n")
        {
            break start + end + 5;
        }
        read_some(stream, buffer).await?;
    };
    let body = buffer[start..end].to_vec();
    buffer.drain(..end);
    Some(body)
}

async fn read_some(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 8192];
    let count = stream
        .read(&mut chunk)
        .await
        .ok()
        .filter(|count| *count > 0)?;
    buffer.extend_from_slice(&chunk[..count]);
    Some(())
}
