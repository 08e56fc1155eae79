//! The only place that picks a status code, and the bytes of the challenge (RFC 6750 §3, RFC 9728 §5.1).

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};

use crate::{Denial, ProtectedResource, ScopeSet};

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
        let _ = (&self.error, &self.description, &self.resource_metadata, &self.scope);
        unimplemented!()
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
    /// The answer to a refusal, for this resource.
    #[must_use]
    pub fn to(denial: &Denial, resource: &ProtectedResource) -> Self {
        let _ = (denial, resource);
        unimplemented!()
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The challenge, on 401 and on 403 for scope only.
    #[must_use]
    pub fn challenge(&self) -> Option<&Challenge> {
        self.challenge.as_ref()
    }

    /// `WWW-Authenticate`, `Retry-After`, `Content-Type`, `Cache-Control: no-store`.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let _ = self.retry_after;
        unimplemented!()
    }

    /// A JSON object with `error`, `error_description` and the reference that the log line carries.
    #[must_use]
    pub fn body(&self, reference: &str) -> String {
        let _ = (self.error, self.description, reference);
        unimplemented!()
    }
}
