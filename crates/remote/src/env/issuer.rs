//! One issuer out of its settings, for every front door.

use std::path::PathBuf;

use oauthgate_core::{
    Issuer, ResourceIdentifier, SettingError,
    claims::IssuerTemplate,
    context::{Places, Preset},
};

use super::{
    Because, Setting, SettingReader, audience, contradictions,
    introspection::introspection_from,
    profile::profile_from,
    table,
    user_pool::{UserPool, region},
    values,
};
use crate::{FetchHeaders, IssuerSettings, KeySettings, discovery, preset_choice::PresetChoice};

/// Reads the settings of one issuer, for this resource. `None` when there are mistakes, which the
/// reader was told.
pub fn issuer_from(
    reader: &mut impl SettingReader,
    resource: Option<&ResourceIdentifier>,
) -> Option<IssuerSettings> {
    let issuer = issuer(reader);
    let choice = preset(reader, issuer.as_ref()).unwrap_or(PresetChoice::UNKNOWN);
    let preset = choice.preset;
    let places = Expected {
        places: issuer
            .as_ref()
            .map_or_else(Places::default, |issuer| preset.places(issuer)),
        because: Because::Preset(choice),
    };
    let template = issuer_template(reader, &places);
    let profile = profile_from(reader, preset.profile(), choice);
    let audiences = audience::audiences_from(reader, resource, preset, &profile);
    audience::refuse_loose(reader, &audiences, &profile);
    let keys = keys(reader, &places);
    let missing_audience_clients = reader.values(&table::MISSING_AUDIENCE_CLIENTS, values::word);
    let allowed_clients = list(reader, &table::ALLOWED_CLIENTS);
    let allowed_tenants = list(reader, &table::ALLOWED_TENANTS);
    let introspection = introspection_from(reader, &profile);
    let algorithms = reader.values(&table::ALGORITHMS, values::algorithm);
    let hs_secret = reader.value(&table::HS_SECRET, values::hs_secret);
    let skew = reader.value(&table::CLOCK_SKEW, values::skew);
    contradictions::refuse(reader, &profile);
    let (issuer, keys) = (issuer?, keys?);
    refuse_undiscoverable(reader, &issuer, &keys);

    let mut settings = IssuerSettings::new(issuer, audiences);
    settings.preset = choice;
    settings.issuer_template = template;
    settings.profile = profile;
    settings.missing_audience_clients = missing_audience_clients;
    settings.allowed_clients = allowed_clients;
    settings.allowed_tenants = allowed_tenants;
    settings.algorithms = algorithms;
    settings.hs_secret = hs_secret;
    settings.skew = skew?;
    settings.keys = keys;
    settings.introspection = introspection;
    Some(settings)
}

/// What follows from the issuer where nobody says otherwise.
struct Expected {
    places: Places,
    because: Because,
}

impl Expected {
    /// The value given, or the one that follows from the issuer.
    fn or_given<T>(
        &self,
        reader: &mut impl SettingReader,
        setting: &'static Setting,
        place: Option<&String>,
        parse: impl FnOnce(&str) -> Result<T, SettingError>,
    ) -> Option<T> {
        match place {
            Some(place) if !reader.is_given(setting) => {
                reader.note(setting, place, self.because);
                let parsed = parse(place);
                reader.ok(setting, place, parsed)
            }
            _ => reader.value(setting, parse),
        }
    }
}

/// A list that is complete when there is one.
fn list(reader: &mut impl SettingReader, setting: &'static Setting) -> Option<Vec<String>> {
    reader
        .is_given(setting)
        .then(|| reader.values(setting, values::word))
}

/// `OAUTH_ISSUER_URL`, or the issuer of a Cognito user pool. Both may be given when they agree.
fn issuer(reader: &mut impl SettingReader) -> Option<Issuer> {
    let (is_named, is_pool) = (
        reader.is_given(&table::ISSUER_URL),
        reader.is_given(&table::USER_POOL_ID),
    );
    if !is_named && !is_pool {
        reader.missing(&table::ISSUER_URL, table::ISSUER_URL.expected.into());
        return None;
    }
    let pool = is_pool.then(|| user_pool(reader));
    let issuer = is_named.then(|| reader.value(&table::ISSUER_URL, values::issuer));
    match (issuer, pool) {
        (Some(Some(issuer)), Some(Some(pool))) if !pool.is_named_by(&issuer) => {
            let error = SettingError::new(
                "the user pool names another issuer",
                "one of the two: OAUTH_ISSUER_URL for any provider, USER_POOL_ID for Cognito",
            );
            reader.refuse(&table::ISSUER_URL, Some(issuer.as_str()), error);
            None
        }
        (Some(issuer), _) => issuer,
        (None, pool) => {
            let issuer = pool??.issuer().ok()?;
            reader.note(&table::ISSUER_URL, issuer.as_str(), Because::Derived);
            Some(issuer)
        }
    }
}

/// The pool, whose id names its region; `AWS_REGION` may only confirm it.
fn user_pool(reader: &mut impl SettingReader) -> Option<UserPool> {
    let region = reader.value(&table::REGION, |text| region(text).map(str::to_owned));
    reader.value(&table::USER_POOL_ID, |text| {
        UserPool::parse(text, region.as_deref())
    })
}

