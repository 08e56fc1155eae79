//! The one path that routing, authorization and the upstream see.

use std::fmt;

use oauthgate_core::Denial;

use super::malformed;

/// The path of a request: exactly the bytes the client sent, which mean the same to every reader.
///
/// Nothing is normalised. A path that two readers could normalise differently is refused: empty and
/// dot segments, backslashes, path parameters (`;`), control characters, bytes outside UTF-8, and all
/// of these percent-encoded once or twice. So the decoded form below is the only decoded form there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath {
    text: String,
    /// Where it differs.
    decoded: Option<String>,
}

impl RequestPath {
    /// Reads a path as it stands in the request target.
    ///
    /// # Errors
    /// [`oauthgate_core::Reason::MalformedRequest`] when the path is ambiguous.
    pub fn parse(text: &str) -> Result<Self, Denial> {
        if !text.starts_with('/') {
            return Err(malformed("the request target has no path"));
        }
        let decoded = match is_plain(text) {
            true => None,
            false => Some(decode(text)?),
        };
        decoded.as_deref().map_or(Ok(()), check_segments)?;
        Ok(Self {
            text: text.to_owned(),
            decoded,
        })
    }

    /// The path as the client wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path with its percent-encoding removed: what routing compares.
    #[must_use]
    pub fn decoded(&self) -> &str {
        self.decoded.as_deref().unwrap_or(&self.text)
    }

    /// Whether the path lies at or below a resource's path (without trailing slash; empty for the
    /// root). `/mcp` holds `/mcp`, `/mcp/` and `/mcp/x`, never `/mcpx` or `/MCP`.
    #[must_use]
    pub fn lies_under(&self, resource_path: &str) -> bool {
        below(self.decoded(), resource_path).is_some()
    }

    /// What follows the resource's path, as the client wrote it: empty, or `/` and more. The spelling
    /// of the resource's own segments does not matter.
    #[must_use]
    pub fn below(&self, resource_path: &str) -> Option<&str> {
        below(self.decoded(), resource_path)?;
        // An encoded slash is refused, so text and decoded form have their slashes at the same places.
        let segments = resource_path.matches('/').count();
        let end = self
            .text
            .match_indices('/')
            .nth(segments)
            .map_or(self.text.len(), |(position, _)| position);
        self.text.get(end..)
    }
}

impl fmt::Display for RequestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What of `path` follows `prefix`, if the prefix ends at a segment's end.
fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.strip_prefix(prefix)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path means itself, as most do: no escape in it, nothing that would be refused, and no segment that
/// is empty or begins with a dot.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().all(|byte| is_literal(*byte))
        && !bytes
            .windows(2)
            .any(|pair| pair[0] == b'/' && matches!(pair[1], b'/' | b'.'))
}

fn decode(text: &str) -> Result<String, Denial> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let (octet, tail) = escape(tail)?;
            rest = tail;
            decoded.push(encoded_octet(octet, tail)?);
        } else {
            decoded.push(raw_octet(byte)?);
        }
    }
    let decoded = String::from_utf8(decoded).map_err(|_| malformed("the path is not UTF-8"))?;
    match decoded.chars().any(char::is_control) {
        true => Err(malformed("the path holds a control character")),
        false => Ok(decoded),
    }
}

/// The octet of an escape, whose `%` was read already, and what follows it.
fn escape(text: &[u8]) -> Result<(u8, &[u8]), Denial> {
    match text {
        [high, low, tail @ ..] => hex(*high)
            .zip(hex(*low))
            .map(|(high, low)| (high << 4 | low, tail)),
        _ => None,
    }
    .ok_or_else(|| malformed("the path holds a percent sign without two hexadecimal digits"))
}

