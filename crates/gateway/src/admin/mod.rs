//! The admin listener: probes, metrics, version. Never on the public address. Whoever reaches it may read
//! it; on loopback those are the programs of this machine, but not the web pages in its browser.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::StatusCode,
    http::header,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use oauthgate_remote::{KeyStatus, OAuth21Provider};
use serde_json::{Value, json};

use crate::{proxy::admission::Authority, telemetry::metrics::Metrics};

/// What the probes look at.
#[derive(Debug, Clone)]
pub struct Health {
    providers: Arc<[(String, OAuth21Provider)]>,
    draining: Arc<AtomicBool>,
}

impl Health {
    /// The health of these resources.
    #[must_use]
    pub fn new(providers: Vec<(String, OAuth21Provider)>) -> Self {
        Self {
            providers: providers.into(),
            draining: Arc::default(),
        }
    }

    /// From now on no new traffic should come.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    fn readiness(&self) -> (StatusCode, Value) {
        let resources: Vec<_> = self
            .providers
            .iter()
            .map(|(name, provider)| (name, provider.key_status()))
            .collect();
        let draining = self.draining.load(Ordering::Relaxed);
        let ready = !draining
            && resources
                .iter()
                .all(|(_, keys)| keys.iter().any(|issuer| issuer.servable));
        let issuers: Vec<_> = resources
            .iter()
            .flat_map(|(name, keys)| keys.iter().map(|status| issuer(name, status)))
            .collect();
        let code = if ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (
            code,
            json!({ "ready": ready, "draining": draining, "issuers": issuers }),
        )
    }
}

fn issuer(resource: &str, status: &KeyStatus) -> Value {
    json!({
        "resource": resource,
        "issuer": status.issuer,
        "usable": status.servable,
        "keys": status.keys,
        "skipped_keys": status.skipped,
        "age_seconds": status.age.map(|age| age.as_secs()),
        "fetches": status.fetches,
        "last_failure": status.last_failure,
        "failure_detail": status.failure_detail,
    })
}

/// The pages of the admin listener, when it listens on loopback.
pub fn loopback_router(health: Health, metrics: Arc<Metrics>) -> Router {
    router(health, metrics).layer(middleware::from_fn(refuse_foreign_hosts))
}

/// A page whose name was rebound to this machine still sends its own name as the host.
async fn refuse_foreign_hosts(request: Request, next: Next) -> Response {
    if asks_this_machine(&request) {
        next.run(request).await
    } else {
        let told = "the admin listener answers to the names of this machine only\n";
        (StatusCode::FORBIDDEN, told).into_response()
    }
}

/// Whether the target and every `Host` name this machine, and at least one of them is there.
fn asks_this_machine(request: &Request) -> bool {
    let hosts = request.headers().get_all(header::HOST);
    let mut named = hosts
        .iter()
        .map(|host| host.to_str().unwrap_or_default())
        .chain(
            request
                .uri()
                .authority()
                .map(axum::http::uri::Authority::as_str),
        )
        .peekable();
    named.peek().is_some()
        && named.all(|host| Authority::parse(host).is_some_and(|host| host.is_loopback()))
}

/// The pages of the admin listener.
pub fn router(health: Health, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/healthz", get(ready))
        .with_state(health)
        .merge(
            Router::new()
                .route("/metrics", get(scrape))
                .with_state(metrics),
        )
        .route(
            "/version",
            get(|| async {
                Json(json!({ "name": "oauthgate", "version": env!("CARGO_PKG_VERSION") }))
            }),
        )
}

/// Ready once every resource has an issuer whose keys may be used, which an outage within the stale limit
/// does not change; not ready while draining.
async fn ready(State(health): State<Health>) -> impl IntoResponse {
    let (status, report) = health.readiness();
    (status, Json(report))
}

async fn scrape(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    (
        [(
            header::CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        metrics.text(),
    )
}
