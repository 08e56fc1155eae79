//! The token endpoint (RFC 6749 §3.2) and what it remembers.

mod grants;
mod issue;
mod pkce;

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::Value;

pub(crate) use grants::{CodeGrant, Grant, Grants};
pub(crate) use pkce::is_challenge;

use crate::{
    clients::{Client, GrantType, authenticate},
    clock,
    error::{OAuthError, no_store},
    parameters::Parameters,
    scope,
    state::{IssuerState, Target},
};

pub(crate) async fn token(
    State(state): State<Arc<IssuerState>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match answer(&state, &headers, &body).await {
        Ok(tokens) => (no_store(), Json(tokens)).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn answer(
    state: &Arc<IssuerState>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, OAuthError> {
    let form = Parameters::from_form(headers, body)?;
    let client = authenticate(state, headers, &form).await?;
    let grant_type = GrantType::from_name(form.require("grant_type")?).ok_or_else(|| {
        OAuthError::new("unsupported_grant_type", "this grant type is not supported")
    })?;
    if !client.may_use(grant_type) {
        return Err(OAuthError::new(
            "unauthorized_client",
            "the client is not registered for this grant type",
        ));
    }
    make_missing_keys(state, &client).await;
    match grant_type {
        GrantType::AuthorizationCode => redeem_code(state, &client, &form),
        GrantType::RefreshToken => refresh(state, &client, &form),
        GrantType::ClientCredentials => client_credentials(state, &client, &form),
    }
}

/// A client may be the first with its algorithm, and RSA keys take too long for an async thread.
async fn make_missing_keys(state: &Arc<IssuerState>, client: &Client) {
    let known = state.algorithms();
    let asked = [client.access_token_algorithm, client.id_token_algorithm];
    for algorithm in asked
        .into_iter()
        .flatten()
        .filter(|asked| !known.contains(asked))
    {
        let state = Arc::clone(state);
        // Should the worker fail, the key is made when it is needed.
        let _ = tokio::task::spawn_blocking(move || state.signing_key(Some(algorithm))).await;
    }
}

fn redeem_code(
    state: &IssuerState,
    client: &Client,
    form: &Parameters,
) -> Result<Value, OAuthError> {
    let verifier = form.require("code_verifier")?;
    let code = form.require("code")?;
    let redeemed = state
        .grants()
        .redeem_code(code, &client.client_id, clock::now())?;
    if !pkce::proves(verifier, &redeemed.code_challenge) {
        return Err(OAuthError::invalid_grant(
            "code_verifier does not belong to the code_challenge",
        ));
    }
    // OAuth 2.1 no longer sends it; who does, as OAuth 2.0 asks, must be right.
    if form
        .find("redirect_uri")
        .is_some_and(|uri| uri != redeemed.redirect_uri)
    {
        return Err(OAuthError::invalid_grant(
            "redirect_uri differs from the authorization request",
        ));
    }
    check_resource(state, form, &redeemed.grant)?;
    Ok(issue::for_user(
        state,
        client,
        &redeemed.grant,
        &redeemed.grant.scopes,
        Some(&redeemed),
    ))
}

fn refresh(state: &IssuerState, client: &Client, form: &Parameters) -> Result<Value, OAuthError> {
    let token = form.require("refresh_token")?;
    // Checked before the token is used up: a client that asks for too much may ask again.
    let check = |grant: &Grant| {
        check_resource(state, form, grant)?;
        narrowed(form, grant)
    };
    let (grant, scopes) =
        state
            .grants()
            .redeem_refresh_token(token, &client.client_id, clock::now(), check)?;
    Ok(issue::for_user(state, client, &grant, &scopes, None))
}

fn client_credentials(
    state: &IssuerState,
    client: &Client,
    form: &Parameters,
) -> Result<Value, OAuthError> {
    let target = state.target(state.asked_resource(form)?)?;
    let scopes = select_scopes(&target, client, form)?;
    Ok(issue::for_client(state, client, &target.uri, &scopes))
}

/// RFC 8707 §2.2: a token request may name the resource of the grant again, but no other.
fn check_resource(state: &IssuerState, form: &Parameters, grant: &Grant) -> Result<(), OAuthError> {
    let Some(asked) = state.asked_resource(form)? else {
        return Ok(());
    };
    if state.target(Some(asked))?.uri != grant.resource {
        return Err(OAuthError::invalid_target(
            "the grant is for another resource",
        ));
    }
    Ok(())
}

/// RFC 6749 §6: a refresh may ask for less, never for more.
fn narrowed(form: &Parameters, grant: &Grant) -> Result<Vec<String>, OAuthError> {
    let requested = requested_scopes(form)?;
    if requested.is_empty() {
        return Ok(grant.scopes.clone());
    }
    if !requested.iter().all(|scope| grant.scopes.contains(scope)) {
        return Err(OAuthError::invalid_scope("a refresh cannot add scopes"));
    }
    Ok(requested)
}

/// Those of the requested scopes, or of the client's default, that exist at the resource and that the client may have.
pub(crate) fn select_scopes(
    target: &Target,
    client: &Client,
    parameters: &Parameters,
) -> Result<Vec<String>, OAuthError> {
    let mut requested = requested_scopes(parameters)?;
    if requested.is_empty() {
        requested.clone_from(&client.default_scopes);
    }
    target.select(&requested, client.scope_limit.as_deref())
}

/// The distinct scopes of a request; none if it names none.
fn requested_scopes(parameters: &Parameters) -> Result<Vec<String>, OAuthError> {
    scope::parse(parameters.find("scope").unwrap_or_default())
        .ok_or_else(|| OAuthError::invalid_scope("scope has a character that is not allowed"))
}
