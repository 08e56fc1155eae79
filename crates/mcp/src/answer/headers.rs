//! The headers of an answer that is read.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::media::is_json;

pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// How an answer says that it is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Events,
    Other,
}

impl Form {
    /// What the one `Content-Type` says; an event stream is UTF-8 whatever its parameters claim.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        let (Some(Ok(media_type)), None) = (types.next().map(HeaderValue::to_str), types.next())
        else {
            return Self::Other;
        };
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case(EVENT_STREAM) {
            Self::Events
        } else if is_json(media_type) {
            Self::Json
        } else {
            Self::Other
        }
    }
}

pub(super) fn is_compressed(headers: &HeaderMap) -> bool {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    encodings
        .into_iter()
        .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// MCP, Receiving Messages: proxies on the way shall not hold events back.
pub(super) fn ask_for_no_buffering(headers: &mut HeaderMap) {
    let no = HeaderValue::from_static("no");
    let name = HeaderName::from_static("x-accel-buffering");
    headers.entry(name).or_insert(no);
}

/// What one caller may see is kept by no cache for another, and nothing speaks of the bytes that were there before.
pub(super) fn make_private(headers: &mut HeaderMap) {
    let private = private(headers);
    for name in OF_OTHER_BYTES {
        headers.remove(name);
    }
    let targeted: Vec<_> = headers
        .keys()
        .filter(|name| is_for_shared_caches(name))
        .cloned()
        .collect();
    for name in targeted {
        headers.remove(name);
    }
    headers.insert(header::CACHE_CONTROL, private);
    headers.append(header::VARY, HeaderValue::from_static("authorization"));
}

/// Validators, digests and lengths of the server's bytes.
const OF_OTHER_BYTES: [HeaderName; 11] = [
    header::ETAG,
    header::LAST_MODIFIED,
    header::ACCEPT_RANGES,
    header::CONTENT_LENGTH,
    header::TRAILER,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("signature"),
    HeaderName::from_static("signature-input"),
];

/// RFC 9213: such a field overrides `Cache-Control` for those whom it targets. So do older ones of certain caches: nginx,
/// Akamai, LiteSpeed.
fn is_for_shared_caches(name: &HeaderName) -> bool {
    let of_one_cache = [
        "surrogate-control",
        "x-accel-expires",
        "edge-control",
        "x-litespeed-cache-control",
    ];
    name.as_str().ends_with("cdn-cache-control") || of_one_cache.contains(&name.as_str())
}

/// What the server said about caching, without what it said to shared caches.
fn private(headers: &HeaderMap) -> HeaderValue {
    let mut directives = vec!["private"];
    for value in headers.get_all(header::CACHE_CONTROL) {
        match value.to_str() {
            // A list inside quotes is no list of directives.
            Ok(value) if !value.contains('"') => directives.extend(for_one(value)),
            _ => directives.push("no-cache"),
        }
    }
    HeaderValue::from_str(&directives.join(", ")).unwrap_or(HeaderValue::from_static("no-store"))
}

fn for_one(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|directive| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        !["", "public", "private", "s-maxage"]
            .iter()
            .any(|shared| name.eq_ignore_ascii_case(shared))
    })
}
