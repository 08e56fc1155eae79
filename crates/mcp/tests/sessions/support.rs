//! An MCP server with sessions, behind authentication and the layer.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::hmac;
use axum::body::Body;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use oauthgate_core::{
    Audience, BearerToken, CompactJws, Denial, Issuer, ProtectedResource, Reason,
    ResourceIdentifier, SharedSecret, UnixTime, UserContext, Verifier,
};
use oauthgate_mcp::{SessionBindingLayer, SessionSecret, sessions::AnonymousSession};
use oauthgate_remote::{
    AuthProvider,
    clock::{Clock, SystemClock},
};
use oauthgate_tower::{Anonymous, AuthenticationOff, DecidesOnAnonymous, ResourceServerLayer};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};

pub(crate) const SESSION: &str = "mcp-session-id";
pub(crate) const ISSUERS: [&str; 2] = ["https://one.example.com/", "https://two.example.com/"];
/// What the server gives out.
pub(crate) const SERVER_ID: &str = "1868a90c-d5a2-4e5b-9a3c-3b8d0c1f2e4d";
const SECRET: &[u8] = b"Zq4t7w!z%C*F-JaNdRgUkXp2s5v8y/B?";
const NOW: i64 = 1_790_000_000;

pub(crate) fn resource(path: &str) -> ProtectedResource {
    let identifier = ResourceIdentifier::parse(&format!("https://mcp.example.com/{path}"));
    ProtectedResource::new(identifier.unwrap(), Vec::new())
}

/// Somebody with a token, or not.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Option<Value>);

pub(crate) fn caller(issuer: &str, subject: &str, client: Option<&str>) -> Caller {
    let mut claims = json!({
        "iss": issuer, "aud": "https://mcp.example.com/mcp", "sub": subject,
        "iat": NOW - 60, "exp": NOW + 600,
    });
    if let Some(client) = client {
        claims["client_id"] = client.into();
    }
    Caller(Some(claims))
}

pub(crate) fn ada() -> Caller {
    caller(ISSUERS[0], "ada", Some("editor"))
}

pub(crate) fn bob() -> Caller {
    caller(ISSUERS[0], "bob", Some("editor"))
}

pub(crate) fn nobody() -> Caller {
    Caller(None)
}

impl Caller {
    pub(crate) fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.0.as_mut().unwrap()[claim] = value.into();
        self
    }

    pub(crate) fn expired(self) -> Self {
        self.with("exp", NOW - 3600).with("iat", NOW - 7200)
    }

    fn token(&self) -> Option<String> {
        let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!(
            "{}.{}",
            part(&json!({"alg": "HS256", "typ": "at+jwt"})),
            part(self.0.as_ref()?)
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
        let code = hmac::sign(&key, signed.as_bytes());
        Some(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(code)))
    }
}

/// Takes the tokens of two issuers.
pub(crate) struct Provider {
    resource: ProtectedResource,
    is_enabled: bool,
    clock: Arc<dyn Clock>,
}

impl AuthProvider for Provider {
    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    fn resource(&self) -> &ProtectedResource {
        &self.resource
    }

    async fn user_context(&self, parts: &Parts, _: Option<IpAddr>) -> Result<UserContext, Denial> {
        if !self.is_enabled {
            return Ok(oauthgate_core::danger::anonymous());
        }
        let token = BearerToken::from_request(parts)?;
        let mut refused = Denial::new(Reason::UnknownIssuer);
        for issuer in ISSUERS {
            match user(issuer, token.expose()) {
                Err(denial) if denial.reason() == Reason::UnknownIssuer => refused = denial,
                decided => return decided,
            }
        }
        Err(refused)
    }
}

fn user(issuer: &str, token: &str) -> Result<UserContext, Denial> {
    let verifier = Verifier::builder()
        .issuer(Issuer::new(issuer).unwrap())
        .audiences(Audience::new("https://mcp.example.com/mcp").unwrap(), [])
        .shared_secret(SharedSecret::new(SECRET).unwrap())
        .build()
        .unwrap();
    let token = CompactJws::parse(token)?;
    let verified = verifier.verify_mac(&token)?;
    let valid = verifier.validate(verified, UnixTime::from_secs(NOW))?;
    Ok(verifier.user_context(&valid)?)
}

/// A clock that is turned by hand.
#[derive(Debug)]
pub(crate) struct Hand(AtomicI64);

impl Hand {
    pub(crate) fn at(seconds: i64) -> Self {
        Self(AtomicI64::new(seconds))
    }

