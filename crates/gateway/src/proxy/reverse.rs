//! The reverse proxy: an authorized request goes to the upstream, its answer comes back, both streamed.
//!
//! No body is buffered in either direction, and a client that leaves takes its request along: dropping
//! the response body ends the upstream's side. Upstreams are spoken to in HTTP/1.1, which every MCP
//! server understands and which WebSockets need.

use std::{
    convert::Infallible,
    error::Error,
    io,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version, header, request::Parts};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, Error as ClientError, ResponseFuture, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use oauthgate_core::{Denial, ProtectedResource, Reason, SettingError, UserContext};
use oauthgate_remote::{ConfigurationError, error::Mistake};
use oauthgate_tower::{ClientAddress, Reference, response::refusal};
use tower::Service;
use url::Url;

use super::{admission::RequestTarget, upgrade::Upgrade};
use crate::{
    config::{IdentityHeaders, ResourceSettings},
    gate::{BodyError, GateBody, boxed},
    upstream::headers::{Provenance, strip_trailers, to_client, to_upstream},
};

/// How long an unused connection to the upstream is kept. Servers commonly close theirs after 75 s or
/// more; ours goes first.
const IDLE: Duration = Duration::from_secs(50);

/// Sends authorized requests to one upstream. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReverseProxy {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: Connections,
    destination: Destination,
    identity_headers: IdentityHeaders,
    /// The scheme that the resource's clients use.
    scheme: String,
    response_timeout: Duration,
    resource: ProtectedResource,
}

impl ReverseProxy {
    /// A proxy to the resource's upstream.
    ///
    /// # Errors
    /// When the system's certificate store cannot be used, or the upstream is no http or https URL.
    pub fn new(settings: &ResourceSettings) -> Result<Self, ConfigurationError> {
        let provider = &settings.provider;
        let issuers = provider.issuers.iter().map(|issuer| issuer.issuer.clone());
        let mistake = |error| ConfigurationError {
            mistakes: vec![Mistake::new(
                "upstream",
                Some(settings.upstream.as_str()),
                error,
            )],
        };
        let shared = Shared {
            upstream: Connections::new(&settings.upstream, settings.timeouts.connect)
                .map_err(mistake)?,
            destination: Destination::new(&settings.upstream, &settings.path).map_err(mistake)?,
            identity_headers: settings.identity_headers,
            scheme: provider.resource.url().scheme().to_owned(),
            response_timeout: settings.timeouts.response,
            resource: ProtectedResource::new(provider.resource.clone(), issuers.collect()),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }
}

impl<B> Service<Request<B>> for ReverseProxy
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    type Response = Response<GateBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { Ok(shared.answer(request.map(boxed)).await) })
    }
}

impl Shared {
    async fn answer(&self, request: Request<GateBody>) -> Response<GateBody> {
        let (method, reference) = (
            request.method().clone(),
            request.extensions().get::<Reference>().cloned(),
        );
        match self.forward(request).await {
            Ok(response) => response,
            Err(denial) => {
                let reference = reference.unwrap_or_else(Reference::random);
                refusal(&method, denial, &self.resource, reference).map(boxed)
            }
        }
    }

    async fn forward(&self, mut request: Request<GateBody>) -> Result<Response<GateBody>, Denial> {
        let upgrade = Upgrade::asked_for(&mut request);
        let (mut parts, body) = request.into_parts();
        self.readdress(&mut parts)?;
        if upgrade.is_some() {
            Upgrade::ask(&mut parts.headers);
        }
        let sent = self.upstream.send(Request::from_parts(parts, body));
        let response = tokio::time::timeout(self.response_timeout, sent).await;
        let response = response.map_err(|_| Denial::new(Reason::UpstreamTimeout))?;
        finished(response.map_err(|error| unreachable(&error))?, upgrade)
    }

    /// Everything about the request that the upstream must see differently.
    fn readdress(&self, parts: &mut Parts) -> Result<(), Denial> {
        let extensions = std::mem::take(&mut parts.extensions);
        let (Some(target), Some(ClientAddress(client)), Some(user)) = (
            extensions.get::<RequestTarget>(),
            extensions.get::<ClientAddress>().copied(),
            extensions.get::<UserContext>(),
        ) else {
            return Err(Denial::new(Reason::PolicyRefused)
                .with_detail("the request did not come through the gate"));
        };
        let provenance = Provenance {
            client,
            host: target.host(),
            scheme: &self.scheme,
        };
        to_upstream(&mut parts.headers, user, self.identity_headers, provenance)?;
        parts.uri = self.destination.uri(target, parts.uri.query())?;
        parts.version = Version::HTTP_11;
        Ok(())
    }
}

