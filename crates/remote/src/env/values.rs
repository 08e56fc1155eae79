//! Text into values: each function maps one text to one value, or says what is wrong and what would be
//! right.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use oauthgate_core::{
    Issuer, ResourceIdentifier, SettingError, SharedSecret, SigningAlgorithm,
    claims::IssuerTemplate, context::Preset,
};
use url::Url;

use crate::{
    LONGEST_STALE_LIMIT,
    address::fetchable,
    jwks::file,
    key_settings::{LONGEST_TTL, can_name_a_key},
    settings::advertisable,
};

/// `MCP_SERVER_URL`.
///
/// # Errors
/// What is wrong with the URI.
pub fn resource(text: &str) -> Result<ResourceIdentifier, SettingError> {
    ResourceIdentifier::parse(text)
}

/// `OAUTH_ISSUER_URL`: the exact `iss`. A URL must be https (http on loopback only), because metadata
/// is fetched from it; a text that is no URL is taken as it is, and needs an explicit key set URL.
///
/// # Errors
/// What is wrong with the issuer.
pub fn issuer(text: &str) -> Result<Issuer, SettingError> {
    let issuer = Issuer::new(text)?;
    match Url::parse(issuer.as_str()) {
        Ok(url) => fetchable(&url).map(|()| issuer),
        Err(_) => Ok(issuer),
    }
}

/// `OAUTHGATE_JWKS_URL` and the like: a URL that is fetched.
///
/// # Errors
/// What is wrong with the URL.
pub fn fetched_url(text: &str) -> Result<Url, SettingError> {
    let url = Url::parse(text).map_err(|error| {
        SettingError::new(
            format!("not a URL ({error})"),
            "a URL such as https://auth.example.com/keys",
        )
    })?;
    fetchable(&url).map(|()| url)
}

/// `OAUTHGATE_INTROSPECTION_ASSERTION_AUDIENCE`: the text as it is, if it is a URL with nothing odd in it.
/// Nothing is fetched from it, but whoever it names may be shown what was signed for it.
///
/// # Errors
/// What is wrong with the URL.
pub fn assertion_audience(text: &str) -> Result<String, SettingError> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return fetched_url(text).map(|_| text.to_owned());
    }
    Err(SettingError::new(
        "a character that no URL has",
        "a URL such as https://auth.example.com/oauth2/introspect",
    ))
}

/// `OAUTHGATE_JWKS_FILE`: an absolute path, where a key set can be read now.
///
/// # Errors
/// What is wrong with the path, the file or the set in it.
pub fn jwks_file(text: &str) -> Result<PathBuf, SettingError> {
    let path = PathBuf::from(text);
    file::check(&path).map(|()| path)
}

/// `OAUTHGATE_HS_SECRET`: the bytes of the text.
///
/// # Errors
/// When it is no secret, without repeating it.
pub fn hs_secret(text: &str) -> Result<SharedSecret, SettingError> {
    SharedSecret::new(text.as_bytes())
}

/// One of `OAUTHGATE_AUTHORIZATION_SERVERS`: the text as it is, if clients could look for metadata there.
///
/// # Errors
/// What is wrong with the URL.
pub fn authorization_server(text: &str) -> Result<Issuer, SettingError> {
    let server = Issuer::new(text)?;
    advertisable(&server).map(|()| server)
}

/// `OAUTHGATE_PRESET`: the name of a known provider.
///
/// # Errors
/// When no preset has this name; the names that there are.
pub fn preset(text: &str) -> Result<&'static Preset, SettingError> {
    Preset::named(text).ok_or_else(|| {
        let names: Vec<_> = Preset::all().iter().map(|preset| preset.name).collect();
        SettingError::new("no preset of this name", names.join(", "))
    })
}

/// `OAUTH_JWKS_CACHE_TTL`: whole seconds, from 1 to a day.
///
/// # Errors
/// When the text is no such number.
pub fn jwks_ttl(text: &str) -> Result<Duration, SettingError> {
    seconds(text, 1..=LONGEST_TTL.as_secs())
}

