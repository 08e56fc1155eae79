//! Who is calling: a validated token's claims turned into a [`UserContext`] by a provider's [`Profile`].

#[cfg(feature = "axum")]
pub mod extract;
mod issuer_pattern;
mod kept;
mod machine_sign;
pub(crate) mod mapping;
mod preset;
mod profile;
pub mod providers;
mod required_claim;
mod spelling;
mod token_types;
mod user_context;

pub use machine_sign::MachineSign;
pub use preset::{AudienceKind, Places, Preset};
pub use profile::Profile;
pub use required_claim::{ClaimRequirement, RequiredClaim};
pub use spelling::{ClientAudience, GroupForm, IntrospectionForm, ScopePlaces, TokenMode};
pub use token_types::TokenTypes;
pub(crate) use user_context::Identity;
pub use user_context::{PrincipalKind, UserContext};
