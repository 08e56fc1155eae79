//! A gate on loopback with an issuer of its own, and a client that sends exactly what it is told.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use axum::{Json, Router, routing::get};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use oauthgate_core::{Audience, Issuer, ResourceIdentifier, ScopeSet};
use oauthgate_remote::{IssuerSettings, ProviderSettings};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    config::{ResourceSettings, Settings},
    gate::{Gate, GateBody, Upstream, boxed},
};

/// Signs tokens, and says with which key.
pub(super) struct Signer {
    key: EcdsaKeyPair,
    kid: &'static str,
    pub(super) issuer: String,
}

impl Signer {
    pub(super) fn new(kid: &'static str, issuer: String) -> Self {
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            kid,
            issuer,
        }
    }

    pub(super) fn key_set(&self) -> Value {
        let point = self.key.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": self.kid, "x": BASE64.encode(x), "y": BASE64.encode(y) }] })
    }

    /// A token with these claims over the good ones; `null` takes one away.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "tests write the claims in place"
    )]
    pub(super) fn token(&self, changes: Value) -> String {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let mut claims = json!({
            "iss": self.issuer, "sub": "alice", "aud": "https://mcp.example.com/mcp", "client_id": "app",
            "scope": "tools:read", "iat": now, "exp": now + 300,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": self.kid });
        let signed = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(claims.to_string())
        );
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .unwrap();
        format!("{signed}.{}", BASE64.encode(signature))
    }
}

/// A gate that runs until it is told to stop.
pub(super) struct Running {
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) signer: Arc<Signer>,
    pub(super) reached: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    cut: Option<oneshot::Sender<()>>,
    pub(super) ended: JoinHandle<()>,
}

impl Running {
    pub(super) async fn start() -> Self {
        Self::with("test-1", |_| {}).await
    }

    /// A gate before one resource at `/mcp`, after a change to its settings.
    pub(super) async fn with(kid: &'static str, change: impl FnOnce(&mut Settings)) -> Self {
        let signer = issuing(kid).await;
        let mut settings = Settings::new(vec![resource(
            "https://mcp.example.com/mcp",
            &signer.issuer,
        )]);
        change(&mut settings);
        Self::over(settings, signer).await
    }

    /// A gate before a real upstream, after a change to its settings.
    pub(super) async fn before(upstream: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let signer = issuing("test-1").await;
        let mut settings = Settings::new(vec![resource(
            "https://mcp.example.com/mcp",
            &signer.issuer,
        )]);
        settings.resources[0].upstream = upstream.parse().unwrap();
        change(&mut settings);
        let gate = Gate::on(settings, loopback().await, loopback().await).unwrap();
        Self::run(gate, signer, Arc::default())
    }

    pub(super) async fn over(settings: Settings, signer: Arc<Signer>) -> Self {
        Self::over_admin(settings, signer, loopback().await).await
    }

    /// A gate whose admin pages are answered on this listener.
    pub(super) async fn over_admin(
        settings: Settings,
        signer: Arc<Signer>,
        admin: TcpListener,
    ) -> Self {
        let public = loopback().await;
        let reached = Arc::new(AtomicUsize::new(0));
        let gate = Gate::before(settings, public, admin, |_| {
            Ok(Upstream::new(upstream(Arc::clone(&reached))))
        })
        .unwrap();
        Self::run(gate, signer, reached)
    }

    fn run(gate: Gate, signer: Arc<Signer>, reached: Arc<AtomicUsize>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (cut, is_cut) = oneshot::channel();
        let (public, admin) = (gate.public_addr(), gate.admin_addr());
        let run = gate.run_until_cut(async move { drop(stopped.await) }, async move {
            drop(is_cut.await);
        });
        Self {
            public,
            admin,
            signer,
            reached,
            stop: Some(stop),
            cut: Some(cut),
            ended: tokio::spawn(run),
        }
    }

    pub(super) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(super) fn cut(&mut self) {
        self.cut.take().unwrap().send(()).unwrap();
    }

    pub(super) fn reached(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }

    /// A request with the good host, and these further lines.
    pub(super) async fn ask(&self, request_line: &str, lines: &[&str]) -> Answer {
        let mut all = vec!["Host: mcp.example.com"];
        all.extend(lines);
        exchange(self.public, request_line, &all, "").await
    }

    /// A call of this tool by a caller with these claims.
    pub(super) async fn call_tool(&self, tool: &str, claims: Value) -> Answer {
        let params = json!({ "name": tool, "arguments": { "secret": "canary" } });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let body = body.to_string();
        let lines = [
            "Host: mcp.example.com",
            "Content-Type: application/json",
            &format!("Content-Length: {}", body.len()),
            &self.bearer(claims),
        ];
        exchange(self.public, "POST /mcp HTTP/1.1", &lines, &body).await
    }

