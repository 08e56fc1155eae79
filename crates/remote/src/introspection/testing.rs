//! Authorization servers for tests: one without a network, and one that records what it was asked.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, Uri},
};
use futures_util::{FutureExt, future::BoxFuture};
use oauthgate_core::{Issuer, token::IntrospectionAnswer};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    Introspector,
    client::{Ask, Verdict},
    memory::Memory,
    trouble::Trouble,
};
use crate::{clock::Clock, testing::unix_now};

pub(crate) const ISSUER: &str = "https://auth.example.com";

pub(crate) fn issuer() -> Issuer {
    Issuer::new(ISSUER).unwrap()
}

/// What is answered about a good token.
pub(crate) fn good(subject: &str) -> Value {
    json!({
        "active": true, "sub": subject, "aud": crate::testing::AUDIENCE, "client_id": "client-1",
        "scope": "tools:read", "exp": unix_now() + 3600, "token_type": "Bearer",
    })
}

pub(crate) fn inactive() -> Value {
    json!({"active": false})
}

/// Knows the tokens that it was told; can be slow, and can be in trouble.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scripted(Arc<Script>);

#[derive(Debug, Default)]
struct Script {
    tokens: Mutex<HashMap<String, Value>>,
    pause: Mutex<Duration>,
    trouble: Mutex<Option<Trouble>>,
    asked: Mutex<Vec<String>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Scripted {
    pub(crate) fn knows(&self, token: &str, answer: Value) {
        let mut tokens = self.0.tokens.lock().unwrap();
        tokens.insert(token.to_owned(), answer);
    }

    pub(crate) fn takes(&self, pause: Duration) {
        *self.0.pause.lock().unwrap() = pause;
    }

    pub(crate) fn fails(&self, trouble: Option<Trouble>) {
        *self.0.trouble.lock().unwrap() = trouble;
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.asked.lock().unwrap().clone()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.0.most_at_once.load(Ordering::SeqCst)
    }

    pub(crate) fn introspector(&self, ttl: Duration, clock: Arc<dyn Clock>) -> Introspector {
        let memory = Memory::new(ttl).unwrap();
        Introspector::new(issuer(), Box::new(self.clone()), memory, clock, true)
    }
}

impl Ask for Scripted {
    fn ask<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Verdict, Trouble>> {
        async move {
            let script = &self.0;
            script.asked.lock().unwrap().push(token.to_owned());
            let now = script.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            script.most_at_once.fetch_max(now, Ordering::SeqCst);
            let pause = *script.pause.lock().unwrap();
            tokio::time::sleep(pause).await;
            script.at_once.fetch_sub(1, Ordering::SeqCst);
            if let Some(trouble) = script.trouble.lock().unwrap().clone() {
                return Err(trouble);
            }
            let answer = script.tokens.lock().unwrap().get(token).cloned();
            let text = answer.unwrap_or_else(inactive).to_string();
            let answer = IntrospectionAnswer::parse(text.as_bytes(), &issuer())?;
            Ok((answer, text.len()))
        }
        .boxed()
    }

    fn place(&self) -> Option<String> {
        None
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), Trouble>> {
        async { Ok(()) }.boxed()
    }
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The fields of a form.
    pub(crate) fn fields(&self) -> HashMap<String, String> {
        let pairs = url::form_urlencoded::parse(self.body.as_bytes());
        pairs.into_owned().collect()
    }
}

type Answer = Arc<dyn Fn(&Asked) -> Response<Body> + Send + Sync>;

/// A server on loopback that records what it was asked.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) origin: String,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl Server {
    pub(crate) async fn start(
        answer: impl Fn(&Asked) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            origin: format!("http://{}", listener.local_addr().unwrap()),
            answer: Arc::new(Mutex::new(Arc::new(answer))),
            asked: Arc::default(),
        };
        let router = Router::new().fallback(serve).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    pub(crate) fn answers(
        &self,
        answer: impl Fn(&Asked) -> Response<Body> + Send + Sync + 'static,
    ) {
        *self.answer.lock().unwrap() = Arc::new(answer);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        url::Url::parse(&format!("{}{path}", self.origin)).unwrap()
    }
}

async fn serve(
    State(server): State<Server>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let asked = Asked {
        method,
        path: uri.to_string(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let answer = Arc::clone(&*server.answer.lock().unwrap());
    server.asked.lock().unwrap().push(asked.clone());
    answer(&asked)
}

pub(crate) fn reply(status: u16, content_type: &str, body: impl Into<Body>) -> Response<Body> {
    let reply = Response::builder().status(status);
    reply
        .header("content-type", content_type)
        .body(body.into())
        .unwrap()
}

pub(crate) fn json_reply(value: &Value) -> Response<Body> {
    reply(200, "application/json", value.to_string())
}
