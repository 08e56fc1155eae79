//! Ory Hydra and Ory Network.

use crate::{
    Profile,
    claims::ClaimPointer,
    context::{AudienceKind, Preset, TokenMode, preset::KnownIssuer, profile::claims},
};

/// The issuer is configured, most often with a trailing slash; only Ory Network's hosts tell the provider.
pub(super) const PRESET: Preset = Preset {
    name: "hydra",
    title: "Ory Hydra",
    issuers: &[
        KnownIssuer::new("https://*.projects.oryapis.com"),
        KnownIssuer::new("https://*.projects.oryapis.com/"),
    ],
    audience: AudienceKind::Named("what your clients ask for with the parameter `audience`"),
    profile: Profile::hydra,
};

impl Profile {
    /// Ory Hydra. Opaque tokens by default (`ory_at_…`), JWTs by setting. Scopes are the array `scp`, or
    /// `scope`; what the consent app adds is below `ext`. Whoever asks for no audience gets an empty
    /// array, which counts as none (trap 14). A program's `sub` is its `client_id`.
    #[must_use]
    pub fn hydra() -> Self {
        Self {
            name: "hydra",
            token_mode: TokenMode::Auto,
            scopes: claims(&["scp", "scope"]),
            client: claims(&["client_id"]),
            email: extended("email"),
            tier: extended("tier"),
            opaque_prefixes: vec!["ory_at_".to_owned()],
            ..Self::generic()
        }
    }
}

/// A claim at the top, where it was promoted, or below `ext`.
fn extended(name: &str) -> Vec<ClaimPointer> {
    vec![
        ClaimPointer::claim(name),
        ClaimPointer::claim("ext").member(name),
    ]
}
