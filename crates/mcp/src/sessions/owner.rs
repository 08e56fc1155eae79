//! Whose session it is.

use oauthgate_core::{PrincipalKind, ResourceIdentifier, UserContext};

use super::{
    id::Tag,
    secret::{Code, Coding, SessionSecret},
};

/// A caller with a token, as far as sessions know one: everything that goes into the codes of its ids but
/// the id itself. Nothing of the token is in it.
#[derive(Clone)]
pub(super) struct Principal(Coding);

impl Principal {
    pub(super) fn of(
        user: &UserContext,
        resource: &ResourceIdentifier,
        secret: &SessionSecret,
    ) -> Self {
        let kind: &[u8] = match user.kind() {
            PrincipalKind::Service => b"service",
            _ => b"user",
        };
        Self(
            secret
                .code_for("session of a caller")
                .field(resource.as_str().as_bytes())
                .field(user.issuer().as_str().as_bytes())
                .field(kind)
                // A user id is one within its tenant only, where there are tenants.
                .optional(user.tenant_id())
                .field(user.user_id().as_bytes())
                .optional(user.client_id()),
        )
    }

    pub(super) fn tag(&self, id: &[u8]) -> Tag {
        Tag::Owned(self.code(id))
    }

    pub(super) fn code(&self, id: &[u8]) -> Code {
        self.0.clone().field(id).code()
    }

    /// Stands for the caller in memory.
    pub(super) fn fingerprint(&self) -> Code {
        self.0.clone().code()
    }
}

/// What codes of sessions that were opened without a token are made with.
#[derive(Clone)]
pub(super) struct Anonymity(Coding);

impl Anonymity {
    pub(super) fn at(resource: &ResourceIdentifier, secret: &SessionSecret) -> Self {
        let code = secret.code_for("session of nobody");
        Self(code.field(resource.as_str().as_bytes()))
    }

    pub(super) fn tag(&self, id: &[u8], opened_at: u64) -> Tag {
        let code = self.code(id, opened_at);
        Tag::Anonymous { opened_at, code }
    }

    pub(super) fn code(&self, id: &[u8], opened_at: u64) -> Code {
        let code = self.0.clone().field(&opened_at.to_be_bytes());
        code.field(id).code()
    }
}
