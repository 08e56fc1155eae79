//! A tower layer that protects any HTTP service with OAuth 2.1 access tokens.
//!
//! Three lines protect an axum app:
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use oauthgate_remote::OAuth21Provider;
//! use oauthgate_tower::{ResourceServerLayer, UserContext};
//!
//! async fn hello(user: UserContext) -> String {
//!     format!("hello {}", user.user_id())
//! }
//!
//! # fn main() -> Result<(), oauthgate_remote::ConfigurationError> {
//! let provider = OAuth21Provider::from_env()?;
//! let app: Router = Router::new().route("/hello", get(hello)).layer(ResourceServerLayer::new(provider));
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! What happens to a request, in order:
//!
//! 1. The metadata document of the resource (RFC 9728) is served to everybody, before any check.
//! 2. A CORS preflight is answered without reaching the service, and grants nothing by itself.
//! 3. Everything else, whatever its method, needs a good token that meets the [`Requirement`]. The
//!    service then finds a [`UserContext`] and a [`Permit`] in the request's extensions.
//! 4. A refusal looks the same on every method and path: the status, the challenge and the JSON body
//!    of [`oauthgate_core::Answer`], with a [`Reference`] that the log line carries too. The
//!    [`Denial`] and the [`Reference`] ride in the response's extensions, and the [`UserContext`] where the
//!    token was good.
//! 5. A client that sends too many *refused* tokens hears 429 for further ones, most of which are not looked at
//!    any more ([`rate_limit`]). Good tokens are never counted, and those that were good lately never held up.
//!    The address comes from axum's `into_make_service_with_connect_info::<SocketAddr>()` or from a
//!    [`ClientAddress`] that you insert; without either nothing is counted, and a warning says so once.
//! 6. A stream of events ends when its token does ([`stream_expiry`]).
//!
//! How much one caller may have under way at a time, and how much it may do in a time, are layers of their own:
//! [`concurrency`] and [`quota`].
//!
//! Where a policy opens something to everybody, [`ResourceServerLayer::optional_authentication`] joins this
//! layer with one that decides on requests without credentials ([`anonymous`]).
//!
//! Bodies are neither read nor buffered, in either direction, but for the end of an event that is under
//! way.
//!
//! Put the layer on the whole router with `Router::layer`, not `route_layer`, so that unknown paths are
//! refused alike and the metadata document can be found. Put a CORS layer *outside* this one, and let it
//! expose `WWW-Authenticate`: only then can a browser read a refusal.

#[cfg(feature = "axum")]
pub mod extract;

pub mod anonymous;
mod authentication_off;
mod client_address;
mod client_network;
pub mod concurrency;
mod future;
mod guard;
mod layer;
pub mod metadata_route;
mod preflight;
pub mod quota;
pub mod rate_limit;
mod reference;
pub mod response;
mod service;
pub mod sse;
mod stopped_body;
pub mod stream_expiry;
mod subject;

pub use anonymous::{Anonymous, DecidesOnAnonymous, OptionalAuthentication};
pub use authentication_off::AuthenticationOff;
pub use client_address::ClientAddress;
pub use client_network::{ClientNetwork, ClientPrefixes};
pub use concurrency::{ConcurrencyLayer, HeldPlaces};
pub use future::{Finish, HandOn, ResponseFuture};
pub use layer::ResourceServerLayer;
pub use metadata_route::MetadataRoute;
pub use oauthgate_core::{Denial, Permit, Requirement, UserContext};
pub use preflight::ForwardedPreflight;
pub use quota::QuotaLayer;
pub use rate_limit::{RefusedTokenBudget, RefusedTokens};
pub use reference::Reference;
pub use response::ResponseBody;
pub use service::{Expiring, ResourceServer};
pub use stopped_body::StoppedBody;
pub use stream_expiry::{StreamDeadline, StreamExpiry, StreamFarewell};

/// The README's examples compile, or the tests fail.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../../../README.md")]
#[derive(Debug)]
pub struct Readme;
