//! Fetches authorization server metadata and key sets, keeps them, and turns tokens into user contexts.
//!
//! [`OAuth21Provider`] is the whole validator behind one call, with or without a server around it.
//! [`OAuth21Provider::from_env`] reads the environment; here the same names come from elsewhere:
//!
//! ```
//! use oauthgate_remote::OAuth21Provider;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), oauthgate_remote::ConfigurationError> {
//! let provider = OAuth21Provider::from_lookup(|name| {
//!     let value = match name {
//!         "MCP_SERVER_URL" | "OAUTH_AUDIENCE" => "https://mcp.example.com/mcp",
//!         "OAUTH_ISSUER_URL" => "https://auth.example.com/",
//!         _ => return None,
//!     };
//!     Some(value.to_owned())
//! })?;
//!
//! // A token of an issuer that is not configured is refused without any network access.
//! let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2V2aWwudGVzdCJ9.c2ln";
//! let denial = provider.validate(token).await.unwrap_err();
//! assert_eq!(denial.code(), "unknown_issuer");
//! assert_eq!(provider.key_status()[0].fetches, 0);
//! # Ok(())
//! # }
//! ```
//!
//! With an HTTP request at hand, `provider.user_context(&parts, peer)` takes the token out of its
//! `Authorization` header. A good token yields a [`core::UserContext`]; anything else a
//! [`core::Denial`] with one stable reason, which [`core::Answer`] turns into status and challenge.
//!
//! The rooms: [`mod@env`] and [`settings`] say what is trusted; `discovery` and `http` find and fetch under
//! the limits of rule R12; [`jwks`] decides when, and holds; [`introspection`] asks about tokens
//! that only their issuer can read; [`authenticator`] walks the path of a token.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod address;
pub mod authenticator;
#[cfg(test)]
mod authenticator_mac_tests;
pub mod clock;
pub mod danger;
mod discovery;
pub mod env;
pub mod error;
mod http;
pub mod introspection;
pub mod jwks;
mod key_settings;
pub mod key_stores;
pub mod outbound;
mod preset_choice;
#[cfg(test)]
mod promises;
pub mod provider;
pub mod settings;
mod site;
pub mod state;
#[cfg(test)]
mod testing;
mod token_cache;

pub use error::ConfigurationError;
pub use http::FetchHeaders;
pub use introspection::{IntrospectionCredentials, IntrospectionSettings, IntrospectionStatus};
pub use jwks::KeyStatus;
pub use key_settings::{KeySettings, LONGEST_STALE_LIMIT};
pub use key_stores::KeyStores;
pub use oauthgate_core as core;
pub use outbound::Outbound;
pub use preset_choice::{PresetChoice, PresetReason};
pub use provider::{AuthProvider, OAuth21Provider};
pub use settings::{IssuerSettings, ProviderSettings};
pub use token_cache::{TokenCacheSettings, TokenCacheStatus};

/// The guide's examples are compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/keys-in-a-program.md")]
#[doc = include_str!("../../../docs/guides/reach-your-issuer.md")]
#[derive(Debug)]
pub struct Guide;
