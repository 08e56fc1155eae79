//! Keys: parsed leniently as a set, strictly as keys (rule R7), bound to their algorithms at load time.

mod algorithm;
mod jwk;
mod jwk_set;
mod public;
mod rsa;
mod selection;

pub use algorithm::{JwsAlgorithm, MacAlgorithm, SigningAlgorithm};
pub use jwk::{Jwk, KeyId};
pub use jwk_set::{JwkSet, JwkSetError, KeyHint, PublicDocument, SkippedKey};
pub(crate) use selection::Selection;
