//! How long a head is, as HTTP/1.1 would write it.

use http::{HeaderMap, request::Parts};

/// Blanks, version and end of a request's first line, and the empty line.
const FRAME: usize = "  HTTP/1.1\r\n\r\n".len();
/// What stands around a value.
const LINE: usize = ": \r\n".len();

/// Bytes of a request's head. HTTP/2 leaves out some of them, and HTTP/1.1 an address's scheme and host.
pub(super) fn of_request(parts: &Parts) -> usize {
    let target = parts
        .uri
        .path_and_query()
        .map_or(1, |text| text.as_str().len());
    parts.method.as_str().len() + target + FRAME + of_headers(&parts.headers)
}

/// Bytes of header lines.
pub(crate) fn of_headers(headers: &HeaderMap) -> usize {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + LINE + value.len()
    };
    headers.iter().map(line).sum()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_head_is_as_long_as_it_is_written() {
        let head = "GET /mcp?q=1 HTTP/1.1\r\nhost: a\r\nx-empty: \r\nhost: b\r\n\r\n";
        let request = Request::get("/mcp?q=1")
            .header("host", "a")
            .header("x-empty", "")
            .header("host", "b");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(of_request(&parts), head.len());
    }
}
