//! The only place that picks a status code, and the bytes of the challenge (RFC 6750 §3, RFC 9728 §5.1).
//!
//! Several widely used clients search the header for `scope=`, `error=` and `resource_metadata=`
//! without parsing it, and take the first hit. So every text here is fixed, holds none of these, no
//! quote and no backslash; nothing from a request or a token ever reaches a client.

use std::{fmt, time::Duration};

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::{Blame, Denial, ProtectedResource, Reason, Scope, ScopeSet};

/// The value of `WWW-Authenticate`: one line, `Bearer ` first, every parameter quoted and at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    error: Option<&'static str>,
    description: Option<&'static str>,
    resource_metadata: String,
    scope: ScopeSet,
}

impl Challenge {
    /// The header value.
    #[must_use]
    pub fn header_value(&self) -> HeaderValue {
        // A resource identifier and scopes are printable ASCII without quotes; were one not, a bare
        // challenge is still a right answer.
        HeaderValue::from_str(&self.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer ")?;
        if let Some(error) = self.error {
            write!(f, "error=\"{error}\", ")?;
        }
        if let Some(description) = self.description {
            write!(f, "error_description=\"{description}\", ")?;
        }
        write!(f, "resource_metadata=\"{}\"", self.resource_metadata)?;
        if !self.scope.is_empty() {
            write!(f, ", scope=\"{}\"", self.scope)?;
        }
        Ok(())
    }
}

/// What the client is told: status, challenge, when to come back, and a body that leaks nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
    challenge: Option<Challenge>,
    retry_after: Option<Duration>,
}

impl Answer {
    /// When a client over its limit may come back, unless the limiter knows better: the counting window.
    pub const LIMIT_RETRY_AFTER: Duration = Duration::from_secs(60);
    /// When to come back while there is too much to do, unless the cause knows better.
    pub const OVERLOAD_RETRY_AFTER: Duration = Duration::from_secs(1);
    /// When to come back while keys cannot be fetched, unless the cause knows better: one refetch cooldown.
    pub const OUTAGE_RETRY_AFTER: Duration = Duration::from_secs(10);

    /// The answer to a refusal, for this resource.
    #[must_use]
    pub fn to(denial: &Denial, resource: &ProtectedResource) -> Self {
        let (status, error) = status_and_error(denial.reason());
        let description = description(denial.reason());
        Self {
            status,
            error,
            description,
            challenge: challenge(denial, resource),
            retry_after: retry_after(denial),
        }
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The `error` code of the body.
    #[must_use]
    pub fn error(&self) -> &'static str {
        self.error
    }

    /// The challenge, on 401, on 400 for bad credentials, and on 403 for scope only.
    #[must_use]
    pub fn challenge(&self) -> Option<&Challenge> {
        self.challenge.as_ref()
    }

    /// When it is worth trying again, on 429 and 503.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// `WWW-Authenticate`, `Retry-After`, `Content-Type`, `Cache-Control: no-store`.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(challenge) = &self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge.header_value());
        }
        if let Some(after) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
        }
        headers
    }

    /// A JSON object with `error`, `error_description` and the reference that the log line carries.
    #[must_use]
    pub fn body(&self, reference: &str) -> String {
        serde_json::json!({ "error": self.error, "error_description": self.description, "reference": reference }).to_string()
    }
}

/// The table of the answers. 400 is for malformed requests; a malformed *token* is 401 (RFC 6750 §3.1).
/// Trouble on our side is never the token's fault, so it is 503 and never 401 or 500.
fn status_and_error(reason: Reason) -> (StatusCode, &'static str) {
    match reason.blame() {
        Blame::Request if reason == Reason::BodyTooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "content_too_large")
        }
        Blame::Request if reason == Reason::SlowRequest => {
            (StatusCode::REQUEST_TIMEOUT, "request_timeout")
        }
        Blame::NoCredentials => (StatusCode::UNAUTHORIZED, "unauthorized"),
        Blame::Request => (StatusCode::BAD_REQUEST, INVALID_REQUEST),
        Blame::Token => (StatusCode::UNAUTHORIZED, INVALID_TOKEN),
        Blame::Scope => (StatusCode::FORBIDDEN, INSUFFICIENT_SCOPE),
        Blame::Rights | Blame::Origin => (StatusCode::FORBIDDEN, "access_denied"),
        Blame::Route => (StatusCode::NOT_FOUND, "not_found"),
        Blame::Limit => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
        Blame::Surroundings => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
        Blame::UpstreamUnreachable => (StatusCode::BAD_GATEWAY, "bad_gateway"),
        Blame::UpstreamSlow => (StatusCode::GATEWAY_TIMEOUT, "gateway_timeout"),
    }
}