/// Where requests go.
#[derive(Debug)]
struct Destination {
    scheme: http::uri::Scheme,
    authority: http::uri::Authority,
    /// The upstream's own path, which replaces the resource's; `None` when it has none.
    path: Option<String>,
    resource_path: String,
}

impl Destination {
    fn new(upstream: &Url, resource_path: &str) -> Result<Self, SettingError> {
        let wrong = || {
            SettingError::new(
                "no address that can be connected to",
                "for example http://127.0.0.1:3001",
            )
        };
        let host = upstream.host_str().ok_or_else(wrong)?;
        let authority = upstream
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let path = upstream.path().trim_end_matches('/');
        Ok(Self {
            scheme: upstream.scheme().parse().map_err(|_| wrong())?,
            authority: authority.parse().map_err(|_| wrong())?,
            path: (!path.is_empty()).then(|| path.to_owned()),
            resource_path: resource_path.to_owned(),
        })
    }

    fn uri(&self, target: &RequestTarget, query: Option<&str>) -> Result<Uri, Denial> {
        let malformed =
            || Denial::new(Reason::MalformedRequest).with_detail("the path cannot be sent on");
        let path = target.path().ok_or_else(malformed)?;
        let mut text = match &self.path {
            Some(own) => format!(
                "{own}{}",
                path.below(&self.resource_path).ok_or_else(malformed)?
            ),
            None => path.as_str().to_owned(),
        };
        if let Some(query) = query {
            text.push('?');
            text.push_str(query);
        }
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone());
        uri.path_and_query(text).build().map_err(|_| malformed())
    }
}

/// The upstream's answer as the client gets it.
fn finished(
    response: Response<Incoming>,
    upgrade: Option<Upgrade>,
) -> Result<Response<GateBody>, Denial> {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let mut response = match (switches, upgrade) {
        (true, Some(upgrade)) => upgrade.connect(response)?,
        (true, None) => {
            return Err(Denial::new(Reason::UpstreamUnreachable)
                .with_detail("the upstream switched protocols unasked"));
        }
        (false, _) => {
            let mut response = response.map(without_forged_trailers);
            to_client(response.headers_mut());
            response
        }
    };
    *response.version_mut() = Version::default();
    response.extensions_mut().clear();
    Ok(response)
}

fn without_forged_trailers(body: Incoming) -> GateBody {
    let frames = body.map_frame(|mut frame| {
        if let Some(trailers) = frame.trailers_mut() {
            strip_trailers(trailers);
        }
        frame
    });
    boxed(frames)
}

/// Why the upstream gave no answer. A connection that takes too long counts as slow.
fn unreachable(error: &ClientError) -> Denial {
    let reason = if is_timeout(error) {
        Reason::UpstreamTimeout
    } else {
        Reason::UpstreamUnreachable
    };
    let cause = std::iter::successors(error.source(), |error| (*error).source()).last();
    Denial::new(reason).with_detail(cause.map_or_else(|| error.to_string(), ToString::to_string))
}

fn is_timeout(error: &ClientError) -> bool {
    std::iter::successors(error.source(), |error| (*error).source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// Connections to the upstream, pooled.
#[derive(Debug)]
enum Connections {
    /// Needs no certificates, which a minimal container may not have.
    Plain(Client<HttpConnector, GateBody>),
    Tls(Client<HttpsConnector<HttpConnector>, GateBody>),
}

impl Connections {
    fn new(upstream: &Url, connect_timeout: Duration) -> Result<Self, SettingError> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(connect_timeout));
        tcp.set_nodelay(true);
        let mut pool = Client::builder(TokioExecutor::new());
        pool.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE);
        if upstream.scheme() == "http" {
            return Ok(Self::Plain(pool.build(tcp)));
        }
        tcp.enforce_http(false);
        let tls = HttpsConnectorBuilder::new().try_with_platform_verifier();
        let tls = tls.map_err(no_certificates)?;
        Ok(Self::Tls(pool.build(
            tls.https_only().enable_http1().wrap_connector(tcp),
        )))
    }

    fn send(&self, request: Request<GateBody>) -> ResponseFuture {
        match self {
            Self::Plain(client) => client.request(request),
            Self::Tls(client) => client.request(request),
        }
    }
}

fn no_certificates(error: impl std::fmt::Display) -> SettingError {
    SettingError::new(
        format!("no certificates to trust: {error}"),
        "a certificate store, for example the package ca-certificates, or SSL_CERT_FILE",
    )
}

/// `Connection: upgrade`, in either direction.
pub(super) const CONNECTION_UPGRADE: (http::HeaderName, HeaderValue) =
    (header::CONNECTION, HeaderValue::from_static("upgrade"));
