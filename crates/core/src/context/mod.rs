//! Who is calling: a validated token's claims turned into a [`UserContext`] by a provider's [`Profile`].

#[cfg(feature = "axum")]
pub mod extract;
pub(crate) mod mapping;
mod profile;
pub mod providers;
mod user_context;

pub use profile::{
    ClientAudience, GroupForm, MachineSign, Profile, RequiredClaim, ScopePlaces, TokenTypes,
};
pub use user_context::{PrincipalKind, UserContext};
