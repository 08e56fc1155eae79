//! `Mcp-Method` and `Mcp-Name` against the body.

use http::HeaderMap;

use super::{
    Mismatch,
    value::{only, only_decoded},
};
use crate::{
    Message, Object, Operation, Payload,
    revision::{METHOD, NAME, Revision},
};

pub(super) fn agree(
    headers: &HeaderMap,
    payload: &Payload,
    revision: Option<Revision>,
) -> Result<(), Mismatch> {
    match payload {
        Payload::Single(message) => mirrors(headers, message, revision),
        Payload::Batch(_) if headers.contains_key(METHOD) || headers.contains_key(NAME) => {
            Err(Mismatch::Batch)
        }
        Payload::Batch(_) => Ok(()),
    }
}

fn mirrors(
    headers: &HeaderMap,
    message: &Message,
    revision: Option<Revision>,
) -> Result<(), Mismatch> {
    let Some(method) = message.method() else {
        return Ok(());
    };
    // 2026-07-28 defines no headers for notifications; a mirror that is there must be true all the same.
    let required =
        message.id().is_some() && revision.is_some_and(Revision::requires_mirrored_headers);
    match only(headers, &METHOD).map_err(|()| Mismatch::UnreadableMethod)? {
        Some(said) if said != method => return Err(Mismatch::Method),
        None if required => return Err(Mismatch::MissingMethod),
        _ => {}
    }
    match mirrored(message) {
        Some(object) => names(headers, object, required && must_be_named(method)),
        None => Ok(()),
    }
}

fn names(headers: &HeaderMap, object: &Object, required: bool) -> Result<(), Mismatch> {
    match only_decoded(headers, &NAME).map_err(|()| Mismatch::UnreadableName)? {
        Some(said) if object.name != *said => Err(Mismatch::Name),
        None if required => Err(Mismatch::MissingName),
        _ => Ok(()),
    }
}

/// The object that `params.name` or `params.uri` names. For other methods `Mcp-Name` means what an
/// extension says, and is left alone.
fn mirrored(message: &Message) -> Option<&Object> {
    let operation = message.operations().first()?;
    let method = operation.method.as_str();
    let watches = [
        Operation::RESOURCES_SUBSCRIBE,
        Operation::RESOURCES_UNSUBSCRIBE,
    ];
    let object = operation.object.as_ref();
    object.filter(|_| must_be_named(method) || watches.contains(&method))
}

