//! The verifiers of all configured issuers, looked up by exact string (rule R2).

use super::Verifier;
use crate::{CompactJws, SettingError, TokenError};

/// One verifier per issuer.
#[derive(Debug)]
pub struct VerifierSet {
    verifiers: Vec<Verifier>,
}

impl VerifierSet {
    /// The verifiers of all configured issuers.
    ///
    /// # Errors
    /// When there is none, or two have the same issuer.
    pub fn new(verifiers: Vec<Verifier>) -> Result<Self, SettingError> {
        Ok(Self { verifiers })
    }

    /// All of them, in the order of the configuration.
    #[must_use]
    pub fn verifiers(&self) -> &[Verifier] {
        &self.verifiers
    }

    /// The verifier of the issuer that the token claims, and its place in the list.
    ///
    /// # Errors
    /// `unknown_issuer`, without any network access.
    pub fn for_token(&self, token: &CompactJws<'_>) -> Result<(usize, &Verifier), TokenError> {
        let _ = token;
        unimplemented!()
    }
}
