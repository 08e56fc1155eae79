//! Accepts connections, serves them, and brings them to an end.

use std::{
    convert::Infallible,
    fmt::Display,
    io,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use http::{Request, Response, Version};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulConnection, GracefulShutdown},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    activity::Activity, addresses::Addresses, body::CountedBody, delivery::StreamExecutor,
    descriptors, door::Door, introduction::Introductions, liveness, opening::Opening, pace::Pace,
    patience::Patience, place::Place, vigil::under_watch, workers::Workers,
};
use crate::{
    config::Limits,
    telemetry::{
        metrics::Underway,
        slow_peers::{SlowPeer, SlowPeers},
    },
};

/// How long accepting pauses when the system has no more descriptors.
const BREATH: Duration = Duration::from_millis(100);
/// How long a connection that was told to end may be without work.
const FAREWELL: Duration = Duration::from_secs(1);

/// How many headers hyper takes without being told; told, it takes longer for each request.
const HEADERS: usize = 100;
/// What a client may send of one body on HTTP/2 before somebody reads it, and of all bodies of a connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What is kept of one answer on HTTP/2 until the client has room for it.
const SEND_BUFFER: usize = 256 * 1024;

/// The public listener.
pub(super) struct Public {
    pub(super) listener: TcpListener,
    pub(super) door: Arc<Door>,
    pub(super) introductions: Arc<Introductions>,
    pub(super) limits: Limits,
    pub(super) workers: Workers,
}

impl Public {
    /// Serves until `drain`; then lets what is in flight end, until the limit or `cut`.
    pub(super) async fn run(self, drain: impl Future<Output = ()>, cut: impl Future<Output = ()>) {
        let limits = affordable(self.limits);
        let connections = Connections::new(self.door, self.introductions, limits, self.workers);
        tokio::select! {
            never = connections.accept(&self.listener) => match never {},
            () = drain => {}
        }
        drop(self.listener);
        connections.end(limits.drain, cut).await;
    }
}

/// Where fewer connections can be served than wanted, an address keeps its share of them, or a quarter.
fn affordable(limits: Limits) -> Limits {
    let connections = descriptors::affordable(limits.connections);
    let share = limits.connections_per_address * connections / limits.connections.max(1);
    let most = share.max(connections.div_ceil(4));
    Limits {
        connections,
        connections_per_address: limits.connections_per_address.min(most),
        ..limits
    }
}

/// The connections that are open.
struct Connections {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    graceful: GracefulShutdown,
    cut: CancellationToken,
    workers: Workers,
}

/// What every connection is served with.
struct Shared {
    door: Arc<Door>,
    introductions: Arc<Introductions>,
    addresses: Addresses,
    limits: Limits,
    http1: http1::Builder,
    /// HTTP/2, and what cannot be told apart by its first bytes.
    either: Builder<StreamExecutor>,
    slow_peers: SlowPeers,
    draining: CancellationToken,
}

