//! The ordered list of checks that turns a token into a user context.

mod builder;
mod checks;
mod set;

pub use builder::VerifierBuilder;
pub use checks::{CheckOutcome, ValidatedToken, Verifier};
pub use set::VerifierSet;
