//! Keycloak.

use crate::{
    Profile,
    claims::ClaimPointer,
    context::{AudienceKind, MachineSign, Preset, preset::KnownIssuer, profile::claims},
};

use super::signs::{all, present};

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
    /// which are signed with the same key. The audience `account` is the user's own account page, in
    /// nearly every token of a realm (trap 12). Groups are the roles of the realm; those of one client are
    /// at `/resource_access/` and its id, and are named by the operator who knows which client his API is.
    ///
    /// A service account is a user named after its client, in lower case. A person may pick such a name
    /// where people register themselves, so the name counts only beside what Keycloak writes out of a
    /// session that client credentials opened: `client_id` (`clientId` in old versions), or `clientHost`
    /// and `clientAddress`, which tell it alone.
    #[must_use]
    pub fn keycloak() -> Self {
        Self {
            name: "keycloak",
            client: claims(&["azp", "client_id"]),
            groups: vec![ClaimPointer::claim("realm_access").member("roles")],
            foreign_audiences: vec!["account".to_owned()],
            machine_signs: vec![
                present("clientHost"),
                present("clientAddress"),
                all(vec![service_account(), present("client_id")]),
                all(vec![service_account(), present("clientId")]),
            ],
            ..Self::generic()
        }
        .requiring(ClaimPointer::claim("typ"), ["Bearer", "DPoP"])
    }
}

fn service_account() -> MachineSign {
    MachineSign::NamesClient(
        ClaimPointer::claim("preferred_username"),
        "service-account-".to_owned(),
        String::new(),
    )
}
