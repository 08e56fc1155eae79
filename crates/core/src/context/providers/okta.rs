//! Okta custom authorization servers.

use crate::{
    Profile,
    context::{AudienceKind, Preset, preset::KnownIssuer, profile::claims},
};

/// A custom authorization server. With a domain of one's own, name the preset.
pub(super) const PRESET: Preset = Preset {
    name: "okta",
    title: "Okta (custom authorization server)",
    issuers: &[
        KnownIssuer::new("https://*.okta.com/oauth2/*"),
        KnownIssuer::new("https://*.oktapreview.com/oauth2/*"),
        KnownIssuer::new("https://*.okta-emea.com/oauth2/*"),
    ],
    audience: AudienceKind::Named(
        "the audience of the authorization server, for example api://default",
    ),
    profile: Profile::okta,
};

impl Profile {
    /// Okta. Scopes are the array `scp`; `sub` of an access token is the login, which can change, so
    /// the user's id is `uid`, which a program's token lacks, whose `sub` is its client; the client is `cid`,
    /// which an ID token lacks.
    #[must_use]
    pub fn okta() -> Self {
        Self {
            name: "okta",
            one_required: vec![claims(&["cid"])],
            scopes: claims(&["scp", "scope"]),
            user: claims(&["uid"]),
            client: claims(&["cid"]),
            groups: claims(&["groups"]),
            ..Self::generic()
        }
    }
}
