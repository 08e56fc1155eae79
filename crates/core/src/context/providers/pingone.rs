//! PingOne.

use crate::{
    Profile,
    context::{AudienceKind, Preset, preset::KnownIssuer, profile::claims},
};

pub(super) const PRESET: Preset = Preset {
    name: "pingone",
    title: "PingOne",
    issuers: &[
        KnownIssuer::new("https://auth.pingone.com/*/as"),
        KnownIssuer::new("https://auth.pingone.eu/*/as"),
        KnownIssuer::new("https://auth.pingone.asia/*/as"),
        KnownIssuer::new("https://auth.pingone.ca/*/as"),
        KnownIssuer::new("https://auth.pingone.com.au/*/as"),
        KnownIssuer::new("https://auth.pingone.sg/*/as"),
    ],
    audience: AudienceKind::Named("the audience of your custom resource"),
    profile: Profile::pingone,
};

impl Profile {
    /// PingOne. ID tokens are signed with the same key; what they lack tells them. A program's token has no
    /// `sub` (trap 19). `env` is the environment, in tokens for the platform itself.
    #[must_use]
    pub fn pingone() -> Self {
        Self {
            name: "pingone",
            client: claims(&["client_id"]),
            tenant: claims(&["env"]),
            groups: claims(&["groups"]),
            ..Self::generic()
        }
    }
}
