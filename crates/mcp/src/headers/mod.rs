//! Whether the headers tell the truth about the body (MCP 2026-07-28, Request Metadata and Server
//! Validation).
//!
//! Somebody in front of the server may have looked at the headers only: a load balancer, a cache, a
//! firewall. A request whose headers say something else than its body means two things at once, so it is
//! refused, whatever the revision; what is missing is refused where the revision demands it.

mod alone;
mod parameters;
mod standard;
mod value;
mod version;

use http::{HeaderMap, HeaderName};

use crate::{
    Payload,
    jsonrpc::Flaw,
    revision::{METHOD, NAME, PROTOCOL_VERSION},
};

pub use alone::HeadersDoNotTell;
pub use parameters::{Parameter, ParameterHeaders, ParameterType};

/// What disagrees; for the operator and, being fixed text, for the client too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mismatch {
    #[error("a header of MCP is spelt with underscores")]
    Underscores,
    #[error("MCP-Protocol-Version occurs twice or holds characters that a header may not")]
    UnreadableVersion,
    #[error("MCP-Protocol-Version differs from the version in the body")]
    Version,
    #[error("MCP-Protocol-Version is missing")]
    MissingVersion,
    #[error("Mcp-Method occurs twice or holds characters that a header may not")]
    UnreadableMethod,
    #[error("Mcp-Method differs from the method in the body")]
    Method,
    #[error("Mcp-Method is missing")]
    MissingMethod,
    #[error("Mcp-Name occurs twice or does not decode")]
    UnreadableName,
    #[error("Mcp-Name differs from the name in the body")]
    Name,
    #[error("Mcp-Name is missing")]
    MissingName,
    #[error("a header that mirrors one message stands before a batch")]
    Batch,
    #[error("an Mcp-Param header occurs twice or does not decode")]
    UnreadableParameter,
    #[error("an Mcp-Param header differs from the argument in the body")]
    Parameter,
    #[error("an Mcp-Param header is missing")]
    MissingParameter,
}

/// Why the headers forbid this body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Objection {
    Mismatch(Mismatch),
    /// Nobody knows the revision that is asked for.
    Unsupported(String),
    /// The revision has no such message.
    Flaw(Flaw),
}

impl From<Mismatch> for Objection {
    fn from(mismatch: Mismatch) -> Self {
        Self::Mismatch(mismatch)
    }
}

/// Of a request without a body: whether its revision is one of ours.
pub(crate) fn agree_without_body(headers: &HeaderMap) -> Result<(), Objection> {
    refuse_underscores(headers)?;
    version::of(headers).map(drop)
}

/// Compares what is present, and misses what the revision requires. `body` is what `payload` was read
/// from: the arguments that headers mirror are looked up there.
pub(crate) fn agree(
    headers: &HeaderMap,
    payload: &Payload,
    body: &[u8],
    parameters: &ParameterHeaders,
) -> Result<(), Objection> {
    refuse_underscores(headers)?;
    let revision = version::agree(headers, payload)?;
    standard::agree(headers, payload, revision)?;
    parameters.agree(headers, payload, body, revision)?;
    Ok(())
}

/// Servers that hand headers on as variables (CGI, WSGI) take `Mcp_Name` for `Mcp-Name`.
fn refuse_underscores(headers: &HeaderMap) -> Result<(), Mismatch> {
    let known = [PROTOCOL_VERSION, METHOD, NAME];
    let is_taken_for_one = |name: &HeaderName| {
        let name = name.as_str();
        name.contains('_') && known.iter().any(|known| *known == *name.replace('_', "-"))
    };
    if headers.keys().any(is_taken_for_one) {
        return Err(Mismatch::Underscores);
    }
    Ok(())
}
