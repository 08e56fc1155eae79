//! Stytch.

use super::signs::starts_with;
use crate::{
    Profile,
    claims::ClaimPointer,
    context::{AudienceKind, Preset, preset::KnownIssuer, profile::claims},
};

/// The issuer is the domain that was called, or `stytch.com/` and the project, without scheme (trap 2).
/// The keys of a B2B project lie elsewhere: give their address.
pub(super) const PRESET: Preset = Preset {
    name: "stytch",
    title: "Stytch",
    issuers: &[
        KnownIssuer::new("https://*.customers.stytch.dev"),
        KnownIssuer::new("https://*.customers.stytch.com"),
        KnownIssuer {
            jwks_url: Some("https://test.stytch.com/v1/sessions/jwks/project-test-*"),
            ..KnownIssuer::new("stytch.com/project-test-*")
        },
        KnownIssuer {
            jwks_url: Some("https://api.stytch.com/v1/sessions/jwks/project-live-*"),
            ..KnownIssuer::new("stytch.com/project-live-*")
        },
    ],
    audience: AudienceKind::Named("your project id, or the audience of your connected apps"),
    profile: Profile::stytch,
};

impl Profile {
    /// Stytch. The organization is a member of an object whose name is a URL (trap 20). Programs' ids
    /// start with `m2m-client-`, and their tokens name no client beside `sub`.
    #[must_use]
    pub fn stytch() -> Self {
        Self {
            name: "stytch",
            client: claims(&["client_id", "azp"]),
            tenant: vec![
                ClaimPointer::claim("https://stytch.com/organization").member("organization_id"),
            ],
            machine_signs: vec![starts_with("sub", "m2m-client-")],
            ..Self::generic()
        }
    }
}
