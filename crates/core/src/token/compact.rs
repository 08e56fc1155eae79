//! A compact JWS (RFC 7515 §3.1), taken apart strictly, before anything is believed.

use crate::{KeyHint, TokenError};

/// The parts of a compact JWS whose header was read strictly; nothing is verified yet.
#[derive(Debug)]
pub struct CompactJws<'token> {
    token: &'token str,
}

impl<'token> CompactJws<'token> {
    /// The default limit of a token, in bytes.
    pub const MAX_LENGTH: usize = 16 * 1024;

    /// Takes a token apart.
    ///
    /// # Errors
    /// `token_too_large`, `opaque_token`, `encrypted_token`, `malformed_token`,
    /// `unsupported_critical_header`, `alg_not_allowed`, `wrong_typ`.
    pub fn parse(token: &'token str) -> Result<Self, TokenError> {
        let _ = token;
        unimplemented!()
    }

    /// What the header says about the key it wants.
    #[must_use]
    pub fn key_hint(&self) -> KeyHint {
        unimplemented!()
    }

    /// The `iss` the token claims, unverified: good for choosing a verifier among the configured
    /// ones by exact string, and for nothing else.
    #[must_use]
    pub fn unverified_issuer(&self) -> Option<&str> {
        let _ = self.token;
        unimplemented!()
    }
}
