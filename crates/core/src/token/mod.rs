//! From a request's headers to a token's parts.

mod bearer;
mod compact;

pub use bearer::BearerToken;
pub use compact::CompactJws;
