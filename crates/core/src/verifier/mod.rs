//! The ordered list of checks that turns a token into a user context.

mod builder;
mod checks;
mod rules;
mod set;

use std::sync::Arc;

pub use builder::{Ready, VerifierBuilder, WantsAudience, WantsIssuer};
pub use checks::CheckOutcome;
use checks::{CHECKS, Subject};
use rules::Rules;
pub use set::VerifierSet;

use crate::{
    CompactJws, Issuer, JwkSet, Profile, Reason, SignatureVerified, TokenError, UnixTime,
    UserContext, claims::Claims, context::mapping,
};

/// A token that passed every check. Only [`Verifier::validate`] makes one.
#[derive(Debug)]
pub struct ValidatedToken {
    claims: Arc<Claims>,
    expires_at: UnixTime,
}

impl ValidatedToken {
    /// When it expires, without skew.
    #[must_use]
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// What it says.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }
}

/// The rules for the tokens of one issuer.
#[derive(Debug)]
pub struct Verifier {
    rules: Rules,
}

impl Verifier {
    /// Starts with the issuer.
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::new()
    }

    fn new(rules: Rules) -> Self {
        Self { rules }
    }

    /// The issuer whose tokens this verifies; for a template of issuers, its text.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        self.rules.issuer.configured()
    }

    /// How this issuer writes its tokens.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.rules.profile
    }

    /// Verifies the signature with the keys of this issuer: exactly the keys named by `kid`, or those
    /// that fit, and at most four tries (rules R8, R9).
    ///
    /// # Errors
    /// `token_too_large`, `unknown_issuer`, `alg_not_allowed`, `unknown_kid`, `bad_signature`.
    pub fn verify_signature(
        &self,
        token: &CompactJws<'_>,
        keys: &JwkSet,
    ) -> Result<SignatureVerified, TokenError> {
        if token.length() > self.rules.max_token_length {
            let detail = format!(
                "{} bytes, where {} are allowed",
                token.length(),
                self.rules.max_token_length
            );
            return Err(TokenError::new(Reason::TokenTooLarge, detail));
        }
        checks::check_issuer(&self.rules, token.unverified_claims())?;
        SignatureVerified::verify(token, keys, &self.rules.algorithms)
    }

    /// Runs the checks in order and stops at the first that fails.
    ///
    /// # Errors
    /// The first failed check's reason.
    pub fn validate(
        &self,
        token: SignatureVerified,
        now: UnixTime,
    ) -> Result<ValidatedToken, TokenError> {
        let subject = Subject {
            token: &token,
            rules: &self.rules,
            now,
        };
        CHECKS.iter().try_for_each(|check| (check.run)(&subject))?;
        let expires_at = token.claims().time("exp")?;
        let expires_at = expires_at
            .ok_or_else(|| TokenError::new(Reason::MissingExpiration, "the token has no `exp`"))?;
        Ok(ValidatedToken {
            claims: token.into_claims(),
            expires_at,
        })
    }

    /// Runs the same list without stopping, and then the mapping of the identity.
    #[must_use]
    pub fn explain(&self, token: &SignatureVerified, now: UnixTime) -> Vec<CheckOutcome> {
        let subject = Subject {
            token,
            rules: &self.rules,
            now,
        };
        let identity = self.identity(token.claims(), now).map(|_| ());
        CHECKS
            .iter()
            .map(|check| CheckOutcome {
                name: check.name,
                result: (check.run)(&subject),
            })
            .chain([CheckOutcome {
                name: "identity",
                result: identity,
            }])
            .collect()
    }

    /// Who is calling. The token must be one that this verifier validated, or one of the same issuer.
    ///
    /// # Errors
    /// When an identity claim cannot be used (`missing_subject`, `malformed_claims`), or another
    /// issuer's verifier validated the token (`unknown_issuer`).
    pub fn user_context(&self, token: &ValidatedToken) -> Result<UserContext, TokenError> {
        self.identity(&token.claims, token.expires_at)
    }

    fn identity(&self, claims: &Claims, expires_at: UnixTime) -> Result<UserContext, TokenError> {
        checks::check_issuer(&self.rules, claims)?;
        let issuer = self
            .rules
            .issuer
            .issuer_of(claims)
            .unwrap_or_else(|| self.issuer().clone());
        mapping::user_context(claims, self.profile(), issuer, expires_at)
    }
}
