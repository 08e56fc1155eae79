//! One issuer out of its section.

use oauthgate_core::{Audience, Issuer, Profile, SettingError, claims::IssuerTemplate};
use oauthgate_remote::{
    IssuerSettings,
    env::{self as remote, OAUTH_AUDIENCE, OAUTH_ISSUER_URL, USER_POOL_ID, UserPool},
};
use url::Url;

use super::{
    effective::{DERIVED, Effective},
    env::{Environment, Level, VARIABLES},
    given::Mistakes,
    reader::Reader,
    section::Section,
    values,
};

/// The sections that describe a resource's issuers: its own, or those given one by one.
pub(super) fn sections<'a>(resource: &'a Section, mistakes: &mut Mistakes) -> Vec<&'a Section> {
    if resource.issuers.is_empty() {
        return vec![resource];
    }
    for variable in VARIABLES
        .iter()
        .filter(|variable| variable.level == Level::Issuer && variable.key != "region")
    {
        if let Some(given) = resource.values.get(variable.key) {
            let problem = format!(
                "it does not say which of the {} [[resource.issuer]] it means",
                resource.issuers.len()
            );
            mistakes.add(
                given.label(),
                None,
                problem,
                format!("`{}` below one `[[resource.issuer]]`", variable.key),
            );
        }
    }
    resource.issuers.iter().collect()
}

/// Reads one issuer.
pub(super) fn read(
    section: &Section,
    prefix: &str,
    environment: &Environment,
    effective: &mut Vec<Effective>,
    mistakes: &mut Mistakes,
) -> Option<IssuerSettings> {
    let mut reader = Reader {
        section,
        prefix: prefix.to_owned(),
        mistakes,
        effective,
    };
    let issuer = issuer(&mut reader, environment);
    let issuer_template = issuer_template(&mut reader);
    let audiences = audiences(&mut reader, environment);
    let profile = preset(&mut reader, issuer.as_ref());
    let jwks_url = reader.one("jwks_url", remote::fetched_url);
    let metadata_url = reader.one("metadata_url", remote::fetched_url);
    let metadata_issuer = reader.one("metadata_issuer", |text| Issuer::new(text));
    let same_site = reader.one("jwks_same_site", remote::jwks_same_site);
    let missing_audience_clients = reader.many("missing_audience_clients", values::word);
    let algorithms = reader.many("algorithms", values::algorithm);
    let skew = reader.one("clock_skew", |text| values::seconds(text, 0..=300));
    let jwks_ttl = reader.one("jwks_cache_ttl", remote::jwks_ttl);
    let jwks_max_keys = reader.one("jwks_max_keys", remote::jwks_max_keys);
    let stale_limit = reader.one("jwks_stale_limit", remote::jwks_stale_limit);
    let pinned_kids = reader.many("pinned_kids", remote::key_name);
    let withdrawn_kids = reader.many("withdrawn_kids", remote::key_name);
    let issuer = issuer?;
    if jwks_url.is_none() && metadata_url.is_none() {
        refuse_undiscoverable(&issuer, &mut reader);
    }

    let mut settings = IssuerSettings::new(issuer, audiences);
    settings.issuer_template = issuer_template;
    settings.profile = profile?;
    settings.keys.jwks_url = jwks_url;
    settings.keys.metadata_url = metadata_url;
    settings.keys.metadata_issuer = metadata_issuer;
    settings.keys.jwks_same_site = same_site?;
    settings.missing_audience_clients = missing_audience_clients;
    settings.algorithms = algorithms;
    settings.skew = skew?;
    settings.keys.ttl = jwks_ttl?;
    settings.keys.ttl_is_explicit = section.values.contains_key("jwks_cache_ttl");
    settings.keys.max_prepared = jwks_max_keys?;
    settings.keys.stale_limit = stale_limit?;
    settings.keys.pinned_kids = pinned_kids;
    settings.keys.withdrawn_kids = withdrawn_kids;
    Some(settings)
}

