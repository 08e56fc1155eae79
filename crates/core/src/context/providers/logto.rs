//! Logto.

use crate::{
    Profile,
    context::{AudienceKind, Preset, TokenTypes, preset::KnownIssuer, profile::claims},
};

pub(super) const PRESET: Preset = Preset {
    name: "logto",
    title: "Logto",
    issuers: &[KnownIssuer::new("https://*.logto.app/oidc")],
    audience: AudienceKind::Resource,
    profile: Profile::logto,
};

impl Profile {
    /// Logto gives a JWT (`typ` = `at+jwt`) only to a client that asks for a `resource`, which is then the
    /// audience. The tenant is the organization; a program's `sub` is its `client_id`.
    #[must_use]
    pub fn logto() -> Self {
        Self {
            name: "logto",
            token_types: TokenTypes::access_token_only(),
            client: claims(&["client_id"]),
            tenant: claims(&["organization_id"]),
            ..Self::generic()
        }
    }
}
