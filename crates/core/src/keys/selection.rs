//! Which keys of a set may verify a token (rules R6, R8, R9).

use super::{Jwk, JwkSet, JwsAlgorithm, SigningAlgorithm};
use crate::{CompactJws, KeyId, Reason, TokenError, text::Printable};

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
        let algorithm = signature_algorithm(token)?;
        if !self.allowed.contains(&algorithm) {
            return Err(TokenError::new(
                Reason::AlgorithmNotAllowed,
                format!("{algorithm} is not in the allow-list"),
            ));
        }
        let (message, signature) = (token.jws().signing_input(), token.jws().signature());
        let candidates = self.candidates(token, algorithm)?;
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

    fn candidates(
        self,
        token: &CompactJws<'_>,
        algorithm: SigningAlgorithm,
    ) -> Result<Vec<&'set Jwk>, TokenError> {
        let mut candidates: Vec<_> = self.keys.keys().iter().collect();
        if let Some(wanted) = token.jws().header().key_id() {
            candidates.retain(|key| key.id() == Some(wanted));
            if candidates.is_empty() {
                return Err(unknown(wanted, None));
            }
            let named = candidates.clone();
            candidates.retain(|key| key.speaks_for(token.unverified_claims()));
            if candidates.is_empty() {
                return Err(unknown(wanted, named.into_iter().find_map(Jwk::issuer)));
            }
        }
        candidates
            .retain(|key| key.supports(algorithm) && key.speaks_for(token.unverified_claims()));
        if candidates.is_empty() {
            return Err(TokenError::new(
                Reason::AlgorithmNotAllowed,
                format!("{algorithm} does not fit the key"),
            ));
        }
        Ok(candidates)
    }
}

/// Rule R9: what a key of a set verifies is a signature, and never a MAC.
fn signature_algorithm(token: &CompactJws<'_>) -> Result<SigningAlgorithm, TokenError> {
    match token.jws().header().algorithm() {
        JwsAlgorithm::Signature(algorithm) => Ok(algorithm),
        JwsAlgorithm::Mac(algorithm) => Err(TokenError::new(
            Reason::AlgorithmNotAllowed,
            format!("{algorithm} is a MAC, which no key of a set verifies"),
        )),
    }
}

/// A key that its issuer marked for another issuer (rule R6) is no key of this one.
fn unknown(wanted: &KeyId, marked_for: Option<&str>) -> TokenError {
    let detail = match marked_for {
        None => format!("no key of the issuer has the kid \"{wanted}\""),
        Some(other) => format!(
            "the key with the kid \"{wanted}\" is marked for tokens of \"{}\" only",
            Printable(other)
        ),
    };
    TokenError::new(Reason::UnknownKeyId, detail)
}
