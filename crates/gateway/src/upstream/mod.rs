//! Everything about the service behind the gate.
//!
//! - [`ReverseProxy`] sends an authorized request there and brings the answer back, both streamed.
//! - [`protected`] knows the header names that nobody but us may write; [`headers`] strips them and is
//!   the only place that writes identity.

mod client;
mod destination;
mod frames;
pub mod headers;
mod hop_by_hop;
mod movement;
mod passing;
mod pool;
pub mod protected;
mod response;
mod service;
mod tunnel;
mod upgrade;

pub use service::ReverseProxy;