/// The methods that need `Mcp-Name` (MCP 2026-07-28, Standard Request Headers).
pub(super) fn must_be_named(method: &str) -> bool {
    matches!(
        method,
        Operation::TOOLS_CALL | Operation::PROMPTS_GET | Operation::RESOURCES_READ
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use rstest::rstest;

    use super::{super::version, *};
    use crate::Wanted;

    const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"Füße"}}"#;
    const ECHO: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;
    const READ: &str =
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///a"}}"#;
    const PROMPT: &str =
        r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"greet"}}"#;
    const WATCH: &str =
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"file:///a"}}"#;
    const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    const NOTIFY: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    const BATCH: &str = r#"[{"jsonrpc":"2.0","method":"ping"}]"#;
    const MODERN: (&str, &str) = ("mcp-protocol-version", "2026-07-28");

    fn check(body: &str, headers: &[(&str, &str)]) -> Result<(), Mismatch> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let payload = Payload::read(body.as_bytes(), &Wanted::nothing()).unwrap();
        agree(&map, &payload, version::of(&map).unwrap())
    }

    #[rstest]
    #[case(ECHO, &[])]
    #[case(ECHO, &[("mcp-method", "tools/call"), ("mcp-name", "echo")])]
    #[case::names_ignore_case(ECHO, &[("MCP-METHOD", "tools/call"), ("mCP-nAME", "echo")])]
    #[case::blanks_around(ECHO, &[("mcp-method", " tools/call\t"), ("mcp-name", "  echo ")])]
    #[case(ECHO, &[("mcp-name", "=?base64?ZWNobw==?=")])]
    #[case(CALL, &[("mcp-name", "=?base64?RsO8w59l?=")])]
    #[case(ECHO, &[("mcp-protocol-version", "2025-11-25")])]
    #[case(ECHO, &[MODERN, ("mcp-method", "tools/call"), ("mcp-name", "echo")])]
    #[case(READ, &[MODERN, ("mcp-method", "resources/read"), ("mcp-name", "file:///a")])]
    #[case(PROMPT, &[MODERN, ("mcp-method", "prompts/get"), ("mcp-name", "greet")])]
    #[case::no_name_needed(LIST, &[MODERN, ("mcp-method", "tools/list")])]
    #[case::an_extension_names(LIST, &[MODERN, ("mcp-method", "tools/list"), ("mcp-name", "x")])]
    #[case(NOTIFY, &[MODERN])]
    #[case(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, &[("mcp-method", "whatever")])]
    fn row_39_accepts_headers_that_say_what_the_body_says(
        #[case] body: &str,
        #[case] headers: &[(&str, &str)],
    ) {
        assert_eq!(check(body, headers), Ok(()));
    }

    #[rstest]
    #[case(ECHO, &[("mcp-method", "tools/list")], Mismatch::Method)]
    #[case(ECHO, &[("mcp-method", "Tools/Call")], Mismatch::Method)]
    #[case(ECHO, &[("mcp-method", "")], Mismatch::Method)]
    #[case(ECHO, &[("mcp-method", "=?base64?dG9vbHMvY2FsbA==?=")], Mismatch::Method)]
    #[case(ECHO, &[("mcp-name", "Echo")], Mismatch::Name)]
    #[case(ECHO, &[("mcp-name", "")], Mismatch::Name)]
    #[case(ECHO, &[("mcp-name", "=?BASE64?ZWNobw==?=")], Mismatch::Name)]
    #[case(ECHO, &[("mcp-name", "=?base64?RWNobw==?=")], Mismatch::Name)]
    #[case(ECHO, &[("mcp-name", "=?base64?ZWNobw?=")], Mismatch::UnreadableName)]
    #[case(ECHO, &[("mcp-name", "=?base64?/w==?=")], Mismatch::UnreadableName)]
    #[case(ECHO, &[("mcp-name", "echo"), ("mcp-name", "echo")], Mismatch::UnreadableName)]
    #[case(READ, &[("mcp-name", "file:///b")], Mismatch::Name)]
    #[case(WATCH, &[("mcp-name", "file:///b")], Mismatch::Name)]
    #[case(CALL, &[("mcp-name", "Füße")], Mismatch::UnreadableName)]
    #[case(ECHO, &[("mcp-method", "tools/call"), ("mcp-method", "tools/list")], Mismatch::UnreadableMethod)]
    #[case(NOTIFY, &[("mcp-method", "tools/call")], Mismatch::Method)]
    #[case(BATCH, &[("mcp-name", "echo")], Mismatch::Batch)]
    #[case(BATCH, &[("mcp-method", "ping")], Mismatch::Batch)]
    fn f23_row_40_refuses_headers_that_say_something_else(
        #[case] body: &str,
        #[case] headers: &[(&str, &str)],
        #[case] mismatch: Mismatch,
    ) {
        assert_eq!(check(body, headers), Err(mismatch));
    }

    #[rstest]
    #[case(ECHO, &[MODERN], Mismatch::MissingMethod)]
    #[case(LIST, &[MODERN], Mismatch::MissingMethod)]
    #[case(ECHO, &[MODERN, ("mcp-method", "tools/call")], Mismatch::MissingName)]
    #[case(READ, &[MODERN, ("mcp-method", "resources/read")], Mismatch::MissingName)]
    #[case(PROMPT, &[MODERN, ("mcp-method", "prompts/get")], Mismatch::MissingName)]
    fn row_39_misses_what_the_revision_requires(
        #[case] body: &str,
        #[case] headers: &[(&str, &str)],
        #[case] mismatch: Mismatch,
    ) {
        assert_eq!(check(body, headers), Err(mismatch));
    }
}
