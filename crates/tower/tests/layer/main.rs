//! The layer as its users see it: requests in, responses out.

#[path = "../../../core/tests/support/mod.rs"]
mod issuer;
mod support;

mod admission;
mod anonymous;
mod bodies;
mod budget;
mod extractors;
mod log;
mod metadata;
mod methods;
mod properties;
mod quotas;
mod real_provider;
mod refusals;
mod signatures;
mod stream_expiry;
mod wire;
