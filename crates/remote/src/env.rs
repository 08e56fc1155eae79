//! The settings of the seed, from text to typed values.
//!
//! [`crate::OAuth21Provider::from_env`] reads them from the environment; the gateway reads the same
//! names through its own layers and calls the same functions, so the two cannot disagree. Each
//! function maps one text to one value, or says what is wrong and what would be right.

mod outbound;

use std::time::Duration;

use oauthgate_core::{
    Audience, Issuer, Profile, ResourceIdentifier, SettingError, claims::IssuerTemplate,
    context::providers,
};
pub(crate) use outbound::all_from;
pub use outbound::{
    NO_PROXY, OAUTHGATE_CA_FILE, OAUTHGATE_PRIVATE_NETWORKS, OAUTHGATE_REDIRECT_HOSTS, PROXY,
    ca_file, no_proxy_from, outbound_from, private_networks, proxy_from, redirect_hosts,
};
use url::Url;

use crate::{
    ConfigurationError, IssuerSettings, LONGEST_STALE_LIMIT, ProviderSettings,
    address::is_fetchable_scheme, discovery, error::Mistake, key_settings::can_name_a_key,
};

/// The canonical URI of the protected resource.
pub const MCP_SERVER_URL: &str = "MCP_SERVER_URL";
/// The audiences, of which a token must name one.
pub const OAUTH_AUDIENCE: &str = "OAUTH_AUDIENCE";
/// The exact issuer.
pub const OAUTH_ISSUER_URL: &str = "OAUTH_ISSUER_URL";
/// The Cognito user pool, instead of an issuer.
pub const USER_POOL_ID: &str = "USER_POOL_ID";
/// The region of the user pool; its own prefix by default.
pub const AWS_REGION: &str = "AWS_REGION";
/// How the issuer writes its tokens; by default what follows from the issuer.
pub const OAUTHGATE_PRESET: &str = "OAUTHGATE_PRESET";
/// The ceiling of a key set's life, in seconds.
pub const OAUTH_JWKS_CACHE_TTL: &str = "OAUTH_JWKS_CACHE_TTL";
/// How many prepared keys may be held per issuer.
pub const OAUTH_JWKS_MAX_KEYS: &str = "OAUTH_JWKS_MAX_KEYS";
/// How long keys are served that their issuer cannot confirm, in seconds.
pub const OAUTHGATE_JWKS_STALE_LIMIT: &str = "OAUTHGATE_JWKS_STALE_LIMIT";
/// The only keys that are used.
pub const OAUTHGATE_PINNED_KIDS: &str = "OAUTHGATE_PINNED_KIDS";
/// Keys that are never used.
pub const OAUTHGATE_WITHDRAWN_KIDS: &str = "OAUTHGATE_WITHDRAWN_KIDS";
/// Whether the key set that metadata names must lie on the issuer's own site.
pub const OAUTHGATE_JWKS_SAME_SITE: &str = "OAUTHGATE_JWKS_SAME_SITE";

/// The longest life of a key set: beyond it a set could not be told from a stale one.
pub(crate) const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// A text that says something: not empty, no blanks around it, no quotes left in by a shell or a
/// Compose file.
///
/// # Errors
/// What is wrong with the text.
pub fn plain(text: &str) -> Result<&str, SettingError> {
    let problem = if text.trim().is_empty() {
        "the value is empty"
    } else if text.trim() != text {
        "the value begins or ends with a blank or a line break"
    } else if text.starts_with(['"', '\'']) || text.ends_with(['"', '\'']) {
        "quotes were left in the value"
    } else if text.contains('\u{fffd}') {
        "the value is not UTF-8"
    } else {
        return Ok(text);
    };
    Err(SettingError::new(
        problem,
        "the bare value, or no such variable at all",
    ))
}

/// `MCP_SERVER_URL`.
///
/// # Errors
/// What is wrong with the URI.
pub fn resource(text: &str) -> Result<ResourceIdentifier, SettingError> {
    ResourceIdentifier::parse(plain(text)?)
}

