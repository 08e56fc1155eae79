//! Duende IdentityServer.

use crate::{
    Profile,
    context::{AudienceKind, Preset, TokenTypes, profile::claims},
};

/// The issuer is whatever origin was called, unless it is configured (trap 4): it tells nothing.
pub(super) const PRESET: Preset = Preset {
    name: "duende",
    title: "Duende IdentityServer",
    issuers: &[],
    audience: AudienceKind::Named("the name of your API resource"),
    profile: Profile::duende,
};

impl Profile {
    /// Duende IdentityServer writes `typ` = `at+jwt`; scopes are an array by default. A token with plain
    /// scopes has no audience (trap 14), and a program's has no `sub` (trap 19).
    #[must_use]
    pub fn duende() -> Self {
        Self {
            name: "duende",
            token_types: TokenTypes::access_token_only(),
            client: claims(&["client_id"]),
            ..Self::generic()
        }
    }
}
