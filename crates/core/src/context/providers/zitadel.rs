//! ZITADEL.

use super::signs::{absent, all, differs};
use crate::{
    Profile,
    context::{AudienceKind, GroupForm, Preset, TokenMode, preset::KnownIssuer, profile::claims},
};

pub(super) const PRESET: Preset = Preset {
    name: "zitadel",
    title: "ZITADEL",
    issuers: &[
        KnownIssuer::new("https://*.zitadel.cloud"),
        KnownIssuer::new("https://*.*.zitadel.cloud"),
    ],
    audience: AudienceKind::Named(
        "the id of your project, which the tokens of all its applications carry",
    ),
    profile: Profile::zitadel,
};

impl Profile {
    /// ZITADEL, opaque tokens and JWTs. Roles are the member names of an object (trap 21), the tenant is
    /// the organization that owns the user. An ID token has the same audiences, and no `jti`. A
    /// service user names itself as client, or no client at all, and is in no audience; an application
    /// always is in its own.
    #[must_use]
    pub fn zitadel() -> Self {
        Self {
            name: "zitadel",
            token_mode: TokenMode::Auto,
            one_required: vec![claims(&["jti"])],
            client: claims(&["azp", "client_id"]),
            tenant: claims(&["urn:zitadel:iam:user:resourceowner:id"]),
            groups: claims(&["urn:zitadel:iam:org:project:roles"]),
            group_form: GroupForm::MemberNames,
            machine_signs: vec![
                differs("client_id", "aud"),
                differs("azp", "aud"),
                all(vec![absent("client_id"), absent("azp")]),
            ],
            ..Self::generic()
        }
    }
}
