//! Auth0.

use crate::{
    Profile,
    claims::ClaimPointer,
    context::profile::{MachineSign, claims},
};

impl Profile {
    /// Auth0, in both its own token profile (`azp`) and the RFC 9068 one (`client_id`). The tenant is
    /// the organization; machine tokens say `gty` = `client-credentials`, and their `sub` ends in `@clients`.
    #[must_use]
    pub fn auth0() -> Self {
        Self {
            name: "auth0",
            client: claims(&["azp", "client_id"]),
            tenant: claims(&["org_id"]),
            groups: claims(&["permissions"]),
            machine_signs: vec![
                MachineSign::Equals(ClaimPointer::claim("gty"), "client-credentials".to_owned()),
                MachineSign::EndsWith(ClaimPointer::claim("sub"), "@clients".to_owned()),
            ],
            ..Self::generic()
        }
    }
}