const INVALID_REQUEST: &str = "invalid_request";
const INVALID_TOKEN: &str = "invalid_token";
const INSUFFICIENT_SCOPE: &str = "insufficient_scope";

/// One sentence per class of reason: enough for a client to know what to do next, nothing for a guesser.
fn description(reason: Reason) -> &'static str {
    match (reason, reason.blame()) {
        (Reason::Expired, _) => "The access token has expired",
        (Reason::WrongAudience | Reason::MissingAudience | Reason::WrongResource, _) => {
            "The access token was not issued for this resource"
        }
        (Reason::TokenTooLarge | Reason::MalformedToken | Reason::MalformedClaims, _) => {
            "The access token is malformed"
        }
        (_, Blame::Token) => "The access token is not valid here",
        (_, Blame::NoCredentials) => "An access token is required",
        (Reason::UnsupportedRevision, _) => "The protocol version is not supported",
        (Reason::UnknownSession, _) => "The session is not known",
        (Reason::BodyTooLarge, _) => "The request is too long",
        (Reason::SlowRequest, _) => "The request did not arrive in time",
        (_, Blame::Request) => "The request is malformed",
        (_, Blame::Scope) => "The access token lacks a permission that this operation needs",
        (_, Blame::Rights) => "The operation is not allowed to this caller",
        (_, Blame::Origin) => "The request comes from a place that is not allowed",
        (_, Blame::Route) => "Nothing is served under this address",
        (Reason::TooManyRefusedTokens, _) => "Too many refused access tokens from this client",
        (Reason::TooManyInFlight, _) => "Too many requests of this caller are under way",
        (Reason::TooManyStreams, _) => "This caller has too many open streams",
        (_, Blame::Limit) => "Too many requests from this caller",
        (Reason::Overloaded, _) => "Too many requests are under way",
        (Reason::QuotaUnavailable, _) => "Requests cannot be counted at the moment",
        (_, Blame::Surroundings) => "Access tokens cannot be verified at the moment",
        (Reason::UnreadableAnswer, _) => {
            "The service behind this gate gave an answer that cannot be checked"
        }
        (_, Blame::UpstreamUnreachable) => "The service behind this gate cannot be reached",
        (_, Blame::UpstreamSlow) => "The service behind this gate did not answer in time",
    }
}

/// A request without credentials gets no error code (RFC 6750 §3.1); bad credentials get one, whatever is
/// bad about them (§3 asks for a challenge whenever no good token came); a refusal for scope names all scopes
/// of the operation, any other one the scopes for basic use.
fn challenge(denial: &Denial, resource: &ProtectedResource) -> Option<Challenge> {
    let error = match denial.reason().blame() {
        Blame::NoCredentials => None,
        Blame::Token => Some(INVALID_TOKEN),
        Blame::Scope => Some(INSUFFICIENT_SCOPE),
        Blame::Request if speaks_of_credentials(denial.reason()) => Some(INVALID_REQUEST),
        _ => return None,
    };
    let scope = if denial.scopes().is_empty() {
        resource.advertised_scopes().clone()
    } else {
        let harmless = denial.scopes().iter().filter(|scope| is_harmless(scope));
        resource.as_requested(&harmless.cloned().collect())
    };
    Some(Challenge {
        error,
        description: error.map(|_| description(denial.reason())),
        resource_metadata: resource.identifier().metadata_url(),
        scope,
    })
}

/// A challenge may repeat scopes that the caller holds already, so out of a token: none of them may look like
/// a parameter to a client that searches the header.
fn is_harmless(scope: &Scope) -> bool {
    let searched = ["scope=", "error=", "resource_metadata=", "realm="];
    !searched.iter().any(|word| scope.as_str().contains(word))
}

fn speaks_of_credentials(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::MalformedAuthorization | Reason::MultipleCredentials
    )
}

fn retry_after(denial: &Denial) -> Option<Duration> {
    let default = match denial.reason().blame() {
        _ if denial.reason() == Reason::Overloaded => Answer::OVERLOAD_RETRY_AFTER,
        Blame::Limit => Answer::LIMIT_RETRY_AFTER,
        Blame::Surroundings => Answer::OUTAGE_RETRY_AFTER,
        _ => return None,
    };
    Some(denial.retry_after().unwrap_or(default))
}

/// Rounded up, and never 0: a client that comes back too early comes back twice.
fn whole_seconds(after: Duration) -> u64 {
    let begun = u64::from(after.subsec_nanos() > 0);
    after.as_secs().saturating_add(begun).max(1)
}
