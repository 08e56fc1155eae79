//! Settings that are right on their own and mean nothing beside the others. A setting without effect
//! may be a hole, so none is passed over.

use oauthgate_core::{Profile, SettingError, context::TokenMode};

use super::{Setting, SettingReader, Words, audience::is_elsewhere, table, values};

/// Reports every setting that could have no effect.
pub(super) fn refuse(reader: &mut impl SettingReader, profile: &Profile) {
    let mode = is_mode_known(reader).then_some(profile.token_mode);
    let without_effect: [(bool, &'static Setting, &str, &str); 7] = [
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
            mode == Some(TokenMode::Opaque),
            &table::HS_SECRET,
            "every token of this issuer is asked about (`token_mode` is opaque), so none is verified here",
            "OAUTHGATE_TOKEN_MODE=auto or jwt (`token_mode`) beside it, or leave the setting out",
        ),
        (
            mode == Some(TokenMode::Opaque),
            &table::TOKEN_TYPES,
            "every token of this issuer is asked about (`token_mode` is opaque), so no header with a `typ` is read",
            "OAUTHGATE_TOKEN_MODE=auto or jwt (`token_mode`) beside it, or leave the setting out",
        ),
        (
            mode == Some(TokenMode::Jwt),
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

/// Whether it is known how tokens are checked. With a mistake in what says so nothing is without effect
/// for certain.
pub(super) fn is_mode_known(reader: &mut impl SettingReader) -> bool {
    is_sound(reader, &table::PRESET, values::preset)
        && is_sound(reader, &table::TOKEN_MODE, TokenMode::parse)
}

fn is_sound<T>(
    reader: &mut impl SettingReader,
    setting: &'static Setting,
    parse: fn(&str) -> Result<T, SettingError>,
) -> bool {
    if !reader.is_given(setting) {
        return true;
    }
    matches!(reader.words(setting), Some(Words::One(word)) if parse(&word).is_ok())
}
