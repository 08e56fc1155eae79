//! Callers that no token vouches for. A server that means to be protected uses nothing of this.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    Issuer, PrincipalKind, ScopeSet, UnixTime, UserContext, claims::Claims, context::Identity,
};

/// Nobody in particular, without any scope: what a provider names when authentication is switched off.
#[must_use]
pub fn anonymous() -> UserContext {
    caller("anonymous", ScopeSet::empty())
}

/// A made-up person with these scopes, of an issuer that cannot exist: for tests of handlers and layers.
#[must_use]
pub fn caller(user_id: impl Into<String>, scopes: ScopeSet) -> UserContext {
    UserContext::of(Identity {
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
        accepted_until: UnixTime::from_secs(i64::MAX),
        metadata: Map::new(),
        claims: Arc::new(Claims::of(Map::new())),
    })
}

/// The same made-up person as a member of these groups, which may be not all of its groups.
#[must_use]
pub fn in_groups(
    user: UserContext,
    groups: impl IntoIterator<Item = String>,
    truncated: bool,
) -> UserContext {
    UserContext::of(Identity {
        groups: groups.into_iter().collect(),
        groups_truncated: truncated,
        ..user.into_identity()
    })
}

/// The same made-up person in this tier and this tenant.
#[must_use]
pub fn placed(user: UserContext, tier: impl Into<String>, tenant: Option<String>) -> UserContext {
    UserContext::of(Identity {
        tier: tier.into(),
        tenant_id: tenant,
        ..user.into_identity()
    })
}

/// The same made-up person with these claims, which change nothing else about it.
#[must_use]
pub fn claiming(user: UserContext, claims: Map<String, Value>) -> UserContext {
    UserContext::of(Identity {
        claims: Arc::new(Claims::of(claims)),
        ..user.into_identity()
    })
}

/// The same made-up person, vouched for by this issuer, through this client.
#[must_use]
pub fn issued(user: UserContext, issuer: Issuer, client_id: Option<String>) -> UserContext {
    UserContext::of(Identity {
        issuer,
        client_id,
        ..user.into_identity()
    })
}
