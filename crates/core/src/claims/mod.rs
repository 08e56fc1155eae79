//! What a token says: audiences, scopes, times, read strictly.

mod audience;
mod issuer;
mod issuer_rule;
mod pointer;
mod registered;
mod scope;

pub use audience::Audience;
pub use issuer::Issuer;
pub(crate) use issuer_rule::IssuerRule;
pub use issuer_rule::IssuerTemplate;
pub use pointer::ClaimPointer;
pub use registered::Claims;
pub(crate) use registered::{malformed, text, texts};
pub use scope::{Scope, ScopeSet};
