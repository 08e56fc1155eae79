//! node oidc-provider.

use crate::{
    Profile,
    context::{AudienceKind, Preset, TokenMode, TokenTypes, profile::claims},
};

pub(super) const PRESET: Preset = Preset {
    name: "oidc-provider",
    title: "node oidc-provider",
    issuers: &[],
    audience: AudienceKind::Resource,
    profile: Profile::oidc_provider,
};

impl Profile {
    /// The library oidc-provider. Opaque tokens by default, and for a resource JWTs with `typ` = `at+jwt`
    /// whose audience is that resource. A program's `sub` is its `client_id`.
    #[must_use]
    pub fn oidc_provider() -> Self {
        Self {
            name: "oidc-provider",
            token_mode: TokenMode::Auto,
            token_types: TokenTypes::access_token_only(),
            client: claims(&["client_id"]),
            ..Self::generic()
        }
    }
}