/// `OAUTH_ISSUER_URL`: the exact `iss`. A URL must be https (http on loopback only), because metadata
/// is fetched from it; a text that is no URL is taken as it is, and needs an explicit key set URL.
///
/// # Errors
/// What is wrong with the issuer.
pub fn issuer(text: &str) -> Result<Issuer, SettingError> {
    let issuer = Issuer::new(plain(text)?)?;
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
    let url = Url::parse(plain(text)?).map_err(|error| {
        SettingError::new(
            format!("not a URL ({error})"),
            "a URL such as https://auth.example.com/keys",
        )
    })?;
    fetchable(&url).map(|()| url)
}

/// Whether this URL may be fetched at all: https (http on loopback), no credentials, no fragment.
pub(crate) fn fetchable(url: &Url) -> Result<(), SettingError> {
    if !is_fetchable_scheme(url) {
        return Err(SettingError::new(
            format!(
                "`{}` is not fetched from {}",
                url.scheme(),
                url.host_str().unwrap_or("no host")
            ),
            "an https URL (http only for localhost, 127.0.0.1 and [::1])",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(SettingError::new(
            "the URL carries credentials or a fragment",
            "the URL without them",
        ));
    }
    Ok(())
}

/// `OAUTH_AUDIENCE`: one or several, separated by blanks or commas.
///
/// # Errors
/// What is wrong with the list, or with the first bad audience in it.
pub fn audiences(text: &str) -> Result<Vec<Audience>, SettingError> {
    list(text, "audiences separated by one comma or one blank")?
        .map(Audience::new)
        .collect()
}

/// The items of a list, separated by blanks or commas.
fn list<'text>(
    text: &'text str,
    expected: &str,
) -> Result<impl Iterator<Item = &'text str>, SettingError> {
    let text = plain(text)?;
    if text.split(',').any(|part| part.trim().is_empty()) {
        return Err(SettingError::new(
            "the list has an empty place (two commas, or one at an end)",
            expected,
        ));
    }
    Ok(text.split([' ', ',']).filter(|part| !part.is_empty()))
}

/// `OAUTHGATE_JWKS_SAME_SITE`: `true` or `false`.
///
/// # Errors
/// When the text is neither.
pub fn jwks_same_site(text: &str) -> Result<bool, SettingError> {
    match plain(text)? {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(SettingError::new("neither true nor false", "true or false")),
    }
}

/// `OAUTHGATE_PRESET`: the name of a profile.
///
/// # Errors
/// When no profile has this name; the names that there are.
pub fn preset(text: &str) -> Result<Profile, SettingError> {
    Profile::named(plain(text)?).ok_or_else(|| {
        SettingError::new(
            "no preset of this name",
            providers::names().collect::<Vec<_>>().join(", "),
        )
    })
}

/// `OAUTH_JWKS_CACHE_TTL`: whole seconds, from 1 to a day.
///
/// # Errors
/// When the text is no such number.
pub fn jwks_ttl(text: &str) -> Result<Duration, SettingError> {
    number(
        text,
        1..=LONGEST_TTL.as_secs(),
        "whole seconds from 1 to 86400, for example 3600",
    )
    .map(Duration::from_secs)
}

/// `OAUTH_JWKS_MAX_KEYS`: from 1 to 1000.
///
/// # Errors
/// When the text is no such number.
pub fn jwks_max_keys(text: &str) -> Result<usize, SettingError> {
    let number = number(
        text,
        1..=1_000,
        "a whole number from 1 to 1000, for example 16",
    )?;
    usize::try_from(number)
        .map_err(|_| SettingError::new("the number is too large", "at most 1000"))
}

/// `OAUTHGATE_JWKS_STALE_LIMIT`: whole seconds, from 0 to 30 days.
///
/// # Errors
/// When the text is no such number.
pub fn jwks_stale_limit(text: &str) -> Result<Duration, SettingError> {
    number(
        text,
        0..=LONGEST_STALE_LIMIT.as_secs(),
        "whole seconds from 0 to 2592000, for example 86400",
    )
    .map(Duration::from_secs)
}

/// `OAUTHGATE_PINNED_KIDS` and `OAUTHGATE_WITHDRAWN_KIDS`: one or several names of keys, separated by
/// blanks or commas. A `kid` that holds one of these can be named by its thumbprint.
///
/// # Errors
/// What is wrong with the list, or with the first bad name in it.
pub fn key_names(text: &str) -> Result<Vec<String>, SettingError> {
    list(text, "names of keys separated by one comma or one blank")?
        .map(key_name)
        .collect()
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
    let template = IssuerTemplate::parse(plain(text)?)?;
    let url = Url::parse(text).map_err(|error| {
        SettingError::new(
            format!("not a URL ({error})"),
            "a URL such as https://login.microsoftonline.com/{tid}/v2.0",
        )
    })?;
    fetchable(&url).map(|()| template)
}

