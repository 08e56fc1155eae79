//! Whose connection it is: the socket's peer, or whom a proxy that passes bytes on says.
//!
//! With the PROXY protocol on, connections from trusted proxies must begin with its header, and nobody
//! else's may. Without it nobody's may. A connection that does otherwise is closed without an answer: what
//! follows could be read in two ways.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{BufMut, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::{Instant, timeout},
};

use super::opening::Opening;
use crate::{
    proxy::{
        forwarded::TrustedProxies,
        proxy_protocol::{self, MAX_HEADER, ProxyHeader, ProxyHeaderError},
    },
    telemetry::metrics::Metrics,
};

/// How often somebody's bad beginning is told. All are counted.
const PAUSE: Duration = Duration::from_secs(10);

/// All that can be wrong, so that each is on the page of metrics before it happens.
const FAULTS: [&str; 8] = [
    "missing",
    "malformed",
    "too_long",
    "other_transport",
    "checksum",
    "slow",
    "ended",
    "unexpected",
];

/// Reads what connections begin with.
#[derive(Debug)]
pub(super) struct Introductions {
    proxies: Arc<TrustedProxies>,
    expects_headers: bool,
    metrics: Arc<Metrics>,
    told: Mutex<Option<Instant>>,
}

/// Why a connection was closed before its first request.
#[derive(Debug, thiserror::Error)]
pub(super) enum IntroductionError {
    /// What a trusted proxy sent is no header.
    #[error(transparent)]
    Header(#[from] ProxyHeaderError),
    /// A trusted proxy did not send a whole header in time.
    #[error("the PROXY header did not come in time")]
    Slow,
    /// The connection ended within the header, or could not be read.
    #[error("the connection ended within the PROXY header")]
    Ended,
    /// A header came that was not expected.
    #[error("a PROXY header came from whom none is expected")]
    Unexpected,
}

impl IntroductionError {
    /// Stable, for metrics.
    fn code(&self) -> &'static str {
        match self {
            Self::Header(error) => error.code(),
            Self::Slow => "slow",
            Self::Ended => "ended",
            Self::Unexpected => "unexpected",
        }
    }
}

impl Introductions {
    pub(super) fn new(
        proxies: Arc<TrustedProxies>,
        expects_headers: bool,
        metrics: &Arc<Metrics>,
    ) -> Self {
        for fault in FAULTS {
            metrics.bad_introductions(fault);
        }
        Self {
            proxies,
            expects_headers,
            metrics: Arc::clone(metrics),
            told: Mutex::default(),
        }
    }

    /// The connection, ready for its first request, and whose it is; `None` when it is to be closed.
    pub(super) async fn receive<S>(
        self: &Arc<Self>,
        stream: S,
        peer: SocketAddr,
        patience: Duration,
    ) -> Option<(Opening<S>, SocketAddr)>
    where
        S: AsyncRead + Unpin,
    {
        if !(self.expects_headers && self.proxies.trusts(peer.ip())) {
            return Some((Opening::watched(stream, Arc::clone(self), peer), peer));
        }
        match introduced(stream, patience).await {
            Ok(Some((opening, source))) => Some((opening, source.unwrap_or(peer))),
            Ok(None) => None,
            Err(error) => {
                self.refuse(peer, &error);
                None
            }
        }
    }

    /// Counts a connection that is closed, and tells of it unless one was told of a moment ago.
    pub(super) fn refuse(&self, peer: SocketAddr, error: &IntroductionError) {
        self.metrics.bad_introductions(error.code()).inc();
        if self.is_worth_telling() {
            tracing::warn!(
                peer = %peer.ip().to_canonical(),
                reason = error.code(),
                trusted = self.proxies.trusts(peer.ip()),
                "connection closed: {error} (OAUTHGATE_PROXY_PROTOCOL is {}; told every {} s at the most)",
                if self.expects_headers { "on" } else { "off" },
                PAUSE.as_secs(),
            );
        }
    }

    fn is_worth_telling(&self) -> bool {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| now.duration_since(told) < PAUSE) {
            return false;
        }
        *told = Some(now);
        true
    }
}

type Introduced<S> = Option<(Opening<S>, Option<SocketAddr>)>;

/// Takes the header off; nothing when the peer left without a word, as balancers do that only ask whether
/// somebody listens.
async fn introduced<S>(stream: S, patience: Duration) -> Result<Introduced<S>, IntroductionError>
where
    S: AsyncRead + Unpin,
{
    timeout(patience, read(stream))
        .await
        .map_err(|_| IntroductionError::Slow)?
}

async fn read<S>(mut stream: S) -> Result<Introduced<S>, IntroductionError>
where
    S: AsyncRead + Unpin,
{
    let mut bytes = BytesMut::new();
    loop {
        match more(&mut stream, &mut bytes).await {
            Ok(1..) => {}
            Ok(0) | Err(_) if bytes.is_empty() => return Ok(None),
            Ok(0) | Err(_) => return Err(IntroductionError::Ended),
        }
        if let Some(ProxyHeader { source, length }) = proxy_protocol::read(&bytes)? {
            let ahead = bytes.split_off(length).freeze();
            return Ok(Some((Opening::after(stream, ahead), source)));
        }
    }
}

/// Never more than the longest header: what is read ahead is bounded, too.
async fn more<S: AsyncRead + Unpin>(stream: &mut S, bytes: &mut BytesMut) -> io::Result<usize> {
    let room = MAX_HEADER.saturating_sub(bytes.len());
    stream.read_buf(&mut bytes.limit(room)).await
}

#[cfg(test)]
mod tests;
