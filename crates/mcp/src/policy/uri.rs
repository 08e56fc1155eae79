//! URIs that two readers take for two resources.

use super::lookalike::decoded;

/// How often a URI may be encoded over and over; who encodes more often hides something.
const MAX_ENCODINGS: usize = 3;

/// What makes a URI unfit to be decided on by a pattern: a server that tidies it up, or decodes it, reads
/// another resource than the pattern saw (RFC 3986 §6.2.2).
pub(super) fn flaw(uri: &str) -> Option<&'static str> {
    let mut uri = std::borrow::Cow::Borrowed(uri);
    for _ in 0..=MAX_ENCODINGS {
        if let Some(flaw) = plain_flaw(&uri) {
            return Some(flaw);
        }
        let next = decoded(&uri).into_owned();
        if next == uri {
            return None;
        }
        if let Some(flaw) = encoding_flaw(&uri, &next) {
            return Some(flaw);
        }
        uri = next.into();
    }
    Some("the URI is encoded over and over")
}

fn plain_flaw(uri: &str) -> Option<&'static str> {
    if uri.contains('\\') {
        return Some("the URI holds a backslash");
    }
    if uri.chars().any(char::is_control) {
        return Some("the URI holds a control character");
    }
    let is_dots = |segment: &str| segment == "." || segment == "..";
    let mut segments = uri.split(['/', '?', '#', ';', ':']);
    segments
        .any(is_dots)
        .then_some("the URI holds a segment of dots")
}

/// What the encoding hides. Of what needs no encoding only a letter of another name is of interest.
fn encoding_flaw(uri: &str, decoded: &str) -> Option<&'static str> {
    let slashes = |text: &str| text.matches('/').count();
    if slashes(uri) != slashes(decoded) {
        return Some("the URI holds an encoded slash");
    }
    let unreserved = |text: &str| {
        let is_unreserved = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        text.bytes().filter(is_unreserved).count()
    };
    // Each code of an encoded unreserved character spells two such characters itself, and each other code
    // too, so that the difference tells whether one of them was encoded.
    let codes = codes(uri);
    (unreserved(decoded) != unreserved(uri).saturating_sub(codes.saturating_mul(2)))
        .then_some("the URI encodes a character that needs no encoding")
}

/// How many octets are encoded.
fn codes(uri: &str) -> usize {
    let bytes = uri.as_bytes();
    bytes
        .windows(3)
        .filter(|code| matches!(code, [b'%', one, two] if one.is_ascii_hexdigit() && two.is_ascii_hexdigit()))
        .count()
}
