//! An upstream that writes down every byte it gets, and answers as it is told.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};

use super::support::{PATIENCE, loopback};

/// An answer without a body.
pub(super) const NOTHING: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

/// The upstream.
pub(super) struct Recorder {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: mpsc::UnboundedReceiver<String>,
}

impl Recorder {
    /// Reads the head of a request on each connection, sends this, and closes.
    pub(super) async fn answering(answer: &str) -> Self {
        Self::answering_from(|_| answer.to_owned()).await
    }

    /// As [`Self::answering`], knowing its own address.
    pub(super) async fn answering_from(answer: impl FnOnce(SocketAddr) -> String) -> Self {
        let listener = loopback().await;
        let address = listener.local_addr().unwrap();
        let answer = answer(address);
        let connections = Arc::new(AtomicUsize::new(0));
        let (writer, heads) = mpsc::unbounded_channel();
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = writer.send(head(&mut stream).await);
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self {
            address,
            connections,
            heads,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What the next request began with, in lower case.
    pub(super) async fn head(&mut self) -> String {
        let head = timeout(PATIENCE, self.heads.recv()).await;
        head.expect("a request").unwrap().to_ascii_lowercase()
    }
}

/// Reads until the blank line.
pub(super) async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match timeout(PATIENCE, stream.read_u8()).await {
            Ok(Ok(byte)) => bytes.push(byte),
            _ => break,
        }
    }
    String::from_utf8(bytes).unwrap()
}
