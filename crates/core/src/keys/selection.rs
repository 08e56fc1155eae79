//! Which keys of a set may verify a token (rules R6, R8, R9).

use super::{Jwk, JwkSet, SigningAlgorithm};
use crate::{CompactJws, Reason, TokenError};

/// How many keys one token may try: a stranger must not buy a thousand verifications with one request.
const MOST_TRIES: usize = 4;

/// The keys and the rules for choosing among them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selection<'set> {
    pub(crate) keys: &'set JwkSet,
    pub(crate) allowed: &'set [SigningAlgorithm],
}

impl<'set> Selection<'set> {
    /// The key that signed this token.
    pub(crate) fn verifying_key(self, token: &CompactJws<'_>) -> Result<&'set Jwk, TokenError> {
        let algorithm = token.jws().header().algorithm();
        if !self.allowed.contains(&algorithm) {
            return Err(TokenError::new(
                Reason::AlgorithmNotAllowed,
                format!("{algorithm} is not in the allow-list"),
            ));
        }
        let (message, signature) = (token.jws().signing_input(), token.jws().signature());
        let candidates = self.candidates(token)?;
        let mut tries = candidates.into_iter().take(MOST_TRIES);
        tries
            .find(|key| key.verifies(algorithm, message, signature))
            .ok_or_else(|| {
                TokenError::new(
                    Reason::BadSignature,
                    format!("no key of the issuer verifies this {algorithm} signature"),
                )
            })
    }

    fn candidates(self, token: &CompactJws<'_>) -> Result<Vec<&'set Jwk>, TokenError> {
        let header = token.jws().header();
        let mut candidates: Vec<_> = self
            .keys
            .keys()
            .iter()
            .filter(|key| key.speaks_for(token.unverified_claims()))
            .collect();
        if let Some(wanted) = header.key_id() {
            candidates.retain(|key| key.id() == Some(wanted));
            if candidates.is_empty() {
                return Err(TokenError::new(
                    Reason::UnknownKeyId,
                    format!("no key of the issuer has the kid \"{wanted}\""),
                ));
            }
        }
        let algorithm = header.algorithm();
        candidates.retain(|key| key.supports(algorithm));
        if candidates.is_empty() {
            return Err(TokenError::new(
                Reason::AlgorithmNotAllowed,
                format!("{algorithm} does not fit the key"),
            ));
        }
        Ok(candidates)
    }
}
