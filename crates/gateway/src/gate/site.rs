//! One protected resource: everything that a request for it passes, built once.

use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body::Body;
use oauthgate_core::{ProtectedResource, SettingError, UserContext};
use oauthgate_mcp::{InspectedBody, PolicyLayer, SessionBindingLayer};
use oauthgate_remote::{OAuth21Provider, state::quotas::Quotas};
use oauthgate_tower::{
    Anonymous, MetadataRoute, OptionalAuthentication, QuotaLayer, RefusedTokenBudget,
    ResourceServerLayer,
    concurrency::{ConcurrencyLayer, PerCaller},
    quota::LimitPlan,
};
use tower::{Layer, Service, ServiceExt, util::MapRequestLayer};

use super::{
    arrival::Arrival,
    body::{BodyError, GateBody, boxed},
    request_body::RequestBody,
    strangers::{Doorkeeper, Strangers},
};
use crate::{
    config::ResourceSettings,
    proxy::admission::{HostRules, OriginRules},
    telemetry::{expired_streams::ExpiredStreams, requests::ResourceMetrics},
    upstream::ReverseProxy,
};

/// What stands behind a resource: it gets only requests that may pass. It is always ready to take one; a service
/// that is not is awaited with the request in hand.
#[derive(Debug, Clone)]
pub struct Upstream(Behind);

/// What gets requests that may pass.
type Passed = Request<InspectedBody<RequestBody>>;

#[derive(Clone)]
enum Behind {
    /// Known by its type, because every request goes there.
    Proxy(ReverseProxy),
    Other(Arc<dyn Answers>),
}

/// Any service, called without a copy of its own that must be boxed.
trait Answers: Send + Sync {
    fn answer(&self, request: Passed)
    -> BoxFuture<'static, Result<Response<GateBody>, Infallible>>;
}

impl<S, B> Answers for S
where
    S: Service<Passed, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    fn answer(
        &self,
        request: Passed,
    ) -> BoxFuture<'static, Result<Response<GateBody>, Infallible>> {
        let answer = self.clone().oneshot(request);
        Box::pin(async move { answer.await.map(|response| response.map(boxed)) })
    }
}

impl Upstream {
    /// Any service that answers requests.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Passed, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        Self(Behind::Other(Arc::new(service)))
    }
}

impl From<ReverseProxy> for Upstream {
    fn from(proxy: ReverseProxy) -> Self {
        Self(Behind::Proxy(proxy))
    }
}

impl Service<Passed> for Upstream {
    type Response = Response<GateBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<GateBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Passed) -> Self::Future {
        match &mut self.0 {
            Behind::Proxy(proxy) => proxy.call(request),
            Behind::Other(service) => service.answer(request),
        }
    }
}

impl fmt::Debug for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proxy(proxy) => proxy.fmt(f),
            Self::Other(_) => f.write_str("Other"),
        }
    }
}

/// What stands between authentication and the upstream, outermost first.
type Layers = (
    MapRequestLayer<fn(Request<RequestBody>) -> Request<RequestBody>>,
    ConcurrencyLayer<PerCaller>,
    SessionBindingLayer,
    PolicyLayer,
);

/// Answers the requests for one resource. Named, so that neither its answers nor their bodies are boxed once more.
pub(super) type Handler = <OptionalAuthentication<Doorkeeper, Layers> as Layer<Upstream>>::Service;

/// The body of an answer from behind.
pub(super) type ServedBody = <<Handler as Service<Request<RequestBody>>>::Response as Answer>::Body;

/// So that the body of a response can be named.
pub(super) trait Answer {
    type Body;
}

impl<B> Answer for Response<B> {
    type Body = B;
}

/// What a resource gets from the gate.
pub(super) struct Shared {
    /// `None` where nobody counts them.
    pub(super) refused_tokens: Option<Arc<RefusedTokenBudget>>,
    pub(super) strangers: Strangers,
    pub(super) callers: Arc<PerCaller>,
    pub(super) sessions: SessionBindingLayer,
    pub(super) quotas: Arc<dyn Quotas>,
    pub(super) metrics: Arc<ResourceMetrics>,
    pub(super) expired_streams: ExpiredStreams,
    pub(super) listens_on_loopback: bool,
}

