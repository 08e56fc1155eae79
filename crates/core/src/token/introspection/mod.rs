//! What an authorization server says about a token that only it can read: an opaque one, an encrypted
//! one, one that is a JWT by accident (RFC 7662).
//!
//! The answer stands where a signature stands otherwise, so it is read as strictly as a token: no
//! duplicate members, `active` must be the boolean `true`, and its claims go through the same checks.

mod github;
mod google;
mod signed;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use self::signed::{RESPONSE_MEDIA_TYPE, SignedAnswerRules, SignedIntrospection};
use crate::{Issuer, Reason, TokenError, claims::Claims, json};

/// What the authorization server says about a token.
#[derive(Debug, Clone)]
pub enum IntrospectionAnswer {
    /// The token is good, and this is what it stands for. Whether it is good *here* is still to be checked.
    Active(IntrospectedClaims),
    /// The token is expired, revoked, unknown, or none of our business: the server does not say which.
    Inactive,
}

/// The claims of a token, vouched for by the authorization server that was asked. Only
/// [`IntrospectionAnswer`] makes them; [`crate::Verifier::validate_introspected`] checks them.
#[derive(Debug, Clone)]
pub struct IntrospectedClaims {
    claims: Arc<Claims>,
}

impl IntrospectedClaims {
    /// Where the answer names no issuer, it is the one that was asked (RFC 7662 §2.2: `iss` is optional).
    fn new(mut members: Map<String, Value>, asked: &Issuer) -> Self {
        members.remove("active");
        members
            .entry("iss")
            .or_insert_with(|| Value::String(asked.as_str().to_owned()));
        Self {
            claims: Arc::new(Claims::of(members)),
        }
    }

    /// When the token expires, as far as the answer says so in a way that can be read; the checks refuse
    /// an `exp` of the wrong type.
    #[must_use]
    pub fn expires_at(&self) -> Option<crate::UnixTime> {
        self.claims.time("exp").ok().flatten()
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(crate) fn share(&self) -> Arc<Claims> {
        Arc::clone(&self.claims)
    }
}

impl IntrospectionAnswer {
    /// The longest answer that is read, in bytes.
    pub const MAX_LENGTH: usize = 64 * 1024;

    /// Reads the answer of an introspection endpoint (RFC 7662 §2.2). `asked` is whose endpoint it is.
    ///
    /// ```
    /// use oauthgate_core::{Issuer, token::IntrospectionAnswer};
    ///
    /// let asked = Issuer::new("https://auth.example.com")?;
    /// let read = |answer: &str| IntrospectionAnswer::parse(answer.as_bytes(), &asked);
    /// assert!(matches!(read(r#"{"active":true,"sub":"ana"}"#), Ok(IntrospectionAnswer::Active(_))));
    /// assert!(matches!(read(r#"{"active":false}"#), Ok(IntrospectionAnswer::Inactive)));
    /// assert!(read(r#"{"active":"true","sub":"ana"}"#).is_err());
    /// # Ok::<(), oauthgate_core::SettingError>(())
    /// ```
    ///
    /// # Errors
    /// `introspection_refused`, when it is none: no JSON object, a member twice, `active` missing or no
    /// boolean. Nothing is then known about the token, so the refusal does not blame it.
    pub fn parse(body: &[u8], asked: &Issuer) -> Result<Self, TokenError> {
        Self::of_members(object(body)?, asked)
    }

    /// Reads the answer of Google's `tokeninfo`, which has no `active` and writes numbers as strings.
    ///
    /// # Errors
    /// As [`Self::parse`]; also when `aud`, by which the token's client is told, is missing.
    pub fn of_google_tokeninfo(body: &[u8], asked: &Issuer) -> Result<Self, TokenError> {
        let claims = google::claims(&object(body)?)?;
        Ok(Self::Active(IntrospectedClaims::new(claims, asked)))
    }

    /// Reads the answer of GitHub's "check a token": its user becomes `sub`, its app `client_id` and `aud`.
    ///
    /// # Errors
    /// As [`Self::parse`]; also when the app or the user is missing.
    pub fn of_github_application(body: &[u8], asked: &Issuer) -> Result<Self, TokenError> {
        let claims = github::claims(&object(body)?)?;
        Ok(Self::Active(IntrospectedClaims::new(claims, asked)))
    }

    fn of_members(members: Map<String, Value>, asked: &Issuer) -> Result<Self, TokenError> {
        match members.get("active") {
            Some(Value::Bool(true)) => Ok(Self::Active(IntrospectedClaims::new(members, asked))),
            Some(Value::Bool(false)) => Ok(Self::Inactive),
            Some(_) => Err(refused("`active` is no boolean (RFC 7662 §2.2)")),
            None => Err(refused("the answer has no `active` (RFC 7662 §2.2)")),
        }
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, TokenError> {
    json::strict_object(body, IntrospectionAnswer::MAX_LENGTH)
        .map_err(|error| refused(format!("the answer is refused: {error}")))
}

fn refused(detail: impl Into<String>) -> TokenError {
    TokenError::new(Reason::IntrospectionRefused, detail)
}
