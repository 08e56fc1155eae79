//! The two pages a person sees. They load nothing, run nothing and cannot be framed.

use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use url::Url;

use super::AuthorizationRequest;
use crate::{crypto::random_token, error::OAuthError, state::IssuerState};

/// Longest name of a client that is shown; nobody checked it.
const MAX_SHOWN: usize = 80;

#[derive(Template)]
#[template(path = "consent.html")]
struct Consent<'a> {
    style_nonce: String,
    action: String,
    ticket: &'a str,
    client: String,
    initial: String,
    redirect_host: String,
    on_this_machine: bool,
    resource: &'a str,
    user: &'a str,
    email: &'a str,
    scopes: Vec<Choice<'a>>,
}

/// A scope that the person may leave out.
struct Choice<'a> {
    name: &'a str,
    words: String,
}

#[derive(Template)]
#[template(path = "error.html")]
struct Failure<'a> {
    style_nonce: String,
    code: &'a str,
    description: &'a str,
}

/// Who asks, what for, and where the answer goes.
pub(super) fn consent(
    state: &IssuerState,
    request: &AuthorizationRequest,
    ticket: &str,
) -> Response {
    let name = request
        .client_name
        .as_deref()
        .map(shown)
        .filter(|name| !name.trim().is_empty());
    let client = name.unwrap_or_else(|| shown(&request.client_id));
    let destination = Url::parse(&request.reply.redirect_uri).ok();
    let describe = |scope: &str| {
        request
            .target
            .describe(scope)
            .unwrap_or_else(|| scope.to_owned())
    };
    let page = Consent {
        style_nonce: random_token(),
        // Relative: the form goes back to the name the person used.
        action: format!("{}/authorize/decision", state.path),
        ticket,
        initial: client
            .chars()
            .find(|letter| letter.is_alphanumeric())
            .unwrap_or('?')
            .to_uppercase()
            .collect(),
        client,
        redirect_host: redirect_host(destination.as_ref()),
        on_this_machine: destination
            .as_ref()
            .is_some_and(crate::loopback::is_loopback_url),
        resource: match request.target.uri.as_str() {
            // Not every provider that is emulated knows resources.
            "" => &state.issuer,
            uri => uri,
        },
        user: &state.options.user.name,
        email: &state.options.user.email,
        scopes: request
            .scopes
            .iter()
            .map(|name| Choice {
                name,
                words: describe(name),
            })
            .collect(),
    };
    html(StatusCode::OK, &page.style_nonce, page.render())
}

/// An error that must not be sent to any client.
pub(super) fn error(error: &OAuthError) -> Response {
    let page = Failure {
        style_nonce: random_token(),
        code: error.code,
        description: &error.description,
    };
    html(StatusCode::BAD_REQUEST, &page.style_nonce, page.render())
}

fn redirect_host(destination: Option<&Url>) -> String {
    let Some(url) = destination else {
        return String::new();
    };
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) if matches!(url.scheme(), "http" | "https") => {
            format!("{host}:{port}")
        }
        (Some(host), None) if matches!(url.scheme(), "http" | "https") => host.to_owned(),
        _ => format!("the application behind {}:", url.scheme()),
    }
}

/// Cut, and without the characters that could reorder the sentence around it.
fn shown(name: &str) -> String {
    let plain = |letter: &char| {
        !letter.is_control()
            && !matches!(*letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut name: String = name.chars().filter(plain).collect();
    if name.chars().count() > MAX_SHOWN {
        name = name.chars().take(MAX_SHOWN).chain(['…']).collect();
    }
    name
}

/// `form-action` is left out on purpose: browsers apply it to the redirect that follows the form as well, and to every
/// further one, so it would stop clients whose callback leads on to another place.
fn html(status: StatusCode, style_nonce: &str, rendered: askama::Result<String>) -> Response {
    let Ok(body) = rendered else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{style_nonce}'; base-uri 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::try_from(policy).expect("base64url is fit for a header");
    let headers: [(HeaderName, HeaderValue); 6] = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Not no-referrer: the form's own `Origin` would become null.
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
    ];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_clients_are_cut_and_cannot_reorder_the_page() {
        assert_eq!(shown("Nice\u{202e}evil\n"), "Niceevil");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), MAX_SHOWN + 1);
    }

    #[test]
    fn shows_where_the_answer_goes() {
        let host = |uri: &str| redirect_host(Url::parse(uri).ok().as_ref());
        assert_eq!(host("https://client.example/cb"), "client.example");
        assert_eq!(host("http://127.0.0.1:99/cb"), "127.0.0.1:99");
        assert_eq!(
            host("cursor://anysphere/cb"),
            "the application behind cursor:"
        );
    }
}
