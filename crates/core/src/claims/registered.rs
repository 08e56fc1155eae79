//! Claims, read by name and by JSON type. A claim of the wrong type is an error, never an absent one:
//! "missing or mistyped counts as unchecked" is the commonest hole in validators.

use std::fmt;

use serde_json::{Map, Value};

use super::ClaimPointer;
use crate::{Reason, TokenError, UnixTime, json};

/// A token's claims (RFC 7519 §4). `Debug` shows how many there are, never what they say.
#[derive(Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

/// The latest `NumericDate` we take: 9999-12-31T23:59:59Z.
const LATEST: i64 = 253_402_300_799;

impl Claims {
    /// The payload's length was bounded by the token's.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, TokenError> {
        let members = json::strict_object(payload, payload.len())
            .map_err(|error| malformed(format!("the claims are refused: {error}")))?;
        let claims = Self(members);
        claims.text("iss")?;
        Ok(claims)
    }

    /// Claims that were read strictly already.
    pub(crate) fn of(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// The claims as JSON.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Whether no other claim's name differs from this one in case only.
    pub(crate) fn is_the_only_spelling_of(&self, name: &str) -> bool {
        let spellings = self.0.keys().filter(|key| key.eq_ignore_ascii_case(name));
        spellings.count() == 1
    }

    /// A claim that must be a string if it is present.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, TokenError> {
        self.0.get(name).map(|value| text(value, name)).transpose()
    }

    /// A claim that must be a `NumericDate` if it is present (RFC 7519 §2): an integer or a fraction
    /// from 1970 to 9999. A fraction is rounded up, which compares with whole seconds as its value does.
    pub(crate) fn time(&self, name: &str) -> Result<Option<UnixTime>, TokenError> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let seconds = match value {
            Value::Number(number) => number
                .as_i64()
                .or_else(|| number.as_f64().and_then(whole_seconds)),
            _ => None,
        };
        match seconds.filter(|seconds| (0..=LATEST).contains(seconds)) {
            Some(seconds) => Ok(Some(UnixTime::from_secs(seconds))),
            None => Err(malformed(format!(
                "`{name}` is no number of seconds from 1970 to 9999"
            ))),
        }
    }

    /// A claim that must be a string or an array of strings if it is present.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, TokenError> {
        self.0.get(name).map(|value| texts(value, name)).transpose()
    }

    /// The claim, if it says something: many issuers write `null` where they have nothing to say. The
    /// readers of registered claims above refuse it.
    pub(crate) fn find(&self, pointer: &ClaimPointer) -> Option<&Value> {
        pointer.find(&self.0).filter(|value| !value.is_null())
    }

    /// The first of these claims that says something, and where it was found.
    pub(crate) fn first<'all>(
        &'all self,
        pointers: &'all [ClaimPointer],
    ) -> Option<(&'all Value, &'all ClaimPointer)> {
        pointers
            .iter()
            .find_map(|pointer| self.find(pointer).map(|value| (value, pointer)))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the range was checked before"
)]
#[expect(clippy::cast_precision_loss, reason = "the limit is far below 2^53")]
fn whole_seconds(seconds: f64) -> Option<i64> {
    (0.0..=LATEST as f64)
        .contains(&seconds)
        .then(|| seconds.ceil() as i64)
}

pub(crate) fn text(value: &Value, name: impl fmt::Display) -> Result<&str, TokenError> {
    value
        .as_str()
        .ok_or_else(|| malformed(format!("`{name}` is no string")))
}

pub(crate) fn texts(
    value: &Value,
    name: impl fmt::Display + Copy,
) -> Result<Vec<&str>, TokenError> {
    match value {
        Value::String(one) => Ok(vec![one]),
        Value::Array(many) => many
            .iter()
            .map(|element| {
                element.as_str().ok_or_else(|| {
                    malformed(format!("`{name}` holds an element that is no string"))
                })
            })
            .collect(),
        _ => Err(malformed(format!(
            "`{name}` is neither a string nor an array of strings"
        ))),
    }
}

pub(crate) fn malformed(detail: impl Into<String>) -> TokenError {
    TokenError::new(Reason::MalformedClaims, detail)
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claims({} members)", self.0.len())
    }
}
