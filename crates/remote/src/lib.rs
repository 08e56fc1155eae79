//! Fetches authorization server metadata and key sets, keeps them, and turns tokens into user contexts.

pub mod danger;
pub mod error;
pub mod provider;
pub mod settings;

pub use error::ConfigurationError;
pub use oauthgate_core as core;
pub use provider::{AuthProvider, KeyStatus, OAuth21Provider};
pub use settings::{IssuerSettings, ProviderSettings};
