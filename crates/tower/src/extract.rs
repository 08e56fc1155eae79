//! `UserContext` and `Permit` as arguments of axum handlers.
//!
//! Both implement axum's `FromRequestParts` and `OptionalFromRequestParts` in `oauthgate-core` (feature
//! `axum`), so a handler just names them:
//!
//! ```
//! use oauthgate_tower::{Permit, UserContext};
//!
//! async fn whoami(user: UserContext, _: Permit) -> String {
//!     user.user_id().to_owned()
//! }
//!
//! async fn greet(user: Option<UserContext>) -> String {
//!     user.map_or_else(|| "hello stranger".to_owned(), |user| format!("hello {}", user.user_id()))
//! }
//! ```
//!
//! A handler that asks for one and is not behind [`crate::ResourceServerLayer`] answers 500, and an
//! error in the log says so: a forgotten layer must never look like an anonymous caller.

pub use oauthgate_core::context::extract::NotProtected;
