//! The server behind the gates: reads every body to its end, and answers with as many tools as it is asked for.

use std::{convert::Infallible, io, net::Ipv4Addr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::message::tools;

/// Says how many tools the answer is to list.
pub(crate) const TOOLS: &str = "x-bench-tools";

/// The running server; it stops when this value is dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    port: u16,
    listening: JoinHandle<()>,
}

impl Upstream {
    pub(crate) async fn start(counts: &[usize]) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let lists: Arc<[_]> = counts
            .iter()
            .map(|count| (count.to_string(), tools(*count)))
            .collect();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let lists = Arc::clone(&lists);
                let service = service_fn(move |request| answer(Arc::clone(&lists), request));
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Ok(Self { port, listening })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn answer(
    lists: Arc<[(String, Bytes)]>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    // A client that goes away is no answer's business.
    let _ = body.collect().await;
    let wanted = head.headers.get(TOOLS).map(http::HeaderValue::as_bytes);
    let list = lists
        .iter()
        .find(|(count, _)| Some(count.as_bytes()) == wanted);
    let body = list.map_or(Bytes::from_static(b"{}"), |(_, list)| list.clone());
    let answer = Response::builder()
        .header("content-type", "application/json")
        .body(Full::new(body));
    Ok(answer.expect("a response"))
}
