//! The dated revisions of the MCP specification, and what each says about headers and batches.

use http::{HeaderMap, HeaderName};

/// The revision a request speaks (every revision since 2025-06-18).
pub const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The body's `method`, mirrored (since 2026-07-28).
pub const METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// The body's `params.name` or `params.uri`, mirrored (since 2026-07-28).
pub const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// The session of a client (2025-03-26 to 2025-11-25).
pub const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// A published revision. The order is the calendar's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Revision {
    /// HTTP with two endpoints.
    V2024_11_05,
    /// Streamable HTTP, batches.
    V2025_03_26,
    /// No batches, protected resource metadata.
    V2025_06_18,
    /// Scopes in challenges.
    V2025_11_25,
    /// No sessions, mirrored headers.
    V2026_07_28,
}

impl Revision {
    /// All of them, oldest first.
    pub const ALL: &'static [Self] = &[
        Self::V2024_11_05,
        Self::V2025_03_26,
        Self::V2025_06_18,
        Self::V2025_11_25,
        Self::V2026_07_28,
    ];

    /// The date, as the header and `initialize` carry it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// The revision of this date, if it is one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|revision| revision.as_str() == text)
    }

    /// The revision that the request's one `MCP-Protocol-Version` header names.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(PROTOCOL_VERSION).iter();
        let only = values.next().filter(|_| values.next().is_none());
        Self::parse(only?.to_str().ok()?)
    }

    /// Whether each request says for itself who calls and what for: no handshake, no sessions, no requests
    /// from servers to clients (since 2026-07-28).
    #[must_use]
    pub fn is_modern(self) -> bool {
        self >= Self::V2026_07_28
    }

    /// Whether a body may be a batch of messages (up to 2025-03-26).
    #[must_use]
    pub fn has_batches(self) -> bool {
        self <= Self::V2025_03_26
    }

    /// Whether every request must mirror its method and name in headers (2026-07-28, Standard Headers).
    #[must_use]
    pub fn requires_mirrored_headers(self) -> bool {
        self >= Self::V2026_07_28
    }

    /// Whether every list says who may keep it (2026-07-28, Caching).
    #[must_use]
    pub fn has_cache_scope(self) -> bool {
        self >= Self::V2026_07_28
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_every_date() {
        for revision in Revision::ALL {
            assert_eq!(Revision::parse(revision.as_str()), Some(*revision));
        }
        assert_eq!(Revision::parse("2026-07-29"), None);
    }

    #[test]
    fn takes_two_versions_for_none() {
        let mut headers = HeaderMap::new();
        headers.append(PROTOCOL_VERSION, "2025-06-18".parse().unwrap());
        assert_eq!(Revision::of(&headers), Some(Revision::V2025_06_18));
        headers.append(PROTOCOL_VERSION, "2026-07-28".parse().unwrap());
        assert_eq!(Revision::of(&headers), None);
    }

    #[test]
    fn only_the_newest_requires_mirrored_headers() {
        let requiring: Vec<_> = Revision::ALL
            .iter()
            .filter(|revision| revision.requires_mirrored_headers())
            .collect();
        assert_eq!(requiring, [&Revision::V2026_07_28]);
    }
}
