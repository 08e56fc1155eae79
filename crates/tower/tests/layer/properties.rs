//! Whatever comes, nothing gets in that should not.

use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request};
use proptest::prelude::*;
use tokio::runtime::Builder;

use crate::support::*;

fn value() -> impl Strategy<Value = HeaderValue> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        "[Bb]earer[ \t,]{0,3}[A-Za-z0-9._~+/=\" ,-]{0,60}".prop_map(String::into_bytes),
    ];
    bytes.prop_filter_map("no header value", |bytes| {
        HeaderValue::from_bytes(&bytes).ok()
    })
}

fn name() -> impl Strategy<Value = HeaderName> {
    let names = [
        "authorization",
        "proxy-authorization",
        "x-auth-request-user",
        "origin",
        "access-control-request-method",
        "cookie",
    ];
    prop::sample::select(names.to_vec()).prop_map(HeaderName::from_static)
}

fn method() -> impl Strategy<Value = Method> {
    let methods = [
        "GET", "HEAD", "POST", "OPTIONS", "options", "TRACE", "CONNECT", "X",
    ];
    prop::sample::select(methods.to_vec()).prop_map(|method| method.parse().unwrap())
}

fn path() -> impl Strategy<Value = String> {
    "/(\\.well-known|oauth-protected-resource|mcp|\\.\\.|%2e|;|/){0,6}(\\?access_token=good)?"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_request_without_the_good_token_reaches_the_service(
        method in method(),
        path in path(),
        headers in prop::collection::vec((name(), value()), 0..4),
    ) {
        let spelt = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.to_lowercase().starts_with("bearer ") && text.trim_end().ends_with("good"));
        prop_assume!(!headers.iter().any(|(_, value)| spelt(value)));
        let mut request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        request.headers_mut().extend(headers.into_iter().map(|(name, value)| (Some(name), value)));
        let server = Server::paved();
        let answered = Builder::new_current_thread().build().unwrap().block_on(server.ask(request));
        prop_assert_eq!(server.reached(), 0);
        prop_assert!(matches!(answered.status().as_u16(), 200 | 204 | 400 | 401 | 405), "{}", answered.status());
    }
}
