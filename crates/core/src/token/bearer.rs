//! The token of a request (RFC 6750 §2.1).

use std::fmt;

use http::request::Parts;

use crate::Denial;

/// A bearer token as it came in. `Debug` never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(String);

impl BearerToken {
    /// The token of this request, from the `Authorization` header only.
    ///
    /// # Errors
    /// `no_credentials`, `malformed_authorization` or `multiple_credentials`; never a reason that
    /// speaks about the token itself.
    pub fn from_request(parts: &Parts) -> Result<Self, Denial> {
        let _ = parts;
        unimplemented!()
    }

    /// The token text. Keep it out of logs, errors and caches.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(redacted)")
    }
}
