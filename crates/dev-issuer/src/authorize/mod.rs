//! The authorization endpoint (RFC 6749 §3.1): checks the request, asks the user, answers the client.

mod pages;
mod reply;
mod request;

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};

pub(crate) use request::AuthorizationRequest;

use crate::{
    clock,
    crypto::{base64url, random_token, same_secret, sha256},
    error::OAuthError,
    parameters::Parameters,
    state::IssuerState,
    token::{CodeGrant, Grant},
};

/// How long a person may look at the consent page, in seconds.
const CONSENT_LIFETIME: i64 = 600;

/// Shows the consent page, or grants at once. Before client and redirect URI are known to be good, errors are shown to
/// the person; only then may they travel to the client (RFC 6749 §4.1.2.1).
pub(crate) async fn authorize(
    State(state): State<Arc<IssuerState>>,
    RawQuery(query): RawQuery,
) -> Response {
    let identified = async {
        let parameters = Parameters::parse(query.unwrap_or_default().as_bytes())?;
        let (client, reply) = request::identify(&state, &parameters).await?;
        Ok::<_, OAuthError>((parameters, client, reply))
    };
    let (parameters, client, reply) = match identified.await {
        Ok(identified) => identified,
        Err(error) => return pages::error(&error),
    };
    match AuthorizationRequest::examine(&state, client, reply.clone(), &parameters) {
        Err(error) => reply.error(&error),
        Ok(request) if state.options.auto_consent => {
            let scopes = request.scopes.clone();
            grant(&state, &request, scopes)
        }
        Ok(_) if parameters.find("prompt") == Some("none") => reply.error(&OAuthError::new(
            "interaction_required",
            "the user must be asked",
        )),
        Ok(request) => ask(&state, request),
    }
}

/// Holds the request and shows the page. The ticket in the form proves that the answer comes from our page, the
/// cookie that it comes from the browser we showed it to.
fn ask(state: &IssuerState, request: AuthorizationRequest) -> Response {
    let (ticket, browser) = (random_token(), random_token());
    let mut page = pages::consent(state, &request, &ticket);
    let held = AuthorizationRequest {
        browser: base64url(&sha256(browser.as_bytes())),
        ..request
    };
    state
        .grants()
        .hold(&ticket, held, clock::now() + CONSENT_LIFETIME);
    set_cookie(&mut page, state, &ticket, &browser, CONSENT_LIFETIME);
    page
}

/// The answer of the consent page.
pub(crate) async fn decide(
    State(state): State<Arc<IssuerState>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (request, form) = match released(&state, &headers, &body) {
        Ok(released) => released,
        Err(error) => return pages::error(&error),
    };
    let granted: Vec<&str> = form.all("granted").collect();
    let scopes: Vec<String> = request
        .scopes
        .iter()
        .filter(|scope| granted.contains(&scope.as_str()))
        .cloned()
        .collect();
    let nothing_left = scopes.is_empty() && !request.scopes.is_empty();
    let mut response = if form.find("decision") == Some("allow") && !nothing_left {
        grant(&state, &request, scopes)
    } else {
        request
            .reply
            .error(&OAuthError::new("access_denied", "the user said no"))
    };
    set_cookie(
        &mut response,
        &state,
        form.find("ticket").unwrap_or_default(),
        "",
        0,
    );
    response
}

/// The request that this answer belongs to, if the answer is from our page in the same browser.
fn released(
    state: &IssuerState,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(AuthorizationRequest, Parameters), OAuthError> {
    if !is_same_origin(headers) {
        return Err(OAuthError::invalid_request(
            "this answer comes from another site",
        ));
    }
    let form = Parameters::from_form(headers, body)?;
    let ticket = form.require("ticket")?;
    let browser = cookie(headers, &cookie_name(ticket)).unwrap_or_default();
    let request = state.grants().release(ticket, clock::now());
    request
        .filter(|request| same_secret(&base64url(&sha256(browser.as_bytes())), &request.browser))
        .map(|request| (request, form))
        .ok_or_else(|| {
            OAuthError::invalid_request(
                "this page was answered before, is too old, or is another browser's",
            )
        })
}

/// Browsers say where a form was sent from; other programs say nothing, and need the cookie all the same.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    // The scheme tells nothing here: a proxy may have ended TLS.
    let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://"));
    headers.get(header::ORIGIN).is_none()
        || origin.map(|(_, host)| host) == text(header::HOST) && origin.is_some()
}

fn grant(state: &IssuerState, request: &AuthorizationRequest, scopes: Vec<String>) -> Response {
    let now = clock::now();
    let code_grant = CodeGrant {
        grant: Grant {
            client_id: request.client_id.clone(),
            resource: request.target.uri.clone(),
            scopes,
            family: random_token(),
        },
        redirect_uri: request.reply.redirect_uri.clone(),
        code_challenge: request.code_challenge.clone(),
        nonce: request.nonce.clone(),
        auth_time: now,
    };
    let code = state
        .grants()
        .issue_code(code_grant, now + state.options.code_lifetime);
    request.reply.code(&code)
}

/// Its own name for each page, so that pages in two tabs do not take each other's cookie away.
fn cookie_name(ticket: &str) -> String {
    let digest = base64url(&sha256(ticket.as_bytes()));
    format!("oauthgate-dev-{}", digest.get(..12).unwrap_or_default())
}

fn set_cookie(
    response: &mut Response,
    state: &IssuerState,
    ticket: &str,
    value: &str,
    max_age: i64,
) {
    let name = cookie_name(ticket);
    let path = &state.path;
    let cookie = format!(
        "{name}={value}; Path={path}/authorize; Max-Age={max_age}; HttpOnly; SameSite=Strict"
    );
    let cookie =
        HeaderValue::try_from(cookie).expect("base64url and an issuer path are fit for a header");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(known, value)| (known == name).then_some(value))
}
