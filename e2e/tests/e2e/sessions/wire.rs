//! A client of the older revisions that does exactly what a test tells it.

use std::time::Duration;

use oauthgate_e2e::{Gate, GateBuilder, Issuer, Upstream};
use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value, json};

pub(super) const SESSION: &str = "mcp-session-id";
const LIMIT: Duration = Duration::from_secs(20);
/// How long a stream is listened to that may say nothing.
const SILENCE: Duration = Duration::from_secs(2);

/// A gate before a server, and the issuers it trusts.
pub(super) struct Site {
    pub(super) one: Issuer,
    pub(super) two: Issuer,
    pub(super) upstream: Upstream,
}

impl Site {
    pub(super) async fn before(upstream: Upstream) -> Self {
        Self {
            one: Issuer::start().await,
            two: Issuer::start().await,
            upstream,
        }
    }

    pub(super) fn gate(&self) -> GateBuilder {
        let issuers = [self.one.name(), self.two.name()];
        GateBuilder::trusting_all(&self.upstream.url, &issuers)
    }

    /// The usual caller.
    pub(super) fn ada(&self, resource: &str) -> String {
        token(&self.one, resource, "ada", "editor", 3600)
    }

    /// Another user of the same client.
    pub(super) fn bob(&self, resource: &str) -> String {
        token(&self.one, resource, "bob", "editor", 3600)
    }
}

pub(super) fn token(
    issuer: &Issuer,
    resource: &str,
    subject: &str,
    client: &str,
    lifetime: i64,
) -> String {
    let specification = issuer.specification(resource).subject(subject);
    let specification = specification.claim("client_id", client).lifetime(lifetime);
    issuer.signer.mint(specification)
}

/// One gate as clients see it.
#[derive(Clone)]
pub(super) struct Wire {
    http: reqwest::Client,
    port: u16,
}

impl Wire {
    pub(super) fn to(gate: &Gate) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(LIMIT);
        Self {
            http: http.build().expect("an HTTP client"),
            port: gate.port,
        }
    }

    pub(super) async fn send(
        &self,
        method: Method,
        token: Option<&str>,
        session: Option<&str>,
        more: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Response {
        let url = format!("http://localhost:{}/mcp", self.port);
        let mut request = self.http.request(method, url);
        request = request.header(header::ACCEPT, "application/json, text/event-stream");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(session) = session {
            request = request.header(SESSION, session);
        }
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.expect("an answer")
    }

    /// Opens a session; its id as the client knows it.
    pub(super) async fn open(&self, token: &str) -> String {
        self.open_as(Some(token)).await
    }

    /// The same, with a token or without.
    pub(super) async fn open_as(&self, token: Option<&str>) -> String {
        let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "oauthgate-e2e", "version": "1.0.0" },
        }});
        let answer = self
            .send(Method::POST, token, None, &[], Some(&initialize))
            .await;
        assert_eq!(answer.status(), StatusCode::OK);
        let session = answer.headers().get(SESSION).expect("a session");
        let session = session.to_str().expect("visible ASCII").to_owned();
        let _ = answer.text().await;
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let answer = self.post(token, Some(&session), &initialized).await;
        assert!(answer.status().is_success(), "{}", answer.status());
        session
    }

    pub(super) async fn post(
        &self,
        token: Option<&str>,
        session: Option<&str>,
        body: &Value,
    ) -> Response {
        let version = [("mcp-protocol-version", "2025-11-25")];
        self.send(Method::POST, token, session, &version, Some(body))
            .await
    }

    /// Whether the server lists its tools within the session.
    pub(super) async fn works(&self, token: &str, session: &str) -> bool {
        let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
        let answer = self.post(Some(token), Some(session), &list).await;
        let good = answer.status() == StatusCode::OK;
        good && answer
            .text()
            .await
            .unwrap_or_default()
            .contains("\"tools\"")
    }

    /// Whether the tool `echo` says it back within the session.
    pub(super) async fn echoes(&self, token: &str, session: &str, text: &str) -> bool {
        let answer = self
            .post(Some(token), Some(session), &call_echo(text))
            .await;
        let good = answer.status() == StatusCode::OK;
        let said = answer.text().await.unwrap_or_default();
        good && said.contains(&format!("Echo: {text}"))
    }

    /// The status of the three things that can be done to a session.
    pub(super) async fn statuses(&self, token: Option<&str>, session: &str) -> [u16; 3] {
        let version = [("mcp-protocol-version", "2025-11-25")];
        let mut statuses = [0; 3];
        let methods = [Method::POST, Method::GET, Method::DELETE];
        for (status, method) in statuses.iter_mut().zip(methods) {
            let body = (method == Method::POST).then(|| call_echo("anybody"));
            let answer = self
                .send(method, token, Some(session), &version, body.as_ref())
                .await;
            *status = answer.status().as_u16();
        }
        statuses
    }
}

pub(super) fn call_echo(text: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "echo", "arguments": { "message": text },
    }})
}

/// What a stream says before it falls silent or ends.
pub(super) async fn heard(mut stream: Response) -> String {
    let mut heard = Vec::new();
    while let Ok(Ok(Some(chunk))) = tokio::time::timeout(SILENCE, stream.chunk()).await {
        heard.extend_from_slice(&chunk);
    }
    String::from_utf8_lossy(&heard).into_owned()
}

/// The last event id of a stream.
pub(super) fn last_event_id(stream: &str) -> Option<&str> {
    let ids = stream.lines().filter_map(|line| line.strip_prefix("id:"));
    ids.map(str::trim).next_back()
}
