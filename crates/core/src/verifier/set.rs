//! The verifiers of all configured issuers, looked up by exact string (rule R2).

use super::Verifier;
use crate::{CompactJws, Reason, SettingError, TokenError, text::Printable, token::signs};

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
        if verifiers.is_empty() {
            return Err(SettingError::new(
                "no issuer is configured",
                "at least one authorization server",
            ));
        }
        let mut issuers: Vec<_> = verifiers.iter().map(Verifier::issuer).collect();
        issuers.sort_unstable();
        if issuers.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(SettingError::new(
                "two verifiers have the same issuer",
                "one entry per issuer",
            ));
        }
        Ok(Self { verifiers })
    }

    /// All of them, in the order of the configuration.
    #[must_use]
    pub fn verifiers(&self) -> &[Verifier] {
        &self.verifiers
    }

    /// The longest token that any of them takes, in bytes; for [`CompactJws::parse_with_limit`].
    #[must_use]
    pub fn max_token_length(&self) -> usize {
        let lengths = self
            .verifiers
            .iter()
            .map(|verifier| verifier.rules.max_token_length);
        lengths.max().unwrap_or(CompactJws::MAX_LENGTH)
    }

    /// The verifier of the issuer that the token claims, and its place in the list; one that names
    /// the issuer exactly before one that has a template for it.
    ///
    /// # Errors
    /// `unknown_issuer`, without any network access.
    pub fn for_token(&self, token: &CompactJws<'_>) -> Result<(usize, &Verifier), TokenError> {
        let Some(issuer) = token.unverified_issuer() else {
            return Err(TokenError::new(
                Reason::UnknownIssuer,
                "the token has no `iss`",
            ));
        };
        let position = |admits: &dyn Fn(&Verifier) -> bool| self.verifiers.iter().position(admits);
        let found = position(&|verifier| verifier.rules.issuer.is_exactly(issuer))
            .or_else(|| {
                position(&|verifier| verifier.rules.issuer.admits(token.unverified_claims()))
            })
            .and_then(|position| {
                self.verifiers
                    .get(position)
                    .map(|verifier| (position, verifier))
            });
        found.ok_or_else(|| {
            let detail = format!(
                "\"{}\" is none of the configured issuers",
                Printable(issuer)
            );
            let configured: Vec<_> = self
                .verifiers
                .iter()
                .map(|verifier| verifier.issuer().as_str())
                .collect();
            let advice = signs::of_signed(token).or_else(|| signs::of_issuer(issuer, &configured));
            TokenError::new(Reason::UnknownIssuer, detail).with_advice(advice)
        })
    }
}
