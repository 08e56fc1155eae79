//! What happens to a request before authentication, and to every answer.
//!
//! 1. [`admission`] decides, as pure functions over the request's head, whether the request is one that
//!    everybody reads alike: one path, one host, an origin that may call. Whatever is ambiguous is
//!    refused, never repaired.
//! 2. [`routes`] finds the resource that the path belongs to.
//! 3. [`cors`] answers preflights and puts the CORS headers on every answer, refusals included.
//! 4. [`client_address`] says who is at the other end, believing nobody but listed proxies.

pub mod admission;
pub mod client_address;
pub mod cors;
pub mod routes;
