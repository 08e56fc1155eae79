//! FusionAuth.

use super::signs::absent;
use crate::{
    Profile,
    context::{AudienceKind, ClientAudience, Preset, preset::KnownIssuer, profile::claims},
};

/// The issuer is a text of the tenant's settings (`acme.com`, trap 2); only the hosted service's default
/// tells the provider.
pub(super) const PRESET: Preset = Preset {
    name: "fusionauth",
    title: "FusionAuth",
    issuers: &[KnownIssuer::new("https://*.fusionauth.io")],
    audience: AudienceKind::Clients,
    profile: Profile::fusionauth,
};

impl Profile {
    /// FusionAuth. The audience of access and ID tokens is the client's id (trap 13); ID tokens carry no
    /// `roles`, entities' tokens carry `permissions`. `tid` is the tenant; an entity's token names no
    /// application. Keys of other providers are in its set (trap 27): pin yours.
    #[must_use]
    pub fn fusionauth() -> Self {
        Self {
            name: "fusionauth",
            one_required: vec![claims(&["roles", "permissions"])],
            client_audience: ClientAudience::Expected,
            client: claims(&["applicationId"]),
            tenant: claims(&["tid"]),
            groups: claims(&["roles"]),
            machine_signs: vec![absent("applicationId")],
            ..Self::generic()
        }
    }
}
