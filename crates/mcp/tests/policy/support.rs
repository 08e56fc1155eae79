//! An MCP server that remembers what reached it, behind both layers.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use oauthgate_core::{
    BearerToken, Denial, Permit, ProtectedResource, Reason, Requirement, ResourceIdentifier,
    ScopeSet, UserContext, danger,
};
use oauthgate_mcp::{InspectedBody, Policy, PolicyLayer};
use oauthgate_remote::{
    AuthProvider,
    clock::{Clock, SystemClock},
};
use oauthgate_tower::ResourceServerLayer;
use tower::{ServiceBuilder, ServiceExt, service_fn};

pub(crate) fn resource() -> ProtectedResource {
    ProtectedResource::new(
        ResourceIdentifier::parse("https://mcp.example.com/mcp").unwrap(),
        Vec::new(),
    )
}

pub(crate) fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

pub(crate) fn requires(text: &str) -> Requirement {
    Requirement::scopes(scopes(text))
}

/// `read` needs `read`, `write` needs `read write`, `open` needs nothing, all others are refused.
pub(crate) fn policy() -> Policy {
    Policy::new()
        .tool("read", requires("read"))
        .tool("write", requires("read write"))
        .tool("open", Requirement::authenticated())
}

/// The token is the list of scopes, joined by `-`.
pub(crate) struct Provider {
    resource: ProtectedResource,
    clock: Arc<dyn Clock>,
    enabled: bool,
}

impl Provider {
    pub(crate) fn enabled() -> Self {
        Self {
            resource: resource(),
            clock: Arc::new(SystemClock::new()),
            enabled: true,
        }
    }
}

impl AuthProvider for Provider {
    fn is_enabled(&self) -> bool {
        self.enabled
    }

    fn resource(&self) -> &ProtectedResource {
        &self.resource
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    async fn user_context(&self, parts: &Parts, _: Option<IpAddr>) -> Result<UserContext, Denial> {
        if !self.enabled {
            return Ok(danger::anonymous());
        }
        let token = BearerToken::from_request(parts)?;
        Ok(danger::caller(
            "alice",
            scopes(&token.expose().replace('-', " ")),
        ))
    }
}

/// What reached the server.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) body: Bytes,
    pub(crate) headers: HeaderMap,
    pub(crate) permitted: ScopeSet,
}

#[derive(Clone)]
pub(crate) struct Server {
    tools: PolicyLayer,
    requirement: Requirement,
    enabled: bool,
    forwards_preflight: bool,
    clock: Arc<dyn Clock>,
    received: Arc<Mutex<Vec<Received>>>,
    answer: Arc<dyn Fn() -> Response<Body> + Send + Sync>,
}

pub(crate) type Answer = Response<oauthgate_tower::ResponseBody<Protected>>;
type Protected =
    oauthgate_tower::ResponseBody<oauthgate_mcp::AnswerBody<oauthgate_mcp::Watched<Body>>>;

impl Server {
    pub(crate) fn with(policy: Policy) -> Self {
        Self::behind(PolicyLayer::new(policy, &resource()))
    }

    pub(crate) fn behind(tools: PolicyLayer) -> Self {
        Self {
            tools,
            requirement: Requirement::authenticated(),
            enabled: true,
            forwards_preflight: false,
            clock: Arc::new(SystemClock::new()),
            received: Arc::default(),
            answer: Arc::new(|| json("{}")),
        }
    }

    /// Answers every request like this.
    pub(crate) fn answering(
        mut self,
        answer: impl Fn() -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        self.answer = Arc::new(answer);
        self
    }

    pub(crate) fn requiring(mut self, requirement: Requirement) -> Self {
        self.requirement = requirement;
        self
    }

    pub(crate) fn forwarding_preflights(mut self) -> Self {
        self.forwards_preflight = true;
        self
    }

    pub(crate) fn telling_time_by(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    pub(crate) fn without_authentication(mut self) -> Self {
        self.enabled = false;
        self
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answered {
        Answered::read(self.open(request).await).await
    }

    /// The answer, its body still to come.
    pub(crate) async fn open(&self, request: Request<Body>) -> Answer {
        let provider = Provider {
            clock: Arc::clone(&self.clock),
            enabled: self.enabled,
            ..Provider::enabled()
        };
        let (received, answer) = (Arc::clone(&self.received), Arc::clone(&self.answer));
        let layer = ResourceServerLayer::new(provider).require(self.requirement.clone());
        let service = ServiceBuilder::new()
            .layer(if self.forwards_preflight {
                layer.forward_unauthenticated_preflight()
            } else {
                layer
            })
            .layer(self.tools.clone())
            .service(service_fn(move |request| {
                receive(Arc::clone(&received), Arc::clone(&answer), request)
            }));
        service.oneshot(request).await.unwrap()
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn receive(
    received: Arc<Mutex<Vec<Received>>>,
    answer: Arc<dyn Fn() -> Response<Body> + Send + Sync>,
    request: Request<InspectedBody<Body>>,
) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let permitted = parts
        .extensions
        .get::<Permit>()
        .map(|permit| permit.requirement().needed_scopes().clone())
        .unwrap_or_default();
    let body = body.collect().await.unwrap().to_bytes();
    received.lock().unwrap().push(Received {
        body,
        headers: parts.headers,
        permitted,
    });
    Ok(answer())
}

/// What a server says in JSON.
pub(crate) fn json(body: impl Into<Body>) -> Response<Body> {
    labelled("application/json", body)
}

/// What a server says in an event stream.
pub(crate) fn events(body: impl Into<Body>) -> Response<Body> {
    labelled("text/event-stream", body)
}

pub(crate) fn labelled(media_type: &str, body: impl Into<Body>) -> Response<Body> {
    let response = Response::builder().header(header::CONTENT_TYPE, media_type);
    response.body(body.into()).unwrap()
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) parts: http::response::Parts,
    pub(crate) body: Bytes,
}

impl Answered {
    pub(crate) async fn read<B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>>(
        response: Response<B>,
    ) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            parts,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.parts.status
    }

    pub(crate) fn reason(&self) -> Option<Reason> {
        self.parts.extensions.get::<Denial>().map(Denial::reason)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = self.parts.headers.get(name)?;
        Some(value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn challenge(&self) -> Option<&str> {
        self.parts
            .headers
            .get(header::WWW_AUTHENTICATE)
            .map(|value| value.to_str().unwrap())
    }
}

pub(crate) fn post(body: impl Into<Body>, held: &str) -> Request<Body> {
    Request::post("/mcp")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {held}"))
        .body(body.into())
        .unwrap()
}

pub(crate) fn with(mut request: Request<Body>, headers: &[(&'static str, &str)]) -> Request<Body> {
    for (name, value) in headers {
        let name = header::HeaderName::from_static(name);
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

pub(crate) fn call(tool: &str) -> String {
    call_numbered(1, tool)
}

pub(crate) fn call_numbered(id: u64, tool: &str) -> String {
    serde_json::json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool, "arguments": {} } }).to_string()
}
