//! Signing keys: made at start, rotated on demand, published as a JWK set.

mod algorithm;
mod certificate;
mod ring;
mod signing_key;

pub use algorithm::Algorithm;
pub(crate) use ring::KeyRing;
pub(crate) use signing_key::SigningKey;
