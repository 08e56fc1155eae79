//! Dex.

use super::signs::same;
use crate::{
    Profile,
    context::{AudienceKind, ClientAudience, Preset, profile::claims},
};

/// The issuer is configured: it tells nothing.
pub(super) const PRESET: Preset = Preset {
    name: "dex",
    title: "Dex",
    issuers: &[],
    audience: AudienceKind::Clients,
    profile: Profile::dex,
};

impl Profile {
    /// Dex. An access token is an ID token of the same client (traps 13 and 29): nothing tells them apart,
    /// and the list of clients is all that binds it. There are no scopes. `azp` is written for several
    /// audiences only.
    #[must_use]
    pub fn dex() -> Self {
        Self {
            name: "dex",
            client_audience: ClientAudience::Expected,
            client: claims(&["azp"]),
            groups: claims(&["groups"]),
            machine_signs: vec![same("sub", "aud")],
            ..Self::generic()
        }
    }
}
