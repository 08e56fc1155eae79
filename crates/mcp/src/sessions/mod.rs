//! Sessions of the older revisions (2025-03-26 to 2025-11-25) that belong to whoever opened them.
//!
//! The id of a session is no credential (MCP, security best practices), and yet servers use it as one:
//! whoever learns it reads another one's answers. [`SessionBindingLayer`] binds it to issuer, caller and
//! client, and keeps nothing in memory for that:
//!
//! 1. The id that the server gives out reaches the client as `<id>.<tag>`. The tag is an HMAC-SHA-256,
//!    cut to 128 bits, over the resource, the caller and the id, under a [`SessionSecret`]. It holds nothing of the token, so a session outlives
//!    every refresh; an id that the server repeats gets the same tag.
//! 2. A request with an id (`POST`, `GET`, `DELETE`) goes on only if the tag is this caller's; the server gets
//!    its own id back. Any other one is answered 404 `unknown_session`, as if it had ended, and the server
//!    never sees it: a client then begins a new session, as the specification asks.
//! 3. A request without an id goes on without one. Nobody's session is guessed.
//! 4. Revisions without sessions (from 2026-07-28 on) get none: `Mcp-Session-Id` and `Last-Event-ID` are taken
//!    out of such requests, and a session id out of their answers.
//! 5. An id that is not visible ASCII, or longer than [`MAX_SESSION_ID_LENGTH`], is refused; one that the server
//!    gives out never reaches the client, and a warning says so.
//!
//! Ids of events need no tag: `Last-Event-ID` says where to go on *within* the session beside it, and the
//! specification lets a server look there and nowhere else. A server that gives event ids without a session, or keeps
//! the events of all sessions in one place, has to know by itself whose they are.
//!
//! Where a policy opens something to callers without a token, such a caller may open a session, and go on
//! with it after logging in: the first caller with a token who uses it keeps it, and it is 404 to everybody
//! else from then on. This is the one thing that a process remembers, for a bounded number of sessions, so
//! such sessions end with the process. Without a token, an id that was opened with one is answered 401.
//!
//! Where authentication is off, nobody can own anything, and nothing is bound.
//!
//! ```no_run
//! use axum::{Router, routing::any};
//! use oauthgate_mcp::{SessionBindingLayer, SessionSecret};
//! use oauthgate_remote::OAuth21Provider;
//! use oauthgate_tower::ResourceServerLayer;
//!
//! # async fn mcp() {}
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = OAuth21Provider::from_env()?;
//! // The same bytes in every replica; `SessionSecret::random` for a program that runs alone.
//! let secret = SessionSecret::new(&std::fs::read("/run/secrets/sessions")?)?;
//! let app: Router = Router::new()
//!     .route("/mcp", any(mcp))
//!     .layer(SessionBindingLayer::new(provider.resource(), secret))
//!     .layer(ResourceServerLayer::new(provider));
//! # let _ = app;
//! # Ok(())
//! # }
//! ```

mod binding;
mod claims;
mod headers;
mod id;
mod layer;
mod owner;
mod secret;
mod service;

pub use binding::AnonymousSession;
pub use id::MAX_SESSION_ID_LENGTH;
pub use layer::SessionBindingLayer;
pub use secret::SessionSecret;
pub use service::{Rewriting, SessionBindingService};
