//! How careless readers compare names: without case, blanks around them and percent-encoding; and URIs
//! without what makes no difference to a server that looks for a file or asks a host.

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
    // By way of the capitals: the long s and the Kelvin sign are folded too, and the dotted I but for its dot.
    let capitals = text.chars().flat_map(char::to_uppercase);
    let small = capitals.flat_map(char::to_lowercase);
    small.filter(|letter| *letter != '\u{307}').collect()
}

/// A name as a careless reader sees it.
pub(super) fn of_name(name: &str) -> Cow<'_, str> {
    folded(trimmed(name))
}

/// A URI as a careless reader sees it: decoded, its authority bare, its slashes single.
pub(super) fn of_uri(uri: &str) -> String {
    let uri = plain_part(trimmed(uri));
    with_single_slashes(&bare(&uri, true).unwrap_or(uri))
}

/// The same of what stands before the first star of a pattern; its authority may go on behind the star.
pub(super) fn of_start_of_uri(start: &str) -> String {
    let start = plain_part(start);
    with_single_slashes(&bare(&start, false).unwrap_or(start))
}

/// The same of what stands behind a star.
pub(super) fn of_part_of_uri(part: &str) -> String {
    with_single_slashes(&plain_part(part))
}

/// The URI without query, fragment and slashes at its end, which make no difference to some servers;
/// `None` if it has none of them.
pub(super) fn without_end(uri: &str) -> Option<&str> {
    let before = uri.split_once(['?', '#']).map_or(uri, |(before, _)| before);
    let before = before.trim_end_matches('/');
    (before.len() < uri.len()).then_some(before)
}

fn plain_part(part: &str) -> String {
    folded(&decoded(part)).into_owned()
}

/// Without user, default port and the dot behind the host; of a file without the host: those who take the
/// path of a URI and open it never look there. `None` where there is no whole authority.
fn bare(uri: &str, is_whole: bool) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let rest = match (scheme, rest.strip_prefix("//")) {
        ("file", Some(rest)) if !rest.starts_with('/') => rest,
        ("file", _) => return Some(format!("file:/{rest}")),
        // However many slashes there are, also none: what is behind them is the host (WHATWG URL).
        ("http" | "https" | "ws" | "wss" | "ftp", _) => rest.trim_start_matches('/'),
        (_, Some(rest)) => rest,
        (_, None) => return None,
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if path.is_empty() && !is_whole {
        return None;
    }
    if scheme == "file" && !path.is_empty() {
        return Some(format!("file://{path}"));
    }
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let port = match scheme {
        "http" | "ws" => ":80",
        "https" | "wss" => ":443",
        _ => ":",
    };
    let host = host.strip_suffix(port).unwrap_or(host);
    let host = host.trim_end_matches([':', '.']);
    Some(format!("{scheme}://{host}{path}"))
}

/// Where files are kept, several slashes are one.
fn with_single_slashes(uri: &str) -> String {
    let mut single = String::with_capacity(uri.len());
    for character in uri.chars() {
        if character != '/' || !single.ends_with('/') {
            single.push(character);
        }
    }
    single
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
