//! What the server says about itself: RFC 8414 metadata, OpenID Connect discovery, the JWK set.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{
    crypto::{base64url, sha256},
    keys::Algorithm,
    scope::IDENTITY_SCOPES,
    state::IssuerState,
};

pub(crate) async fn metadata(State(state): State<Arc<IssuerState>>) -> Response {
    let max_age = [(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=60"),
    )];
    (max_age, Json(document(&state))).into_response()
}

/// One document for both discoveries; OpenID Connect's members are a superset.
fn document(state: &IssuerState) -> Value {
    let algorithms: Vec<_> = state
        .algorithms()
        .into_iter()
        .map(Algorithm::name)
        .collect();
    let resources: Vec<_> = state
        .resources()
        .into_iter()
        .map(|resource| resource.uri)
        .collect();
    let secret_methods = json!(["client_secret_basic", "client_secret_post"]);
    json!({
        "issuer": state.issuer,
        "authorization_endpoint": state.endpoint("/authorize"),
        "token_endpoint": state.endpoint("/token"),
        "jwks_uri": state.endpoint("/jwks"),
        "registration_endpoint": state.endpoint("/register"),
        "revocation_endpoint": state.endpoint("/revoke"),
        "introspection_endpoint": state.endpoint("/introspect"),
        "scopes_supported": scopes(state),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "introspection_endpoint_auth_methods_supported": secret_methods,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": true,
        "protected_resources": resources,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "name", "email"],
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}

fn scopes(state: &IssuerState) -> Vec<String> {
    let mut scopes: Vec<String> = IDENTITY_SCOPES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    for scope in state
        .resources()
        .into_iter()
        .flat_map(|resource| resource.scopes)
    {
        if !scopes.contains(&scope.name) {
            scopes.push(scope.name);
        }
    }
    scopes
}

/// The public keys (RFC 7517), with what a polite cache needs.
pub(crate) async fn jwks(State(state): State<Arc<IssuerState>>, headers: HeaderMap) -> Response {
    let body = state.jwk_set().to_string();
    cacheable_set(&state, &headers, body)
}

pub(crate) fn cacheable_set(state: &IssuerState, headers: &HeaderMap, body: String) -> Response {
    let etag = format!("\"{}\"", base64url(&sha256(body.as_bytes())));
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let caching = [
        (header::ETAG, etag.clone()),
        (
            header::CACHE_CONTROL,
            format!("public, max-age={}", state.options.jwks_max_age),
        ),
    ];
    if known.is_some_and(|list| list.split(',').any(|known| known.trim() == etag)) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (
        caching,
        [(header::CONTENT_TYPE, "application/jwk-set+json")],
        body,
    )
        .into_response()
}