/// The template with the tenants that it admits.
fn issuer_template(reader: &mut impl SettingReader, expected: &Expected) -> Option<IssuerTemplate> {
    let place = expected.places.issuer_template.as_ref();
    let template = expected.or_given(
        reader,
        &table::ISSUER_TEMPLATE,
        place,
        values::issuer_template,
    );
    if !reader.is_given(&table::ISSUER_TENANTS) {
        return template;
    }
    let tenants = reader.values(&table::ISSUER_TENANTS, values::template_tenant);
    if template.is_some() || reader.is_given(&table::ISSUER_TEMPLATE) {
        return template.map(|template| template.for_tenants(tenants));
    }
    let error = SettingError::new(
        "there is no template that could admit these tenants",
        "OAUTHGATE_ISSUER_TEMPLATE (`issuer_template`) beside it",
    );
    reader.refuse(&table::ISSUER_TENANTS, None, error);
    None
}

/// The preset given, or the one that follows from the issuer.
fn preset(reader: &mut impl SettingReader, issuer: Option<&Issuer>) -> Option<PresetChoice> {
    if reader.is_given(&table::PRESET) {
        let preset: Option<&'static Preset> = reader.value(&table::PRESET, values::preset);
        return preset.map(PresetChoice::named);
    }
    let choice = PresetChoice::for_issuer(issuer?);
    reader.note(&table::PRESET, choice.name(), Because::Preset(choice));
    Some(choice)
}

/// Where the keys come from, and how long they are held.
fn keys(reader: &mut impl SettingReader, expected: &Expected) -> Option<KeySettings> {
    let Places {
        jwks_url,
        metadata_url,
        metadata_issuer,
        ..
    } = &expected.places;
    let jwks_file = jwks_file(reader);
    let fetch_headers = reader.value(&table::FETCH_HEADERS, FetchHeaders::parse);
    // Whoever says where one of the three is has said where the keys come from.
    let is_said = [&table::JWKS_URL, &table::JWKS_FILE, &table::METADATA_URL]
        .iter()
        .any(|setting| reader.is_given(setting));
    let place = |place: &Option<String>| place.clone().filter(|_| !is_said);
    let url = values::fetched_url;
    let jwks_url = expected.or_given(reader, &table::JWKS_URL, place(jwks_url).as_ref(), url);
    let metadata_url = expected.or_given(
        reader,
        &table::METADATA_URL,
        place(metadata_url).as_ref(),
        url,
    );
    let metadata_issuer = metadata_issuer.as_ref().filter(|_| jwks_file.is_none());
    let metadata_issuer =
        expected.or_given(reader, &table::METADATA_ISSUER, metadata_issuer, |text| {
            Issuer::new(text)
        });
    let jwks_same_site = reader.value(&table::JWKS_SAME_SITE, values::boolean);
    let ttl = reader.value(&table::JWKS_CACHE_TTL, values::jwks_ttl);
    let max_prepared = reader.value(&table::JWKS_MAX_KEYS, values::jwks_max_keys);
    let stale_limit = reader.value(&table::JWKS_STALE_LIMIT, values::jwks_stale_limit);
    let pinned_kids = reader.values(&table::PINNED_KIDS, values::key_name);
    let withdrawn_kids = reader.values(&table::WITHDRAWN_KIDS, values::key_name);
    Some(KeySettings {
        metadata_url,
        metadata_issuer,
        jwks_url,
        jwks_file,
        fetch_headers: fetch_headers.unwrap_or_default(),
        jwks_same_site: jwks_same_site?,
        ttl: ttl?,
        ttl_is_explicit: reader.is_given(&table::JWKS_CACHE_TTL),
        max_prepared: max_prepared?,
        stale_limit: stale_limit?,
        pinned_kids,
        withdrawn_kids,
        ..KeySettings::default()
    })
}

/// The file stands alone: two places could disagree about the keys, and headers for none are a slip.
fn jwks_file(reader: &mut impl SettingReader) -> Option<PathBuf> {
    let path = reader.value(&table::JWKS_FILE, values::jwks_file);
    if !reader.is_given(&table::JWKS_FILE) {
        return None;
    }
    for other in [
        &table::JWKS_URL,
        &table::METADATA_URL,
        &table::METADATA_ISSUER,
        &table::FETCH_HEADERS,
    ] {
        if reader.is_given(other) {
            let error = SettingError::new(
                "OAUTHGATE_JWKS_FILE (`jwks_file`) is set, so nothing is fetched for this issuer's keys",
                "one of the two",
            );
            reader.refuse(other, None, error);
        }
    }
    path
}

fn refuse_undiscoverable(reader: &mut impl SettingReader, issuer: &Issuer, keys: &KeySettings) {
    // With a secret there may be no keys at all; a mistake in either is reported for what it is.
    let is_said = [
        &table::JWKS_URL,
        &table::JWKS_FILE,
        &table::METADATA_URL,
        &table::HS_SECRET,
    ]
    .iter()
    .any(|setting| reader.is_given(setting));
    let is_found = keys.jwks_url.is_some()
        || discovery::candidates(issuer, keys.metadata_url.as_ref()).is_ok();
    if is_said || is_found {
        return;
    }
    let error = SettingError::new(
        "no metadata can be looked for under this issuer, so its keys cannot be found",
        "a URL, or set OAUTHGATE_JWKS_URL (`jwks_url`), OAUTHGATE_JWKS_FILE (`jwks_file`) or OAUTHGATE_METADATA_URL (`metadata_url`) beside it",
    );
    reader.refuse(&table::ISSUER_URL, Some(issuer.as_str()), error);
}
