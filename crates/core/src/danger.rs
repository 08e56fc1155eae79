//! Callers that no token vouches for. A server that means to be protected uses nothing of this.

use serde_json::Map;

use crate::{Issuer, PrincipalKind, ScopeSet, UnixTime, UserContext};

/// Nobody in particular, without any scope: what a provider names when authentication is switched off.
#[must_use]
pub fn anonymous() -> UserContext {
    caller("anonymous", ScopeSet::empty())
}

/// A made-up person with these scopes, of an issuer that cannot exist: for tests of handlers and layers.
#[must_use]
pub fn caller(user_id: impl Into<String>, scopes: ScopeSet) -> UserContext {
    UserContext {
        user_id: user_id.into(),
        kind: PrincipalKind::User,
        issuer: Issuer::nobody(),
        client_id: None,
        email: None,
        email_verified: false,
        tier: "free".to_owned(),
        tenant_id: None,
        groups: Vec::new(),
        groups_truncated: false,
        actors: Vec::new(),
        scopes,
        token_expires_at: UnixTime::from_secs(i64::MAX),
        metadata: Map::new(),
    }
}
