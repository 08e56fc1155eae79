//! The front door: every request of the public listener comes by here.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Version, header, request::Parts};
use http_body_util::Full;
use hyper::body::Incoming;
use oauthgate_core::{Denial, ProtectedResource, Reason};
use oauthgate_tower::{
    ClientAddress, ClientPrefixes, Reference, metadata_route::ROOT_PATH, response::refusal,
};
use tower::Service;

use super::{
    activity::Work,
    arrival::{Arrival, Arrived},
    body::CountedBody,
    hints, length,
    load::{Load, Visit},
    pace::Pace,
    paced::Leisure,
    place::Place,
    request_body::{self, RequestBody},
    site::Site,
    underway::{Answer, Asked, Underway, dressed},
};
use crate::{
    proxy::{
        admission::{Authority, KnownHosts, RequestTarget},
        cors,
        forwarded::{Reported, TrustedProxies},
        routes::Routes,
    },
    telemetry::{access::Passage, metrics::Metrics},
};

/// What all connections share.
pub(super) struct Door {
    pub(super) routes: Routes<Arc<Site>>,
    pub(super) hosts: KnownHosts,
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

/// What is known of a request before anybody looks at what it wants.
struct Incomer<'a> {
    client: IpAddr,
    leisure: Option<Leisure>,
    reference: &'a Reference,
    passage: &'a Passage,
    place: &'a Place,
}

/// A request that may go on to its resource, to be judged by its token.
struct Admitted<'a> {
    site: &'a Arc<Site>,
    /// Of the page that asks, if one does.
    origin: Option<HeaderValue>,
    arrival: Arrival,
}

/// An answer of our own, and the resource it is for.
struct Said<'a> {
    site: Option<&'a Arc<Site>>,
    response: Response<Full<Bytes>>,
}

impl Door {
    /// Answers one request; logs and counts it. Its head is judged at once, so that there is nothing of it to
    /// carry along while others work on it.
    pub(super) fn answer(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
        place: &Place,
        work: Work,
    ) -> impl Future<Output = Result<Response<CountedBody>, Infallible>> + Send + use<> {
        let (mut parts, body) = request.into_parts();
        let reported = self.proxies.reported(&parts.headers, peer);
        // Where a trusted proxy contradicts itself, it is the one to be named.
        let client = reported.as_ref().map_or(peer, |reported| reported.client);
        let reference = Reference::random();
        let slow_peers = &self.metrics.slow_peers;
        let (body, unread) = request_body::watched(&mut parts, body, self.pace, slow_peers);
        let metrics = Arc::clone(&self.metrics);
        let passage = Passage::begin(&parts.method, client, reference.clone(), metrics);
        let incomer = Incomer {
            client,
            leisure: unread.as_ref().map(|unread| unread.leisure.clone()),
            reference: &reference,
            passage: &passage,
            place,
        };
        let ends_connection = is_chunked(&parts);
        let (site, answer) = match self.admit(&mut parts, reported, incomer) {
            Ok(admitted) => admitted.ask(Request::from_parts(parts, body)),
            Err(said) => (said.site.cloned(), Answer::Said(said.response)),
        };
        let underway = Underway {
            site,
            reference,
            passage,
            unread,
            ends_connection,
            work,
        };
        underway.end(answer)
    }

    /// The order matters: what is ambiguous is refused before anything is looked up; documents are for
    /// everybody, whoever they are; a foreign host or origin is refused before its token is looked at.
    fn admit(
        &self,
        parts: &mut Parts,
        reported: Result<Reported, Denial>,
        incomer: Incomer<'_>,
    ) -> Result<Admitted<'_>, Box<Said<'_>>> {
        let reference = incomer.reference;
        let elsewhere = |response| {
            Box::new(Said {
                site: None,
                response,
            })
        };
        let refused =
            |parts: &Parts, denial| elsewhere(refuse(parts, denial, &self.first, reference));
        let target = self
            .has_a_short_head(parts)
            .and_then(|()| RequestTarget::read(parts, &self.hosts))
            .map_err(|denial| refused(parts, denial))?;
        if let Some(response) = self.document(&target, &parts.method, reference) {
            return Err(elsewhere(response));
        }
        let reported = reported.map_err(|denial| refused(parts, denial))?;
        let target = target.before_proxies(reported);
        let Some(site) = target.path().and_then(|path| self.routes.find(path)) else {
            let response = hints::not_served(&parts.method, &self.first, reference);
            return Err(elsewhere(response));
        };
        let origin = site.permit(&target, parts, reference).map_err(|said| {
            Box::new(Said {
                site: Some(site),
                response: *said,
            })
        })?;
        match self.load.admit(parts) {
            Ok(visit) => {
                let arrival = self.introduce(target, parts, visit, incomer);
                Ok(Admitted {
                    site,
                    origin,
                    arrival,
                })
            }
            Err(denial) => {
                let refusal = refuse(parts, denial, site.provider.resource(), reference);
                let response = dressed(refusal, origin.as_ref());
                Err(Box::new(Said {
                    site: Some(site),
                    response,
                }))
            }
        }
    }

