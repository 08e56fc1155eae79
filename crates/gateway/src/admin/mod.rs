//! The admin listener: probes, metrics, version, and the operator's word on keys. Never on the public
//! address. Whoever reaches it may read it; on loopback those are the programs of this machine, but not
//! the web pages in its browser. To change something takes more: `guard.rs` says what.

mod guard;
mod health;
mod keys;
mod problem;

use std::sync::Arc;

use axum::{
    Json, Router, extract::State, http::header, middleware, response::IntoResponse, routing::get,
};
use secrecy::SecretString;
use serde_json::json;

pub use self::health::Health;
use self::{guard::Guard, health::ready};
use crate::{issuers::Issuers, telemetry::metrics::Metrics};

/// What the admin pages show and change, and for whom.
#[derive(Debug)]
pub struct Admin {
    /// What the probes look at.
    pub health: Health,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whose keys are held.
    pub issuers: Issuers,
    /// Whether only this machine reaches the listener.
    pub on_loopback: bool,
    /// What a call that changes something must carry.
    pub token: Option<SecretString>,
}

impl Admin {
    /// The pages and the calls.
    pub fn router(self) -> Router {
        let guard = Guard {
            on_loopback: self.on_loopback,
            token: self.token,
        };
        Router::new()
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/healthz", get(ready))
            .with_state(self.health)
            .merge(metrics(self.metrics))
            .merge(keys::router(self.issuers))
            .route("/version", get(version))
            .layer(middleware::from_fn_with_state(guard, Guard::admit))
    }
}

fn metrics(metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .with_state(metrics)
}

async fn version() -> impl IntoResponse {
    Json(json!({ "name": "oauthgate", "version": env!("CARGO_PKG_VERSION") }))
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
