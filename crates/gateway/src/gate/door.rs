//! The front door: every request of the public listener comes by here.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header, request::Parts,
};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use oauthgate_core::{Denial, ProtectedResource, Reason};
use oauthgate_tower::{
    ClientAddress, ClientPrefixes, Reference, metadata_route::ROOT_PATH, response::refusal,
};
use tower::ServiceExt;

use super::{
    activity::Work,
    body::{CountedBody, GateBody, Told, boxed, counted},
    hints, length,
    load::Load,
    pace::Pace,
    request_body::{self, RequestBody},
    site::Site,
};
use crate::{
    proxy::{
        admission::{Authority, RequestPath, RequestTarget},
        cors,
        forwarded::{Reported, TrustedProxies},
        routes::Routes,
    },
    telemetry::{access::Passage, metrics::Metrics},
};

/// What all connections share.
pub(super) struct Door {
    pub(super) routes: Routes<Site>,
    pub(super) client_prefixes: ClientPrefixes,
    pub(super) proxies: Arc<TrustedProxies>,
    /// At which bodies must come.
    pub(super) pace: Pace,
    /// Header lines of a request.
    pub(super) headers: usize,
    /// Bytes of its head.
    pub(super) header_bytes: usize,
    /// What all carry together.
    pub(super) load: Load,
    pub(super) metrics: Arc<Metrics>,
    /// Speaks for the gate where no resource does.
    pub(super) first: ProtectedResource,
}

/// The answer to a request, and the resource it was for.
struct Answered {
    site: Option<Arc<str>>,
    response: Response<GateBody>,
}

impl Door {
    /// Answers one request; logs and counts it.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
        work: Work,
    ) -> Result<Response<CountedBody>, Infallible> {
        let reported = self.proxies.reported(request.headers(), peer);
        // Where a trusted proxy contradicts itself, it is the one to be named.
        let client = reported.as_ref().map_or(peer, |reported| reported.client);
        let reference = Reference::random();
        let ends_connection = is_chunked(&request);
        let slow_peers = self.metrics.slow_peers.clone();
        let (request, unread) = request_body::watched(request, self.pace, slow_peers);
        let passage = Passage::begin(
            request.method(),
            client,
            reference.clone(),
            Arc::clone(&self.metrics),
        );
        let mut answered = self
            .route(
                self.with_extensions(request, client, reference.clone(), &passage),
                reported,
            )
            .await;
        // Before the rest of the body is awaited: how slow its client is says nothing about us.
        passage.end(answered.site.as_deref(), &answered.response);
        let is_read = unread.read_away().await;
        if !is_read {
            work.linger();
        }
        if !is_read || ends_connection {
            end_connection(&mut answered.response);
        }
        let told = Told {
            resource: answered.site,
            reference,
        };
        Ok(counted(answered.response, work, told))
    }

    /// Nothing that a client sent is in the extensions; this is what the rooms behind learn from us.
    fn with_extensions(
        &self,
        mut request: Request<RequestBody>,
        client: IpAddr,
        reference: Reference,
        passage: &Passage,
    ) -> Request<RequestBody> {
        let extensions = request.extensions_mut();
        extensions.insert(ClientAddress(client));
        extensions.insert(self.client_prefixes.network_of(client));
        extensions.insert(reference);
        extensions.insert(passage.clone());
        request
    }

    /// The order matters: what is ambiguous is refused before anything is looked up; documents are for
    /// everybody, whoever they are; a foreign host or origin is refused before its token is looked at.
    async fn route(
        &self,
        request: Request<RequestBody>,
        reported: Result<Reported, Denial>,
    ) -> Answered {
        let (parts, body) = request.into_parts();
        let target = self.has_a_short_head(&parts);
        let target = match target.and_then(|()| RequestTarget::read(&parts)) {
            Ok(target) => target,
            Err(denial) => return Answered::plain(refuse(&parts, denial, &self.first)),
        };
        let document = target
            .path()
            .and_then(|path| self.document(path, target.host(), &parts));
        if let Some(response) = document {
            return Answered::plain(response);
        }
        let target = match reported {
            Ok(reported) => target.before_proxies(reported),
            Err(denial) => return Answered::plain(refuse(&parts, denial, &self.first)),
        };
        match target.path().and_then(|path| self.routes.find(path)) {
            Some(site) => {
                let response = site.serve(target, parts, body, &self.load).await;
                Answered {
                    site: Some(Arc::clone(&site.name)),
                    response,
                }
            }
            None => Answered::plain(hints::not_served(
                &parts.method,
                &self.first,
                &Reference::of(&parts),
            )),
        }
    }

    /// hyper lets a little more in, and counts no headers of HTTP/2.
    fn has_a_short_head(&self, parts: &Parts) -> Result<(), Denial> {
        let problem = if parts.headers.len() > self.headers {
            "more header lines than OAUTHGATE_MAX_HEADERS"
        } else if length::of_request(parts) > self.header_bytes {
            "a head longer than OAUTHGATE_MAX_HEADER_BYTES"
        } else {
            return Ok(());
        };
        Err(Denial::new(Reason::MalformedRequest).with_detail(problem))
    }

    /// The documents that lie outside every resource: metadata, and the hint that there is no
    /// authorization server here (unless a resource was put there on purpose).
    fn document(
        &self,
        path: &RequestPath,
        host: &Authority,
        parts: &Parts,
    ) -> Option<Response<Full<Bytes>>> {
        let decoded = path.decoded();
        if let Some(site) = self.owner_of_document(decoded) {
            return Some(site.metadata.answer(&parts.method));
        }
        let on_purpose = self.routes.find(path).is_some_and(|site| !site.is_root);
        let astray = hints::seeks_authorization_server(decoded) && !on_purpose;
        astray.then(|| {
            let hint = hints::hint(decoded, self.resource_on(host));
            hints::not_here(&parts.method, &self.first, &Reference::of(parts), &hint)
        })
    }

    /// A resource that is served under this host.
    fn resource_on(&self, host: &Authority) -> Option<&ProtectedResource> {
        self.routes
            .values()
            .find(|site| site.hosts.admit(host).is_ok())
            .map(|site| site.provider.resource())
    }

    /// The root form belongs to the only resource, or to the one at the root of the host.
    fn owner_of_document(&self, path: &str) -> Option<&Site> {
        let mut sites = self.routes.values();
        if let Some(site) = sites.find(|site| site.metadata.is_at(path)) {
            return Some(site);
        }
        let mut sites = self.routes.values();
        match (sites.next(), sites.next()) {
            (Some(only), None) if path.strip_suffix('/').unwrap_or(path) == ROOT_PATH => Some(only),
            _ => None,
        }
    }
}

