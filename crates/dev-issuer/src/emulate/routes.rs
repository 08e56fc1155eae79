//! The endpoints of an emulated provider, at its own paths.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use serde_json::{Value, json};

use super::{mint::Emulated, provider::TokenInfo};
use crate::{
    clients::{self, authenticate},
    clock,
    control::Endpoint,
    error::{OAuthError, no_store},
    introspect, metadata,
    parameters::Parameters,
    revoke,
    router::observed,
    state::{Claims, IssuerState},
    token,
};

/// Where a client can register although the provider has no such thing: metadata does not name it.
const REGISTER: &str = "/register";

type Routes = Router<Arc<IssuerState>>;

/// What a client in a browser may call from any origin.
pub(crate) fn endpoint_routes(state: &Arc<IssuerState>, emulated: &Emulated) -> Routes {
    let endpoints = emulated.provider().endpoints();
    let documents = emulated.provider().documents(&emulated.site);
    let documents = documents.into_iter().map(|document| document.path);
    let register = endpoints.register.into_iter().chain([REGISTER.to_owned()]);
    let routes = Router::new();
    let routes = at(state, routes, documents, Endpoint::Metadata, || {
        get(document)
    });
    let routes = at(state, routes, endpoints.jwks, Endpoint::Jwks, || {
        get(key_set)
    });
    let routes = at(state, routes, endpoints.token, Endpoint::Token, || {
        post(token::token)
    });
    let routes = at(state, routes, register, Endpoint::Register, || {
        post(clients::register)
    });
    let routes = at(state, routes, endpoints.revoke, Endpoint::Revoke, || {
        post(revoke::revoke)
    });
    at(
        state,
        routes,
        endpoints.introspect,
        Endpoint::Introspect,
        || post(introspect::introspect),
    )
}

/// What only a person's own browser window may call.
pub(crate) fn authorize_paths(emulated: &Emulated) -> Vec<String> {
    emulated.provider().endpoints().authorize
}

/// Questions about tokens that are not RFC 7662.
pub(crate) fn token_info_routes(state: &Arc<IssuerState>, emulated: &Emulated) -> Routes {
    let (path, route) = match emulated.provider().token_info() {
        None => return Router::new(),
        Some(TokenInfo::Google { path }) => (path, get(google).post(google)),
        Some(TokenInfo::GitHub { path }) => (path, post(github)),
    };
    Router::new().route(path, observed(state, Endpoint::Introspect, route))
}

/// The same endpoint at several paths.
fn at(
    state: &Arc<IssuerState>,
    routes: Routes,
    paths: impl IntoIterator<Item = String>,
    endpoint: Endpoint,
    route: impl Fn() -> MethodRouter<Arc<IssuerState>>,
) -> Routes {
    let distinct: BTreeSet<String> = paths.into_iter().collect();
    distinct.iter().fold(routes, |routes, path| {
        routes.route(path, observed(state, endpoint, route()))
    })
}

async fn document(State(state): State<Arc<IssuerState>>, uri: Uri) -> Response {
    let found = state.emulated.as_ref().and_then(|emulated| {
        let documents = emulated.provider().documents(&emulated.site);
        documents
            .into_iter()
            .find(|document| document.path == uri.path())
    });
    let max_age = [(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=60"),
    )];
    found.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |document| (max_age, Json(document.body)).into_response(),
    )
}

async fn key_set(State(state): State<Arc<IssuerState>>, uri: Uri, headers: HeaderMap) -> Response {
    let set = state.jwk_set();
    let keys = set["keys"].as_array().cloned().unwrap_or_default();
    let shown = state
        .emulated
        .as_ref()
        .map_or(set, |it| it.provider().key_set(uri.path(), keys));
    metadata::cacheable_set(&state, &headers, shown.to_string())
}

/// Google's `tokeninfo`: numbers are strings there, an unknown token is a bad request.
async fn google(
    State(state): State<Arc<IssuerState>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match query {
        Some(query) => Parameters::parse(query.as_bytes()),
        None => Parameters::from_form(&headers, &body),
    };
    let claims = asked
        .ok()
        .and_then(|asked| known(&state, asked.find("access_token")?));
    match claims {
        Some(claims) => (no_store(), Json(Value::Object(claims))).into_response(),
        None => (
            StatusCode::BAD_REQUEST,
            Json(json!({"error": "invalid_token", "error_description": "Invalid Value"})),
        )
            .into_response(),
    }
}

/// GitHub's "check a token": only the application that the token is for may ask.
async fn github(
    State(state): State<Arc<IssuerState>>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let asked = authenticate(&state, &headers, &Parameters::default()).await;
    if !asked.is_ok_and(|client| client.client_id == client_id && client.is_confidential()) {
        return OAuthError::invalid_client("only the application itself may ask", true)
            .into_response();
    }
    let token = body["access_token"].as_str().unwrap_or_default();
    match known(&state, token).filter(|claims| claims["app"]["client_id"] == client_id) {
        Some(mut claims) => {
            claims.insert("token".to_owned(), json!(token));
            (no_store(), Json(Value::Object(claims))).into_response()
        }
        None => (
            StatusCode::NOT_FOUND,
            Json(json!({"message": "Not Found", "status": "404"})),
        )
            .into_response(),
    }
}

fn known(state: &IssuerState, token: &str) -> Option<Claims> {
    state.grants().active_claims(token, clock::now()).cloned()
}
