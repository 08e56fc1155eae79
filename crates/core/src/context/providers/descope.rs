//! Descope.

use super::signs::starts_with;
use crate::{
    Profile,
    claims::ClaimPointer,
    context::{AudienceKind, Preset, preset::KnownIssuer, profile::claims},
};

/// Session tokens name the bare project id as issuer, which is no URL (trap 2) and tells nothing to
/// others; the keys of all lie below the project's id.
pub(super) const PRESET: Preset = Preset {
    name: "descope",
    title: "Descope",
    issuers: &[
        KnownIssuer {
            jwks_url: Some("https://api.descope.com/*/.well-known/jwks.json"),
            ..KnownIssuer::new("https://api.descope.com/v1/apps/agentic/*/*")
        },
        KnownIssuer {
            jwks_url: Some("https://api.descope.com/*/.well-known/jwks.json"),
            ..KnownIssuer::new("https://api.descope.com/v1/apps/*")
        },
        KnownIssuer {
            jwks_url: Some("https://api.*.descope.com/*/.well-known/jwks.json"),
            ..KnownIssuer::new("https://api.*.descope.com/v1/apps/agentic/*/*")
        },
        KnownIssuer {
            jwks_url: Some("https://api.*.descope.com/*/.well-known/jwks.json"),
            ..KnownIssuer::new("https://api.*.descope.com/v1/apps/*")
        },
        KnownIssuer {
            jwks_url: Some("https://api.descope.com/P*/.well-known/jwks.json"),
            ..KnownIssuer::ambiguous("P*")
        },
    ],
    audience: AudienceKind::Named("your project id, or the audience that the JWT template writes"),
    profile: Profile::descope,
};

impl Profile {
    /// Descope. Refresh tokens are JWTs of the same key; `drn` tells them (trap 28). Permissions hang
    /// below the tenant that `dct` names (trap 21), those of the project are at the top. Roles are left
    /// out: a tenant's administrator may name one as he likes. Ids of access keys start with `K`, ids of
    /// users with `U`.
    #[must_use]
    pub fn descope() -> Self {
        Self {
            name: "descope",
            client: claims(&["azp", "client_id"]),
            tenant: claims(&["dct"]),
            groups: vec![
                ClaimPointer::claim("permissions"),
                ClaimPointer::claim("tenants")
                    .member_named_by("dct")
                    .member("permissions"),
            ],
            machine_signs: vec![starts_with("sub", "K")],
            ..Self::generic()
        }
        .requiring(ClaimPointer::claim("drn"), ["DS"])
    }
}
