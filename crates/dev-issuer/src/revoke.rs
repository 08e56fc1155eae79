//! Token revocation (RFC 7009).

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};

use crate::{
    clients::authenticate,
    clock,
    error::{OAuthError, no_store},
    parameters::Parameters,
    state::IssuerState,
};

/// 200 whether or not there was such a token (RFC 7009 §2.2).
pub(crate) async fn revoke(
    State(state): State<Arc<IssuerState>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match answer(&state, &headers, &body).await {
        Ok(()) => (StatusCode::OK, no_store()).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn answer(state: &IssuerState, headers: &HeaderMap, body: &[u8]) -> Result<(), OAuthError> {
    let form = Parameters::from_form(headers, body)?;
    let client = authenticate(state, headers, &form).await?;
    state
        .grants()
        .revoke(form.require("token")?, &client.client_id, clock::now());
    Ok(())
}
