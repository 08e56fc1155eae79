//! What a token says: audiences, scopes, times, read strictly.

mod audience;
mod issuer;
mod pointer;
mod registered;
mod scope;

pub use audience::Audience;
pub use issuer::Issuer;
pub use pointer::ClaimPointer;
pub use registered::Claims;
pub(crate) use registered::{malformed, text, texts};
pub use scope::{Scope, ScopeSet};
