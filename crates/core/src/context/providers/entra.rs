//! Microsoft Entra ID.

use crate::{
    Profile,
    claims::ClaimPointer,
    context::profile::{MachineSign, TokenTypes, claims},
};

impl Profile {
    /// Microsoft Entra ID, v1.0 and v2.0 tokens. `sub` differs from application to application, so the
    /// user's id is `oid` within the tenant `tid`; app-only tokens say `idtyp` = `app`,
    /// where the application asked for that claim, and carry `roles` without `scp` in any case.
    /// Every access token carries `scp` or `roles`; one with neither is an ID token, or the token of a
    /// program that was assigned nothing.
    #[must_use]
    pub fn entra() -> Self {
        Self {
            name: "entra",
            token_types: TokenTypes::Untyped,
            one_required: claims(&["scp", "roles"]),
            scopes: claims(&["scp"]),
            user: claims(&["oid"]),
            client: claims(&["azp", "appid"]),
            tenant: claims(&["tid"]),
            groups: claims(&["roles"]),
            machine_signs: vec![
                MachineSign::Equals(ClaimPointer::claim("idtyp"), "app".to_owned()),
                MachineSign::PresentWithout(
                    ClaimPointer::claim("roles"),
                    ClaimPointer::claim("scp"),
                ),
            ],
            ..Self::generic()
        }
    }
}
