//! Who is calling.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{Issuer, ScopeSet, UnixTime, claims::Claims};

/// Whether a person or a program is calling (RFC 9700 §4.15: the two must not be confused).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PrincipalKind {
    /// A person, through a client.
    User,
    /// A program on its own behalf (client credentials).
    Service,
}

/// Who is calling, out of a validated token. Only [`crate::Verifier::user_context`] makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct UserContext {
    pub(crate) user_id: String,
    pub(crate) kind: PrincipalKind,
    pub(crate) issuer: Issuer,
    pub(crate) client_id: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) tier: String,
    pub(crate) tenant_id: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) groups_truncated: bool,
    pub(crate) actors: Vec<String>,
    pub(crate) scopes: ScopeSet,
    pub(crate) token_expires_at: UnixTime,
    pub(crate) accepted_until: UnixTime,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) claims: Arc<Claims>,
}

impl UserContext {
    /// The caller within its issuer (and tenant); for a service, its client id. Never an e-mail by default.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// A person or a program.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// Who vouches for the caller.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The client the caller uses.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// The caller's e-mail address: a label, never an identity.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// Whether the issuer says that it verified the address (`true` or `"true"`, nothing else).
    #[must_use]
    pub fn email_verified(&self) -> bool {
        self.email_verified
    }

    /// The caller's tier; `free` when the token names none.
    #[must_use]
    pub fn tier(&self) -> &str {
        &self.tier
    }

    /// The caller's tenant.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&str> {
        self.tenant_id.as_deref()
    }

    /// Groups or roles, where the profile names a claim for them.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Whether the caller is in more groups than the token names. Who is not in a list that is cut may
    /// still be in the group: no decision may rest on that (rule R30).
    #[must_use]
    pub fn groups_truncated(&self) -> bool {
        self.groups_truncated
    }

    /// Who acts for the caller, the one that acts now first, eight at most (RFC 8693 §4.1). For audit
    /// records: no actor is the caller, and none of them has a right here.
    #[must_use]
    pub fn actors(&self) -> &[String] {
        &self.actors
    }

    /// The scopes granted to the token.
    #[must_use]
    pub fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// When the token expires.
    #[must_use]
    pub fn token_expires_at(&self) -> UnixTime {
        self.token_expires_at
    }

    /// From when on the token is refused: when it expires, and the tolerated clock skew later.
    #[must_use]
    pub fn accepted_until(&self) -> UnixTime {
        self.accepted_until
    }

    /// `iss`, `aud` and `iat` as the token carries them.
    #[must_use]
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }

    /// All claims of the token, for a policy that asks for one of them; `Debug` does not show them.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        self.claims.as_map()
    }
}
