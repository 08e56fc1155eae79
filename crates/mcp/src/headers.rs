//! Whether the mirrored headers say what the body says (MCP 2026-07-28, Server Validation).

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName};

use crate::{
    Message, Operation, Payload,
    revision::{METHOD, NAME, Revision},
};

/// What disagrees; for the operator and, being fixed text, for the client too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mismatch {
    #[error("Mcp-Method occurs twice or holds characters that a header may not")]
    UnreadableMethod,
    #[error("Mcp-Method differs from the method in the body")]
    Method,
    #[error("Mcp-Method is missing")]
    MissingMethod,
    #[error("Mcp-Name occurs twice or does not decode")]
    UnreadableName,
    #[error("Mcp-Name differs from the name in the body")]
    Name,
    #[error("Mcp-Name is missing")]
    MissingName,
    #[error("Mcp-Method or Mcp-Name stands before a batch")]
    Batch,
}

/// Compares what is present, and misses what the revision requires.
pub(crate) fn agree(headers: &HeaderMap, payload: &Payload) -> Result<(), Mismatch> {
    let required = Revision::of(headers).is_some_and(Revision::requires_mirrored_headers);
    match payload {
        Payload::Single(message) => message.operations().first().map_or(Ok(()), |operation| {
            mirror(headers, operation, message, required)
        }),
        Payload::Batch(_) if headers.contains_key(METHOD) || headers.contains_key(NAME) => {
            Err(Mismatch::Batch)
        }
        Payload::Batch(_) => Ok(()),
    }
}

fn mirror(
    headers: &HeaderMap,
    operation: &Operation,
    message: &Message,
    required: bool,
) -> Result<(), Mismatch> {
    // Notifications need no mirror; a mirror that is there must be true all the same.
    let required = required && message.id().is_some();
    match only(headers, &METHOD).map_err(|()| Mismatch::UnreadableMethod)? {
        Some(method) if method != operation.method => return Err(Mismatch::Method),
        None if required => return Err(Mismatch::MissingMethod),
        _ => {}
    }
    let Some(object) = &operation.object else {
        return Ok(());
    };
    if !is_mirrored(&operation.method) {
        return Ok(());
    }
    let said = only(headers, &NAME)
        .and_then(|value| value.map(decode).transpose())
        .map_err(|()| Mismatch::UnreadableName)?;
    match said {
        Some(name) if object.name != *name => Err(Mismatch::Name),
        None if required => Err(Mismatch::MissingName),
        _ => Ok(()),
    }
}

/// The methods whose object `Mcp-Name` names (MCP 2026-07-28, Standard Request Headers).
fn is_mirrored(method: &str) -> bool {
    matches!(
        method,
        Operation::TOOLS_CALL | Operation::PROMPTS_GET | Operation::RESOURCES_READ
    )
}

/// The header's one value.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(());
    }
    value.to_str().map(Some).map_err(|_| ())
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
    use crate::Wanted;

    const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"Füße"}}"#;
    const ECHO: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;
    const NOTIFY: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

    fn check(body: &str, headers: &[(&str, &str)]) -> Result<(), Mismatch> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        agree(
            &map,
            &Payload::read(body.as_bytes(), &Wanted::nothing()).unwrap(),
        )
    }

    #[rstest]
    #[case(ECHO, &[])]
    #[case(ECHO, &[("mcp-method", "tools/call"), ("mcp-name", "echo")])]
    #[case(ECHO, &[("MCP-METHOD", "tools/call")])]
    #[case(ECHO, &[("mcp-name", "=?base64?ZWNobw==?=")])]
    #[case(CALL, &[("mcp-name", "=?base64?RsO8w59l?=")])]
    #[case(ECHO, &[("mcp-protocol-version", "2025-11-25")])]
    #[case(ECHO, &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "echo")])]
    #[case(NOTIFY, &[("mcp-protocol-version", "2026-07-28")])]
    #[case(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, &[("mcp-method", "whatever")])]
    fn accepts_headers_that_say_what_the_body_says(
        #[case] body: &str,
        #[case] headers: &[(&str, &str)],
    ) {
        assert_eq!(check(body, headers), Ok(()));
    }

    #[rstest]
    #[case(ECHO, &[("mcp-method", "tools/list")], Mismatch::Method)]
    #[case(ECHO, &[("mcp-method", "Tools/Call")], Mismatch::Method)]
    #[case(ECHO, &[("mcp-name", "Echo")], Mismatch::Name)]
    #[case(ECHO, &[("mcp-name", "=?base64?RWNobw==?=")], Mismatch::Name)]
    #[case(ECHO, &[("mcp-name", "=?base64?ZWNobw?=")], Mismatch::UnreadableName)]
    #[case(ECHO, &[("mcp-name", "=?base64?/w==?=")], Mismatch::UnreadableName)]
    #[case(ECHO, &[("mcp-name", "echo"), ("mcp-name", "echo")], Mismatch::UnreadableName)]
    #[case(CALL, &[("mcp-name", "Füße")], Mismatch::UnreadableName)]
    #[case(ECHO, &[("mcp-method", "tools/call"), ("mcp-method", "tools/list")], Mismatch::UnreadableMethod)]
    #[case(ECHO, &[("mcp-protocol-version", "2026-07-28")], Mismatch::MissingMethod)]
    #[case(ECHO, &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call")], Mismatch::MissingName)]
    #[case(NOTIFY, &[("mcp-method", "tools/call")], Mismatch::Method)]
    #[case(r#"[{"jsonrpc":"2.0","method":"ping"}]"#, &[("mcp-name", "echo")], Mismatch::Batch)]
    fn f23_refuses_headers_that_say_something_else(
        #[case] body: &str,
        #[case] headers: &[(&str, &str)],
        #[case] mismatch: Mismatch,
    ) {
        assert_eq!(check(body, headers), Err(mismatch));
    }
}
