//! CORS preflights: the one kind of request that cannot carry a token (Fetch standard, CORS protocol).

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;

/// In the extensions of preflights that a layer passed on unauthenticated, because it was told to
/// (`forward_unauthenticated_preflight`). Policies further in let them by: there is nothing to decide on.
///
/// Only the layer makes one, so nothing from outside can be taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForwardedPreflight {}

impl ForwardedPreflight {
    pub(crate) fn by_this_layer() -> Self {
        Self {}
    }
}

/// A browser's question, and nothing else: `OPTIONS` with `Origin` and `Access-Control-Request-Method`.
/// A browser never puts credentials on it, so one that carries some is checked like any request.
pub(crate) fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && !headers.contains_key(header::AUTHORIZATION)
}

/// Nothing is granted: a browser takes the absence of `Access-Control-Allow-Origin` for a no.
pub(crate) fn grants_nothing() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(
        header::VARY,
        HeaderValue::from_static(
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        ),
    );
    response
}
