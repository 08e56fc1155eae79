//! What a token says: audiences, scopes, times, read strictly.

mod audience;
mod issuer;
mod scope;

pub use audience::Audience;
pub use issuer::Issuer;
pub use scope::{Scope, ScopeSet};