fn number(
    text: &str,
    range: std::ops::RangeInclusive<u64>,
    expected: &str,
) -> Result<u64, SettingError> {
    let digits = plain(text)?;
    let number = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten();
    match number {
        Some(number) if range.contains(&number) => Ok(number),
        Some(_) => Err(SettingError::new("the number is out of range", expected)),
        None => Err(SettingError::new("not a whole number", expected)),
    }
}

/// A Cognito user pool: `{region}_{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPool {
    region: String,
    id: String,
}

impl UserPool {
    /// `USER_POOL_ID`, with `AWS_REGION` if that is set: a pool's id begins with its region, so the
    /// two must agree.
    ///
    /// # Errors
    /// What is wrong with the id, or that the region is another one.
    pub fn parse(id: &str, region: Option<&str>) -> Result<Self, SettingError> {
        let id = plain(id)?;
        let expected = "the pool's id as the console shows it, for example us-east-1_Ab12Cd34E";
        let (prefix, _) = id
            .split_once('_')
            .filter(|(prefix, rest)| is_region(prefix) && is_pool_suffix(rest))
            .ok_or_else(|| SettingError::new("not a user pool id", expected))?;
        match region {
            Some(region) if region != prefix => Err(SettingError::new(
                format!("the pool lies in {prefix}, and {AWS_REGION} is {region:?}"),
                format!("{AWS_REGION}={prefix}, or a pool of the other region"),
            )),
            _ => Ok(Self {
                region: prefix.to_owned(),
                id: id.to_owned(),
            }),
        }
    }

    /// The issuer of the pool's tokens.
    ///
    /// # Errors
    /// Never, for a pool that was parsed; the type is what [`Issuer::new`] returns.
    pub fn issuer(&self) -> Result<Issuer, SettingError> {
        Issuer::new(format!(
            "https://cognito-idp.{}.{}/{}",
            self.region,
            self.domain(),
            self.id
        ))
    }

    /// Whether this issuer is the pool's: pools of the newer type have a second name.
    #[must_use]
    pub fn is_named_by(&self, issuer: &Issuer) -> bool {
        ["", "issuer-"].iter().any(|kind| {
            issuer.as_str()
                == format!(
                    "https://{kind}cognito-idp.{}.{}/{}",
                    self.region,
                    self.domain(),
                    self.id
                )
        })
    }

    fn domain(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        }
    }
}

/// `AWS_REGION`.
///
/// # Errors
/// When the text does not look like a region.
pub fn region(text: &str) -> Result<&str, SettingError> {
    let text = plain(text)?;
    if is_region(text) {
        return Ok(text);
    }
    Err(SettingError::new(
        "not an AWS region",
        "a region such as us-east-1",
    ))
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() >= 3
        && parts.iter().all(|part| !part.is_empty())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.ends_with(|last: char| last.is_ascii_digit())
}

