//! Who may ask the admin listener for what.
//!
//! Reading is for everybody who reaches it. A call that changes something must not come from a web page,
//! and must carry the token where one is set; where the network can reach the listener, one must be set.

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, uri},
    middleware::Next,
    response::{IntoResponse, Response},
};
use oauthgate_core::text::Printable;
use secrecy::{ExposeSecret, SecretString};

use super::problem::Problem;
use crate::proxy::admission::Authority;

/// What a browser sends along on its own with whatever a page makes it ask.
const FETCH_METADATA: [&str; 4] = [
    "sec-fetch-site",
    "sec-fetch-mode",
    "sec-fetch-dest",
    "sec-fetch-user",
];

/// The rules of one admin listener.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    pub(super) on_loopback: bool,
    pub(super) token: Option<SecretString>,
}

impl Guard {
    /// Lets a request in, or says why not.
    pub(super) async fn admit(State(guard): State<Self>, request: Request, next: Next) -> Response {
        match guard.judge(&request) {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        }
    }

    fn judge(&self, request: &Request) -> Result<(), Problem> {
        // A page whose name was rebound to this machine still sends its own name as the host.
        if self.on_loopback && !asks_this_machine(request) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "foreign_host",
                "the admin listener answers to the names of this machine only",
            ));
        }
        let verdict = match *request.method() {
            Method::GET | Method::HEAD => return Ok(()),
            _ if is_from_web_page(request.headers()) => Err(from_web_page()),
            _ => self.demand_token(request.headers()),
        };
        if let Err(problem) = &verdict {
            tracing::warn!(target: "oauthgate::admin", path = %Printable(request.uri().path()), outcome = problem.code(), "an admin call was refused");
        }
        verdict
    }

    fn demand_token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(expected) = &self.token else {
            return if self.on_loopback {
                Ok(())
            } else {
                Err(no_token_is_set())
            };
        };
        match bearer(headers) {
            Some(given) if is_same(given, expected.expose_secret().as_bytes()) => Ok(()),
            _ => Err(wrong_token()),
        }
    }
}

fn from_web_page() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "from_a_web_page",
        "a browser sent this (Origin or Sec-Fetch-*); only programs may change something here",
    )
}

fn no_token_is_set() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "admin_token_not_set",
        "the network can reach this listener, so nothing can be changed here unless OAUTHGATE_ADMIN_TOKEN is set",
    )
}

fn wrong_token() -> Problem {
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "admin_token_required",
        "changes need `Authorization: Bearer` with what OAUTHGATE_ADMIN_TOKEN says",
    );
    let challenge = HeaderValue::from_static("Bearer realm=\"oauthgate admin\"");
    problem.with_header(header::WWW_AUTHENTICATE, challenge)
}

/// Whether the target and every `Host` name this machine, and at least one of them is there.
fn asks_this_machine(request: &Request) -> bool {
    let hosts = request.headers().get_all(header::HOST);
    let mut named = hosts
        .iter()
        .map(|host| host.to_str().unwrap_or_default())
        .chain(request.uri().authority().map(uri::Authority::as_str))
        .peekable();
    named.peek().is_some()
        && named.all(|host| Authority::parse(host).is_some_and(|host| host.is_loopback()))
}

fn is_from_web_page(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
        || FETCH_METADATA
            .iter()
            .any(|name| headers.contains_key(*name))
}

/// The token of the only `Authorization` line.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let line = lines.next().filter(|_| lines.next().is_none())?;
    let (scheme, token) = line.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

/// Takes the same time for every wrong token, whatever its length.
fn is_same(given: &[u8], expected: &[u8]) -> bool {
    let (given, expected) = (digest(&SHA256, given), digest(&SHA256, expected));
    verify_slices_are_equal(given.as_ref(), expected.as_ref()).is_ok()
}
