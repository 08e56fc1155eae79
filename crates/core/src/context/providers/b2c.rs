//! Azure AD B2C.

use super::signs::{absent, all, equals};
use crate::{
    Profile,
    claims::ClaimPointer,
    context::{
        AudienceKind, MachineSign, Preset, TokenTypes, preset::KnownIssuer, profile::claims,
    },
};

/// Each policy has its own metadata and keys (trap 31), and the default issuer does not name the policy:
/// its metadata address has to be given. The `tfp` form names it.
pub(super) const PRESET: Preset = Preset {
    name: "b2c",
    title: "Azure AD B2C",
    issuers: &[
        KnownIssuer::new("https://*.b2clogin.com/*/v2.0/"),
        KnownIssuer::new("https://*.b2clogin.com/tfp/*/*/v2.0/"),
    ],
    audience: AudienceKind::Named("the application (client) id of your API"),
    profile: Profile::b2c,
};

impl Profile {
    /// Azure AD B2C. As Entra ID, with one difference: `sub` is the user's object id by default, and
    /// stands in where `oid` is not written. The policy (`tfp`, or `acr` of old) is no tenant; a token
    /// that no policy gave is a program's. Programs' tokens carry `scp` here, so that it tells nothing.
    #[must_use]
    pub fn b2c() -> Self {
        Self {
            name: "b2c",
            token_types: TokenTypes::untyped(),
            one_required: vec![claims(&["scp", "roles"]), claims(&["azp"])],
            scopes: claims(&["scp"]),
            user: claims(&["oid", "sub"]),
            client: claims(&["azp"]),
            tenant: claims(&["tid"]),
            groups: claims(&["roles"]),
            machine_signs: vec![
                equals("idtyp", "app"),
                all(vec![absent("tfp"), absent("acr")]),
                MachineSign::PresentWithout(
                    ClaimPointer::claim("roles"),
                    ClaimPointer::claim("scp"),
                ),
            ],
            ..Self::generic()
        }
    }
}
