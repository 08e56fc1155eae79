//! Microsoft Entra External ID.

use crate::{
    Profile,
    context::{AudienceKind, Preset, preset::KnownIssuer},
};

pub(super) const PRESET: Preset = Preset {
    name: "entra-external-id",
    title: "Microsoft Entra External ID",
    issuers: &[KnownIssuer::new("https://*.ciamlogin.com/*/v2.0")],
    audience: AudienceKind::Named("the application (client) id of your API"),
    profile: Profile::entra_external_id,
};

impl Profile {
    /// Entra for customers writes its tokens as Entra ID does, under a host of the tenant's own.
    #[must_use]
    pub fn entra_external_id() -> Self {
        Self {
            name: "entra-external-id",
            ..Self::entra()
        }
    }
}
