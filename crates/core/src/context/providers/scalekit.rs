//! Scalekit.

use super::signs::starts_with;
use crate::{
    Profile,
    context::{AudienceKind, Preset, preset::KnownIssuer, profile::claims},
};

pub(super) const PRESET: Preset = Preset {
    name: "scalekit",
    title: "Scalekit",
    issuers: &[
        KnownIssuer::new("https://*.scalekit.com"),
        KnownIssuer::new("https://*.scalekit.cloud"),
    ],
    audience: AudienceKind::Resource,
    profile: Profile::scalekit,
};

impl Profile {
    /// Scalekit. Scopes are the array `scopes` for programs and `scope` for users; `oid` is the
    /// *organization* here (trap 18). Ids of programs start with `m2m`. What it advertises to clients is
    /// an authorization server per resource, while tokens carry the environment's URL (trap 3).
    #[must_use]
    pub fn scalekit() -> Self {
        Self {
            name: "scalekit",
            scopes: claims(&["scopes", "scope"]),
            client: claims(&["client_id"]),
            tenant: claims(&["oid"]),
            groups: claims(&["permissions"]),
            machine_signs: vec![starts_with("sub", "m2m")],
            ..Self::generic()
        }
    }
}
