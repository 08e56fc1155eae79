//! How asking authorization servers about tokens is doing.

use oauthgate_core::text::Printable;
use oauthgate_remote::IntrospectionStatus;
use serde::Serialize;

use super::Warning;

/// How asking one authorization server about tokens is doing (RFC 7662).
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Introspection {
    /// Tells those of one issuer apart, from 1: resources may ask it under other settings.
    pub store: usize,
    /// What it says of itself.
    #[serde(flatten)]
    pub status: IntrospectionStatus,
}

impl Introspection {
    /// What an operator should know.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        let code = self.status.last_failure?;
        let detail = self.status.failure_detail.as_deref().unwrap_or_default();
        Some(Warning {
            warning: "introspection_fails",
            issuer: Some(self.status.issuer.clone()),
            detail: format!(
                "tokens that it must be asked about are answered 503, unless its answer is remembered; {code}: {}",
                Printable(detail)
            ),
        })
    }
}
