//! One issuer out of its settings, for every front door.

use oauthgate_core::{Audience, Issuer, Profile, SettingError, claims::IssuerTemplate};

use super::{
    Because, SettingReader, table,
    user_pool::{UserPool, region},
    values,
};
use crate::{IssuerSettings, KeySettings, discovery};

/// Reads the settings of one issuer. `None` when there are mistakes, which the reader was told.
pub fn issuer_from(reader: &mut impl SettingReader) -> Option<IssuerSettings> {
    let issuer = issuer(reader);
    let template = issuer_template(reader);
    let audiences = audiences(reader);
    let profile = preset(reader, issuer.as_ref());
    let keys = keys(reader);
    let missing_audience_clients = reader.values(&table::MISSING_AUDIENCE_CLIENTS, values::word);
    let algorithms = reader.values(&table::ALGORITHMS, values::algorithm);
    let skew = reader.value(&table::CLOCK_SKEW, values::skew);
    let (issuer, keys) = (issuer?, keys?);
    refuse_undiscoverable(reader, &issuer, &keys);

    let mut settings = IssuerSettings::new(issuer, audiences);
    settings.issuer_template = template;
    settings.profile = profile?;
    settings.missing_audience_clients = missing_audience_clients;
    settings.algorithms = algorithms;
    settings.skew = skew?;
    settings.keys = keys;
    Some(settings)
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
fn issuer_template(reader: &mut impl SettingReader) -> Option<IssuerTemplate> {
    let template = reader.value(&table::ISSUER_TEMPLATE, values::issuer_template);
    if !reader.is_given(&table::ISSUER_TENANTS) {
        return template;
    }
    let tenants = reader.values(&table::ISSUER_TENANTS, values::template_tenant);
    if reader.is_given(&table::ISSUER_TEMPLATE) {
        return template.map(|template| template.for_tenants(tenants));
    }
    let error = SettingError::new(
        "there is no template that could admit these tenants",
        "OAUTHGATE_ISSUER_TEMPLATE (`issuer_template`) beside it",
    );
    reader.refuse(&table::ISSUER_TENANTS, None, error);
    None
}

fn audiences(reader: &mut impl SettingReader) -> Vec<Audience> {
    if !reader.is_given(&table::AUDIENCE) {
        reader.missing(&table::AUDIENCE, table::AUDIENCE.expected.into());
    }
    reader.values(&table::AUDIENCE, |text| Audience::new(text))
}

/// The preset given, or the one that follows from the issuer.
fn preset(reader: &mut impl SettingReader, issuer: Option<&Issuer>) -> Option<Profile> {
    if reader.is_given(&table::PRESET) {
        return reader.value(&table::PRESET, values::preset);
    }
    let profile = Profile::for_issuer(issuer?);
    reader.note(&table::PRESET, profile.name(), Because::Derived);
    Some(profile)
}

/// Where the keys come from, and how long they are held.
fn keys(reader: &mut impl SettingReader) -> Option<KeySettings> {
    let jwks_url = reader.value(&table::JWKS_URL, values::fetched_url);
    let metadata_url = reader.value(&table::METADATA_URL, values::fetched_url);
    let metadata_issuer = reader.value(&table::METADATA_ISSUER, |text| Issuer::new(text));
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

fn refuse_undiscoverable(reader: &mut impl SettingReader, issuer: &Issuer, keys: &KeySettings) {
    let is_looked_for =
        !reader.is_given(&table::JWKS_URL) && !reader.is_given(&table::METADATA_URL);
    if !is_looked_for || discovery::candidates(issuer, keys.metadata_url.as_ref()).is_ok() {
        return;
    }
    let error = SettingError::new(
        "no metadata can be looked for under this issuer, so its keys cannot be found",
        "a URL, or set OAUTHGATE_JWKS_URL (`jwks_url`) or OAUTHGATE_METADATA_URL (`metadata_url`) beside it",
    );
    reader.refuse(&table::ISSUER_URL, Some(issuer.as_str()), error);
}
