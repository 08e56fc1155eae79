//! Keycloak.

use crate::{
    Profile,
    claims::ClaimPointer,
    context::{AudienceKind, MachineSign, Preset, preset::KnownIssuer, profile::claims},
};

/// The path tells Keycloak on whatever host; old installations have `/auth` before it.
pub(super) const PRESET: Preset = Preset {
    name: "keycloak",
    title: "Keycloak",
    issuers: &[
        KnownIssuer::new("**/realms/*"),
        KnownIssuer::new("**/auth/realms/*"),
    ],
    audience: AudienceKind::Resource,
    profile: Profile::keycloak,
};

impl Profile {
    /// Keycloak. The *claim* `typ` tells access tokens (`Bearer`, `DPoP`) from ID and refresh tokens,
    /// which are signed with the same key. A service account is a user named after its client, in lower
    /// case; the prefix alone tells nothing, because a person may pick such a name. The audience
    /// `account` is the user's own account page, in nearly every token of a realm.
    #[must_use]
    pub fn keycloak() -> Self {
        let service_account = MachineSign::NamesClient(
            ClaimPointer::claim("preferred_username"),
            "service-account-".to_owned(),
        );
        Self {
            name: "keycloak",
            client: claims(&["azp", "client_id"]),
            foreign_audiences: vec!["account".to_owned()],
            machine_signs: vec![service_account],
            ..Self::generic()
        }
        .requiring(ClaimPointer::claim("typ"), ["Bearer", "DPoP"])
    }
}
