//! WorkOS AuthKit.

use super::signs::starts_with;
use crate::{
    Profile,
    context::{AudienceKind, Preset, preset::KnownIssuer, profile::claims},
};

/// Session tokens have an issuer that serves no documents; their keys are those of one client.
pub(super) const PRESET: Preset = Preset {
    name: "workos",
    title: "WorkOS AuthKit",
    issuers: &[
        KnownIssuer::new("https://*.authkit.app"),
        KnownIssuer {
            jwks_url: Some("https://api.workos.com/sso/jwks/*"),
            ..KnownIssuer::new("https://api.workos.com/user_management/*")
        },
        KnownIssuer::new("https://api.workos.com"),
    ],
    audience: AudienceKind::Resource,
    profile: Profile::workos,
};

impl Profile {
    /// WorkOS AuthKit. Tokens for MCP carry the resource in `aud`; session tokens carry no audience and
    /// no client, so they are refused unless a JWT template adds one. The tenant is the organization.
    /// Ids say what they are of: those of programs start with `client_`.
    #[must_use]
    pub fn workos() -> Self {
        Self {
            name: "workos",
            client: claims(&["client_id"]),
            tenant: claims(&["org_id"]),
            groups: claims(&["permissions"]),
            machine_signs: vec![starts_with("sub", "client_")],
            ..Self::generic()
        }
    }
}
