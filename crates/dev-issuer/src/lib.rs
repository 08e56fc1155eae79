//! A throw-away but complete OAuth 2.1 authorization server, for the demo and for every test that needs one.
//!
//! It listens on loopback only, keeps everything in (bounded) memory, and forgets it all when it stops. It shares
//! no code with the validator it helps to test: an oracle that shared our parser would share our bugs. Its keys are
//! made at start and never leave the process, so a token of one run is worthless in the next.
//!
//! What it speaks:
//! - metadata: RFC 8414 and OpenID Connect discovery, JWK set with `ETag` and `Cache-Control`;
//! - authorization code with PKCE `S256` (RFC 7636), exact redirect URIs (loopback ones with any port, RFC 8252
//!   §7.3), `iss` in every authorization response (RFC 9207), resource indicators (RFC 8707);
//! - refresh tokens with rotation and reuse detection, client credentials;
//! - open dynamic registration (RFC 7591), client id metadata documents;
//! - revocation (RFC 7009), introspection (RFC 7662), access tokens as `at+jwt` (RFC 9068) or opaque;
//! - a control API that rotates keys, forges tokens and makes the server misbehave.
//!
//! With [`DevIssuerOptions::emulation`] it passes itself off as somebody else's product: issuer, paths, documents, keys
//! and tokens are then in that provider's shape ([`Emulation`]). Such keys have the provider's kind of `kid` and are
//! marked by the member `"oauthgate_dev_key": true`.
//!
//! A request without `scope` gets the scopes its client registered, or none; there is no password, only
//! [`DemoUser`]. The consent page lets the person leave scopes out. Without an emulation, every `kid` starts with
//! `oauthgate-dev-`, so that a resource server can refuse these keys by name.
//!
//! # The control API
//! With [`DevIssuerOptions::control_api`], at the root of the host, JSON in and out, closed to web pages:
//!
//! | request | body | does |
//! |---|---|---|
//! | `POST /control/rotate` | `{"keep_old": true}` | [`DevIssuer::rotate_keys`]; answers the new JWK set |
//! | `POST /control/faults` | `{"endpoint": "jwks", "stall_ms": 500, "answer": {"status": 503}, "times": 2}` | [`DevIssuer::set_fault`]; `answer` may also be `"html"`, `"empty_set"`, `"oversized"`, `"truncated"` or `"redirect"`; all but `endpoint` may be left out |
//! | `DELETE /control/faults` | | [`DevIssuer::clear_faults`] |
//! | `POST /control/resources` | `{"uri": "http://127.0.0.1:8080/mcp", "scopes": ["a"]}` | [`DevIssuer::add_resource`] |
//! | `POST /control/mint` | a [`TokenSpec`], at least `{"audience": "…"}` | answers `{"access_token": "…", "token_type": "Bearer"}` |
//! | `POST /control/mint` | `{"kind": "user"}` and the members of [`Changes`] | the same of [`DevIssuer::emulated_token`] |
//! | `GET /control/counters` | | [`Counters`] |
//! | `POST /control/reset` | | [`DevIssuer::reset`] |
//!
//! ```
//! use oauthgate_dev_issuer::{DevIssuer, DevIssuerOptions, Resource, TokenSpec};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = DevIssuer::start(DevIssuerOptions {
//!     resources: vec![Resource::new("http://127.0.0.1:8080/mcp").scope("notes:read", "Read your notes")],
//!     ..DevIssuerOptions::default()
//! })
//! .await?;
//! assert!(issuer.issuer().starts_with("http://127.0.0.1:"));
//! let token = issuer.mint(TokenSpec::new("http://127.0.0.1:8080/mcp").scope("notes:read"));
//! assert_eq!(token.split('.').count(), 3);
//! issuer.shutdown().await;
//! # Ok(()) }
//! ```

mod authorize;
mod clients;
mod clock;
mod control;
mod cors;
mod crypto;
mod emulate;
mod error;
mod introspect;
mod keys;
mod loopback;
mod metadata;
mod mint;
mod options;
mod parameters;
mod revoke;
mod router;
mod scope;
mod server;
mod state;
mod store;
mod token;

pub use clients::StaticClient;
pub use control::{Counters, Endpoint, Fault, FaultAnswer};
pub use emulate::{Changes, Emulation, Kind};
pub use keys::Algorithm;
pub use mint::{SignatureForgery, TokenSpec};
pub use options::{DemoUser, DevIssuerOptions, Resource, ResourceScope, TokenFormat};
pub use server::{DevIssuer, StartError};