    /// Nothing that a client sent is in the extensions; this is what the rooms behind learn from us.
    fn introduce(
        &self,
        target: RequestTarget,
        parts: &mut Parts,
        visit: Visit,
        incomer: Incomer<'_>,
    ) -> Arrival {
        let client = incomer.client;
        let arrival = Arrival::new(Arrived {
            target,
            client,
            passage: incomer.passage.clone(),
            leisure: incomer.leisure,
            visit,
            place: incomer.place.clone(),
        });
        let extensions = &mut parts.extensions;
        extensions.insert(ClientAddress(client));
        if self.client_prefixes != ClientPrefixes::default() {
            extensions.insert(self.client_prefixes.network_of(client));
        }
        extensions.insert(incomer.reference.clone());
        extensions.insert(arrival.clone());
        arrival
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
        target: &RequestTarget,
        method: &Method,
        reference: &Reference,
    ) -> Option<Response<Full<Bytes>>> {
        let path = target.path()?;
        let decoded = path.decoded();
        if !hints::may_be_document(decoded) {
            return None;
        }
        if let Some(site) = self.owner_of_document(decoded) {
            return Some(site.metadata.answer(method));
        }
        let on_purpose = self.routes.find(path).is_some_and(|site| !site.is_root);
        let astray = hints::seeks_authorization_server(decoded) && !on_purpose;
        astray.then(|| {
            let hint = hints::hint(decoded, self.resource_on(target.host()));
            hints::not_here(method, &self.first, reference, &hint)
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
    fn owner_of_document(&self, path: &str) -> Option<&Arc<Site>> {
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

impl Site {
    /// Host, origin, preflight. Gives the origin of the page that asks, if one does; every answer to it has the
    /// CORS headers.
    fn permit(
        &self,
        target: &RequestTarget,
        parts: &Parts,
        reference: &Reference,
    ) -> Result<Option<HeaderValue>, Box<Response<Full<Bytes>>>> {
        let origin = self
            .hosts
            .admit(target.host())
            .and_then(|()| self.origins.admit(&parts.headers))
            .map_err(|denial| {
                let resource = self.provider.resource();
                Box::new(refuse(parts, denial, resource, reference))
            })?;
        if cors::is_preflight(&parts.method, &parts.headers) {
            let leave = cors::preflight(&parts.headers);
            return Err(Box::new(dressed(leave, origin.as_ref())));
        }
        Ok(origin)
    }
}

impl Admitted<'_> {
    /// Has the protected service answer. It is always ready: see [`super::Upstream`].
    fn ask(self, request: Request<RequestBody>) -> (Option<Arc<Site>>, Answer) {
        let asked = Asked {
            site: Arc::clone(self.site),
            method: request.method().clone(),
            response: self.site.handler.clone().call(request),
            origin: self.origin,
            arrival: self.arrival,
        };
        (Some(Arc::clone(self.site)), Answer::Asked(asked))
    }
}

/// A request with both a length and chunks is read by its chunks, as RFC 9112 §6.1 has it; hyper does not
/// tell that there was a length, which a proxy in front may have believed instead. What follows on the
/// connection could then be a request that nobody sent, so there every chunked request is the last one.
fn is_chunked(parts: &Parts) -> bool {
    parts.version < Version::HTTP_2 && parts.headers.contains_key(header::TRANSFER_ENCODING)
}

fn refuse(
    parts: &Parts,
    denial: Denial,
    resource: &ProtectedResource,
    reference: &Reference,
) -> Response<Full<Bytes>> {
    refusal(&parts.method, denial, resource, reference.clone())
}