/// `OAUTH_JWKS_MAX_KEYS`: from 1 to 1000.
///
/// # Errors
/// When the text is no such number.
pub fn jwks_max_keys(text: &str) -> Result<usize, SettingError> {
    let number = number(text, 1..=1_000)?;
    usize::try_from(number)
        .map_err(|_| SettingError::new("the number is too large", "at most 1000"))
}

/// `OAUTHGATE_JWKS_STALE_LIMIT`: whole seconds, from 0 to 30 days.
///
/// # Errors
/// When the text is no such number.
pub fn jwks_stale_limit(text: &str) -> Result<Duration, SettingError> {
    seconds(text, 0..=LONGEST_STALE_LIMIT.as_secs())
}

/// One name of a key: a `kid`, or an RFC 7638 thumbprint.
///
/// # Errors
/// When no key can have this name.
pub fn key_name(text: &str) -> Result<String, SettingError> {
    can_name_a_key(text).map(|()| text.to_owned())
}

/// A template of issuers, one for each tenant of a provider.
///
/// # Errors
/// What is wrong with the template.
pub fn issuer_template(text: &str) -> Result<IssuerTemplate, SettingError> {
    let template = IssuerTemplate::parse(text)?;
    let url = Url::parse(text).map_err(|error| {
        SettingError::new(
            format!("not a URL ({error})"),
            "a URL such as https://login.microsoftonline.com/{tid}/v2.0",
        )
    })?;
    fetchable(&url).map(|()| template)
}

/// `OAUTHGATE_ISSUER_TENANTS`: a tenant that a template can stand for.
///
/// # Errors
/// When the text is no GUID.
pub fn template_tenant(text: &str) -> Result<String, SettingError> {
    if IssuerTemplate::may_be_tenant(text) {
        return Ok(text.to_owned());
    }
    Err(SettingError::new(
        "no GUID, so no tenant could have this name",
        "a GUID, for example 72f988bf-86f1-41af-91ab-2d7cd011db47",
    ))
}

/// `OAUTHGATE_ALGORITHMS`: a signature algorithm by its `alg` name.
///
/// # Errors
/// When it is none that can be allowed.
pub fn algorithm(text: &str) -> Result<SigningAlgorithm, SettingError> {
    SigningAlgorithm::from_name(text).ok_or_else(|| {
        SettingError::new(
            "no signature algorithm that can be allowed (`none` and the HS family never can; OAUTHGATE_HS_SECRET alone opens the latter)",
            "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA",
        )
    })
}

/// `OAUTHGATE_CLOCK_SKEW`: whole seconds, from 0 to 300.
///
/// # Errors
/// When the text is no such number.
pub fn skew(text: &str) -> Result<Duration, SettingError> {
    seconds(text, 0..=300)
}

/// A name without blanks that is compared byte by byte later, such as a client id.
///
/// # Errors
/// When there is a blank or a control character in it.
pub fn word(text: &str) -> Result<String, SettingError> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(SettingError::new(
            "a blank or a control character inside",
            "one word without blanks",
        ));
    }
    Ok(text.to_owned())
}

/// `true` or `false`, and no other spelling.
///
/// # Errors
/// When the text is neither.
pub fn boolean(text: &str) -> Result<bool, SettingError> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(SettingError::new("neither true nor false", "true or false")),
    }
}

/// A whole number within a range.
///
/// # Errors
/// When the text is no such number.
pub fn number(text: &str, range: RangeInclusive<u64>) -> Result<u64, SettingError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            SettingError::new(
                "no whole number in the range",
                format!("a whole number from {} to {}", range.start(), range.end()),
            )
        })
}

/// Whole seconds within a range.
///
/// # Errors
/// When the text is no such number.
pub fn seconds(text: &str, range: RangeInclusive<u64>) -> Result<Duration, SettingError> {
    number(text, range)
        .map(Duration::from_secs)
        .map_err(|error| {
            SettingError::new(error.problem, format!("{}, in seconds", error.expected))
        })
}
