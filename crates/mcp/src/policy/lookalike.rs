//! How careless readers compare names: without case, blanks around them and percent-encoding.

use std::borrow::Cow;

/// Without blanks, and characters that nobody sees, at either end.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    })
}

/// In the one case in which all spellings of a letter are alike. What is plain already is not copied.
pub(super) fn folded(text: &str) -> Cow<'_, str> {
    let is_folded = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if text.bytes().all(is_folded) {
        return Cow::Borrowed(text);
    }
    // By way of the capitals: the long s and the Kelvin sign are folded too.
    let capitals = text.chars().flat_map(char::to_uppercase);
    capitals.flat_map(char::to_lowercase).collect()
}

/// A name as a careless reader sees it.
pub(super) fn of_name(name: &str) -> Cow<'_, str> {
    folded(trimmed(name))
}

/// A URI as a careless reader sees it: decoded, too.
pub(super) fn of_uri(uri: &str) -> Cow<'_, str> {
    of_part_of_uri(trimmed(uri))
}

pub(super) fn of_part_of_uri(part: &str) -> Cow<'_, str> {
    match decoded(part) {
        Cow::Borrowed(plain) => folded(plain),
        Cow::Owned(decoded) => Cow::Owned(folded(&decoded).into_owned()),
    }
}

/// With every `%41` decoded, once; what is then no UTF-8 is replaced.
pub(super) fn decoded(uri: &str) -> Cow<'_, str> {
    if !uri.contains('%') {
        return Cow::Borrowed(uri);
    }
    let mut bytes = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.split_at_checked(2).filter(|_| first == b'%');
        match code.and_then(|(code, after)| Some((octet(code)?, after))) {
            Some((octet, after)) => {
                bytes.push(octet);
                rest = after;
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn octet(code: &[u8]) -> Option<u8> {
    let code = std::str::from_utf8(code).ok()?;
    // `from_str_radix` takes a sign, which is no digit.
    let is_hex = code.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u8::from_str_radix(code, 16).ok()).flatten()
}
