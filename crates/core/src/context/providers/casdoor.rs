//! Casdoor.

use super::signs::{equals, starts_with};
use crate::{
    Profile,
    claims::ClaimPointer,
    context::{AudienceKind, ClientAudience, Preset, profile::claims},
};

/// The issuer is the origin that was called (trap 4): it tells nothing.
pub(super) const PRESET: Preset = Preset {
    name: "casdoor",
    title: "Casdoor",
    issuers: &[],
    audience: AudienceKind::Named(
        "the ids of your clients, or the resource where clients ask for one",
    ),
    profile: Profile::casdoor,
};

impl Profile {
    /// Casdoor. `tokenType` tells access tokens from refresh tokens, which are JWTs of the same key and
    /// audience (trap 28); the ID token is the access token, byte for byte. The tenant is `owner`. The
    /// subject of a program is its application, which `admin` owns.
    #[must_use]
    pub fn casdoor() -> Self {
        Self {
            name: "casdoor",
            client_audience: ClientAudience::Expected,
            client: claims(&["azp"]),
            tenant: claims(&["owner"]),
            machine_signs: vec![equals("type", "application"), starts_with("sub", "admin/")],
            ..Self::generic()
        }
        .requiring(ClaimPointer::claim("tokenType"), ["access-token"])
    }
}