impl Connections {
    fn new(
        door: Arc<Door>,
        introductions: Arc<Introductions>,
        limits: Limits,
        workers: Workers,
    ) -> Self {
        let slow_peers = door.metrics.slow_peers.clone();
        let addresses = Addresses::new(&door, limits.connections_per_address);
        let shared = Shared {
            door,
            introductions,
            addresses,
            limits,
            http1: http1(&limits),
            either: either(&limits, slow_peers.clone()),
            slow_peers,
            draining: CancellationToken::new(),
        };
        Self {
            shared: Arc::new(shared),
            places: Arc::new(Semaphore::new(limits.connections)),
            graceful: GracefulShutdown::new(),
            cut: CancellationToken::new(),
            workers,
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
        // There is no TLS and no request yet, so nobody to answer: the connection is closed.
        let Ok(of_network) = self.shared.addresses.admit(peer.ip()) else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        liveness::watch(&stream, shared.limits.send);
        let counted = Underway::of(&shared.door.metrics.connections);
        let (watcher, cut) = (self.graceful.watcher(), self.cut.clone());
        let place = Place::new(permit, counted, watcher, cut);
        place.keep(of_network);
        self.workers.take(stream, move |stream| async move {
            shared.serve(stream, peer, &place).await;
        });
    }

    async fn end(self, patience: Duration, cut: impl Future<Output = ()>) {
        tracing::info!(
            seconds = patience.as_secs(),
            "draining: no new connections, requests in flight may end"
        );
        self.shared.draining.cancel();
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

impl Shared {
    /// From the first byte of a connection to its end.
    async fn serve(&self, stream: TcpStream, socket_peer: SocketAddr, place: &Place) {
        let patience = self.limits.head;
        let introduced = tokio::select! {
            introduced = self.introductions.receive(stream, socket_peer, patience) => introduced,
            // Nobody was asked for anything yet.
            () = self.draining.cancelled() => None,
            () = place.cut() => None,
        };
        let Some((stream, peer)) = introduced else {
            return;
        };
        // The peer is the client or the proxy nearest to it, whoever passed its bytes on.
        if peer != socket_peer {
            let Ok(of_network) = self.addresses.admit(peer.ip()) else {
                return;
            };
            place.keep(of_network);
        }
        let is_http1 = tokio::select! {
            // Who says nothing is told to leave as one is who has nothing more to say.
            begun = timeout(self.limits.idle, stream.begins_http1()) => begun,
            () = self.draining.cancelled() => return,
            () = place.cut() => return,
        };
        let Ok(is_http1) = is_http1 else { return };
        let peer = peer.ip().to_canonical();
        self.converse(stream, is_http1, peer, place).await;
    }

    /// Has request after request answered.
    async fn converse(
        &self,
        stream: Opening<TcpStream>,
        is_http1: bool,
        peer: IpAddr,
        place: &Place,
    ) {
        let activity = Activity::default();
        let visitor = Visitor {
            door: Arc::clone(&self.door),
            peer,
            place: place.clone(),
            activity: activity.clone(),
        };
        // In a box: hyper keeps room for it as long as the connection lives, also while there is none.
        let service = service_fn(move |request| Box::pin(visitor.ask(request)));
        let io = TokioIo::new(Patience::new(
            stream,
            Pace::of_answers(&self.limits),
            activity.clone(),
            self.slow_peers.clone(),
        ));
        if is_http1 {
            let connection = self.http1.serve_connection(io, service).with_upgrades();
            self.attend(
                pin!(connection),
                http1::UpgradeableConnection::graceful_shutdown,
                &activity,
                place,
            )
            .await;
        } else {
            let connection = self.either.serve_connection_with_upgrades(io, service);
            // Large, and rare: others need not keep room for it.
            let mut connection = Box::pin(connection.into_owned());
            let end = |it: Pin<&mut _>| GracefulConnection::graceful_shutdown(it);
            self.attend(connection.as_mut(), end, &activity, place)
                .await;
        }
    }

    /// Lets a connection go on until it ends or must.
    async fn attend<C, E>(
        &self,
        mut connection: Pin<&mut C>,
        tell_to_end: impl Fn(Pin<&mut C>),
        activity: &Activity,
        place: &Place,
    ) where
        C: Future<Output = Result<(), E>>,
        E: Display,
    {
        let watch = self.farewell(activity, place);
        match under_watch(connection.as_mut(), watch).await {
            Ok(result) => return tell(result),
            Err(Some(end)) => return self.note(&end),
            Err(None) => tell_to_end(connection.as_mut()),
        }
        let watch = self.end(activity, place);
        match under_watch(connection, watch).await {
            Ok(result) => tell(result),
            Err(end) => self.note(&end),
        }
    }

    /// Waits until a connection is to be told to end, because it was idle for too long or a drain begins; or
    /// until it must end at once.
    async fn farewell(&self, activity: &Activity, place: &Place) -> Option<End> {
        tokio::select! {
            biased;
            end = self.trouble(activity, place) => Some(end),
            () = self.draining.cancelled() => None,
            () = activity.idle_for(self.limits.idle) => None,
        }
    }

    /// Waits until a connection must end that was told to. It may finish its work, but one that has none (half
    /// a request, perhaps) is not waited for.
    async fn end(&self, activity: &Activity, place: &Place) -> End {
        tokio::select! {
            biased;
            end = self.trouble(activity, place) => end,
            () = activity.workless_for(FAREWELL) => End::Workless,
        }
    }

    /// Waits until a connection must end at once.
    async fn trouble(&self, activity: &Activity, place: &Place) -> End {
        tokio::select! {
            biased;
            () = place.cut() => End::Cut,
            () = activity.abused() => End::Failed(SlowPeer::RapidReset),
            () = activity.head_takes(self.limits.head) => End::Failed(SlowPeer::SlowHead),
        }
    }

    fn note(&self, end: &End) {
        if let End::Failed(peer) = end {
            self.slow_peers.count(*peer);
        }
    }
}

/// Who asks on one connection.
struct Visitor {
    door: Arc<Door>,
    peer: IpAddr,
    place: Place,
    activity: Activity,
}

impl Visitor {
    fn ask(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<CountedBody>, Infallible>> + Send + use<> {
        let work = match request.version() {
            Version::HTTP_2 => self.activity.begin_stream(),
            _ => self.activity.begin_request(),
        };
        self.door.answer(request, self.peer, &self.place, work)
    }
}

/// Why a connection is over that would have gone on.
enum End {
    Cut,
    Workless,
    /// By its client's fault.
    Failed(SlowPeer),
}

/// A connection that ends badly is the client's affair, and told to nobody but the curious.
fn tell<E: Display>(result: Result<(), E>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// A connection that was gone before it was accepted costs nothing; anything else wants a pause.
pub(super) async fn rest(error: &io::Error) {
    if !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    ) {
        tracing::error!(%error, "no connection can be accepted");
        sleep(BREATH).await;
    }
}

/// HTTP/1.1 within the limits. What holds by hyper's default is said here where it keeps a stranger from
/// holding something of ours.
fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // `Patience` sees where a head begins, and this counts the time between two requests as well.
        .header_read_timeout(None)
        .max_buf_size(limits.header_bytes);
    if limits.headers != HEADERS {
        builder.max_headers(limits.headers);
    }
    builder
}

/// The same, and HTTP/2 by prior knowledge.
fn either(limits: &Limits, slow_peers: SlowPeers) -> Builder<StreamExecutor> {
    let mut builder = Builder::new(StreamExecutor {
        pace: Pace::of_answers(limits),
        slow_peers,
    });
    builder
        .http1()
        .timer(TokioTimer::new())
        // `Patience` sees where a head begins, and this counts the time between two requests as well.
        .header_read_timeout(None)
        .max_buf_size(limits.header_bytes);
    if limits.headers != HEADERS {
        builder.http1().max_headers(limits.headers);
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(250)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(1024)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}
