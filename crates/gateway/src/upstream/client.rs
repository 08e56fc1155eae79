//! Connections to one upstream, pooled: HTTP/1.1, and over TLS also HTTP/2 where the upstream offers it.
//!
//! hyper sends a request again only when the connection it was meant for turned out to be closed before
//! any of it was written. Nothing else is ever sent twice, a `POST` least of all.
//!
//! All callers share the connections. An upstream that writes a body where HTTP allows none (after the
//! answer to a `HEAD`, after 204 and 304) would answer the next caller with it, so such an answer is the
//! last on its connection.

use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, client::conn::TrySendError};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Builder, Client,
        connect::{CaptureConnection, HttpConnector, capture_connection},
    },
    rt::{TokioExecutor, TokioTimer},
};
use oauthgate_core::{Denial, Reason, SettingError};
use oauthgate_remote::outbound::CertificateAuthorities;
use rustls::ClientConfig;
use url::Url;

use super::pool::{Failure, Lease, Pool};
use crate::config::UpstreamTimeouts;
use crate::gate::{GateBody, INTERVAL, QUESTIONS, SILENCE, unanswered_for};

/// How long an unused connection to the upstream is kept. Node's servers and uvicorn close theirs after
/// five seconds, and a request that crosses the close on its way is lost: so ours goes first.
const IDLE: Duration = Duration::from_secs(4);

/// Unused connections that are kept: a burst would otherwise leave one for each of its requests.
const UNUSED: usize = 512;

/// What an upstream may send of one answer over HTTP/2 before the client took it.
const STREAM_WINDOW: u32 = 256 * 1024;

/// What it may send of all answers on a connection together. All callers share the connections, and it must
/// not take a few who do not read their answers to leave no room for those of the others.
const CONNECTION_WINDOW: u32 = 1 << 30;

type Tls = Client<HttpsConnector<HttpConnector>, GateBody>;

/// Connections without TLS: HTTP/1.1, one request at a time on each.
#[derive(Debug)]
pub(super) struct Plain {
    pool: Pool,
    host: HeaderValue,
}

/// The body of an answer, and the connection that it comes on.
#[derive(Debug)]
pub(super) struct AnswerBody {
    incoming: Incoming,
    /// Given back at the end of the body.
    lease: Option<Lease>,
}

/// The connections.
#[derive(Debug)]
pub(super) enum UpstreamClient {
    /// Needs no certificates, which a minimal container may not have.
    Plain(Plain),
    /// TLS, trusting what the system trusts and what the operator named.
    Tls {
        /// HTTP/2 or HTTP/1.1, as ALPN finds.
        negotiated: Tls,
        /// HTTP/1.1, which upgrades need.
        http1: Box<Tls>,
    },
}

impl UpstreamClient {
    /// A client for an http or https URL. Connects when it is first used.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new(
        upstream: &Url,
        timeouts: UpstreamTimeouts,
        head_bytes: usize,
        authorities: &CertificateAuthorities,
    ) -> Result<Self, SettingError> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(timeouts.connect));
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(SILENCE));
        tcp.set_keepalive_interval(Some(INTERVAL));
        tcp.set_keepalive_retries(Some(QUESTIONS));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(unanswered_for(timeouts.response)));
        let pool = pool(head_bytes);
        match upstream.scheme() {
            "http" => Plain::new(upstream, tcp, head_bytes).map(Self::Plain),
            _ => {
                let tls = authorities.client_config().map_err(no_tls)?;
                Self::over_tls(&pool, tcp, &tls)
            }
        }
    }

    fn over_tls(
        pool: &Builder,
        mut tcp: HttpConnector,
        tls: &ClientConfig,
    ) -> Result<Self, SettingError> {
        tcp.enforce_http(false);
        let tls = || {
            HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_only()
        };
        let negotiated = tls().enable_all_versions().wrap_connector(tcp.clone());
        let http1 = tls().enable_http1().wrap_connector(tcp);
        Ok(Self::Tls {
            negotiated: pool.build(negotiated),
            http1: Box::new(pool.build(http1)),
        })
    }

    /// Sends a request; dropping the answer's future or its body takes the request back.
    pub(super) async fn send(
        &self,
        mut request: Request<GateBody>,
        upgrades: bool,
    ) -> Result<Response<AnswerBody>, Failure> {
        if request.method() == Method::HEAD {
            // Known beforehand, so that no other request can get hold of the connection at all.
            let close = HeaderValue::from_static("close");
            request.headers_mut().insert(header::CONNECTION, close);
        }
        match self {
            Self::Plain(plain) => plain.send(request).await,
            Self::Tls { http1, .. } if upgrades => over(http1, request).await,
            Self::Tls { negotiated, .. } => over(negotiated, request).await,
        }
    }
}

