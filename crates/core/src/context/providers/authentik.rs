//! authentik.

use super::signs::{absent, all, ends_with, starts_with};
use crate::{
    Profile,
    context::{AudienceKind, ClientAudience, Preset, preset::KnownIssuer, profile::claims},
};

/// The trailing slash is part of the issuer, and the host is the one that was called (trap 4).
/// Where one issuer serves all providers, its address tells nothing: name the preset there.
pub(super) const PRESET: Preset = Preset {
    name: "authentik",
    title: "authentik",
    issuers: &[KnownIssuer::new("**/application/o/*/")],
    audience: AudienceKind::Clients,
    profile: Profile::authentik,
};

impl Profile {
    /// authentik. The audience is the client's id, and an access token is the ID token with `azp` and
    /// `uid` added (trap 29): both are required. `email_verified` is false unless a mapping says
    /// otherwise. Programs log in as users; the one that authentik makes up for a client has a name of
    /// this form and no session, which nobody who logged in can have.
    #[must_use]
    pub fn authentik() -> Self {
        Self {
            name: "authentik",
            one_required: vec![claims(&["azp"]), claims(&["uid"])],
            client_audience: ClientAudience::Expected,
            client: claims(&["azp"]),
            groups: claims(&["groups"]),
            machine_signs: vec![all(vec![
                starts_with("preferred_username", "ak-"),
                ends_with("preferred_username", "-client_credentials"),
                absent("sid"),
            ])],
            ..Self::generic()
        }
    }
}
