//! The checks, in order.

use super::VerifierBuilder;
use crate::{CompactJws, Issuer, JwkSet, SignatureVerified, TokenError, UnixTime, UserContext};

/// A token that passed every check. Only [`Verifier::validate`] makes one.
#[derive(Debug)]
pub struct ValidatedToken {}

/// What one named check found; `explain` shows all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckOutcome {
    /// The check's stable name.
    pub name: &'static str,
    /// Passed, or why not.
    pub result: Result<(), TokenError>,
}

/// The rules for the tokens of one issuer.
#[derive(Debug)]
pub struct Verifier {
    issuer: Issuer,
}

impl Verifier {
    /// Starts with the issuer.
    pub fn builder() -> VerifierBuilder {
        unimplemented!()
    }

    /// The issuer whose tokens this verifies.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Verifies the signature with the keys of this issuer: exactly one candidate by `kid`, at most
    /// four tries without (rules R8, R9).
    ///
    /// # Errors
    /// `alg_not_allowed`, `unknown_kid`, `bad_signature`.
    pub fn verify_signature(&self, token: &CompactJws<'_>, keys: &JwkSet) -> Result<SignatureVerified, TokenError> {
        let _ = (token, keys);
        unimplemented!()
    }

    /// Runs the checks in order and stops at the first that fails.
    ///
    /// # Errors
    /// The first failed check's reason.
    pub fn validate(&self, token: SignatureVerified, now: UnixTime) -> Result<ValidatedToken, TokenError> {
        let _ = (token, now);
        unimplemented!()
    }

    /// Runs the same list without stopping.
    #[must_use]
    pub fn explain(&self, token: &SignatureVerified, now: UnixTime) -> Vec<CheckOutcome> {
        let _ = (token, now);
        unimplemented!()
    }

    /// Who is calling.
    ///
    /// # Errors
    /// When an identity claim cannot be used (`missing_subject`, `malformed_claims`).
    pub fn user_context(&self, token: &ValidatedToken) -> Result<UserContext, TokenError> {
        let _ = token;
        unimplemented!()
    }
}
