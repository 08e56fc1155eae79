//! What the headers of an answer mean when they are repeated, odd or contradictory. One rule each, so
//! that no order of lines and no cache in between changes the meaning:
//!
//! - `Cache-Control`: the shortest life of all lines; `Age`: the longest.
//! - `Retry-After`: the longest pause. `ETag`, `Location`: two different ones are none.
//! - `Content-Encoding`: anything but `identity` is refused, since nothing was offered.
//! - `Content-Type`: of the answer to a question; two different ones are none. `Link` is not read at all.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, header};
use oauthgate_core::{UnixTime, text::Printable};

/// When to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RetryAfter {
    In(Duration),
    At(UnixTime),
}

impl RetryAfter {
    /// The pause that is left at this time.
    pub(crate) fn seen_from(self, now: UnixTime) -> Duration {
        match self {
            Self::In(pause) => pause,
            Self::At(then) => {
                let seconds = then.as_secs().saturating_sub(now.as_secs());
                Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
            }
        }
    }
}

/// The last of all lines in time, of which seconds count more than dates, for they need no clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<RetryAfter> {
    let waits = texts(headers, &header::RETRY_AFTER).filter_map(|text| {
        seconds(text)
            .map(RetryAfter::In)
            .or_else(|| date(text).map(RetryAfter::At))
    });
    let (pauses, dates): (Vec<_>, Vec<_>) =
        waits.partition(|wait| matches!(wait, RetryAfter::In(_)));
    pauses.into_iter().max().or(dates.into_iter().max())
}

fn date(text: &str) -> Option<UnixTime> {
    let since = httpdate::parse_http_date(text)
        .ok()?
        .duration_since(UNIX_EPOCH)
        .ok()?;
    i64::try_from(since.as_secs()).ok().map(UnixTime::from_secs)
}

/// The `max-age` of all `Cache-Control` lines together (the smallest wins), less the `Age` that the
/// document has already spent in caches. `no-store` and `no-cache` count as zero.
pub(super) fn freshness(headers: &HeaderMap) -> Option<Duration> {
    let age = texts(headers, &header::AGE).filter_map(seconds).max();
    texts(headers, &header::CACHE_CONTROL)
        .flat_map(|value| value.split(','))
        .filter_map(directive_life)
        .min()
        .map(|life| life.saturating_sub(age.unwrap_or_default()))
}

fn directive_life(directive: &str) -> Option<Duration> {
    let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
    match name.trim().to_ascii_lowercase().as_str() {
        "no-store" | "no-cache" => Some(Duration::ZERO),
        "max-age" => seconds(value.trim().trim_matches('"')),
        _ => None,
    }
}

/// The entity tag, unless two lines differ.
pub(super) fn entity_tag(headers: &HeaderMap) -> Option<String> {
    only(headers, &header::ETAG).map(str::to_owned)
}

/// The place of a redirect, unless two lines differ.
pub(super) fn location(headers: &HeaderMap) -> Option<&str> {
    only(headers, &header::LOCATION)
}

/// The first encoding that somebody put on the body.
pub(super) fn encoding(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .find(|value| !value.trim().eq_ignore_ascii_case("identity") && !value.trim().is_empty())
        .map(|value| Printable(value.trim()).to_string())
}

/// The media type without its parameters, in lower case, unless two lines differ.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let line = only(headers, &header::CONTENT_TYPE)?;
    let essence = line.split(';').next().unwrap_or_default().trim();
    (!essence.is_empty()).then(|| essence.to_ascii_lowercase())
}

fn only<'headers>(headers: &'headers HeaderMap, name: &HeaderName) -> Option<&'headers str> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    lines
        .all(|line| line == first)
        .then(|| first.to_str().ok())?
}

/// Whole seconds. What is too large to count is as good as for ever (RFC 9111 §1.2.2).
fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(LONGEST)))
}

/// RFC 9111 §1.2.2: 2^31 seconds stand for all that is longer.
const LONGEST: u64 = 1 << 31;

fn texts<'headers>(
    headers: &'headers HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'headers str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
