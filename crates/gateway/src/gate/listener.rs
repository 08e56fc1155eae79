//! Accepts connections, serves them, and brings them to an end.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{descriptors, door::Door, patience::Patience, place::Place};
use crate::{config::Limits, telemetry::metrics::Underway};

/// How long accepting pauses when the system has no more descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// The public listener.
pub(super) struct Public {
    pub(super) listener: TcpListener,
    pub(super) door: Arc<Door>,
    pub(super) limits: Limits,
}

impl Public {
    /// Serves until `drain`; then lets what is in flight end, until the limit or `cut`.
    pub(super) async fn run(self, drain: impl Future<Output = ()>, cut: impl Future<Output = ()>) {
        let limits = Limits {
            connections: descriptors::affordable(self.limits.connections),
            ..self.limits
        };
        let connections = Connections::new(self.door, limits);
        tokio::select! {
            never = connections.accept(&self.listener) => match never {},
            () = drain => {}
        }
        drop(self.listener);
        connections.end(limits.drain, cut).await;
    }
}

/// The connections that are open.
struct Connections {
    door: Arc<Door>,
    limits: Limits,
    builder: Builder<TokioExecutor>,
    places: Arc<Semaphore>,
    graceful: GracefulShutdown,
    cut: CancellationToken,
}

impl Connections {
    fn new(door: Arc<Door>, limits: Limits) -> Self {
        Self {
            door,
            limits,
            builder: builder(&limits),
            places: Arc::new(Semaphore::new(limits.connections)),
            graceful: GracefulShutdown::new(),
            cut: CancellationToken::new(),
        }
    }

    async fn accept(&self, listener: &TcpListener) -> Infallible {
        loop {
            let place = Arc::clone(&self.places).acquire_owned().await;
            // The semaphore is never closed, and it lives as long as we do.
            let Ok(place) = place else { continue };
            match listener.accept().await {
                Ok((stream, peer)) => self.serve(stream, peer, place),
                Err(error) => rest(&error).await,
            }
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let _ = stream.set_nodelay(true);
        let counted = Underway::of(&self.door.metrics.connections);
        let place = Place::new(permit, counted, self.graceful.watcher(), self.cut.clone());
        let (door, held) = (Arc::clone(&self.door), place.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(held.clone());
            let door = Arc::clone(&door);
            async move { door.answer(request, peer.ip()).await }
        });
        let io = TokioIo::new(Patience::new(stream, self.limits.header_read));
        let connection = self
            .builder
            .serve_connection_with_upgrades(io, service)
            .into_owned();
        let connection = watched(self.graceful.watcher(), connection);
        tokio::spawn(async move {
            tokio::select! {
                () = connection => {}
                () = place.cut() => {}
            }
        });
    }

    async fn end(self, patience: Duration, cut: impl Future<Output = ()>) {
        tracing::info!(
            seconds = patience.as_secs(),
            "draining: no new connections, requests in flight may end"
        );
        tokio::select! {
            ended = timeout(patience, self.graceful.shutdown()) => match ended {
                Ok(()) => tracing::info!("drained"),
                Err(_) => tracing::warn!("the drain timeout is over: what is left is cut"),
            },
            () = cut => tracing::warn!("a second signal: what is left is cut"),
        }
        self.cut.cancel();
    }
}

/// A connection that ends badly is the client's affair, and told to nobody but the curious.
async fn watched<C>(watcher: Watcher, connection: C)
where
    C: hyper_util::server::graceful::GracefulConnection,
    C::Error: std::fmt::Display,
{
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// A connection that was gone before it was accepted costs nothing; anything else wants a pause.
async fn rest(error: &io::Error) {
    if !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    ) {
        tracing::error!(%error, "no connection can be accepted");
        sleep(BREATH).await;
    }
}

/// HTTP/1.1, and HTTP/2 by prior knowledge, within the limits.
fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_buf_size(limits.header_bytes.max(8 * 1024));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(250)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}
