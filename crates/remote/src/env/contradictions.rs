//! Settings that are right on their own and mean nothing beside the others. A setting without effect
//! may be a hole, so none is passed over.

use oauthgate_core::{Profile, SettingError, context::TokenMode};

use super::{Setting, SettingReader, audience::is_elsewhere, table};

/// Reports every setting that could have no effect.
pub(super) fn refuse(reader: &mut impl SettingReader, profile: &Profile) {
    let without_effect: [(bool, &'static Setting, &str, &str); 5] = [
        (
            is_elsewhere(profile),
            &table::MISSING_AUDIENCE_CLIENTS,
            "OAUTHGATE_AUDIENCE_CLAIM names the client, so no token is without an audience",
            "these clients in OAUTH_AUDIENCE (`audience`) instead",
        ),
        (
            profile.client.is_empty(),
            &table::ALLOWED_CLIENTS,
            "no claim is named that holds the client",
            "OAUTHGATE_CLIENT_CLAIMS (`client_claims`) beside it, for example /client_id",
        ),
        (
            profile.tenant.is_empty(),
            &table::ALLOWED_TENANTS,
            "no claim is named that holds the tenant",
            "OAUTHGATE_TENANT_CLAIMS (`tenant_claims`) beside it, for example /tid",
        ),
        (
            profile.groups.is_empty(),
            &table::GROUP_FORM,
            "no claim is named that holds groups",
            "OAUTHGATE_GROUP_CLAIMS (`group_claims`) beside it, for example /groups",
        ),
        (
            profile.token_mode == TokenMode::Jwt,
            &table::OPAQUE_PREFIXES,
            "no opaque token of this issuer is taken",
            "OAUTHGATE_TOKEN_MODE=auto or opaque (`token_mode`) beside it, or leave the setting out",
        ),
    ];
    for (is_moot, setting, problem, expected) in without_effect {
        if is_moot && reader.is_given(setting) {
            reader.refuse(setting, None, SettingError::new(problem, expected));
        }
    }
}
