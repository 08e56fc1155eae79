//! The admin listener: probes, metrics, version. Never on the public address, and without a check of
//! its own: whoever reaches it may read it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Json, Router, extract::State, http::StatusCode, http::header, response::IntoResponse,
    routing::get,
};
use oauthgate_remote::{KeyStatus, OAuth21Provider};
use serde_json::{Value, json};

use crate::telemetry::metrics::Metrics;

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