/// `issuer_url`, or the issuer of a Cognito user pool. Both may be given when they agree.
fn issuer(reader: &mut Reader<'_>, environment: &Environment) -> Option<Issuer> {
    let (url, pool) = (
        reader.section.values.get("issuer_url"),
        reader.section.values.get("user_pool_id"),
    );
    if url.is_none() && pool.is_none() {
        let slip = environment
            .nearest_to(OAUTH_ISSUER_URL)
            .or_else(|| environment.nearest_to(USER_POOL_ID));
        reader.missing("issuer_url", slip);
        return None;
    }
    let pool = pool.map(|_| user_pool(reader));
    let issuer = url.map(|given| (given, reader.one("issuer_url", remote::issuer)));
    match (issuer, pool) {
        (Some((given, Some(issuer))), Some(Some(pool))) if !pool.is_named_by(&issuer) => {
            let expected =
                "one of the two: OAUTH_ISSUER_URL for any provider, USER_POOL_ID for Cognito";
            reader.mistakes.add(
                given.label(),
                Some(issuer.as_str()),
                "the user pool names another issuer",
                expected,
            );
            None
        }
        (Some((_, issuer)), _) => issuer,
        (None, pool) => {
            let issuer = pool??.issuer().ok()?;
            reader.note("issuer_url", issuer.as_str(), DERIVED);
            Some(issuer)
        }
    }
}

/// The template with the tenants that it admits.
fn issuer_template(reader: &mut Reader<'_>) -> Option<IssuerTemplate> {
    let template = reader.one("issuer_template", remote::issuer_template);
    let tenants = reader.many("issuer_tenants", values::tenant);
    let given = reader.section.values.get("issuer_tenants");
    match given {
        None => template,
        Some(_) if reader.section.values.contains_key("issuer_template") => {
            template.map(|template| template.for_tenants(tenants))
        }
        Some(given) => {
            let expected = "OAUTHGATE_ISSUER_TEMPLATE (`issuer_template`) beside it";
            let problem = "there is no template that could admit these tenants";
            reader.mistakes.add(given.label(), None, problem, expected);
            None
        }
    }
}

/// The pool, whose id names its region; `AWS_REGION` may only confirm it.
fn user_pool(reader: &mut Reader<'_>) -> Option<UserPool> {
    let region = reader.one("region", |text| remote::region(text).map(str::to_owned));
    reader.one("user_pool_id", |text| {
        UserPool::parse(text, region.as_deref())
    })
}

fn refuse_undiscoverable(issuer: &Issuer, reader: &mut Reader<'_>) {
    let is_url = Url::parse(issuer.as_str())
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if let (false, Some(given)) = (is_url, reader.section.values.get("issuer_url")) {
        let expected = "a URL, or set OAUTHGATE_JWKS_URL (`jwks_url`) or OAUTHGATE_METADATA_URL (`metadata_url`) beside it";
        reader.mistakes.add(
            given.label(),
            Some(issuer.as_str()),
            "the issuer is no URL, so its keys cannot be found",
            expected,
        );
    }
}

fn audiences(reader: &mut Reader<'_>, environment: &Environment) -> Vec<Audience> {
    if !reader.section.values.contains_key("audience") {
        reader.missing("audience", environment.nearest_to(OAUTH_AUDIENCE));
    }
    reader.many("audience", |text| Audience::new(text))
}

/// The preset given, or the one that follows from the issuer.
fn preset(reader: &mut Reader<'_>, issuer: Option<&Issuer>) -> Option<Profile> {
    let derived = issuer.map(Profile::for_issuer);
    match derived {
        Some(profile) if !reader.section.values.contains_key("preset") => {
            reader.note("preset", profile.name(), DERIVED);
            Some(profile)
        }
        _ => reader.one("preset", named_preset),
    }
}

fn named_preset(text: &str) -> Result<Profile, SettingError> {
    let names = || oauthgate_core::context::providers::names();
    Profile::named(text).ok_or_else(|| {
        SettingError::new(
            "no preset of this name",
            names().collect::<Vec<_>>().join(", "),
        )
    })
}