/// Sends a request over TLS.
async fn over(
    client: &Tls,
    mut request: Request<GateBody>,
) -> Result<Response<AnswerBody>, Failure> {
    let connection = capture_connection(&mut request);
    let response = client.request(request).await?;
    // In the turn that brings the head: a task that the pool gave the connection meanwhile looks
    // whether it is still good before it writes.
    if may_have_a_stray_body(&response) {
        abandon(&connection);
    }
    Ok(response.map(|incoming| AnswerBody {
        incoming,
        lease: None,
    }))
}

impl Plain {
    fn new(upstream: &Url, tcp: HttpConnector, head_bytes: usize) -> Result<Self, SettingError> {
        let wrong = || {
            SettingError::new(
                "no address that can be connected to",
                "for example http://127.0.0.1:3001",
            )
        };
        let address: Uri = upstream.as_str().parse().map_err(|_| wrong())?;
        let host = &upstream[url::Position::BeforeHost..url::Position::AfterPort];
        Ok(Self {
            host: HeaderValue::from_str(host).map_err(|_| wrong())?,
            pool: Pool::new(address, tcp, head_bytes, IDLE, UNUSED),
        })
    }

    async fn send(&self, mut request: Request<GateBody>) -> Result<Response<AnswerBody>, Failure> {
        let is_last = request.method() == Method::HEAD;
        // The form that servers get (RFC 9112 §3.2.1).
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = target.map_or_else(Uri::default, Uri::from);
        let host = self.host.clone();
        request.headers_mut().insert(header::HOST, host);
        let mut lease = self.pool.lease().await?;
        loop {
            let Some(sender) = lease.sender() else {
                return Err("the connection was abandoned".into());
            };
            let error = match sender.try_send_request(request).await {
                Ok(response) => {
                    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                    if is_last || switches || may_have_a_stray_body(&response) {
                        lease.abandon();
                    }
                    return Ok(response.map(|incoming| AnswerBody::on(incoming, lease)));
                }
                Err(error) => error,
            };
            request = again(error, lease.is_used)?;
            lease.abandon();
            lease = self.pool.lease().await?;
        }
    }
}

/// The request, if its connection turned out to be closed before any of it was written. A new connection that
/// closes at once is no accident.
fn again(
    mut error: TrySendError<Request<GateBody>>,
    is_used: bool,
) -> Result<Request<GateBody>, Failure> {
    match error.take_message().filter(|_| is_used) {
        Some(request) => Ok(request),
        None => Err(error.into_error().into()),
    }
}

impl AnswerBody {
    /// What has no body leaves its connection to others at once.
    fn on(incoming: Incoming, lease: Lease) -> Self {
        let lease = (!incoming.is_end_stream()).then_some(lease);
        Self { incoming, lease }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        if frame.is_none() || self.incoming.is_end_stream() {
            drop(self.lease.take());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// HTTP/2 frames its messages, so what follows one of them there belongs to nobody else.
fn may_have_a_stray_body<B>(response: &Response<B>) -> bool {
    let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
    response.version() != Version::HTTP_2 && bodiless.contains(&response.status())
}

/// No further request goes over the connection.
fn abandon(connection: &CaptureConnection) {
    if let Some(connection) = connection.connection_metadata().as_ref() {
        connection.poison();
    }
}

fn pool(head_bytes: usize) -> Builder {
    let mut pool = Client::builder(TokioExecutor::new());
    pool.timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(UNUSED)
        .http1_max_buf_size(head_bytes)
        .http2_max_header_list_size(u32::try_from(head_bytes).unwrap_or(u32::MAX))
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(SILENCE);
    pool
}

fn no_tls(error: impl std::fmt::Display) -> SettingError {
    SettingError::new(
        format!("TLS cannot be set up: {error}"),
        "a build whose TLS and cryptography fit together",
    )
}

/// Why the upstream gave no answer. A connection that takes too long counts as slow.
pub(super) fn unanswered(error: &Failure) -> Denial {
    let reason = if is_timeout(error) {
        Reason::UpstreamTimeout
    } else {
        Reason::UpstreamUnreachable
    };
    let cause = causes(error).last();
    let mut detail = cause.map_or_else(|| error.to_string(), ToString::to_string);
    if cause.is_some_and(is_unknown_authority) {
        detail.push_str("; if its authority is your own, name that with OAUTHGATE_CA_FILE");
    }
    Denial::new(reason).with_detail(detail)
}

/// rustls' errors travel inside of `io::Error`s, which hide what they hold from `source`.
fn is_unknown_authority(cause: &(dyn Error + 'static)) -> bool {
    fn hidden<'e>(cause: &&'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
        Some(cause.downcast_ref::<io::Error>()?.get_ref()?)
    }
    use rustls::CertificateError as Certificate;
    let tls = std::iter::successors(Some(cause), hidden).find_map(|cause| cause.downcast_ref());
    matches!(
        tls,
        Some(rustls::Error::InvalidCertificate(
            Certificate::UnknownIssuer
                | Certificate::BadSignature
                | Certificate::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        ))
    )
}

fn is_timeout(error: &Failure) -> bool {
    causes(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::TimedOut)
}

fn causes(error: &Failure) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |error| (*error).source())
}

#[cfg(test)]
mod tests;
