//! One public signing key.

use std::fmt;

/// A `kid` (RFC 7517 §4.5): an opaque string, never a path, a query or a file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub(crate) String);

impl KeyId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One public signing key, prepared for verification.
#[derive(Debug)]
pub struct Jwk {
    pub(crate) id: Option<KeyId>,
}

impl Jwk {
    /// The key's `kid`, if it has one.
    #[must_use]
    pub fn id(&self) -> Option<&KeyId> {
        self.id.as_ref()
    }
}