/// One protected resource.
#[derive(Clone)]
pub(super) struct Site {
    /// Its name, and what is counted of its requests.
    pub(super) metrics: Arc<ResourceMetrics>,
    /// Whether it lies at the root of the host, and so under every path that nobody else claims.
    pub(super) is_root: bool,
    pub(super) provider: OAuth21Provider,
    pub(super) metadata: MetadataRoute,
    pub(super) hosts: HostRules,
    pub(super) origins: OriginRules,
    pub(super) handler: Handler,
}

impl Site {
    /// Builds the resource in front of what stands behind it.
    pub(super) fn new(
        settings: &ResourceSettings,
        provider: OAuth21Provider,
        shared: Shared,
        upstream: Upstream,
    ) -> Result<Self, SettingError> {
        let hosts = settings.allowed_hosts.iter().map(String::as_str);
        let origins = settings.allowed_origins.iter().map(String::as_str);
        Ok(Self {
            is_root: settings.path.is_empty(),
            metadata: MetadataRoute::new(provider.resource()),
            hosts: HostRules::new(hosts, shared.listens_on_loopback)?,
            origins: OriginRules::new(settings.provider.resource.origin(), origins)?,
            metrics: Arc::clone(&shared.metrics),
            handler: handler(settings, provider.clone(), shared, upstream)?,
            provider,
        })
    }
}

/// Authentication, then a place for the caller, then the session, then the tools, then the places and quotas of the
/// limits, then whatever stands behind: what is refused costs nobody's quota. The access log writes the refusals.
fn handler(
    settings: &ResourceSettings,
    provider: OAuth21Provider,
    shared: Shared,
    upstream: Upstream,
) -> Result<Handler, SettingError> {
    // What the resource needs is asked for together with what an operation needs, in one challenge.
    let rules = settings.policy();
    // Where messages are read anyway, those of a batch are counted one by one.
    let is_counted = !settings.quotas.limits.is_empty() && rules.has_rules();
    let mut policy = PolicyLayer::new(rules, provider.resource())
        .require(settings.requirement())
        .max_body_bytes(settings.policy.max_message_bytes)
        .body_read_timeout(settings.policy.message_timeout)
        .max_list_bytes(settings.policy.max_list_bytes)
        .without_refusal_log();
    if is_counted || settings.quotas.ask_for_tools() {
        policy = policy.count_tools(settings.quotas.costs.clone());
    }
    let upstream = limited(settings, provider.resource(), shared.quotas, upstream)?;
    let callers =
        ConcurrencyLayer::shared(provider.resource(), shared.callers).without_refusal_log();
    let layers: Layers = (
        MapRequestLayer::new(note_caller),
        callers,
        shared.sessions,
        policy,
    );
    let layer = ResourceServerLayer::new(Doorkeeper {
        provider,
        strangers: shared.strangers,
    });
    let layer = match shared.refused_tokens {
        Some(budget) => layer.refused_token_budget(budget),
        None => layer.danger_without_refused_token_budget(),
    };
    Ok(layer
        .without_metadata_route()
        .strip_authorization()
        .stream_expiry(settings.stream_expiry)
        .on_stream_expiry(shared.expired_streams.of(&settings.name))
        .without_refusal_log()
        .optional_authentication(layers)
        .layer(upstream))
}

/// What stands behind the quotas of a resource. Where there are none, nobody waits for them.
fn limited(
    settings: &ResourceSettings,
    resource: &ProtectedResource,
    quotas: Arc<dyn Quotas>,
    upstream: Upstream,
) -> Result<Upstream, SettingError> {
    if settings.quotas.limits.is_empty() {
        return Ok(upstream);
    }
    let plan = LimitPlan::new(resource, settings.quotas.limits.clone())?;
    // A request that finds no place is charged nothing.
    let places = ConcurrencyLayer::new(resource, plan.places()).without_refusal_log();
    let quotas = QuotaLayer::new(plan, quotas).without_refusal_log();
    let service = (places, quotas).layer(upstream);
    Ok(Upstream::new(service))
}

/// Authentication is over when a request comes by here: the access log learns when, and who.
fn note_caller(request: Request<RequestBody>) -> Request<RequestBody> {
    let extensions = request.extensions();
    if let Some(passage) = Arrival::of(extensions).map(Arrival::passage) {
        match extensions.get::<UserContext>() {
            Some(user) => passage.authenticated(user),
            None if extensions.get::<Anonymous>().is_some() => passage.anonymous(),
            None => {}
        }
    }
    request
}
