//! Auth0.

use crate::{
    Profile,
    claims::ClaimPointer,
    context::{AudienceKind, MachineSign, Preset, preset::KnownIssuer, profile::claims},
};

use super::signs::equals;

/// The trailing slash is part of every issuer. A custom domain (`https://login.acme.example/`) tells
/// nothing: name the preset there.
pub(super) const PRESET: Preset = Preset {
    name: "auth0",
    title: "Auth0",
    issuers: &[
        KnownIssuer::new("https://*.auth0.com/"),
        KnownIssuer::new("https://*.*.auth0.com/"),
    ],
    audience: AudienceKind::Resource,
    profile: Profile::auth0,
};

impl Profile {
    /// Auth0, in both its own token profile (`azp`) and the RFC 9068 one (`client_id`). The tenant is
    /// the organization; machine tokens say `gty` = `client-credentials`, and their `sub` is the client's id and
    /// `@clients` (what merely ends so may be a user whom a customer's directory calls so),
    /// or they say `sub_profile` where agents are told apart. An agent that acts for a user is in `act`,
    /// and `sub` stays the user (trap 35).
    #[must_use]
    pub fn auth0() -> Self {
        Self {
            name: "auth0",
            client: claims(&["azp", "client_id"]),
            tenant: claims(&["org_id"]),
            groups: claims(&["permissions"]),
            machine_signs: vec![
                equals("gty", "client-credentials"),
                MachineSign::NamesClient(
                    ClaimPointer::claim("sub"),
                    String::new(),
                    "@clients".to_owned(),
                ),
                equals("sub_profile", "service"),
                equals("sub_profile", "ai_agent"),
            ],
            ..Self::generic()
        }
    }
}
