//! The header with which a proxy that passes bytes on says whose bytes they are: HAProxy's PROXY protocol,
//! versions 1 and 2, read strictly.
//!
//! A pure function over the first bytes of a connection. What it does not need it does not keep: the
//! destination is checked and dropped, and so are the additional fields (TLVs) of version 2, but for the
//! checksum.

mod checksum;
mod v1;
mod v2;

use std::net::SocketAddr;

/// No header is longer: whoever sends more is no proxy, or tells what nobody here wants to know.
pub const MAX_HEADER: usize = v2::HEAD + v2::MAX_REST;

/// A header that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Whose connection it is; `None` when the proxy speaks for itself (a health check), or does not know.
    pub source: Option<SocketAddr>,
    /// Bytes of the header; what follows is the client's.
    pub length: usize,
}

/// Why the first bytes of a connection are no header that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyHeaderError {
    /// Something else was sent.
    #[error("there is no PROXY header")]
    Missing,
    /// The header follows neither version's grammar.
    #[error("the PROXY header is malformed: {0}")]
    Malformed(&'static str),
    /// The header does not end where the longest ends.
    #[error("the PROXY header is too long")]
    TooLong,
    /// The header speaks of datagrams or of a socket without an internet address.
    #[error("the PROXY header is not about a TCP connection")]
    OtherTransport,
    /// The header's own checksum says that it was changed.
    #[error("the PROXY header's checksum is wrong")]
    Checksum,
}

impl ProxyHeaderError {
    /// Stable, for metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed(_) => "malformed",
            Self::TooLong => "too_long",
            Self::OtherTransport => "other_transport",
            Self::Checksum => "checksum",
        }
    }
}

/// Reads the header that a connection begins with; `None` while more bytes are needed.
///
/// # Errors
/// As soon as it is clear that the bytes are no header.
pub fn read(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    if begins(bytes, v1::PREFIX) {
        v1::read(bytes)
    } else if begins(bytes, v2::SIGNATURE) {
        v2::read(bytes)
    } else {
        Err(ProxyHeaderError::Missing)
    }
}

/// Whether the bytes begin with the mark of one of the versions, complete.
#[must_use]
pub fn is_announced(bytes: &[u8]) -> bool {
    bytes.starts_with(v1::PREFIX) || bytes.starts_with(v2::SIGNATURE)
}

/// Whether the bytes may still become a header: all of them, as far as they go, belong to a mark.
#[must_use]
pub fn may_announce(bytes: &[u8]) -> bool {
    begins(bytes, v1::PREFIX) || begins(bytes, v2::SIGNATURE)
}

/// Bytes of the longer mark.
pub const MARK: usize = v2::SIGNATURE.len();

fn begins(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.starts_with(mark) || mark.starts_with(bytes)
}

#[cfg(test)]
mod tests;
