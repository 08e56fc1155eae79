//! The front door: every request of the public listener comes by here.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version, header, request::Parts};
use http_body_util::Full;
use hyper::body::Incoming;
use oauthgate_core::{Denial, ProtectedResource, Reason};
use oauthgate_tower::{
    ClientAddress, ClientPrefixes, Reference, metadata_route::ROOT_PATH, response::refusal,
};
use tower::{Service, ServiceExt};

use super::{
    activity::Work,
    arrival::{Arrival, Arrived},
    body::{AnswerBody, CountedBody, Told, counted},
    hints, length,
    load::Load,
    pace::Pace,
    paced::Leisure,
    place::Place,
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

/// A request that came in, as far as it is known what it wants.
struct Incomer<'a> {
    parts: Parts,
    body: RequestBody,
    leisure: Option<Leisure>,
    client: IpAddr,
    reported: Result<Reported, Denial>,
    reference: &'a Reference,
    passage: &'a Passage,
    place: &'a Place,
}

/// The answer to a request, and the resource it was for.
struct Answered<'a> {
    site: Option<&'a Site>,
    response: Response<AnswerBody>,
    /// Until the answer has ended.
    held: Option<Arrival>,
}

impl Door {
    /// Answers one request; logs and counts it.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
        place: &Place,
        mut work: Work,
    ) -> Response<CountedBody> {
        let (mut parts, body) = request.into_parts();
        let reported = self.proxies.reported(&parts.headers, peer);
        // Where a trusted proxy contradicts itself, it is the one to be named.
        let client = reported.as_ref().map_or(peer, |reported| reported.client);
        let reference = Reference::random();
        let ends_connection = is_chunked(&parts);
        let slow_peers = &self.metrics.slow_peers;
        let (body, unread) = request_body::watched(&mut parts, body, self.pace, slow_peers);
        let passage = Passage::begin(
            &parts.method,
            client,
            reference.clone(),
            Arc::clone(&self.metrics),
        );
        let incomer = Incomer {
            parts,
            body,
            leisure: unread.as_ref().map(|unread| unread.leisure.clone()),
            client,
            reported,
            reference: &reference,
            passage: &passage,
            place,
        };
        let mut answered = self.route(incomer).await;
        // Before the rest of the body is awaited: how slow its client is says nothing about us.
        let metrics = answered.site.map(|site| &*site.metrics);
        passage.end(metrics, &answered.response);
        let is_read = match unread {
            Some(unread) => unread.read_away().await,
            None => true,
        };
        if !is_read {
            work.linger();
        }
        if !is_read || ends_connection {
            end_connection(&mut answered.response);
        }
        work.keep_promise();
        let told = Told {
            resource: answered.name().cloned(),
            reference,
        };
        counted(answered.response, answered.held, work, told)
    }

    /// The order matters: what is ambiguous is refused before anything is looked up; documents are for
    /// everybody, whoever they are; a foreign host or origin is refused before its token is looked at.
    async fn route(&self, incomer: Incomer<'_>) -> Answered<'_> {
        let (parts, reference) = (&incomer.parts, incomer.reference);
        let target = self.has_a_short_head(parts);
        let target = match target.and_then(|()| RequestTarget::read(parts)) {
            Ok(target) => target,
            Err(denial) => return Answered::ours(refuse(parts, denial, &self.first, reference)),
        };
        let document = target
            .path()
            .and_then(|path| self.document(path, target.host(), &incomer));
        if let Some(response) = document {
            return Answered::ours(response);
        }
        let target = match &incomer.reported {
            Ok(reported) => target.before_proxies(reported.clone()),
            Err(denial) => {
                let denial = denial.clone();
                return Answered::ours(refuse(parts, denial, &self.first, reference));
            }
        };
        match target.path().and_then(|path| self.routes.find(path)) {
            Some(site) => {
                site.serve(target, incomer, &self.load, self.client_prefixes)
                    .await
            }
            None => Answered::ours(hints::not_served(&parts.method, &self.first, reference)),
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
        incomer: &Incomer<'_>,
    ) -> Option<Response<Full<Bytes>>> {
        let decoded = path.decoded();
        if !hints::may_be_document(decoded) {
            return None;
        }
        let method = &incomer.parts.method;
        if let Some(site) = self.owner_of_document(decoded) {
            return Some(site.metadata.answer(method));
        }
        let on_purpose = self.routes.find(path).is_some_and(|site| !site.is_root);
        let astray = hints::seeks_authorization_server(decoded) && !on_purpose;
        astray.then(|| {
            let hint = hints::hint(decoded, self.resource_on(host));
            hints::not_here(method, &self.first, incomer.reference, &hint)
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

impl Answered<'_> {
    /// An answer outside every resource.
    fn ours(response: Response<Full<Bytes>>) -> Self {
        Self {
            site: None,
            response: response.map(AnswerBody::ours),
            held: None,
        }
    }

    /// With the headers that its page needs to read it.
    fn dressed(mut self, origin: Option<&HeaderValue>) -> Self {
        cors::decorate(origin, self.response.headers_mut());
        self
    }

    fn name(&self) -> Option<&Arc<str>> {
        self.site.map(|site| site.metrics.resource())
    }
}

impl Site {
    /// Host, origin, preflight; then the protected service, if the gate can carry one more request. Every
    /// answer gets the CORS headers of its page.
    async fn serve(
        &self,
        target: RequestTarget,
        incomer: Incomer<'_>,
        load: &Load,
        prefixes: ClientPrefixes,
    ) -> Answered<'_> {
        let (parts, resource) = (&incomer.parts, self.provider.resource());
        let admitted = self
            .hosts
            .admit(target.host())
            .and_then(|()| self.origins.admit(&parts.headers));
        let origin = match admitted {
            Ok(origin) => origin,
            Err(denial) => {
                return self.answered(refuse(parts, denial, resource, incomer.reference));
            }
        };
        if cors::is_preflight(&parts.method, &parts.headers) {
            return self
                .answered(cors::preflight(&parts.headers))
                .dressed(origin.as_ref());
        }
        let (method, reference) = (parts.method.clone(), incomer.reference);
        let served = self.behind(target, incomer, load, prefixes).await;
        served
            .unwrap_or_else(|denial| {
                self.answered(refusal(&method, denial, resource, reference.clone()))
            })
            .dressed(origin.as_ref())
    }

    /// What the protected service answers, unless that is more than the gate can carry.
    async fn behind(
        &self,
        target: RequestTarget,
        incomer: Incomer<'_>,
        load: &Load,
        prefixes: ClientPrefixes,
    ) -> Result<Answered<'_>, Denial> {
        let Incomer {
            mut parts,
            body,
            client,
            ..
        } = incomer;
        let arrival = Arrival::new(Arrived {
            target,
            client,
            passage: incomer.passage.clone(),
            leisure: incomer.leisure,
            visit: load.admit(&mut parts)?,
            place: incomer.place.clone(),
        });
        // Nothing that a client sent is in the extensions; this is what the rooms behind learn from us.
        let extensions = &mut parts.extensions;
        extensions.insert(ClientAddress(client));
        if prefixes != ClientPrefixes::default() {
            extensions.insert(prefixes.network_of(client));
        }
        extensions.insert(incomer.reference.clone());
        extensions.insert(arrival.clone());
        let mut handler = self.handler.clone();
        let Ok(ready) = handler.ready().await;
        let Ok(response) = ready.call(Request::from_parts(parts, body)).await;
        let held = arrival.settle(&response)?;
        Ok(Answered {
            site: Some(self),
            response: response.map(AnswerBody::served),
            held,
        })
    }

    /// An answer of our own.
    fn answered(&self, response: Response<Full<Bytes>>) -> Answered<'_> {
        Answered {
            site: Some(self),
            ..Answered::ours(response)
        }
    }
}

/// A request with both a length and chunks is read by its chunks, as RFC 9112 §6.1 has it; hyper does not
/// tell that there was a length, which a proxy in front may have believed instead. What follows on the
/// connection could then be a request that nobody sent, so there every chunked request is the last one.
fn is_chunked(parts: &Parts) -> bool {
    parts.version < Version::HTTP_2 && parts.headers.contains_key(header::TRANSFER_ENCODING)
}

fn end_connection<B>(response: &mut Response<B>) {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
}

fn refuse(
    parts: &Parts,
    denial: Denial,
    resource: &ProtectedResource,
    reference: &Reference,
) -> Response<Full<Bytes>> {
    refusal(&parts.method, denial, resource, reference.clone())
}
