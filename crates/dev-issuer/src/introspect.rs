//! Token introspection (RFC 7662), for clients with a secret only.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{
    clients::authenticate,
    clock,
    error::{OAuthError, no_store},
    parameters::Parameters,
    state::IssuerState,
};

pub(crate) async fn introspect(
    State(state): State<Arc<IssuerState>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match answer(&state, &headers, &body).await {
        Ok(known) => (no_store(), Json(known)).into_response(),
        Err(error) => error.into_response(),
    }
}

/// Refresh tokens count as inactive: what a resource server is offered must be an access token.
async fn answer(
    state: &IssuerState,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, OAuthError> {
    let form = Parameters::from_form(headers, body)?;
    let client = authenticate(state, headers, &form).await?;
    if !client.is_confidential() {
        return Err(OAuthError::invalid_client(
            "introspection needs a client with a secret",
            false,
        ));
    }
    let token = form.require("token")?;
    let Some(claims) = state.grants().active_claims(token, clock::now()).cloned() else {
        return Ok(json!({"active": false}));
    };
    Ok(state.introspected(claims))
}
