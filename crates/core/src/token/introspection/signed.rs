//! Signed answers (RFC 9701): a JWT whose claim `token_introspection` is the answer of RFC 7662. TLS says
//! who answered; the signature says so also to whoever comes later, behind proxies that end TLS.

use std::time::Duration;

use serde_json::Value;

use super::{IntrospectionAnswer, refused};
use crate::{
    CompactJws, Issuer, JwkSet, KeyHint, SignatureVerified, SigningAlgorithm, TokenError, UnixTime,
    claims::Claims, text::Printable, token::without_application_prefix,
};

/// The media type of a signed answer.
pub const RESPONSE_MEDIA_TYPE: &str = "application/token-introspection+jwt";
const TOKEN_TYPE: &str = "token-introspection+jwt";
/// How old a signed answer may be: it was made for this very question.
const OLDEST: Duration = Duration::from_secs(300);

/// What a signed answer must satisfy.
#[derive(Debug, Clone, Copy)]
pub struct SignedAnswerRules<'rules> {
    /// The issuer that was asked.
    pub issuer: &'rules Issuer,
    /// The client that asked: whom the answer must be for.
    pub client_id: &'rules str,
    /// The algorithms allowed.
    pub algorithms: &'rules [SigningAlgorithm],
    /// The tolerated clock skew.
    pub skew: Duration,
}

/// A signed answer whose parts were read strictly; nothing is verified before [`Self::verify`].
#[derive(Debug, Clone)]
pub struct SignedIntrospection<'answer> {
    jws: CompactJws<'answer>,
    hint: KeyHint,
}

impl<'answer> SignedIntrospection<'answer> {
    /// Takes a signed answer apart.
    ///
    /// # Errors
    /// `introspection_refused`, when it is no JWT of the type `token-introspection+jwt`.
    pub fn parse(text: &'answer str) -> Result<Self, TokenError> {
        let jws = CompactJws::parse_with_limit(text.trim_end(), IntrospectionAnswer::MAX_LENGTH)
            .map_err(|error| refused(format!("the signed answer is refused: {error}")))?;
        let Some(hint) = jws.key_hint() else {
            return Err(refused(
                "the signed answer carries a MAC, where a signature is due",
            ));
        };
        match jws.jws().header().token_type() {
            Some(found) if is_ours(found) => Ok(Self { jws, hint }),
            found => Err(refused(format!(
                "the signed answer's `typ` is \"{}\", where \"{TOKEN_TYPE}\" is due (RFC 9701 §5)",
                Printable(found.unwrap_or_default())
            ))),
        }
    }

    /// What its header says about the key it wants.
    #[must_use]
    pub fn key_hint(&self) -> KeyHint {
        self.hint.clone()
    }

    /// Verifies the signature with the keys of the issuer that was asked, then that the answer comes from
    /// it, is for the client that asked, and is fresh.
    ///
    /// # Errors
    /// `introspection_refused`, whatever is wrong: nothing is then known about the token.
    pub fn verify(
        &self,
        keys: &JwkSet,
        rules: &SignedAnswerRules<'_>,
        now: UnixTime,
    ) -> Result<IntrospectionAnswer, TokenError> {
        let verified = SignatureVerified::verify(&self.jws, keys, rules.algorithms)
            .map_err(|error| refused(format!("the signed answer is refused: {error}")))?;
        opened(verified.claims(), rules, now)
    }
}

fn is_ours(token_type: &str) -> bool {
    without_application_prefix(token_type).eq_ignore_ascii_case(TOKEN_TYPE)
}

/// RFC 9701 §5: `iss`, `aud` and `iat` are required.
fn opened(
    claims: &Claims,
    rules: &SignedAnswerRules<'_>,
    now: UnixTime,
) -> Result<IntrospectionAnswer, TokenError> {
    let malformed = |error: TokenError| refused(format!("the signed answer: {}", error.detail()));
    let issuer = claims.text("iss").map_err(malformed)?.unwrap_or_default();
    if issuer != rules.issuer.as_str() {
        return Err(refused(format!(
            "the signed answer's `iss` is \"{}\", and \"{}\" was asked",
            Printable(issuer),
            rules.issuer
        )));
    }
    let audiences = claims.texts("aud").map_err(malformed)?.unwrap_or_default();
    if !audiences.contains(&rules.client_id) {
        return Err(refused(
            "the signed answer's `aud` does not name our client id",
        ));
    }
    let issued_at = claims
        .time("iat")
        .map_err(malformed)?
        .ok_or_else(|| refused("the signed answer has no `iat`"))?;
    if issued_at > now.saturating_add(rules.skew) {
        return Err(refused("the signed answer was issued in the future"));
    }
    if issued_at.saturating_add(OLDEST).saturating_add(rules.skew) < now {
        return Err(refused(
            "the signed answer is old: it answers another question",
        ));
    }
    match claims.get("token_introspection") {
        Some(Value::Object(members)) => {
            IntrospectionAnswer::of_members(members.clone(), rules.issuer)
        }
        _ => Err(refused(
            "the signed answer has no object `token_introspection`",
        )),
    }
}
