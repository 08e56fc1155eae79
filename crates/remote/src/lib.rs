//! Fetches authorization server metadata and key sets, keeps them, and turns tokens into user contexts.

mod address;
pub mod authenticator;
pub mod clock;
pub mod danger;
mod discovery;
pub mod env;
pub mod error;
mod http;
pub mod jwks;
pub mod provider;
pub mod settings;
#[cfg(test)]
mod testing;

pub use error::ConfigurationError;
pub use oauthgate_core as core;
pub use provider::{AuthProvider, KeyStatus, OAuth21Provider};
pub use settings::{IssuerSettings, ProviderSettings};