fn hex(digit: u8) -> Option<u8> {
    // The digit of radix 16 is below 16.
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Characters that some reader treats as structure once it has decoded them.
fn encoded_octet(octet: u8, tail: &[u8]) -> Result<u8, Denial> {
    match octet {
        b'/' => Err(malformed("the path holds an encoded slash")),
        b'\\' => Err(malformed("the path holds an encoded backslash")),
        b'.' => Err(malformed("the path holds an encoded dot")),
        b';' => Err(malformed("the path holds an encoded semicolon")),
        b'%' if escape(tail).is_ok() => Err(malformed("the path is percent-encoded twice")),
        octet => Ok(octet),
    }
}

/// RFC 3986 §3.3 `pchar` without `;`, and the brackets and bar that browsers leave as they are.
fn is_literal(byte: u8) -> bool {
    matches!(
        byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'
            | b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'@'
            | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'='
            | b'[' | b']' | b'|'
    )
}

fn raw_octet(byte: u8) -> Result<u8, Denial> {
    match byte {
        byte if is_literal(byte) => Ok(byte),
        b'\\' => Err(malformed("the path holds a backslash")),
        b';' => Err(malformed("the path holds a path parameter")),
        _ => Err(malformed("the path holds a character that must be encoded")),
    }
}

/// No empty segment but the last (a trailing slash), no dot segment.
fn check_segments(path: &str) -> Result<(), Denial> {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "" if segments.peek().is_some() => {
                return Err(malformed("the path holds an empty segment"));
            }
            "." | ".." => return Err(malformed("the path holds a dot segment")),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use oauthgate_core::Reason;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// Where the tricks are tried: alone, at the resource's start, inside, at the end.
    fn spellings(trick: &str) -> [String; 4] {
        [
            format!("/{trick}"),
            format!("/mcp/{trick}"),
            format!("/mcp/{trick}/admin"),
            format!("/mcp/a/{trick}/"),
        ]
    }

    #[test]
    fn f15_refuses_every_path_that_two_readers_could_read_differently() {
        let tricks = [
            "..",
            ".",
            "%2e",
            "%2E",
            "%2e%2e",
            "%2e.",
            ".%2E",
            "..%2f",
            "%2f",
            "%2F",
            "a%2fb",
            "%5c",
            "%5C",
            "a\\b",
            "..\\",
            ";",
            "a;b=c",
            "..;",
            ".;x",
            "%3b",
            "a%3Bb",
            "%252e",
            "%252e%252e",
            "%252f",
            "%255c",
            "%253b",
            "%2500",
            "%25252e",
            "%2565",
            "%00",
            "a%00b",
            "%0a",
            "%0d%0a",
            "%09",
            "%1f",
            "%7f",
            "%c2%85",
            "%c0%ae",
            "%c0%af",
            "%e0%80%af",
            "%f0%80%80%af",
            "%c1%9c",
            "%ff",
            "%ed%a0%80",
            "%c3",
            "%",
            "%2",
            "%zz",
            "%u002e",
            "%-1",
            "a b",
            "a\"b",
            "<x>",
            "{x}",
            "a^b",
            "`x`",
            "ä",
            "\u{ff0f}",
            "\u{2025}",
            "\0",
        ];
        let mut tried = 0;
        for path in tricks.iter().flat_map(|trick| spellings(trick)) {
            let denial = RequestPath::parse(&path).expect_err(&path);
            assert_eq!(denial.reason(), Reason::MalformedRequest, "{path}");
            tried += 1;
        }
        assert!(tried >= 60, "{tried} paths");
    }

    #[rstest]
    #[case("//")]
    #[case("//mcp")]
    #[case("/mcp//")]
    #[case("/mcp//x")]
    #[case("/mcp///")]
    #[case("")]
    #[case("mcp")]
    #[case("?x=/mcp")]
    #[case("*")]
    #[case("http://mcp.example.com/mcp")]
    fn f15_refuses_empty_segments_and_targets_without_a_path(#[case] path: &str) {
        assert!(RequestPath::parse(path).is_err(), "{path}");
    }

    #[rstest]
    #[case("/", "/")]
    #[case("/mcp", "/mcp")]
    #[case("/mcp/", "/mcp/")]
    #[case("/%6dcp", "/mcp")]
    #[case("/a%20b", "/a b")]
    #[case("/100%25", "/100%")]
    #[case("/a%25zz", "/a%zz")]
    #[case("/%C3%B6", "/ö")]
    #[case("/a%40b:c@d", "/a@b:c@d")]
    #[case("/...", "/...")]
    #[case("/.well-known/x", "/.well-known/x")]
    #[case("/a..b/.c/d.", "/a..b/.c/d.")]
    #[case("/pages/[id]|x", "/pages/[id]|x")]
    fn keeps_an_unambiguous_path_as_it_is(#[case] path: &str, #[case] decoded: &str) {
        let path = RequestPath::parse(path).unwrap();
        assert_eq!(path.decoded(), decoded);
    }

    #[rstest]
    #[case("/mcp", Some(""))]
    #[case("/mcp/", Some("/"))]
    #[case("/mcp/a%20b", Some("/a%20b"))]
    #[case("/%6dcp/x", Some("/x"))]
    #[case("/%6D%63%70", Some(""))]
    #[case("/mcpX", None)]
    #[case("/mcp..", None)]
    #[case("/mcp-x", None)]
    #[case("/mcp:x", None)]
    #[case("/MCP", None)]
    #[case("/Mcp/", None)]
    #[case("/", None)]
    #[case("/x/mcp", None)]
    #[case("/mc", None)]
    fn f16_a_resource_ends_at_a_segment(#[case] path: &str, #[case] below: Option<&str>) {
        let path = RequestPath::parse(path).unwrap();
        assert_eq!(path.below("/mcp"), below);
        assert_eq!(path.lies_under("/mcp"), below.is_some());
    }

    #[test]
    fn everything_lies_under_the_root() {
        let path = RequestPath::parse("/a/b").unwrap();
        assert_eq!(path.below(""), Some("/a/b"));
        assert_eq!(RequestPath::parse("/").unwrap().below(""), Some("/"));
    }

    #[test]
    fn a_deep_resource_keeps_its_boundary() {
        let path = RequestPath::parse("/api/v1/mcp/x").unwrap();
        assert_eq!(path.below("/api/v1/mcp"), Some("/x"));
        assert_eq!(path.below("/api/v1"), Some("/mcp/x"));
        assert_eq!(path.below("/api/v1/m"), None);
    }

    proptest! {
        #[test]
        fn f15_a_path_that_means_itself_is_read_as_any_other(path in "/(/|%|\\.|;|2|e|\\\\|a|m|ä|\u{0}){0,8}") {
            let decoded = decode(&path).and_then(|path| check_segments(&path).map(|()| path));
            let read = RequestPath::parse(&path).map(|path| path.decoded().to_owned());
            prop_assert_eq!(read.ok(), decoded.ok());
        }

        #[test]
        fn f15_an_admitted_path_has_one_reading(path in "(/|%|\\.|;|2|e|E|f|5|c|\\\\|a|m){0,24}") {
            if let Ok(path) = RequestPath::parse(&path) {
                prop_assert!(!path.decoded().contains("//") && !path.decoded().contains('\\'));
                prop_assert!(path.decoded().split('/').all(|segment| segment != "." && segment != ".."));
                prop_assert_eq!(path.decoded().matches('/').count(), path.as_str().matches('/').count());
            }
        }
    }
}
