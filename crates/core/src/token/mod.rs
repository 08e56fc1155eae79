//! From a request's headers to a token's parts.

pub(crate) mod base64url;
mod bearer;
mod compact;
mod header;
mod introspection;
pub(crate) mod signs;

pub use bearer::BearerToken;
pub use compact::{CompactJws, Jws, TokenShape};
pub use header::JoseHeader;
pub(crate) use header::without_application_prefix;
pub use introspection::{
    IntrospectedClaims, IntrospectionAnswer, RESPONSE_MEDIA_TYPE, SignedAnswerRules,
    SignedIntrospection,
};
