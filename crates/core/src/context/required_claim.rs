//! What an access token must say of itself, so that an ID or refresh token of the same issuer is none (rule R16).

use std::fmt;

use crate::{SettingError, claims::ClaimPointer};

/// A claim that must have one of these values: `/typ=Bearer|DPoP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredClaim {
    /// Where the claim is.
    pub claim: ClaimPointer,
    /// The values allowed, compared byte by byte.
    pub values: Vec<String>,
}

impl fmt::Display for RequiredClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.claim, self.values.join("|"))
    }
}

/// One item of the list of required claims: a claim with its values, or claims of which one must be there.
///
/// ```
/// use oauthgate_core::context::ClaimRequirement;
///
/// for text in ["/token_use=access", "/typ=Bearer|DPoP", "/scp|/roles", "/cid"] {
///     assert_eq!(ClaimRequirement::parse(text)?.to_string(), text);
/// }
/// assert!(ClaimRequirement::parse("/typ=").is_err());
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimRequirement {
    /// The claim must have one of these values.
    Value(RequiredClaim),
    /// One of these claims must be there, whatever its value: `/scp|/roles`.
    OneOf(Vec<ClaimPointer>),
}

impl ClaimRequirement {
    /// Reads an item. The names of its claims hold neither `=` nor `|`.
    ///
    /// # Errors
    /// When a pointer is none, or a value is empty.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let Some((claim, values)) = text.split_once('=') else {
            let places = text.split('|').map(ClaimPointer::parse);
            return places.collect::<Result<_, _>>().map(Self::OneOf);
        };
        let values: Vec<_> = values.split('|').map(str::to_owned).collect();
        if values.iter().any(String::is_empty) {
            return Err(SettingError::new(
                "a value is empty",
                "a claim and its values, for example /typ=Bearer|DPoP",
            ));
        }
        let claim = ClaimPointer::parse(claim)?;
        Ok(Self::Value(RequiredClaim { claim, values }))
    }
}

impl fmt::Display for ClaimRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(required) => required.fmt(f),
            Self::OneOf(places) => f.write_str(&alternatives(places)),
        }
    }
}

/// `/scp|/roles`.
fn alternatives(places: &[ClaimPointer]) -> String {
    let places: Vec<_> = places.iter().map(ToString::to_string).collect();
    places.join("|")
}
