//! The other thing worth protecting: a plain HTTP API, so that a token for one resource can be shown at the other.

use axum::{Json, Router, routing::get};
use http::HeaderMap;
use serde_json::{Value, json};

pub(super) fn router() -> Router {
    Router::new()
        .route("/reports", get(reports))
        .route("/reports/", get(reports))
}

async fn reports(headers: HeaderMap) -> Json<Value> {
    let caller = headers
        .get("x-auth-request-user")
        .and_then(|value| value.to_str().ok());
    Json(json!({ "reports": ["2026-Q2", "2026-Q3"], "for": caller }))
}
