//! The ordered list of checks that turns a token into a user context.

mod builder;
mod checks;
mod contradictions;
mod rules;
mod set;

use std::sync::Arc;

pub use builder::{Ready, VerifierBuilder, WantsAudience, WantsIssuer};
pub use checks::CheckOutcome;
use checks::{CHECKS, Proved, Subject};
use rules::Rules;
pub use set::VerifierSet;

use crate::{
    CompactJws, Issuer, JwkSet, Profile, Reason, SignatureVerified, TokenError, UnixTime,
    UserContext,
    claims::Claims,
    context::mapping,
    token::{IntrospectedClaims, signs},
};

/// A token that passed every check. Only [`Verifier::validate`] and [`Verifier::validate_introspected`]
/// make one.
#[derive(Debug)]
pub struct ValidatedToken {
    claims: Arc<Claims>,
    expires_at: UnixTime,
    was_introspected: bool,
}

impl ValidatedToken {
    /// When it expires, without skew; of a token without `exp` that was introspected, when its issuer
    /// must be asked again.
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
    /// The same rules, for tokens that were introspected.
    rules_of_answers: Rules,
}

impl Verifier {
    /// Starts with the issuer.
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::new()
    }

    fn new(rules: Rules) -> Self {
        Self {
            rules_of_answers: rules.for_answers(),
            rules,
        }
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

    /// What is allowed here and seldom meant, each as one sentence for the operator.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        contradictions::warnings(&self.rules)
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
        self.admit(token)
            .and_then(|()| SignatureVerified::verify(token, keys, &self.rules.algorithms))
            .map_err(|error| error.with_advice(signs::of_signed(token)))
    }

    /// Verifies the MAC of a token (HS256, HS384, HS512) with the secret shared with this issuer: no key of
    /// a set is ever asked about it.
    ///
    /// # Errors
    /// `token_too_large`, `unknown_issuer`, `alg_not_allowed` (also without a secret), `bad_signature`.
    pub fn verify_mac(&self, token: &CompactJws<'_>) -> Result<SignatureVerified, TokenError> {
        self.admit(token)?;
        SignatureVerified::verify_mac(token, self.rules.shared_secret.as_ref())
    }

    /// What is asked of a token before anything is computed.
    fn admit(&self, token: &CompactJws<'_>) -> Result<(), TokenError> {
        if token.length() > self.rules.max_token_length {
            let detail = format!(
                "{} bytes, where {} are allowed",
                token.length(),
                self.rules.max_token_length
            );
            return Err(TokenError::new(Reason::TokenTooLarge, detail));
        }
        checks::check_issuer(&self.rules, token.unverified_claims())
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
        let subject = self.signed(&token, now);
        CHECKS
            .iter()
            .try_for_each(|check| (check.run)(&subject))
            .map_err(|error| error.with_advice(signs::of_verified(&token)))?;
        let expires_at = token.claims().time("exp")?;
        let expires_at = expires_at
            .ok_or_else(|| TokenError::new(Reason::MissingExpiration, "the token has no `exp`"))?;
        Ok(ValidatedToken {
            claims: token.into_claims(),
            expires_at,
            was_introspected: false,
        })
    }

    /// Runs the same checks on what the authorization server answered about a token (RFC 7662). Where a
    /// token's header would say what kind of token it is, `token_type` does. A token without `exp` is good
    /// until `ask_again`, when its issuer must be asked once more.
    ///
    /// # Errors
    /// The first failed check's reason.
    pub fn validate_introspected(
        &self,
        answer: &IntrospectedClaims,
        ask_again: UnixTime,
        now: UnixTime,
    ) -> Result<ValidatedToken, TokenError> {
        let subject = Subject {
            claims: answer.claims(),
            proved: Proved::ByIntrospection,
            rules: &self.rules_of_answers,
            now,
        };
        CHECKS.iter().try_for_each(|check| (check.run)(&subject))?;
        Ok(ValidatedToken {
            claims: answer.share(),
            expires_at: answer.claims().time("exp")?.unwrap_or(ask_again),
            was_introspected: true,
        })
    }

    fn signed<'token>(
        &'token self,
        token: &'token SignatureVerified,
        now: UnixTime,
    ) -> Subject<'token> {
        Subject {
            claims: token.claims(),
            proved: Proved::BySignature(token.token_type()),
            rules: &self.rules,
            now,
        }
    }

    /// Runs the same list without stopping, and then the mapping of the identity.
    #[must_use]
    pub fn explain(&self, token: &SignatureVerified, now: UnixTime) -> Vec<CheckOutcome> {
        let subject = self.signed(token, now);
        let identity = self
            .identity(&self.rules, &token.share_claims(), now)
            .map(|_| ());
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
        let rules = match token.was_introspected {
            true => &self.rules_of_answers,
            false => &self.rules,
        };
        self.identity(rules, &token.claims, token.expires_at)
    }

    fn identity(
        &self,
        rules: &Rules,
        claims: &Arc<Claims>,
        expires_at: UnixTime,
    ) -> Result<UserContext, TokenError> {
        checks::check_issuer(rules, claims)?;
        let issuer = rules
            .issuer
            .issuer_of(claims)
            .unwrap_or_else(|| self.issuer().clone());
        mapping::user_context(claims, &rules.profile, issuer, expires_at, rules.skew)
    }
}
