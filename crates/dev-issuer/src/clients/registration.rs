//! Dynamic client registration (RFC 7591), open to everyone on this machine.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    client::{Authentication, Client},
    metadata::ClientMetadata,
};
use crate::{
    clock,
    crypto::random_token,
    error::{OAuthError, no_store},
    state::IssuerState,
};

pub(crate) async fn register(
    State(state): State<Arc<IssuerState>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match admit(&headers, &body) {
        Ok(client) => {
            let answer = information(&client);
            state.clients.add(client);
            (StatusCode::CREATED, no_store(), Json(answer)).into_response()
        }
        Err(error) => error.into_response(),
    }
}

fn admit(headers: &HeaderMap, body: &[u8]) -> Result<Client, OAuthError> {
    let content_type = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !content_type
        .to_ascii_lowercase()
        .starts_with("application/json")
    {
        return Err(OAuthError::new(
            "invalid_client_metadata",
            "send application/json",
        ));
    }
    let metadata: ClientMetadata = serde_json::from_slice(body).map_err(|error| {
        OAuthError::new(
            "invalid_client_metadata",
            format!("not client metadata: {error}"),
        )
    })?;
    metadata.into_client(random_token())
}

/// The client information response (RFC 7591 §3.2.1): what was registered, which may be less than what was asked.
fn information(client: &Client) -> Value {
    let grant_types: Vec<_> = client
        .grant_types
        .iter()
        .map(|grant_type| grant_type.name())
        .collect();
    let mut answer = json!({
        "client_id": client.client_id,
        "client_id_issued_at": clock::now(),
        "redirect_uris": client.redirect_uris,
        "token_endpoint_auth_method": client.authentication.method(),
        "grant_types": grant_types,
        "response_types": ["code"],
    });
    if let Authentication::Basic(secret)
    | Authentication::Post(secret)
    | Authentication::Either(secret) = &client.authentication
    {
        answer["client_secret"] = json!(secret);
        answer["client_secret_expires_at"] = json!(0);
    }
    if let Some(name) = &client.name {
        answer["client_name"] = json!(name);
    }
    if !client.default_scopes.is_empty() {
        answer["scope"] = json!(client.default_scopes.join(" "));
    }
    if let Some(algorithm) = client.id_token_algorithm {
        answer["id_token_signed_response_alg"] = json!(algorithm);
    }
    if let Some(algorithm) = client.access_token_algorithm {
        answer["access_token_signed_response_alg"] = json!(algorithm);
    }
    answer
}
