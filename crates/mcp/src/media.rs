//! Whether a body's bytes are what its reader takes them for: JSON in UTF-8, as it was sent.

use http::{HeaderMap, HeaderValue, header};

use crate::refusal::Refusal;

/// Exactly one `Content-Type: application/json`, in UTF-8 if it says so, and nothing coded.
pub(crate) fn plain_json(headers: &HeaderMap) -> Result<(), Refusal> {
    if !all_say(headers, &header::CONTENT_ENCODING, "identity") {
        return Err(Refusal::unreadable("the body is compressed"));
    }
    // HTTP itself undoes `chunked`, and nothing else.
    if !all_say(headers, &header::TRANSFER_ENCODING, "chunked") {
        return Err(Refusal::unreadable("the body is coded for its transfer"));
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    match (types.next().map(HeaderValue::to_str), types.next()) {
        (Some(Ok(media_type)), None) if is_json(media_type) => Ok(()),
        _ => Err(Refusal::unreadable("the body is not application/json")),
    }
}

fn all_say(headers: &HeaderMap, name: &header::HeaderName, only: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(only.as_bytes()))
}

/// A comma would make it a list, of which some readers take the last.
pub(crate) fn is_json(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && !media_type.contains(',')
        && parts.all(keeps_utf8)
}

/// A parameter may say anything but another character set, `charset*` (RFC 8187) included.
fn keeps_utf8(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return parameter.is_empty();
    };
    let name = name.trim().to_ascii_lowercase();
    match name.as_str() {
        "charset" => value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"),
        _ => !name.starts_with("charset"),
    }
}
