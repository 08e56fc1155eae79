//! A tower layer that protects any HTTP service with OAuth 2.1 access tokens.

pub mod layer;

pub use layer::{ResourceServer, ResourceServerLayer};
pub use oauthgate_core::{Denial, Permit, Requirement, UserContext};
