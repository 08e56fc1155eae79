//! A header's one value, and what it encodes.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName};

/// The header's one value, in visible ASCII, without the blanks that HTTP trims (RFC 9110 §5.5; HTTP/2
/// delivers them). `Err` when there are several or others.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(());
    }
    let text = value.to_str().map_err(|_| ())?;
    Ok(Some(text.trim_matches([' ', '\t'])))
}

/// The same, decoded.
pub(super) fn only_decoded<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<Cow<'a, str>>, ()> {
    only(headers, name)?.map(decode).transpose()
}

/// `=?base64?…?=` around the base64 of UTF-8, or the value as it stands (MCP 2026-07-28, Value Encoding).
fn decode(value: &str) -> Result<Cow<'_, str>, ()> {
    let Some(encoded) = value
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="))
    else {
        return Ok(Cow::Borrowed(value));
    };
    let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| ())?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("us-west1", Some("us-west1"))]
    #[case::not_ascii("=?base64?SGVsbG8sIOS4lueVjA==?=", Some("Hello, 世界"))]
    #[case::blanks("=?base64?IHBhZGRlZCA=?=", Some(" padded "))]
    #[case::newline("=?base64?bGluZTEKbGluZTI=?=", Some("line1\nline2"))]
    #[case::looks_encoded("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", Some("=?base64?literal?="))]
    #[case::empty("=?base64??=", Some(""))]
    #[case::sentinel_in_capitals("=?BASE64?ZWNobw==?=", Some("=?BASE64?ZWNobw==?="))]
    #[case::no_end("=?base64?ZWNobw==", Some("=?base64?ZWNobw=="))]
    #[case::too_short("=?base64?=", Some("=?base64?="))]
    #[case::no_padding("=?base64?ZWNobw?=", None)]
    #[case::loose_bits("=?base64?ZWNobx==?=", None)]
    #[case::url_alphabet("=?base64?_w==?=", None)]
    #[case::blank_inside("=?base64?ZWNo bw==?=", None)]
    #[case::not_utf8("=?base64?/w==?=", None)]
    fn row_41_decodes_the_sentinel_exactly(#[case] value: &str, #[case] decoded: Option<&str>) {
        assert_eq!(decode(value).ok().as_deref(), decoded);
    }
}
