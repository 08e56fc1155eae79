//! The presets of known providers, as data. What a provider does differently, and where it says so,
//! stands beside each value.

mod auth0;
mod cognito;
mod entra;
mod generic;
mod keycloak;
mod okta;

use super::Preset;

/// Every preset, in the order of the documentation.
pub(super) const PRESETS: &[Preset] = &[
    generic::PRESET,
    cognito::PRESET,
    auth0::PRESET,
    okta::PRESET,
    entra::PRESET,
    keycloak::PRESET,
];

/// The names of all presets, in the order of the documentation.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|preset| preset.name)
}
