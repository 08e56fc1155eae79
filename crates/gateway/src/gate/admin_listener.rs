//! Serves the admin pages. Whoever reaches them is a stranger until a call shows a token: they get few
//! connections, one request on each, and not for long, so that the descriptors that traffic needs stay free.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};

use super::listener::rest;

/// What strangers get of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct AdminLimits {
    /// Connections at a time; half of the descriptors that the public listener leaves.
    places: usize,
    /// For the head of the request.
    head: Duration,
    /// For everything: a refresh waits for the issuers, up to 20 seconds.
    whole: Duration,
}

impl Default for AdminLimits {
    fn default() -> Self {
        Self {
            places: 32,
            head: Duration::from_secs(10),
            whole: Duration::from_secs(60),
        }
    }
}

/// Serves the pages until it is dropped.
pub(super) async fn serve(listener: TcpListener, pages: Router, limits: AdminLimits) -> Infallible {
    let places = Arc::new(Semaphore::new(limits.places));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        // The semaphore is never closed.
        let Ok(place) = place else { continue };
        match listener.accept().await {
            Ok((stream, _)) => {
                let pages = pages.clone();
                tokio::spawn(async move {
                    answer(stream, pages, limits).await;
                    drop(place);
                });
            }
            Err(error) => rest(&error).await,
        }
    }
}

async fn answer(stream: TcpStream, pages: Router, limits: AdminLimits) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(pages));
    // One that ends badly, or is cut, is the client's affair.
    let _ = timeout(limits.whole, connection).await;
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Instant};

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const HASTE: AdminLimits = AdminLimits {
        places: 4,
        head: Duration::from_millis(200),
        whole: Duration::from_millis(500),
    };

    async fn speaking(text: &str, listener: std::net::SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(listener).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn heard(mut stream: TcpStream) -> String {
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        text
    }

    #[tokio::test]
    async fn f28_whoever_holds_connections_gets_few_and_not_for_long() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let pages = Router::new()
            .route("/", get(|| async { "ok" }))
            .route("/hangs", get(pending::<()>));
        let serving = tokio::spawn(serve(listener, pages, HASTE));
        for text in ["", "GET / HT", "GET /hangs HTTP/1.1\r\nhost: a\r\n\r\n"] {
            let begun = Instant::now();
            let mut held = Vec::new();
            for _ in 0..HASTE.places * 2 {
                held.push(speaking(text, address).await);
            }
            let probe = speaking("GET / HTTP/1.1\r\nhost: a\r\n\r\n", address).await;
            let answer = timeout(Duration::from_secs(30), heard(probe))
                .await
                .unwrap();
            assert!(answer.ends_with("ok"), "{text:?}: {answer}");
            // Twice as many as there are places: two rounds.
            assert!(
                begun.elapsed() >= 2 * HASTE.head,
                "{text:?}: too many places"
            );
        }
        serving.abort();
    }
}