    pub(super) async fn ask_admin(&self, path: &str) -> Answer {
        exchange(
            self.admin,
            &format!("GET {path} HTTP/1.1"),
            &["Host: localhost"],
            "",
        )
        .await
    }

    /// A call that an operator makes, with these further lines.
    pub(super) async fn call_admin(&self, call: &str, lines: &[&str]) -> Answer {
        let mut all = vec!["Host: localhost"];
        all.extend(lines);
        exchange(self.admin, &format!("{call} HTTP/1.1"), &all, "").await
    }

    /// The status of a request with a good token.
    pub(super) async fn status(&self) -> u16 {
        let bearer = self.bearer(serde_json::json!({}));
        self.ask("GET /mcp HTTP/1.1", &[&bearer]).await.status
    }

    pub(super) fn bearer(&self, changes: Value) -> String {
        format!("Authorization: Bearer {}", self.signer.token(changes))
    }

    pub(super) async fn ready(&self) {
        for _ in 0..3_000 {
            if self.ask_admin("/readyz").await.status == 200 {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("not ready: {}", self.ask_admin("/readyz").await.body);
    }
}

/// How long something is waited for that happens at once, unless the machine is busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn loopback() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

pub(super) fn resource(identifier: &str, issuer: &str) -> ResourceSettings {
    let mut issuer_settings = IssuerSettings::new(
        Issuer::new(issuer).unwrap(),
        vec![Audience::new("https://mcp.example.com/mcp").unwrap()],
    );
    issuer_settings.keys.jwks_url = Some(format!("{issuer}/keys").parse().unwrap());
    let mut provider = ProviderSettings::new(
        ResourceIdentifier::parse(identifier).unwrap(),
        issuer_settings,
    );
    provider.advertised_scopes = ScopeSet::parse("tools:read").unwrap();
    ResourceSettings::new(provider, "http://127.0.0.1:1".parse().unwrap())
}

/// An issuer that serves its key.
pub(super) async fn issuing(kid: &'static str) -> Arc<Signer> {
    let listener = loopback().await;
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let signer = Arc::new(Signer::new(kid, issuer));
    serve_keys(listener, &signer);
    signer
}

fn serve_keys(listener: TcpListener, signer: &Signer) {
    let keys = signer.key_set();
    let app = Router::new().route("/keys", get(|| async move { Json(keys) }));
    tokio::spawn(async move { axum::serve(listener, app).await });
}

/// Stands behind the gate: says what reached it; `/mcp/slow` takes a second, `/mcp/slower` five, `/mcp/stream`
/// never ends, `/mcp/panics` does.
fn upstream<B: Send + 'static>(
    reached: Arc<AtomicUsize>,
) -> impl tower::Service<Request<B>, Response = Response<GateBody>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    tower::service_fn(move |request: Request<B>| {
        reached.fetch_add(1, Ordering::SeqCst);
        let authorized = request.headers().contains_key("authorization");
        let path = request.uri().path().to_owned();
        async move {
            match path.as_str() {
                "/mcp/slow" => sleep(Duration::from_secs(1)).await,
                "/mcp/slower" => sleep(Duration::from_secs(5)).await,
                "/mcp/stream" => return Ok(endless()),
                "/mcp/panics" => panic!("the service failed"),
                _ => {}
            }
            let body = json!({ "path": path, "authorization": authorized }).to_string();
            Ok(Response::new(boxed(Full::new(Bytes::from(body)))))
        }
    })
}

fn endless() -> Response<GateBody> {
    let frames = futures_util::stream::unfold((), |()| async {
        sleep(Duration::from_millis(20)).await;
        Some((
            Ok::<_, Infallible>(http_body::Frame::data(Bytes::from_static(b":\n\n"))),
            (),
        ))
    });
    let mut response = Response::new(boxed(http_body_util::StreamBody::new(frames)));
    response
        .headers_mut()
        .insert("content-type", "text/event-stream".parse().unwrap());
    response
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends these bytes and reads until the gate closes the connection.
pub(super) async fn exchange(
    address: SocketAddr,
    request_line: &str,
    lines: &[&str],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{request_line}\r\n{}\r\nConnection: close\r\n\r\n{body}",
        lines.join("\r\n")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("an answer")
        .unwrap();
    parse(&String::from_utf8(bytes).unwrap())
}

fn parse(text: &str) -> Answer {
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let mut headers = HashMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name = name.to_ascii_lowercase();
        let mut value = value.to_owned();
        if let (Some(old), true) = (headers.get(&name), name.starts_with("ratelimit")) {
            // A list may come in several lines (RFC 9651 §4.2).
            value = format!("{old}, {value}");
        } else {
            assert!(
                name == "vary" || !headers.contains_key(&name),
                "{name} twice: {text}"
            );
        }
        headers.insert(name, value);
    }
    Answer {
        status,
        headers,
        body: body.to_owned(),
    }
}
