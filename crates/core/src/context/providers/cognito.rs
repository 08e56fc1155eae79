//! Amazon Cognito user pools.

use crate::{
    Profile,
    claims::ClaimPointer,
    context::profile::{ClientAudience, TokenTypes},
};

impl Profile {
    /// Amazon Cognito. Its access tokens have no `typ`, say `token_use` = `access` (ID tokens of the
    /// same pool say `id`), and carry `aud` only when the user's flow asked for a resource; else
    /// `client_id` is the only thing that ties a token to an application, so the expected audiences are
    /// the app client ids.
    #[must_use]
    pub fn cognito() -> Self {
        Self {
            name: "cognito",
            token_types: TokenTypes::Untyped,
            client_audience: ClientAudience::StandsIn,
            client: vec![ClaimPointer::claim("client_id")],
            groups: vec![ClaimPointer::claim("cognito:groups")],
            ..Self::generic()
        }
        .requiring(ClaimPointer::claim("token_use"), ["access"])
    }
}
