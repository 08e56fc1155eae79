//! The presets of known providers, as data. What a provider does differently, and where it says so,
//! stands beside each value.

mod auth0;
mod authentik;
mod b2c;
mod casdoor;
mod clerk;
mod cognito;
mod descope;
mod dex;
mod duende;
mod entra;
mod entra_external_id;
mod fusionauth;
pub(super) mod generic;
mod github;
mod google;
mod hydra;
mod keycloak;
mod logto;
mod oidc_provider;
mod okta;
mod okta_org;
mod pingone;
mod scalekit;
mod signs;
mod spring;
mod stytch;
mod supabase;
mod workos;
mod zitadel;

use super::Preset;

/// Every preset, in the order of the documentation.
pub(super) const PRESETS: &[Preset] = &[
    generic::PRESET,
    cognito::PRESET,
    auth0::PRESET,
    okta::PRESET,
    okta_org::PRESET,
    entra::PRESET,
    entra_external_id::PRESET,
    b2c::PRESET,
    keycloak::PRESET,
    google::PRESET,
    hydra::PRESET,
    zitadel::PRESET,
    authentik::PRESET,
    workos::PRESET,
    descope::PRESET,
    stytch::PRESET,
    scalekit::PRESET,
    duende::PRESET,
    fusionauth::PRESET,
    clerk::PRESET,
    supabase::PRESET,
    logto::PRESET,
    casdoor::PRESET,
    spring::PRESET,
    oidc_provider::PRESET,
    dex::PRESET,
    pingone::PRESET,
    github::PRESET,
];

/// The names of all presets, in the order of the documentation.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|preset| preset.name)
}
