//! Microsoft Entra ID.

use crate::{
    Profile,
    claims::ClaimPointer,
    context::{
        AudienceKind, MachineSign, Preset, TokenTypes, preset::KnownIssuer, profile::claims,
    },
};

const V2_TEMPLATE: &str = "https://login.microsoftonline.com/{tid}/v2.0";
const V2_METADATA_ISSUER: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
const V1_TEMPLATE: &str = "https://sts.windows.net/{tid}/";
const V1_METADATA_ISSUER: &str = "https://sts.windows.net/{tenantid}/";

/// Which version a token has is up to the API's manifest (`requestedAccessTokenVersion`), not to the
/// endpoint (trap 7). `common` and `organizations` are addresses for every tenant and no token's
/// issuer: they stand for the template of it, and their documents name a template too (trap 3). The
/// document of `consumers` names the one tenant of private accounts, whose issuer is written in full.
pub(super) const PRESET: Preset = Preset {
    name: "entra",
    title: "Microsoft Entra ID",
    issuers: &[
        KnownIssuer {
            issuer_template: Some(V2_TEMPLATE),
            metadata_url: Some(
                "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration",
            ),
            metadata_issuer: Some(V2_METADATA_ISSUER),
            ..KnownIssuer::new("https://login.microsoftonline.com/common/v2.0")
        },
        KnownIssuer {
            issuer_template: Some(V2_TEMPLATE),
            metadata_url: Some(
                "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration",
            ),
            metadata_issuer: Some(V2_METADATA_ISSUER),
            ..KnownIssuer::new("https://login.microsoftonline.com/organizations/v2.0")
        },
        KnownIssuer::new("https://login.microsoftonline.com/*/v2.0"),
        KnownIssuer::new("https://login.microsoftonline.us/*/v2.0"),
        KnownIssuer::new("https://login.partner.microsoftonline.cn/*/v2.0"),
        KnownIssuer {
            issuer_template: Some(V1_TEMPLATE),
            metadata_url: Some(
                "https://login.microsoftonline.com/common/.well-known/openid-configuration",
            ),
            metadata_issuer: Some(V1_METADATA_ISSUER),
            ..KnownIssuer::new("https://sts.windows.net/common/")
        },
        KnownIssuer {
            issuer_template: Some(V1_TEMPLATE),
            metadata_url: Some(
                "https://login.microsoftonline.com/organizations/.well-known/openid-configuration",
            ),
            metadata_issuer: Some(V1_METADATA_ISSUER),
            ..KnownIssuer::new("https://sts.windows.net/organizations/")
        },
        // The host of the issuer serves no documents.
        KnownIssuer {
            metadata_url: Some(
                "https://login.microsoftonline.com/*/.well-known/openid-configuration",
            ),
            ..KnownIssuer::new("https://sts.windows.net/*/")
        },
    ],
    audience: AudienceKind::Named(
        "the application (client) id of your API, and its Application ID URI for v1.0 tokens",
    ),
    profile: Profile::entra,
};

impl Profile {
    /// Microsoft Entra ID, v1.0 and v2.0 tokens. `sub` differs from application to application, so the
    /// user's id is `oid` within the tenant `tid`; app-only tokens say `idtyp` = `app`,
    /// where the application asked for that claim, and carry `roles` without `scp` in any case.
    /// Every access token carries `scp` or `roles`; one with neither is an ID token, or the token of a
    /// program that was assigned nothing (trap 8). ID tokens carry the user's `roles` too, and so every
    /// access token must name the client it was issued to, as v2.0 (`azp`) and v1.0 (`appid`) do and
    /// ID tokens do not.
    #[must_use]
    pub fn entra() -> Self {
        Self {
            name: "entra",
            token_types: TokenTypes::untyped(),
            one_required: vec![claims(&["scp", "roles"]), claims(&["azp", "appid"])],
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
