//! A compact JWS (RFC 7515 §3.1), taken apart strictly, before anything is believed.

use std::sync::Arc;

use super::{JoseHeader, base64url, signs};
use crate::{KeyHint, Reason, TokenError, claims::Claims};

/// Any compact JWS: header, payload and signature. An access token is more: see [`CompactJws`].
#[derive(Clone)]
pub struct Jws<'token> {
    text: &'token str,
    signing_input: &'token str,
    header: JoseHeader,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'token> Jws<'token> {
    /// Takes a token of at most `limit` bytes apart.
    ///
    /// # Errors
    /// `token_too_large`, `opaque_token`, `encrypted_token`, `malformed_token`,
    /// `unsupported_critical_header`, `alg_not_allowed`.
    pub fn parse_with_limit(token: &'token str, limit: usize) -> Result<Self, TokenError> {
        let [header, payload, signature] = split(token, limit)?;
        let header = part(header, "header")?;
        let signing_input = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
        Ok(Self {
            text: token,
            signing_input,
            header: JoseHeader::parse(&header)?,
            payload: part(payload, "payload")?,
            signature: part(signature, "signature")?,
        })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &JoseHeader {
        &self.header
    }

    /// The decoded payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// What was signed: header and payload as they came, with the dot between them.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The decoded signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// Never the payload or the signature.
impl std::fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jws")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// What a token is, by its dots alone (rule R14). Nothing was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenShape {
    /// Three parts: a JWS, which can be verified with the issuer's keys.
    Signed,
    /// Five parts: a JWE (RFC 7516), which only its recipient can read.
    Encrypted,
    /// Anything else: a text that means something to its issuer only.
    Opaque,
}

impl TokenShape {
    /// The shape of this token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        match token.bytes().filter(|byte| *byte == b'.').count() {
            2 => Self::Signed,
            4 => Self::Encrypted,
            _ => Self::Opaque,
        }
    }
}

/// The parts of an access token whose header and claims were read strictly; nothing is verified yet.
#[derive(Debug, Clone)]
pub struct CompactJws<'token> {
    jws: Jws<'token>,
    claims: Arc<Claims>,
}

impl<'token> CompactJws<'token> {
    /// The default limit of a token, in bytes.
    pub const MAX_LENGTH: usize = 16 * 1024;

    /// Takes a token apart that has at most [`Self::MAX_LENGTH`] bytes.
    ///
    /// # Errors
    /// `token_too_large`, `opaque_token`, `encrypted_token`, `malformed_token`,
    /// `unsupported_critical_header`, `alg_not_allowed`, `malformed_claims`.
    pub fn parse(token: &'token str) -> Result<Self, TokenError> {
        Self::parse_with_limit(token, Self::MAX_LENGTH)
    }

    /// As [`Self::parse`], with another limit in bytes.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_with_limit(token: &'token str, limit: usize) -> Result<Self, TokenError> {
        let jws = Jws::parse_with_limit(token, limit)?;
        let claims = Claims::parse(jws.payload())?;
        Ok(Self {
            jws,
            claims: Arc::new(claims),
        })
    }

    /// What the header says about the key it wants; nothing when it wants none of a set, because its `alg` is
    /// a MAC.
    #[must_use]
    pub fn key_hint(&self) -> Option<KeyHint> {
        self.jws.header().key_hint()
    }

    /// The `iss` the token claims, unverified: good for choosing a verifier among the configured
    /// ones by exact string, and for nothing else.
    #[must_use]
    pub fn unverified_issuer(&self) -> Option<&str> {
        self.claims.text("iss").ok().flatten()
    }

    /// The claims, unverified: good for showing them to the operator, and for nothing else.
    #[must_use]
    pub fn unverified_claims(&self) -> &Claims {
        &self.claims
    }

    /// The `iss` that a token of three parts claims, whatever its header says: good for choosing whom to
    /// ask about a token that cannot be verified here, by exact string, and for nothing else.
    ///
    /// # Errors
    /// `token_too_large`, `malformed_token`, `malformed_claims`, and what the other shapes are called.
    pub fn claimed_issuer(token: &str, limit: usize) -> Result<Option<String>, TokenError> {
        let [_, payload, _] = split(token, limit)?;
        let claims = Claims::parse(&part(payload, "payload")?)?;
        Ok(claims.text("iss")?.map(str::to_owned))
    }

    /// How long the token is, in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.jws.text.len()
    }

    /// The token as a JWS.
    #[must_use]
    pub fn jws(&self) -> &Jws<'token> {
        &self.jws
    }

    pub(crate) fn share_claims(&self) -> Arc<Claims> {
        Arc::clone(&self.claims)
    }
}

/// Decides by shape alone (rule R14): two dots make a JWS, four a JWE, anything else is opaque.
/// The count comes before any decoding and allocates nothing.
fn split(token: &str, limit: usize) -> Result<[&str; 3], TokenError> {
    if token.len() > limit {
        let detail = format!("{} bytes, where {limit} are allowed", token.len());
        return Err(TokenError::new(Reason::TokenTooLarge, detail));
    }
    match TokenShape::of(token) {
        TokenShape::Signed => split_in_three(token),
        TokenShape::Encrypted => Err(TokenError::new(
            Reason::EncryptedToken,
            format!(
                "five parts: a JWE (RFC 7516); {}",
                signs::of_encrypted(token)
            ),
        )),
        TokenShape::Opaque if token.is_empty() => Err(malformed("the token is empty")),
        TokenShape::Opaque => {
            let dots = token.bytes().filter(|byte| *byte == b'.').count();
            Err(TokenError::new(
                Reason::OpaqueToken,
                format!(
                    "{dots} dots, where a signed token has two; {}",
                    signs::of_opaque(token)
                ),
            ))
        }
    }
}

fn split_in_three(token: &str) -> Result<[&str; 3], TokenError> {
    if !token
        .bytes()
        .fold(true, |legal, byte| legal & is_legal(byte))
    {
        return Err(malformed("a character outside base64url"));
    }
    let mut parts = token.splitn(3, '.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(signature)) => Ok([header, payload, signature]),
        _ => Err(malformed("not three parts")),
    }
}

/// Without branches, so that the compiler can look at many bytes at once.
fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | (byte == b'-') | (byte == b'_') | (byte == b'.')
}

fn part(text: &str, name: &str) -> Result<Vec<u8>, TokenError> {
    base64url::decode(text)
        .ok_or_else(|| malformed(format!("the {name} is not base64url (RFC 7515 §2)")))
}

fn malformed(detail: impl Into<String>) -> TokenError {
    TokenError::new(Reason::MalformedToken, detail)
}
