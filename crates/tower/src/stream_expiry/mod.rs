//! A stream must not outlive the token that opened it.
//!
//! A request is checked once, but its answer may last for days: an event stream, a WebSocket. Unless the
//! layer is told to [`StreamExpiry::Keep`] them, it ends event streams (`text/event-stream`) when it
//! would refuse their token: at `exp`, the issuer's clock skew later, and within a grace. The end is a
//! clean one, between two events, after a comment that says why; the client connects again with a fresh
//! token, and without one hears 401. The service behind sees at once that nobody listens any more.
//!
//! Whoever else holds something open for a caller finds the [`StreamDeadline`] in the request's
//! extensions, and can wait for it. Whoever knows better last words than a comment puts a
//! [`StreamFarewell`] into the response's.

mod body;
mod deadline;
mod farewell;
mod leash;

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

pub(crate) use self::{
    body::ExpiringBody,
    deadline::{Observer, Terms},
};
pub use self::{
    deadline::{Countdown, StreamDeadline},
    farewell::{LastWords, StreamFarewell},
};

/// How long a stream may go on after its token is refused, unless told otherwise.
const GRACE: Duration = Duration::from_secs(5);

/// What happens to streams whose token expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamExpiry {
    /// They are ended.
    Close {
        /// How long after a request with the token would be refused, at the latest.
        grace: Duration,
    },
    /// They go on for as long as client and server like.
    Keep,
}

impl Default for StreamExpiry {
    /// They are ended, five seconds later at the latest.
    fn default() -> Self {
        Self::Close { grace: GRACE }
    }
}

/// Whether the body is a stream of events: `text/event-stream`, however it is spelled and whatever its
/// parameters.
#[must_use]
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    const NAME: &[u8] = b"text/event-stream";
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    types.any(|value| {
        let media_type = value.as_bytes().trim_ascii_start();
        media_type
            .split_at_checked(NAME.len())
            .is_some_and(|(name, rest)| {
                name.eq_ignore_ascii_case(NAME)
                    && matches!(rest.trim_ascii_start(), [] | [b';', ..])
            })
    })
}

/// Whether somebody compressed the body: then nobody here can see where an event ends.
fn is_encoded(headers: &HeaderMap) -> bool {
    let identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    !headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(identity)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn with(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[rstest]
    #[case("text/event-stream", true)]
    #[case("Text/Event-Stream", true)]
    #[case(" text/event-stream ; charset=utf-8", true)]
    #[case("text/event-stream;x=\"a;b\"", true)]
    #[case("text/event-streams", false)]
    #[case("application/json", false)]
    #[case("", false)]
    fn an_event_stream_is_known_by_its_media_type(#[case] value: &str, #[case] expected: bool) {
        assert_eq!(
            is_event_stream(&with(header::CONTENT_TYPE, value)),
            expected
        );
    }

    #[rstest]
    #[case("gzip", true)]
    #[case("identity, br", true)]
    #[case("Identity", false)]
    fn what_is_compressed_is_known_by_its_encoding(#[case] value: &str, #[case] expected: bool) {
        assert_eq!(is_encoded(&with(header::CONTENT_ENCODING, value)), expected);
        assert!(!is_encoded(&HeaderMap::new()));
    }
}
