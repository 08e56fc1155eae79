//! The one JSON reader: for JOSE headers, claims, key sets and metadata documents.
//!
//! RFC 8259 leaves room that attackers use (two members of one name, lone surrogates, a hundred
//! thousand brackets), and two parsers that fill it differently read two different tokens. So this
//! reader takes only texts about which all parsers agree: UTF-8 without a byte order mark, no member
//! name twice at any level (RFC 7515 §4, RFC 7519 §4), no lone surrogate, no U+0000, numbers that fit,
//! at most [`MAX_DEPTH`] levels, and not more values than an ordinary document of its length holds.

mod reader;
mod scalar;

use serde_json::{Map, Value};

use reader::Reader;
pub use scalar::{same_number, same_scalar};

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
    match Reader::new(text).document()? {
        Value::Object(members) => Ok(members),
        _ => Err(JsonError::NotAnObject),
    }
}
