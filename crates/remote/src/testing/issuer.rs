//! An authorization server on loopback that can rotate, stall, fail and answer garbage.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, StatusCode, Uri, header},
    serve::Listener,
};
use futures_util::stream;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{TestKey, TlsListener};

const OPENID: &str = "/.well-known/openid-configuration";

/// What a path answers.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Json(Vec<u8>),
    /// 200 with these headers.
    With(Vec<u8>, Vec<(&'static str, String)>),
    /// This status with these headers and an HTML page.
    Status(u16, Vec<(&'static str, String)>),
    /// A 200 without an end, in large pieces and without a length.
    Endless,
    /// One byte now and then.
    Drip,
    Hang,
    /// The same, but not at once.
    Late(Duration, Box<Reply>),
}

#[derive(Debug)]
struct Script {
    metadata_path: String,
    metadata: Reply,
    jwks: Reply,
    elsewhere: Reply,
    paths: HashMap<String, Reply>,
}

/// A running authorization server.
#[derive(Debug, Clone)]
pub(crate) struct FakeIssuer {
    origin: String,
    script: Arc<Mutex<Script>>,
    metadata_requests: Arc<AtomicU64>,
    jwks_requests: Arc<AtomicU64>,
    seen: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

impl FakeIssuer {
    pub(crate) async fn serving(keys: &[&TestKey]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        Self::serving_on(listener, origin, keys)
    }

    /// Over TLS, under a name that leads to this machine.
    pub(crate) async fn serving_over_tls(name: &str, acceptor: TlsAcceptor) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serving_on_tls(tcp, name, acceptor)
    }

    pub(crate) fn serving_on_tls(tcp: TcpListener, name: &str, acceptor: TlsAcceptor) -> Self {
        let origin = format!("https://{name}:{}", tcp.local_addr().unwrap().port());
        Self::serving_on(TlsListener { tcp, acceptor }, origin, &[])
    }

    fn serving_on<L: Listener<Addr: std::fmt::Debug>>(
        listener: L,
        origin: String,
        keys: &[&TestKey],
    ) -> Self {
        let script = Script {
            metadata_path: OPENID.to_owned(),
            metadata: Reply::Json(metadata(&origin, &format!("{origin}/keys"))),
            jwks: Reply::Json(super::jwks(keys)),
            elsewhere: Reply::Status(404, Vec::new()),
            paths: HashMap::new(),
        };
        let issuer = Self {
            origin,
            script: Arc::new(Mutex::new(script)),
            metadata_requests: Arc::default(),
            jwks_requests: Arc::default(),
            seen: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    /// The issuer's name, which is its origin.
    pub(crate) fn name(&self) -> &str {
        &self.origin
    }

    pub(crate) fn rotate_to(&self, keys: &[&TestKey]) {
        self.set_jwks(Reply::Json(super::jwks(keys)));
    }

    pub(crate) fn set_jwks(&self, reply: Reply) {
        self.script.lock().unwrap().jwks = reply;
    }

    pub(crate) fn set_metadata(&self, reply: Reply) {
        self.script.lock().unwrap().metadata = reply;
    }

    /// What every path answers that is neither the metadata's nor the keys'.
    pub(crate) fn set_elsewhere(&self, reply: Reply) {
        self.script.lock().unwrap().elsewhere = reply;
    }

    /// What one path answers, before all else.
    pub(crate) fn set_path(&self, path: &str, reply: Reply) {
        self.script
            .lock()
            .unwrap()
            .paths
            .insert(path.to_owned(), reply);
    }

    pub(crate) fn set_metadata_path(&self, path: &str) {
        self.script.lock().unwrap().metadata_path = path.to_owned();
    }

    /// A metadata document of this issuer that points elsewhere.
    pub(crate) fn point_to(&self, jwks_uri: &str) {
        self.set_metadata(Reply::Json(metadata(&self.origin, jwks_uri)));
    }

    pub(crate) fn jwks_requests(&self) -> u64 {
        self.jwks_requests.load(Ordering::SeqCst)
    }

    pub(crate) fn metadata_requests(&self) -> u64 {
        self.metadata_requests.load(Ordering::SeqCst)
    }

    /// Paths and headers of all requests so far.
    pub(crate) fn seen(&self) -> Vec<(String, HeaderMap)> {
        self.seen.lock().unwrap().clone()
    }

    fn reply(&self, path: &str) -> Reply {
        let script = self.script.lock().unwrap();
        if let Some(reply) = script.paths.get(path) {
            reply.clone()
        } else if path == "/keys" {
            self.jwks_requests.fetch_add(1, Ordering::SeqCst);
            script.jwks.clone()
        } else if path == script.metadata_path {
            self.metadata_requests.fetch_add(1, Ordering::SeqCst);
            script.metadata.clone()
        } else {
            script.elsewhere.clone()
        }
    }
}

/// A metadata document.
pub(crate) fn metadata(issuer: &str, jwks_uri: &str) -> Vec<u8> {
    json!({ "issuer": issuer, "jwks_uri": jwks_uri })
        .to_string()
        .into_bytes()
}

async fn answer(State(issuer): State<FakeIssuer>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    issuer
        .seen
        .lock()
        .unwrap()
        .push((uri.to_string(), headers.clone()));
    let mut reply = issuer.reply(uri.path());
    if let Reply::Late(pause, late) = reply {
        tokio::time::sleep(pause).await;
        reply = *late;
    }
    match reply {
        Reply::Json(body) => respond(200, Vec::new(), body.into()),
        Reply::With(body, fields) => with_fields(&headers, body, fields),
        Reply::Status(status, fields) => respond(
            status,
            fields,
            Body::from("<!doctype html><title>Sorry</title>"),
        ),
        Reply::Endless => respond(
            200,
            Vec::new(),
            pieces(Bytes::from(vec![b' '; 64 * 1024]), Duration::ZERO),
        ),
        Reply::Drip => respond(
            200,
            Vec::new(),
            pieces(Bytes::from_static(b" "), Duration::from_millis(50)),
        ),
        Reply::Hang | Reply::Late(..) => std::future::pending().await,
    }
}

/// A conditional request whose tag matches gets 304, as any real server answers.
fn with_fields(
    asked: &HeaderMap,
    body: Vec<u8>,
    fields: Vec<(&'static str, String)>,
) -> Response<Body> {
    let tag = fields
        .iter()
        .find(|(name, _)| *name == "etag")
        .map(|(_, tag)| tag.clone());
    let known = asked
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    if known.is_some() && known == tag.as_deref() {
        return respond(StatusCode::NOT_MODIFIED.as_u16(), fields, Body::empty());
    }
    respond(200, fields, body.into())
}

fn respond(status: u16, fields: Vec<(&'static str, String)>, body: Body) -> Response<Body> {
    let response = fields.into_iter().fold(
        Response::builder().status(status),
        |response, (name, value)| response.header(name, value),
    );
    response.body(body).unwrap()
}

fn pieces(piece: Bytes, pause: Duration) -> Body {
    Body::from_stream(stream::unfold((), move |()| {
        let piece = piece.clone();
        async move {
            tokio::time::sleep(pause).await;
            Some((Ok::<_, std::convert::Infallible>(piece), ()))
        }
    }))
}
