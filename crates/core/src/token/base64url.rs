//! base64url as RFC 7515 §2 means it: its own alphabet, no padding, no line break, unused bits zero.
//! A lenient decoder gives one token many spellings, and deny-lists and caches then miss it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The decoded bytes, or nothing.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The text of bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
