//! The one JSON reader: for JOSE headers, claims, key sets and metadata documents.
//!
//! RFC 8259 leaves room that attackers use (two members of one name, lone surrogates, a hundred
//! thousand brackets), and two parsers that fill it differently read two different tokens. So this
//! reader takes only texts about which all parsers agree: UTF-8 without a byte order mark, no member
//! name twice at any level (RFC 7515 §4, RFC 7519 §4), no lone surrogate, no U+0000, numbers that fit,
//! at most [`MAX_DEPTH`] levels.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, map::Entry};

use crate::text::Printable;

/// How deep arrays and objects may nest; the outermost object is the first level.
pub const MAX_DEPTH: usize = 32;

/// Why a text is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text is longer than the limit.
    #[error("{length} bytes, where {limit} are allowed")]
    TooLarge {
        /// The text's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The text is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The outermost value is no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// The grammar, or one of the rules above, is broken.
    #[error("{0}")]
    Malformed(String),
}

/// Reads an object.
///
/// ```
/// use oauthgate_core::json::strict_object;
///
/// assert!(strict_object(br#"{"iss":"https://auth.example.com"}"#, 1024).is_ok());
/// assert!(strict_object(br#"{"aud":"ours","\u0061ud":"theirs"}"#, 1024).is_err());
/// ```
///
/// # Errors
/// When the text is longer than `limit` bytes, or breaks a rule of this module.
pub fn strict_object(text: &[u8], limit: usize) -> Result<Map<String, Value>, JsonError> {
    if text.len() > limit {
        return Err(JsonError::TooLarge {
            length: text.len(),
            limit,
        });
    }
    let text = std::str::from_utf8(text).map_err(|_| JsonError::NotUtf8)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict {
        levels_left: MAX_DEPTH,
    }
    .deserialize(&mut reader)
    .map_err(malformed)?;
    reader.end().map_err(malformed)?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(JsonError::NotAnObject),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn malformed(error: serde_json::Error) -> JsonError {
    JsonError::Malformed(error.to_string())
}

#[derive(Clone, Copy)]
struct Strict {
    levels_left: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        match self.levels_left.checked_sub(1) {
            Some(levels_left) => Ok(Self { levels_left }),
            None => Err(E::custom(format_args!(
                "nested deeper than {MAX_DEPTH} levels"
            ))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        without_nul(text).map(Value::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            match object.entry(without_nul(name)?) {
                Entry::Vacant(free) => free.insert(value),
                Entry::Occupied(taken) => {
                    return Err(A::Error::custom(format_args!(
                        "the member {} occurs twice",
                        Printable(taken.key())
                    )));
                }
            };
        }
        Ok(Value::Object(object))
    }
}

/// C strings end at U+0000: an upstream in C would see another identity than we did.
fn without_nul<E: Error>(text: String) -> Result<String, E> {
    if text.contains('\0') {
        Err(E::custom("a string holds U+0000"))
    } else {
        Ok(text)
    }
}
