//! A provider with tokens to its name, a service that counts, and what tests say to them.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use oauthgate_core::{
    BearerToken, Denial, Issuer, ProtectedResource, Reason, Requirement, ResourceIdentifier,
    ScopeSet, UserContext, danger,
};
use oauthgate_remote::{
    AuthProvider,
    clock::{Clock, SystemClock},
};
use oauthgate_tower::ResourceServerLayer;
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};

use crate::issuer;

pub(crate) const CHALLENGE: &str = r#"Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope="notes:read""#;

pub(crate) fn resource() -> ProtectedResource {
    let identifier = ResourceIdentifier::parse(issuer::RESOURCE).unwrap();
    ProtectedResource::new(identifier, vec![Issuer::new(issuer::ISSUER).unwrap()])
        .with_advertised_scopes(&scopes("notes:read offline_access"))
}

pub(crate) fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

pub(crate) fn requires(text: &str) -> Requirement {
    Requirement::scopes(scopes(text))
}

/// Knows the token `good` and the tokens `user-…` of as many users, believes the tokens of the test issuer, and refuses all else by the rules.
pub(crate) struct Provider {
    pub(crate) resource: ProtectedResource,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) enabled: bool,
    /// Refuses everybody for this, whatever they send.
    pub(crate) refusal: Option<Denial>,
    /// The addresses that it was told.
    pub(crate) peers: Mutex<Vec<Option<IpAddr>>>,
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            resource: resource(),
            clock: Arc::new(SystemClock::new()),
            enabled: true,
            refusal: None,
            peers: Mutex::default(),
        }
    }
}

impl Provider {
    pub(crate) fn refusing(denial: Denial) -> Self {
        Self {
            refusal: Some(denial),
            ..Self::default()
        }
    }

    pub(crate) fn disabled() -> Self {
        Self {
            enabled: false,
            ..Self::default()
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

    async fn user_context(
        &self,
        parts: &Parts,
        peer: Option<IpAddr>,
    ) -> Result<UserContext, Denial> {
        self.peers.lock().unwrap().push(peer);
        // A real provider may wait here.
        tokio::task::yield_now().await;
        if let Some(denial) = &self.refusal {
            return Err(denial.clone());
        }
        if !self.enabled {
            return Ok(danger::anonymous());
        }
        let token = BearerToken::from_request(parts)?;
        match token.expose() {
            "good" => Ok(danger::caller("alice", scopes("notes:read"))),
            name if name.starts_with("user-") => Ok(danger::caller(name, scopes("notes:read"))),
            "stale" => Err(Denial::new(Reason::Expired)),
            "forged" => Err(Denial::new(Reason::BadSignature)),
            token => Ok(issuer::verify(token)?),
        }
    }
}

/// A protected service that says hello, and how often it was reached and with what.
#[derive(Clone)]
pub(crate) struct Server {
    service: BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>,
    seen: Arc<Mutex<Vec<Seen>>>,
    reached: Arc<AtomicUsize>,
}

/// What the service behind saw of a request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) authorization: Option<String>,
    pub(crate) user: Option<UserContext>,
    pub(crate) permitted: Option<ScopeSet>,
}

impl Seen {
    fn of(request: &Request<Body>) -> Self {
        Self {
            method: request.method().clone(),
            authorization: request
                .headers()
                .get(header::AUTHORIZATION)
                .map(|value| value.to_str().unwrap().to_owned()),
            user: request.extensions().get().cloned(),
            permitted: request
                .extensions()
                .get::<oauthgate_core::Permit>()
                .map(|permit| permit.requirement().needed_scopes().clone()),
        }
    }
}

impl Server {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a test builds its layer in place"
    )]
    pub(crate) fn new<P: AuthProvider>(layer: ResourceServerLayer<P>) -> Self {
        let (seen, reached) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(AtomicUsize::new(0)),
        );
        let inner = {
            let (seen, reached) = (Arc::clone(&seen), Arc::clone(&reached));
            service_fn(move |request: Request<Body>| {
                seen.lock().unwrap().push(Seen::of(&request));
                reached.fetch_add(1, Ordering::Relaxed);
                async { Ok::<_, Infallible>(Response::new(Body::from("hello"))) }
            })
        };
        let service = BoxCloneSyncService::new(
            layer
                .layer(inner)
                .map_response(|response| response.map(Body::new)),
        );
        Self {
            service,
            seen,
            reached,
        }
    }

    /// Protects with the test provider.
    pub(crate) fn paved() -> Self {
        Self::new(ResourceServerLayer::new(Provider::default()))
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answered {
        let mut service = self.service.clone();
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        Answered::read(response).await
    }

    pub(crate) fn reached(&self) -> usize {
        self.reached.load(Ordering::Relaxed)
    }

    pub(crate) fn last_seen(&self) -> Seen {
        self.seen
            .lock()
            .unwrap()
            .last()
            .cloned()
            .expect("nothing reached the service")
    }
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) parts: http::response::Parts,
    pub(crate) body: Bytes,
}

impl Answered {
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            parts,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.parts.status
    }

    #[track_caller]
    pub(crate) fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.parts
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn challenge(&self) -> &str {
        self.header(header::WWW_AUTHENTICATE).expect("no challenge")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn reason(&self) -> Option<Reason> {
        self.parts.extensions.get::<Denial>().map(Denial::reason)
    }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

pub(crate) fn with_token(token: &str) -> Request<Body> {
    authorized(get("/"), token)
}

pub(crate) fn authorized(mut request: Request<Body>, token: &str) -> Request<Body> {
    request.headers_mut().insert(
        header::AUTHORIZATION,
        format!("Bearer {token}").parse().unwrap(),
    );
    request
}

pub(crate) fn from_address(mut request: Request<Body>, address: &str) -> Request<Body> {
    request
        .extensions_mut()
        .insert(oauthgate_tower::ClientAddress(address.parse().unwrap()));
    request
}
