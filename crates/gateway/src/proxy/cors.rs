//! Cross-origin resource sharing (Fetch standard) for pages whose origin was admitted.
//!
//! A browser can read a challenge only if the answer that carries it has CORS headers, so they are on
//! every answer, 401 and 403 included. The upstream's own are replaced: two of them make a browser
//! refuse the answer, and the upstream does not know which origins are allowed.
//!
//! Credentials of the browser (cookies) are never allowed; the token is no such credential. The list of
//! origins is the boundary. An allowed page may therefore use every method and send every header but
//! those that only we write.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;

use crate::upstream::headers::is_protected;

/// Methods a page may use.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Headers that MCP clients send, allowed whether asked for or not.
const REQUEST_HEADERS: &str = "authorization, content-type, accept, mcp-protocol-version, \
                               mcp-session-id, mcp-method, mcp-name, last-event-id";

/// Response headers that a page may read.
const EXPOSED_HEADERS: &str = "WWW-Authenticate, MCP-Protocol-Version, Mcp-Session-Id, Retry-After, \
                               RateLimit, RateLimit-Policy";

/// How long a browser may remember a preflight, in seconds: the most that Chromium honours.
const MAX_AGE: &str = "7200";

/// How many further headers one preflight may ask for.
const MAX_ASKED: usize = 64;

/// Whether a browser asks for leave before the real request.
#[must_use]
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight of an admitted origin: 204, and what the page may do. The upstream never
/// sees it. [`decorate`] adds the origin.
#[must_use]
pub fn preflight(asked: &HeaderMap) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(METHODS),
    );
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(asked));
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static(MAX_AGE),
    );
    headers.insert(
        header::VARY,
        HeaderValue::from_static("Access-Control-Request-Method, Access-Control-Request-Headers"),
    );
    response
}

/// Puts our CORS headers in the place of whatever is there. `origin` is the admitted `Origin` header of
/// the request; without one the answer is for a program, or for a page that may not read it.
pub fn decorate(origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED_HEADERS),
    );
}

/// The fixed headers, and of the others asked for those that we would not strip anyway.
fn allowed_headers(asked: &HeaderMap) -> HeaderValue {
    let mut allowed = REQUEST_HEADERS.to_owned();
    let asked = asked.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let names = asked
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .filter(|name| !is_protected(name));
    for name in names.take(MAX_ASKED) {
        if !allowed.split(", ").any(|known| known == name.as_str()) {
            allowed.push_str(", ");
            allowed.push_str(name.as_str());
        }
    }
    // Header names are tokens, so the list is a header value.
    HeaderValue::from_str(&allowed).unwrap_or(HeaderValue::from_static(REQUEST_HEADERS))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn asking(headers: &str) -> HeaderMap {
        let mut asked = HeaderMap::new();
        asked.insert(
            header::ORIGIN,
            HeaderValue::from_static("https://app.example"),
        );
        asked.insert(
            header::ACCESS_CONTROL_REQUEST_METHOD,
            HeaderValue::from_static("POST"),
        );
        asked.insert(
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            HeaderValue::from_str(headers).unwrap(),
        );
        asked
    }

    fn allowed(headers: &str) -> String {
        let response = preflight(&asking(headers));
        let value = &response.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS];
        value.to_str().unwrap().to_owned()
    }

    #[rstest]
    #[case("OPTIONS", true, true, true)]
    #[case("OPTIONS", true, false, false)]
    #[case("OPTIONS", false, true, false)]
    #[case("options", true, true, false)]
    #[case("GET", true, true, false)]
    fn f26_knows_a_preflight(
        #[case] method: &str,
        #[case] origin: bool,
        #[case] asked: bool,
        #[case] expected: bool,
    ) {
        let mut headers = asking("");
        if !origin {
            headers.remove(header::ORIGIN);
        }
        if !asked {
            headers.remove(header::ACCESS_CONTROL_REQUEST_METHOD);
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(is_preflight(&method, &headers), expected);
    }

    #[rstest]
    #[case("mcp-param-region", true)]
    #[case("X-Api-Version", true)]
    #[case("x-auth-request-user", false)]
    #[case("X_Auth_Tenant", false)]
    #[case("x-forwarded-for", false)]
    #[case("not a header", false)]
    fn allows_the_headers_asked_for_but_never_ours(#[case] name: &str, #[case] expected: bool) {
        let listed = allowed(name);
        let name = name.to_ascii_lowercase();
        assert_eq!(listed.split(", ").any(|known| known == name), expected);
        assert!(listed.starts_with("authorization, content-type, accept, mcp-protocol-version"));
    }

    #[test]
    fn names_no_header_twice_and_bounds_their_number() {
        assert_eq!(allowed("authorization, Content-Type"), REQUEST_HEADERS);
        let many: Vec<_> = (0..1_000).map(|number| format!("x-{number}")).collect();
        assert_eq!(allowed(&many.join(",")).split(", ").count(), 8 + MAX_ASKED);
    }

    #[test]
    fn an_answer_names_the_origin_and_what_the_page_may_read() {
        let mut headers = HeaderMap::new();
        headers.insert(header::VARY, HeaderValue::from_static("Accept"));
        decorate(
            Some(&HeaderValue::from_static("https://app.example")),
            &mut headers,
        );
        assert_eq!(
            headers[header::ACCESS_CONTROL_ALLOW_ORIGIN],
            "https://app.example"
        );
        assert_eq!(
            headers[header::ACCESS_CONTROL_EXPOSE_HEADERS],
            EXPOSED_HEADERS
        );
        let vary: Vec<_> = headers.get_all(header::VARY).iter().collect();
        assert_eq!(vary, ["Accept", "Origin"]);
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }

    #[test]
    fn an_answer_for_a_program_varies_by_origin_all_the_same() {
        let mut headers = HeaderMap::new();
        decorate(None, &mut headers);
        assert_eq!(headers.len(), 1);
        assert_eq!(headers[header::VARY], "Origin");
    }
}