fn is_pool_suffix(text: &str) -> bool {
    !text.is_empty() && text.len() <= 55 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Settings out of the names above, however they are looked up. Names that are absent get their
/// defaults; every mistake is reported, not only the first.
///
/// # Errors
/// Every mistake at once.
pub fn settings_from(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<ProviderSettings, ConfigurationError> {
    let mut reader = Reader {
        lookup,
        mistakes: Vec::new(),
    };
    let resource = reader.required(
        MCP_SERVER_URL,
        "the canonical URI of your server, for example https://mcp.example.com/mcp",
        resource,
    );
    let issuer = reader.issuer();
    let audiences = reader.required(
        OAUTH_AUDIENCE,
        "what your tokens carry in `aud` (for Cognito: the app client's id)",
        audiences,
    );
    let preset = reader.optional(OAUTHGATE_PRESET, preset);
    let ttl = reader.optional(OAUTH_JWKS_CACHE_TTL, jwks_ttl);
    let max_keys = reader.optional(OAUTH_JWKS_MAX_KEYS, jwks_max_keys);
    let stale_limit = reader.optional(OAUTHGATE_JWKS_STALE_LIMIT, jwks_stale_limit);
    let pinned = reader.optional(OAUTHGATE_PINNED_KIDS, key_names);
    let withdrawn = reader.optional(OAUTHGATE_WITHDRAWN_KIDS, key_names);
    let same_site = reader.optional(OAUTHGATE_JWKS_SAME_SITE, jwks_same_site);
    let (Some(resource), Some(issuer), Some(audiences), true) =
        (resource, issuer, audiences, reader.mistakes.is_empty())
    else {
        return Err(ConfigurationError {
            mistakes: reader.mistakes,
        });
    };
    let profile = preset.unwrap_or_else(|| Profile::for_issuer(&issuer));
    let mut settings = IssuerSettings::new(issuer, audiences);
    settings.profile = profile;
    if let Some(ttl) = ttl {
        settings.keys = settings.keys.with_explicit_ttl(ttl);
    }
    settings.keys.max_prepared = max_keys.unwrap_or(settings.keys.max_prepared);
    settings.keys.stale_limit = stale_limit.unwrap_or(settings.keys.stale_limit);
    settings.keys.pinned_kids = pinned.unwrap_or_default();
    settings.keys.withdrawn_kids = withdrawn.unwrap_or_default();
    settings.keys.jwks_same_site = same_site.unwrap_or_default();
    Ok(ProviderSettings::new(resource, settings))
}

/// An issuer whose metadata can be found: the names above cannot say where its keys are.
fn discoverable(text: &str) -> Result<Issuer, SettingError> {
    let issuer = issuer(text)?;
    discovery::candidates(&issuer, None).map(|_| issuer)
}

struct Reader<Lookup> {
    lookup: Lookup,
    mistakes: Vec<Mistake>,
}

impl<Lookup: Fn(&str) -> Option<String>> Reader<Lookup> {
    fn optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, SettingError>,
    ) -> Option<T> {
        let text = (self.lookup)(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.mistakes.push(Mistake::new(name, Some(&text), error));
                None
            }
        }
    }

    fn required<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, SettingError>,
    ) -> Option<T> {
        if (self.lookup)(name).is_none() {
            self.missing(name, "not set", expected);
            return None;
        }
        self.optional(name, parse)
    }

    fn missing(&mut self, name: &str, problem: &str, expected: &str) {
        self.mistakes.push(Mistake::new(
            name,
            None,
            SettingError::new(problem, expected),
        ));
    }

    fn issuer(&mut self) -> Option<Issuer> {
        if (self.lookup)(OAUTH_ISSUER_URL).is_none() && (self.lookup)(USER_POOL_ID).is_none() {
            self.missing(
                OAUTH_ISSUER_URL,
                "neither this nor USER_POOL_ID is set",
                "the exact `iss` of your tokens, for example https://auth.example.com; or a Cognito USER_POOL_ID",
            );
        }
        let issuer = self.optional(OAUTH_ISSUER_URL, discoverable);
        let pool = self.pool();
        match (issuer, pool) {
            (Some(issuer), Some(pool)) if !pool.is_named_by(&issuer) => {
                self.contradiction(&issuer);
                None
            }
            (None, Some(pool)) => self.optional(USER_POOL_ID, |_| pool.issuer()),
            (issuer, _) => issuer,
        }
    }

    fn pool(&mut self) -> Option<UserPool> {
        (self.lookup)(USER_POOL_ID)?;
        let is_given = (self.lookup)(AWS_REGION).is_some();
        let region = self.optional(AWS_REGION, |text| region(text).map(str::to_owned));
        let agreed = if is_given { region.as_deref() } else { None };
        self.optional(USER_POOL_ID, |text| UserPool::parse(text, agreed))
    }

    fn contradiction(&mut self, issuer: &Issuer) {
        let error = SettingError::new(
            "USER_POOL_ID names another issuer",
            "one of the two: OAUTH_ISSUER_URL for any provider, USER_POOL_ID for Cognito",
        );
        self.mistakes
            .push(Mistake::new(OAUTH_ISSUER_URL, Some(issuer.as_str()), error));
    }
}

#[cfg(test)]
#[path = "env_tests.rs"]
mod tests;
