//! Who is calling: a validated token's claims turned into a [`UserContext`] by a provider's [`Profile`].

#[cfg(feature = "axum")]
pub mod extract;
pub(crate) mod mapping;
mod profile;
pub mod providers;
mod user_context;

pub use profile::{ClientAudience, MachineSign, Profile, RequiredClaim, TokenTypes};
pub use user_context::{PrincipalKind, UserContext};
