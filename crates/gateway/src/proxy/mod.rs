//! What happens to a request before authentication, and to every answer.
//!
//! 1. [`admission`] decides, as pure functions over the request's head, whether the request is one that
//!    everybody reads alike: one path, one host, an origin that may call. Whatever is ambiguous is
//!    refused, never repaired.
//! 2. [`routes`] finds the resource that the path belongs to.
//! 3. [`cors`] answers preflights and puts the CORS headers on every answer, refusals included.
//! 4. [`forwarded`] says who is at the other end and what was asked of whom, believing nobody but listed
//!    proxies; [`proxy_protocol`] reads what those say that pass bytes on.

pub mod admission;
pub mod cors;
pub mod forwarded;
pub mod proxy_protocol;
pub mod routes;
