//! The control API: JSON over HTTP, for tests in other processes and languages.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Counters, Endpoint, Fault, FaultAnswer};
use crate::{
    TokenSpec, emulate::Order, options::Resource, options::ResourceScope, state::IssuerState,
};

/// The routes below `/control`.
pub(crate) fn routes() -> Router<Arc<IssuerState>> {
    Router::new()
        .route("/control/rotate", post(rotate))
        .route("/control/faults", post(set_fault).delete(clear_faults))
        .route("/control/resources", post(add_resource))
        .route("/control/counters", get(counters))
        .route("/control/reset", post(reset))
        .route("/control/mint", post(mint))
        .layer(middleware::from_fn(refuse_browsers))
}

/// A web page must not drive this API: browsers mark what a page sends with `Origin` or `Sec-Fetch-Site`.
async fn refuse_browsers(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
        return (
            StatusCode::FORBIDDEN,
            Json(json!({"error": "not for browsers"})),
        )
            .into_response();
    }
    next.run(request).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    keep_old: bool,
}

async fn rotate(State(state): State<Arc<IssuerState>>, Json(order): Json<Rotate>) -> Response {
    let worker = Arc::clone(&state);
    // RSA keys take too long for an async thread.
    let done = tokio::task::spawn_blocking(move || worker.rotate_keys(order.keep_old)).await;
    match done {
        Ok(()) => Json(state.jwk_set()).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A [`Fault`] and where it sits. (Written out, because `flatten` would let unknown members pass.)
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetFault {
    endpoint: Endpoint,
    #[serde(default)]
    stall_ms: u64,
    #[serde(default)]
    answer: Option<FaultAnswer>,
    #[serde(default)]
    times: Option<u32>,
}

async fn set_fault(
    State(state): State<Arc<IssuerState>>,
    Json(order): Json<SetFault>,
) -> StatusCode {
    let fault = Fault {
        stall_ms: order.stall_ms,
        answer: order.answer,
        times: order.times,
    };
    state.faults.set(order.endpoint, fault);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(state): State<Arc<IssuerState>>) -> StatusCode {
    state.faults.clear();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddResource {
    uri: String,
    #[serde(default)]
    scopes: Vec<String>,
}

async fn add_resource(
    State(state): State<Arc<IssuerState>>,
    Json(order): Json<AddResource>,
) -> StatusCode {
    let described = |name: String| ResourceScope {
        description: name.clone(),
        name,
    };
    state.add_resource(Resource {
        uri: order.uri,
        scopes: order.scopes.into_iter().map(described).collect(),
    });
    StatusCode::NO_CONTENT
}

async fn counters(State(state): State<Arc<IssuerState>>) -> Json<Counters> {
    Json(state.counts.read())
}

async fn reset(State(state): State<Arc<IssuerState>>) -> StatusCode {
    state.reset();
    StatusCode::NO_CONTENT
}

/// A body with `kind` asks for a token of the emulated provider, any other is a [`TokenSpec`].
async fn mint(
    State(state): State<Arc<IssuerState>>,
    Json(body): Json<Map<String, Value>>,
) -> Response {
    match tokio::task::spawn_blocking(move || minted(&state, body)).await {
        Ok(Ok(token)) => {
            Json(json!({"access_token": token, "token_type": "Bearer"})).into_response()
        }
        Ok(Err(why)) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            Json(json!({"error": why})),
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn minted(state: &IssuerState, body: Map<String, Value>) -> Result<String, String> {
    if body.contains_key("kind") {
        let order = Order::parse(body).map_err(|error| error.to_string())?;
        let token = state.emulated_token(order.kind, &order.changes);
        return token.ok_or_else(|| {
            "`kind` is for --emulate, for example `dev-issuer --emulate generic`; without it, name `audience` and `scopes`".to_owned()
        });
    }
    let spec: TokenSpec =
        serde_json::from_value(Value::Object(body)).map_err(|error| error.to_string())?;
    Ok(state.mint(&spec))
}
