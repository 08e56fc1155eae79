//! Amazon Cognito user pools.

use crate::{
    Profile,
    claims::ClaimPointer,
    context::{AudienceKind, ClientAudience, Preset, TokenTypes, preset::KnownIssuer},
};

use super::signs::absent;

/// A pool has an issuer of its own host, and one of the newer type after it was switched.
pub(super) const PRESET: Preset = Preset {
    name: "cognito",
    title: "Amazon Cognito",
    issuers: &[
        KnownIssuer::new("https://cognito-idp.*.amazonaws.com/*"),
        KnownIssuer::new("https://cognito-idp.*.amazonaws.com.cn/*"),
        KnownIssuer::new("https://issuer-cognito-idp.*.amazonaws.com/*"),
        KnownIssuer::new("https://issuer-cognito-idp.*.amazonaws.com.cn/*"),
    ],
    audience: AudienceKind::Named("the id of your app client, or of several"),
    profile: Profile::cognito,
};

impl Profile {
    /// Amazon Cognito. Its access tokens have no `typ`, say `token_use` = `access` (ID tokens of the
    /// same pool say `id`), and carry `aud` only when the user's flow asked for a resource; else
    /// `client_id` is the only thing that ties a token to an application, so the expected audiences are
    /// the app client ids. A program's token has no `username`.
    #[must_use]
    pub fn cognito() -> Self {
        Self {
            name: "cognito",
            token_types: TokenTypes::untyped(),
            client_audience: ClientAudience::StandsIn,
            client: vec![ClaimPointer::claim("client_id")],
            groups: vec![ClaimPointer::claim("cognito:groups")],
            machine_signs: vec![absent("username")],
            ..Self::generic()
        }
        .requiring(ClaimPointer::claim("token_use"), ["access"])
    }
}
