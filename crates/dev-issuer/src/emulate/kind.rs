//! What a test asks an emulated provider for.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{SignatureForgery, keys::Algorithm};

/// A kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// An access token that a person allowed.
    User,
    /// An access token that a client got for itself (client credentials).
    Machine,
    /// An ID token of OpenID Connect.
    Id,
    /// A refresh token, which some providers sign like an access token.
    Refresh,
    /// An access token that only introspection understands.
    Opaque,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::User,
        Self::Machine,
        Self::Id,
        Self::Refresh,
        Self::Opaque,
    ];

    /// A resource server may be offered it.
    pub(crate) fn is_access_token(self) -> bool {
        matches!(self, Self::User | Self::Machine | Self::Opaque)
    }
}

/// What is to be different from the provider's usual token. As JSON (control API) all members are optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Changes {
    /// The API the token is asked for, as a client of this provider names it (`resource`, `audience`, the API of the
    /// scopes). What becomes of it is the provider's affair: some ignore it. Empty: none is asked for; the first
    /// resource if `None`.
    pub audience: Option<String>,
    /// The client that asks.
    pub client_id: Option<String>,
    /// Another tenant, realm or organisation than the usual one, where the provider has such a thing.
    pub tenant: Option<String>,
    /// The user, or what stands for the user in the token's `sub`.
    pub subject: Option<String>,
    /// Written as `iss`, as it is.
    pub issuer: Option<String>,
    /// The granted scopes as they are asked for, separated by blanks; empty for none.
    pub scope: Option<String>,
    /// Seconds from now to `exp`; negative makes an expired token.
    pub expires_in: Option<i64>,
    /// Signs with the key of this algorithm (made now, and published, if there is none yet).
    pub alg: Option<Algorithm>,
    /// Claims to add or replace at the end; `null` removes one.
    pub claims: Map<String, Value>,
    /// Header members to add or replace at the end; `null` removes one.
    pub header: Map<String, Value>,
    /// What to do to the signature.
    pub signature: SignatureForgery,
}

impl Changes {
    /// Adds or replaces a claim; `null` removes it.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Adds or replaces a header member; `null` removes it.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.header.insert(name.into(), value.into());
        self
    }
}

/// The body of `POST /control/mint` that names a kind.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) kind: Kind,
    pub(crate) changes: Changes,
}

impl Order {
    /// `kind` beside the members of [`Changes`]. (Taken apart by hand, because `flatten` would let unknown members
    /// pass.)
    pub(crate) fn parse(mut body: Map<String, Value>) -> Result<Self, serde_json::Error> {
        let kind = body.remove("kind").unwrap_or_default();
        Ok(Self {
            kind: serde_json::from_value(kind)?,
            changes: serde_json::from_value(Value::Object(body))?,
        })
    }
}
