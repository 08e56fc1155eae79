//! The token of a request (RFC 6750 §2.1).

use std::fmt;

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION, request::Parts};

use crate::{Denial, Reason};

/// The query's spelling of a token (RFC 6750 §2.3).
const TOKEN_PARAMETER: &str = "access_token";

/// A bearer token where it stands in its request. `Debug` never shows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BearerToken<'request>(&'request str);

impl<'request> BearerToken<'request> {
    /// The token of this request, from the `Authorization` header only. A token in the query alone
    /// counts as none (RFC 9700 §4.3.2); in the query *and* the header, as two.
    ///
    /// # Errors
    /// `no_credentials`, `malformed_authorization` or `multiple_credentials`; never a reason that
    /// speaks about the token itself.
    pub fn from_request(parts: &'request Parts) -> Result<Self, Denial> {
        let is_in_query = has_token_in_query(parts.uri.query().unwrap_or_default());
        if is_in_query && !parts.headers.contains_key(AUTHORIZATION) {
            let detail = "a token in the query is not read: it belongs in the Authorization header";
            return Err(Denial::new(Reason::NoCredentials).with_detail(detail));
        }
        let token = token_of(the_one_credential(&parts.headers)?)?;
        if is_in_query {
            let detail = "a token in the Authorization header and another in the query";
            return Err(Denial::new(Reason::MultipleCredentials).with_detail(detail));
        }
        Ok(Self(token))
    }

    /// What would be the token of this request if it is spelled like one, which nobody has looked at: for whoever
    /// compares it, whole, with tokens that [`Self::from_request`] read before. `None` where that reads none.
    #[must_use]
    pub fn candidate(parts: &'request Parts) -> Option<&'request [u8]> {
        if has_token_in_query(parts.uri.query().unwrap_or_default()) {
            return None;
        }
        after_scheme(the_one_credential(&parts.headers).ok()?).ok()
    }

    /// Whether the request offers credentials of whatever kind: an `Authorization` line, be its scheme ours or
    /// not, or a token in the query. Who offers some is never anonymous, however bad they are (C22).
    #[must_use]
    pub fn is_offered(parts: &Parts) -> bool {
        parts.headers.contains_key(AUTHORIZATION)
            || has_token_in_query(parts.uri.query().unwrap_or_default())
    }

    /// The token text. Keep it out of logs, errors and whatever leaves the process.
    #[must_use]
    pub fn expose(&self) -> &'request str {
        self.0
    }
}

impl fmt::Debug for BearerToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(redacted)")
    }
}

fn the_one_credential(headers: &HeaderMap) -> Result<&HeaderValue, Denial> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let first = lines
        .next()
        .ok_or_else(|| Denial::new(Reason::NoCredentials))?;
    match lines.next() {
        None => Ok(first),
        Some(_) => {
            Err(Denial::new(Reason::MultipleCredentials).with_detail("two Authorization lines"))
        }
    }
}

/// `credentials = "Bearer" 1*SP b64token`, where the scheme's case does not count (RFC 9110 §11.1).
fn token_of(credential: &HeaderValue) -> Result<&str, Denial> {
    let token = after_scheme(credential)?;
    if !is_b64token(token) {
        return Err(no_token());
    }
    std::str::from_utf8(token).map_err(|_| malformed("not ASCII"))
}

/// What stands behind `Bearer` and blanks, whatever it is.
fn after_scheme(credential: &HeaderValue) -> Result<&[u8], Denial> {
    let bytes = credential.as_bytes();
    let scheme_end = bytes
        .iter()
        .position(|byte| !is_token_character(*byte))
        .unwrap_or(bytes.len());
    let (scheme, rest) = bytes.split_at_checked(scheme_end).unwrap_or((bytes, &[]));
    if scheme.is_empty() {
        return Err(malformed("no authentication scheme"));
    }
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return Err(other_scheme(rest));
    }
    let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = rest.get(blanks..).unwrap_or_default();
    if blanks == 0 {
        return Err(no_token());
    }
    Ok(token)
}

fn no_token() -> Denial {
    malformed("not `Bearer`, a space and one token")
}

/// Another scheme is no credential for us, unless a bearer token hides in the same list.
fn other_scheme(rest: &[u8]) -> Denial {
    let hides_bearer = rest.split(|byte| *byte == b',').skip(1).any(|credential| {
        let credential = credential.trim_ascii();
        credential
            .get(..6)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"Bearer"))
            && credential
                .get(6)
                .is_none_or(|next| !is_token_character(*next))
    });
    if hides_bearer {
        return Denial::new(Reason::MultipleCredentials)
            .with_detail("two credentials in one Authorization line");
    }
    Denial::new(Reason::NoCredentials).with_detail("another authentication scheme than Bearer")
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750 §2.1).
fn is_b64token(text: &[u8]) -> bool {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = text
        .get(..text.len().saturating_sub(padding))
        .unwrap_or_default();
    !body.is_empty()
        && body
            .iter()
            .fold(true, |legal, byte| legal & is_b64_character(*byte))
}

/// Without branches, so that the compiler can look at many bytes at once; `-`, `.`, `/` and the digits are
/// neighbours.
fn is_b64_character(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
        | matches!(byte, b'-'..=b'9')
        | (byte == b'_')
        | (byte == b'~')
        | (byte == b'+')
}

/// Percent-encoded spellings of the name count: the upstream would decode them too.
fn has_token_in_query(query: &str) -> bool {
    query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        name == TOKEN_PARAMETER || (name.contains('%') && decodes_to_token_parameter(name))
    })
}

fn decodes_to_token_parameter(name: &str) -> bool {
    url::form_urlencoded::parse(name.as_bytes()).any(|(name, _)| name == TOKEN_PARAMETER)
}

fn malformed(detail: &str) -> Denial {
    Denial::new(Reason::MalformedAuthorization).with_detail(detail)
}
