//! Lets MCP clients that run in a browser read metadata, keys, registration and token answers. The authorization
//! endpoint and the control API stay out: nothing but a person's own navigation may use them.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Answers preflights and opens answers to any origin. No cookie or other ambient credential counts at these
/// endpoints, so `*` gives nothing away.
pub(crate) async fn allow_any_origin(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    write_headers(response.headers_mut());
    response
}

fn write_headers(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            "GET, HEAD, POST, OPTIONS",
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, mcp-protocol-version",
        ),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "www-authenticate, etag, retry-after",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
