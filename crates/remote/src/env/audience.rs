//! Which audiences a token must name one of, where they may be left out, and which are never enough
//! (rules R18 to R22).

use oauthgate_core::{
    Audience, Profile, ResourceIdentifier, SettingError,
    claims::ClaimPointer,
    context::{AudienceKind, ClientAudience, Preset},
};

use super::{Because, SettingReader, table};

/// `OAUTH_AUDIENCE`, or the resource identifier where tokens are issued for the resource. Nobody knows
/// better than the operator what stands there otherwise.
pub(super) fn audiences_from(
    reader: &mut impl SettingReader,
    resource: Option<&ResourceIdentifier>,
    preset: &Preset,
    profile: &Profile,
) -> Vec<Audience> {
    let setting = &table::AUDIENCE;
    if reader.is_given(setting) {
        return reader.values(setting, |text| Audience::new(text));
    }
    if reader.is_given(&table::ALLOWED_CLIENTS) && !profile.shared_audiences.is_empty() {
        return shared(reader, profile);
    }
    let kind = kind(reader, preset, profile);
    if reader.slip(setting).is_some() || !matches!(kind, AudienceKind::Resource) {
        reader.missing(setting, expected(kind, preset, profile).into());
        return Vec::new();
    }
    // A resource identifier that could not be read is a mistake of its own.
    let resource = resource.and_then(|resource| Audience::new(resource.as_str()).ok());
    if let Some(resource) = &resource {
        reader.note(setting, resource.as_str(), Because::Derived);
    }
    resource.into_iter().collect()
}

/// What the provider writes into everybody's tokens, where the clients are listed that may use theirs here.
fn shared(reader: &mut impl SettingReader, profile: &Profile) -> Vec<Audience> {
    let names = profile.shared_audiences.iter();
    let audiences: Vec<_> = names.filter_map(|name| Audience::new(name).ok()).collect();
    for audience in &audiences {
        reader.note(&table::AUDIENCE, audience.as_str(), Because::Derived);
    }
    audiences
}

/// What is expected there: the preset's kind, unless a setting says that clients are.
fn kind(reader: &impl SettingReader, preset: &Preset, profile: &Profile) -> AudienceKind {
    let says_clients = reader.is_given(&table::CLIENT_AUDIENCE)
        && profile.client_audience != ClientAudience::Unexpected;
    if is_elsewhere(profile) || says_clients {
        return AudienceKind::Clients;
    }
    preset.audience()
}

/// Whether another claim than `aud` holds the audience, which is then the client (rule R19).
pub(super) fn is_elsewhere(profile: &Profile) -> bool {
    profile.audience_claim != ClaimPointer::claim("aud")
}

fn expected(kind: AudienceKind, preset: &Preset, profile: &Profile) -> String {
    let title = preset.title;
    match kind {
        AudienceKind::Named(what) => format!("{what} ({title})"),
        AudienceKind::Clients if is_elsewhere(profile) => format!(
            "the ids of the clients whose tokens are taken, as `{}` names them",
            profile.audience_claim
        ),
        AudienceKind::Clients => format!(
            "the ids of the clients whose tokens are taken: in tokens of this kind `aud` names the client ({title})"
        ),
        _ => table::AUDIENCE.expected.to_owned(),
    }
}

/// Audiences that bind a token to nothing (rules R19, R21).
pub(super) fn refuse_loose(
    reader: &mut impl SettingReader,
    audiences: &[Audience],
    profile: &Profile,
) {
    for audience in audiences.iter().map(Audience::as_str) {
        let is_one = |names: &[String]| names.iter().any(|name| name == audience);
        if is_one(&profile.foreign_audiences) {
            let error = SettingError::new(
                "the provider writes this audience into nearly all of its tokens, for a service of its own",
                "an audience of this service, which a mapper of the authorization server adds to the tokens; the resource identifier is a good one",
            );
            reader.refuse(&table::AUDIENCE, Some(audience), error);
        } else if is_one(&profile.shared_audiences) && !reader.is_given(&table::ALLOWED_CLIENTS) {
            let error = SettingError::new(
                "the provider writes this audience into the tokens of all its clients",
                "OAUTHGATE_ALLOWED_CLIENTS (`allowed_clients`) beside it: the ids of the clients whose tokens are taken",
            );
            reader.refuse(&table::AUDIENCE, Some(audience), error);
        }
    }
}
