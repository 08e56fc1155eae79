//! The headers of sessions, however they are spelled.

use http::{HeaderMap, HeaderName, HeaderValue};
use oauthgate_core::Denial;

use super::binding::unknown;
use crate::revision::SESSION_ID;

/// The letters of `Mcp-Session-Id` and of `Last-Event-ID`, which says where in a stream a client wants to go on
/// (2025-03-26 to 2025-11-25).
const SESSION_ID_LETTERS: &str = "mcpsessionid";
const LAST_EVENT_ID_LETTERS: &str = "lasteventid";

/// Takes the request's one session id out. Some servers read `Mcp_Session_Id` as `Mcp-Session-Id` (CGI, WSGI,
/// PHP), so all spellings go, and only the right one is looked at.
pub(super) fn take(headers: &mut HeaderMap) -> Result<Option<HeaderValue>, Denial> {
    let mut values = headers.get_all(SESSION_ID).iter();
    let (first, further) = (values.next().cloned(), values.next());
    if further.is_some() {
        return Err(unknown("there is more than one session id".to_owned()));
    }
    remove(headers, &[SESSION_ID_LETTERS]);
    Ok(first)
}

/// Removes what a revision without sessions ignores.
pub(super) fn remove_all(headers: &mut HeaderMap) {
    remove(headers, &[SESSION_ID_LETTERS, LAST_EVENT_ID_LETTERS]);
}

fn remove(headers: &mut HeaderMap, spelled: &[&str]) {
    let is_unwanted = |name: &HeaderName| {
        let reads_as = |word: &&str| {
            let letters = name.as_str().bytes().filter(u8::is_ascii_alphanumeric);
            letters.eq(word.bytes())
        };
        spelled.iter().any(reads_as)
    };
    let found: Vec<_> = headers
        .keys()
        .filter(|name| is_unwanted(name))
        .cloned()
        .collect();
    for name in found {
        headers.remove(name);
    }
}