impl Answered {
    /// An answer outside every resource.
    fn plain(response: Response<Full<Bytes>>) -> Self {
        Self {
            site: None,
            response: response.map(boxed),
        }
    }
}

impl Site {
    /// Host, origin, preflight; then the protected service, if the gate can carry one more request. Every
    /// answer gets the CORS headers of its page.
    async fn serve(
        &self,
        target: RequestTarget,
        mut parts: Parts,
        body: RequestBody,
        load: &Load,
    ) -> Response<GateBody> {
        let admitted = self
            .hosts
            .admit(target.host())
            .and_then(|()| self.origins.admit(&parts.headers));
        let origin = match admitted {
            Ok(origin) => origin,
            Err(denial) => return refuse(&parts, denial, self.provider.resource()).map(boxed),
        };
        if cors::is_preflight(&parts.method, &parts.headers) {
            return dressed(cors::preflight(&parts.headers), origin.as_ref());
        }
        parts.extensions.insert(target);
        let (method, reference) = (parts.method.clone(), Reference::of(&parts));
        let served = match load.admit(&mut parts) {
            Ok(visit) => {
                let handler = self.handler.clone();
                let Ok(response) = handler.oneshot(Request::from_parts(parts, body)).await;
                visit.settle(response)
            }
            Err(denial) => Err(denial),
        };
        let response = served.unwrap_or_else(|denial| {
            refusal(&method, denial, self.provider.resource(), reference).map(boxed)
        });
        dressed(response, origin.as_ref())
    }
}

/// A request with both a length and chunks is read by its chunks, as RFC 9112 §6.1 has it; hyper does not
/// tell that there was a length, which a proxy in front may have believed instead. What follows on the
/// connection could then be a request that nobody sent, so there every chunked request is the last one.
fn is_chunked<B>(request: &Request<B>) -> bool {
    request.version() < Version::HTTP_2 && request.headers().contains_key(header::TRANSFER_ENCODING)
}

fn end_connection<B>(response: &mut Response<B>) {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
}

fn dressed<B>(mut response: Response<B>, origin: Option<&HeaderValue>) -> Response<GateBody>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<super::body::BodyError>,
{
    let headers: &mut HeaderMap = response.headers_mut();
    cors::decorate(origin, headers);
    response.map(boxed)
}

fn refuse(parts: &Parts, denial: Denial, resource: &ProtectedResource) -> Response<Full<Bytes>> {
    refusal(&parts.method, denial, resource, Reference::of(parts))
}
