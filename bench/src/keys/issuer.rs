//! An authorization server that counts who asks for its keys, and can be made to fail.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use crate::token::{Parties, SigningKey};

/// Further fetches are not remembered: no contender fetches so often by design.
const MOST_REMEMBERED: usize = 1_000_000;

/// Where metadata may be asked for (RFC 8414, OpenID Connect Discovery).
const METADATA: [&str; 2] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
];

/// How the server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answers after this time.
    Answers(Duration),
    /// Answers at once, with a key set that is empty.
    Empty,
    /// Answers everything with status 500.
    Fails,
    /// Takes the request and never answers.
    Hangs,
    /// Resets every open connection, and each new one once it asks for something.
    Resets,
}

impl Fault {
    /// Answers at once.
    pub(crate) const NONE: Self = Self::Answers(Duration::ZERO);
}

/// When somebody fetched what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fetches {
    /// The metadata document.
    pub(crate) discovery: Vec<Instant>,
    /// The key set.
    pub(crate) jwks: Vec<Instant>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    keys: Mutex<String>,
    fetches: Mutex<Fetches>,
}

/// The running server; it stops when this value is dropped.
#[derive(Debug)]
pub(crate) struct Issuer {
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

impl Issuer {
    /// Starts it on loopback, with this key published.
    pub(crate) async fn start(key: &SigningKey) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let shared = Arc::new(Shared {
            address: listener.local_addr()?,
            fault: watch::Sender::new(Fault::NONE),
            keys: Mutex::new(String::new()),
            fetches: Mutex::default(),
        });
        let listening = tokio::spawn(listen(listener, Arc::clone(&shared)));
        let issuer = Self { shared, listening };
        issuer.publish(&[key]);
        Ok(issuer)
    }

    /// Replaces the published keys.
    pub(crate) fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        *lock(&self.shared.keys) = json!({"keys": keys}).to_string();
    }

    /// Makes it fail, or heals it.
    pub(crate) fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
    }

    /// What was fetched so far.
    pub(crate) fn fetches(&self) -> Fetches {
        lock(&self.shared.fetches).clone()
    }

    pub(crate) fn port(&self) -> u16 {
        self.shared.address.port()
    }

    /// Its `iss`.
    pub(crate) fn url(&self) -> String {
        self.shared.url()
    }

    pub(crate) fn jwks_url(&self) -> String {
        self.shared.jwks_url()
    }

    pub(crate) fn parties(&self, audience: &str) -> Parties {
        Parties {
            issuer: self.url(),
            audience: audience.to_owned(),
        }
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Shared {
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.url())
    }

    fn metadata(&self) -> String {
        let url = self.url();
        json!({
            "issuer": url, "jwks_uri": self.jwks_url(), "response_types_supported": ["code"],
            "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
        })
        .to_string()
    }

    fn count(&self, which: impl FnOnce(&mut Fetches) -> &mut Vec<Instant>) {
        let mut fetches = lock(&self.fetches);
        let list = which(&mut fetches);
        if list.len() < MOST_REMEMBERED {
            list.push(Instant::now());
        }
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(serve(stream, Arc::clone(&shared)));
    }
}

/// Serves one connection until its end, or until connections begin to be reset.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut fault = shared.fault.subscribe();
    let begins_to_reset = async {
        fault.wait_for(|fault| *fault != Fault::Resets).await?;
        fault
            .wait_for(|fault| *fault == Fault::Resets)
            .await
            .map(drop)
    };
    if *shared.fault.borrow() == Fault::Resets {
        let _ = stream.set_zero_linger();
    }
    let answers = Arc::clone(&shared);
    let service = service_fn(move |request| answer(request, Arc::clone(&answers)));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = connection => {}
        _ = begins_to_reset => {}
    }
}

/// An error ends the connection without an answer.
async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let path = request.uri().path();
    let is_jwks = path == "/.well-known/jwks.json";
    let is_metadata = METADATA.contains(&path);
    if !is_jwks && !is_metadata {
        return Ok(respond(StatusCode::NOT_FOUND, String::new()));
    }
    shared.count(|fetches| {
        if is_jwks {
            &mut fetches.jwks
        } else {
            &mut fetches.discovery
        }
    });
    let document = match await_turn(&shared).await {
        Fault::Resets => return Err(io::ErrorKind::ConnectionReset.into()),
        Fault::Fails => return Ok(respond(StatusCode::INTERNAL_SERVER_ERROR, String::new())),
        Fault::Empty if is_jwks => json!({"keys": []}).to_string(),
        _ if is_jwks => lock(&shared.keys).clone(),
        _ => shared.metadata(),
    };
    Ok(respond(StatusCode::OK, document))
}

/// Waits as the fault wants it, and says which it is then. A request that hung is let go when the fault ends.
async fn await_turn(shared: &Shared) -> Fault {
    let mut fault = shared.fault.subscribe();
    let now = *fault.borrow_and_update();
    match now {
        Fault::Answers(after) => tokio::time::sleep(after).await,
        Fault::Empty | Fault::Fails | Fault::Resets => {}
        Fault::Hangs => {
            let _ = fault.changed().await;
        }
    }
    *fault.borrow()
}

fn respond(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
