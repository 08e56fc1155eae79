//! The profiles of known providers, as data. What a provider does differently, and where it says so,
//! stands beside each value.

mod auth0;
mod cognito;
mod entra;
mod keycloak;
mod okta;

use super::Profile;
use crate::Issuer;

/// Makes a profile.
type Preset = fn() -> Profile;

/// Every preset: its name, and the profile.
const PRESETS: &[(&str, Preset)] = &[
    ("generic", Profile::generic),
    ("cognito", Profile::cognito),
    ("auth0", Profile::auth0),
    ("okta", Profile::okta),
    ("entra", Profile::entra),
    ("keycloak", Profile::keycloak),
];

/// The names of all presets, in the order of the documentation.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

pub(super) fn named(name: &str) -> Option<Profile> {
    PRESETS
        .iter()
        .find(|(preset, _)| *preset == name)
        .map(|(_, profile)| profile())
}

/// Only Cognito is told by its address, because nothing else works with it. Every other preset reads
/// identities from other claims than the common ones, which must not change because of a host name:
/// the operator names it.
pub(super) fn for_issuer(issuer: &Issuer) -> Profile {
    let host = issuer
        .as_str()
        .strip_prefix("https://")
        .and_then(|rest| rest.split('/').next());
    match host {
        Some(host) if is_cognito(host) => Profile::cognito(),
        _ => Profile::generic(),
    }
}

fn is_cognito(host: &str) -> bool {
    let service = host.starts_with("cognito-idp.") || host.starts_with("issuer-cognito-idp.");
    service && (host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"))
}
