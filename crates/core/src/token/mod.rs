//! From a request's headers to a token's parts.

pub(crate) mod base64url;
mod bearer;
mod compact;
mod header;

pub use bearer::BearerToken;
pub use compact::{CompactJws, Jws};
pub use header::JoseHeader;
pub(crate) use header::without_application_prefix;
