//! A small forward proxy on loopback: it reads one `CONNECT`, and passes bytes on to this machine,
//! whatever name was asked for.

use std::sync::{Arc, Mutex};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::TlsListener;

/// What the proxy says to `CONNECT`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Manner {
    Connects,
    /// This status line, and the end.
    Refuses(&'static str),
    /// Reads, and says nothing.
    Hangs,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeProxy {
    /// Host and port.
    pub(crate) authority: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl FakeProxy {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self::on(listener, format!("127.0.0.1:{port}"), manner)
    }

    pub(crate) async fn start_over_tls(name: &str, acceptor: TlsAcceptor) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = tcp.local_addr().unwrap().port();
        let listener = TlsListener { tcp, acceptor };
        Self::on(listener, format!("{name}:{port}"), Manner::Connects)
    }

    fn on<L: Listener>(mut listener: L, authority: String, manner: Manner) -> Self {
        let proxy = Self {
            authority,
            heads: Arc::default(),
        };
        let heads = Arc::clone(&proxy.heads);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await;
                tokio::spawn(serve(stream, manner, Arc::clone(&heads)));
            }
        });
        proxy
    }

    /// The heads of all requests so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    manner: Manner,
    heads: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    heads.lock().unwrap().push(head.clone());
    match manner {
        Manner::Hangs => std::future::pending().await,
        Manner::Refuses(status) => {
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            let _ = client.write_all(answer.as_bytes()).await;
        }
        Manner::Connects => {
            let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next();
            let (_, port) = target.unwrap().rsplit_once(':').unwrap();
            let address = format!("127.0.0.1:{port}");
            let mut server = TcpStream::connect(address).await.unwrap();
            let _ = client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await;
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
    }
}
