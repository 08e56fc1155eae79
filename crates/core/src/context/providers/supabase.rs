//! Supabase Auth.

use crate::{
    Profile,
    context::{AudienceKind, Preset, preset::KnownIssuer, profile::claims},
};

pub(super) const PRESET: Preset = Preset {
    name: "supabase",
    title: "Supabase Auth",
    issuers: &[KnownIssuer::new("https://*.supabase.co/auth/v1")],
    audience: AudienceKind::Named(
        "nothing, once OAUTHGATE_ALLOWED_CLIENTS (`allowed_clients`) lists your OAuth clients: everybody's audience is `authenticated`",
    ),
    profile: Profile::supabase,
};

impl Profile {
    /// Supabase Auth. Every user's token of every application says `authenticated`, and `resource` changes
    /// nothing (trap 15): that audience binds nothing without a list of clients. The app's own session
    /// tokens name no client, and are refused by that list.
    #[must_use]
    pub fn supabase() -> Self {
        Self {
            name: "supabase",
            client: claims(&["client_id"]),
            groups: claims(&["role"]),
            shared_audiences: vec!["authenticated".to_owned()],
            ..Self::generic()
        }
    }
}