    pub(crate) fn turn(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// What reached the server.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// Whether it came with the proof that it may listen to the session and end it without a token.
    pub(crate) in_anonymous_session: bool,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A gate with a server behind.
#[derive(Clone)]
pub(crate) struct World {
    service: BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>,
    received: Arc<Mutex<Vec<Received>>>,
    gives: Arc<Mutex<Gives>>,
}

/// What the server answers with.
#[derive(Debug, Clone)]
struct Gives {
    status: StatusCode,
    ids: Vec<HeaderValue>,
}

/// How a world is made.
pub(crate) struct Making {
    pub(crate) sessions: SessionBindingLayer,
    pub(crate) is_enabled: bool,
    pub(crate) forwards_preflight: bool,
    /// Another layer behind, which changes nothing about ids.
    pub(crate) is_twofold: bool,
}

impl Making {
    pub(crate) fn new(sessions: SessionBindingLayer) -> Self {
        Self {
            sessions,
            is_enabled: true,
            forwards_preflight: false,
            is_twofold: false,
        }
    }

    pub(crate) fn make(self) -> World {
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let gives = Arc::new(Mutex::new(Gives {
            status: StatusCode::OK,
            ids: vec![HeaderValue::from_static(SERVER_ID)],
        }));
        let (seen, given) = (Arc::clone(&received), Arc::clone(&gives));
        let server = service_fn(move |request: Request<Body>| {
            let (seen, given) = (Arc::clone(&seen), given.lock().unwrap().clone());
            async move { Ok::<_, Infallible>(serve(&seen, given, request).await) }
        });
        let provider = Provider {
            resource: resource("mcp"),
            is_enabled: self.is_enabled,
            clock: Arc::new(SystemClock::new()),
        };
        let layer = ResourceServerLayer::new(provider);
        let layer = if self.forwards_preflight {
            layer.forward_unauthenticated_preflight()
        } else {
            layer
        };
        let service = if self.is_twofold {
            let second = self.sessions.clone().danger_unbound();
            boxed(
                layer
                    .optional_authentication((self.sessions, second, OpenToNobody))
                    .layer(server),
            )
        } else {
            boxed(
                layer
                    .optional_authentication((self.sessions, OpenToNobody))
                    .layer(server),
            )
        };
        World {
            service,
            received,
            gives,
        }
    }
}

fn boxed<S, B>(service: S) -> BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    BoxCloneSyncService::new(service.map_response(|response| response.map(Body::new)))
}

async fn serve(
    seen: &Mutex<Vec<Received>>,
    gives: Gives,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let decided = parts.extensions.get::<UserContext>().is_some()
        || parts.extensions.get::<AuthenticationOff>().is_some()
        || parts.extensions.get::<Opened>().is_some()
        || parts.method == Method::OPTIONS;
    assert!(decided, "nobody decided on this request");
    let body = body.collect().await.unwrap().to_bytes();
    seen.lock().unwrap().push(Received {
        in_anonymous_session: parts.extensions.get::<AnonymousSession>().is_some(),
        method: parts.method,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let mut response = Response::new(Body::from("{}"));
    *response.status_mut() = gives.status;
    for id in gives.ids {
        response.headers_mut().append(SESSION, id);
    }
    response
}

/// Opens everything to everybody.
#[derive(Debug, Clone, Copy)]
struct OpenToNobody;

#[derive(Clone)]
struct Opened;

impl DecidesOnAnonymous for OpenToNobody {
    fn admits_anonymous(&self) -> bool {
        true
    }
}

impl<S> Layer<S> for OpenToNobody {
    type Service = tower::util::MapRequest<S, fn(Request<Body>) -> Request<Body>>;

    fn layer(&self, inner: S) -> Self::Service {
        tower::util::MapRequest::new(inner, |mut request| {
            if request.extensions_mut().remove::<Anonymous>().is_some() {
                request.extensions_mut().insert(Opened);
            }
            request
        })
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) reason: Option<Reason>,
    pub(crate) detail: Option<String>,
}

impl Answer {
    /// The session id of the answer; there is at most one.
    pub(crate) fn session(&self) -> Option<String> {
        assert!(self.headers.get_all(SESSION).iter().count() <= 1);
        let id = self.headers.get(SESSION)?;
        Some(id.to_str().unwrap().to_owned())
    }
}

pub(crate) fn secret() -> SessionSecret {
    SessionSecret::new(b"Ee1c9Jm0wq2VtYp4rKd7uSbXzLhNfGa3").unwrap()
}

pub(crate) fn sessions() -> SessionBindingLayer {
    SessionBindingLayer::new(&resource("mcp"), secret())
}

pub(crate) fn world() -> World {
    Making::new(sessions()).make()
}

impl World {
    /// The server answers with these session ids from now on.
    pub(crate) fn give(&self, ids: &[&[u8]]) {
        let ids = ids.iter().map(|id| HeaderValue::from_bytes(id).unwrap());
        self.gives.lock().unwrap().ids = ids.collect();
    }

    /// The server answers with this status from now on.
    pub(crate) fn answer(&self, status: StatusCode) {
        self.gives.lock().unwrap().status = status;
    }

    /// A request with these further headers.
    pub(crate) async fn ask(
        &self,
        method: Method,
        caller: &Caller,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri("https://mcp.example.com/mcp");
        if let Some(token) = caller.token() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let request = request.body(Body::from("a body")).unwrap();
        let response = self.service.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let denial = parts.extensions.get::<Denial>();
        Answer {
            status: parts.status,
            reason: denial.map(Denial::reason),
            detail: denial.and_then(Denial::detail).map(str::to_owned),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// Opens a session; its id as the client knows it.
    pub(crate) async fn open(&self, caller: &Caller) -> String {
        let answer = self.ask(Method::POST, caller, &[]).await;
        assert_eq!(answer.status, StatusCode::OK);
        self.take();
        answer.session().expect("a session")
    }

    /// A request within a session.
    pub(crate) async fn within(&self, session: &str, method: Method, caller: &Caller) -> Answer {
        self.ask(method, caller, &[(SESSION, session)]).await
    }

    /// What reached the server since the last time.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.received.lock().unwrap())
    }

    /// The one request that reached the server.
    pub(crate) fn one(&self) -> Received {
        let mut received = self.take();
        assert_eq!(received.len(), 1, "{received:?}");
        received.remove(0)
    }

    /// A refusal that tells the caller no more than that there is no such session, and the server nothing.
    pub(crate) fn assert_unknown(&self, answer: &Answer, what: &str) {
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{what}: {answer:?}");
        assert_eq!(answer.reason, Some(Reason::UnknownSession), "{what}");
        assert!(!answer.headers.contains_key(header::WWW_AUTHENTICATE));
        assert!(!answer.headers.contains_key(SESSION), "{what}");
        let reached = self.take();
        assert!(reached.is_empty(), "{what}: {reached:?}");
    }
}
