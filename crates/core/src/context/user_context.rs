//! Who is calling.

use std::{any::Any, ops::Deref, sync::Arc};

use serde_json::{Map, Value};

use super::kept::Kept;
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

/// Who is calling, out of a validated token. Only [`crate::Verifier::user_context`] makes one. Clones share
/// what they say, so a clone costs a counter.
#[derive(Debug, Clone)]
pub struct UserContext(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    identity: Identity,
    kept: Kept,
}

/// What a token says about its caller.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Identity {
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
    pub(crate) fn of(identity: Identity) -> Self {
        Self(Arc::new(Shared {
            identity,
            kept: Kept::default(),
        }))
    }

    /// The same caller, apart from the clones of this one: with a counter of its own, and without what was worked
    /// out from this one. For threads that clone one context so often that they would wait for each other.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self::of(self.0.identity.clone())
    }

    /// What it says, without what was worked out from it.
    pub(crate) fn into_identity(self) -> Identity {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.identity.clone(), |own| own.identity)
    }

    /// What is worked out from this context once and wanted for every request that comes with the same token:
    /// the value of this type, worked out now if nobody did before. All clones share it, for as long as one of
    /// them lives.
    ///
    /// It must follow from the context alone. What depends on something else too carries that along, and
    /// whoever asks compares.
    pub fn kept<T: Any + Send + Sync>(&self, work_out: impl FnOnce(&Self) -> T) -> &T {
        self.0.kept.value(|| work_out(self))
    }

    /// The caller within its issuer (and tenant); for a service, its client id. Never an e-mail by default.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.0.user_id
    }

    /// A person or a program.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        self.0.kind
    }

    /// Who vouches for the caller.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// The client the caller uses.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.client_id.as_deref()
    }

    /// The caller's e-mail address: a label, never an identity.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    /// Whether the issuer says that it verified the address (`true` or `"true"`, nothing else).
    #[must_use]
    pub fn email_verified(&self) -> bool {
        self.0.email_verified
    }

    /// The caller's tier; `free` when the token names none.
    #[must_use]
    pub fn tier(&self) -> &str {
        &self.0.tier
    }

    /// The caller's tenant.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&str> {
        self.0.tenant_id.as_deref()
    }

    /// Groups or roles, where the profile names a claim for them.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.0.groups
    }

    /// Whether the caller is in more groups than the token names. Who is not in a list that is cut may
    /// still be in the group: no decision may rest on that (rule R30).
    #[must_use]
    pub fn groups_truncated(&self) -> bool {
        self.0.groups_truncated
    }

    /// Who acts for the caller, the one that acts now first, eight at most (RFC 8693 §4.1). For audit
    /// records: no actor is the caller, and none of them has a right here.
    #[must_use]
    pub fn actors(&self) -> &[String] {
        &self.0.actors
    }

    /// The scopes granted to the token.
    #[must_use]
    pub fn scopes(&self) -> &ScopeSet {
        &self.0.scopes
    }

    /// When the token expires.
    #[must_use]
    pub fn token_expires_at(&self) -> UnixTime {
        self.0.token_expires_at
    }

    /// From when on the token is refused: when it expires, and the tolerated clock skew later.
    #[must_use]
    pub fn accepted_until(&self) -> UnixTime {
        self.0.accepted_until
    }

    /// `iss`, `aud` and `iat` as the token carries them.
    #[must_use]
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.0.metadata
    }

    /// All claims of the token, for a policy that asks for one of them; `Debug` does not show them.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        self.0.claims.as_map()
    }
}

impl Deref for Shared {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

/// Two contexts are the same when they say the same.
impl PartialEq for UserContext {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.identity == other.0.identity
    }
}
