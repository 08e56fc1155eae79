//! Everything about the service behind the gate.
//!
//! - [`protected`] knows the header names that nobody but us may write; [`headers`] strips them and is
//!   the only place that writes identity.

pub mod headers;
mod hop_by_hop;
pub mod protected;
