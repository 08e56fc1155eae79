//! One keep-alive connection of a client.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpSocket, task::JoinHandle};

/// A client's patience with one request.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// An open connection; it is closed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    target: SocketAddr,
    driver: JoinHandle<()>,
}

impl Connection {
    /// Connects from an address of loopback.
    pub(crate) async fn open(target: SocketAddr, source: Ipv4Addr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if source != Ipv4Addr::LOCALHOST {
            socket.bind((source, 0).into())?;
        }
        let stream = socket.connect(target).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        let driver = tokio::spawn(async move {
            // How it ended shows in the request that was under way.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            target,
            driver,
        })
    }

    /// Asks with a bearer token; the status once the whole answer is there.
    ///
    /// # Errors
    /// When the connection breaks.
    pub(crate) async fn ask(&mut self, token: &str) -> Result<StatusCode, hyper::Error> {
        let request = Request::builder()
            .uri("/mcp")
            .header(header::HOST, self.target.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Empty::new())
            .expect("a token is a header value");
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        response.into_body().collect().await?;
        Ok(status)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
