//! Spring Authorization Server.

use super::signs::same;
use crate::{
    Profile,
    context::{AudienceKind, ClientAudience, Preset, profile::claims},
};

/// The issuer is configured, or the origin that was called (trap 4): it tells nothing.
pub(super) const PRESET: Preset = Preset {
    name: "spring",
    title: "Spring Authorization Server",
    issuers: &[],
    audience: AudienceKind::Clients,
    profile: Profile::spring,
};

impl Profile {
    /// Spring Authorization Server. The audience of access and ID tokens is the client's id, and neither
    /// has a `typ` (trap 13); only access tokens carry `nbf` and `scope`. No claim names the client: the
    /// subject of a program is its own audience.
    #[must_use]
    pub fn spring() -> Self {
        Self {
            name: "spring",
            one_required: vec![claims(&["scope"]), claims(&["nbf"])],
            client_audience: ClientAudience::Expected,
            scopes: claims(&["scope"]),
            machine_signs: vec![same("sub", "aud")],
            ..Self::generic()
        }
    }
}
