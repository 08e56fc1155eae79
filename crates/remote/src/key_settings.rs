//! Where an issuer's keys come from, and how long they are held.

use std::{path::PathBuf, time::Duration};

use oauthgate_core::{Issuer, SettingError, keys::KeyId};
use url::{Origin, Url};

use crate::{
    FetchHeaders,
    address::fetchable,
    discovery,
    error::Mistake,
    jwks::{file, schedule::STALE_LIMIT},
};

/// The longest that keys may be served which their issuer cannot confirm, in seconds: 30 days.
pub const LONGEST_STALE_LIMIT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The longest life of a key set: beyond it a set could not be told from a stale one.
pub(crate) const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// Where an issuer's keys come from, and how long they are held. Resources whose issuer has equal key
/// settings share one key store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySettings {
    /// The metadata document, when it is not where R3 looks for it.
    pub metadata_url: Option<Url>,
    /// The `issuer` that the metadata document names, when it is another one (R4).
    pub metadata_issuer: Option<Issuer>,
    /// The key set, when metadata is not to be asked.
    pub jwks_url: Option<Url>,
    /// A file that holds the key set, when nothing is to be fetched: read at start and at every refresh.
    pub jwks_file: Option<PathBuf>,
    /// What is sent along with every request for these documents, to one origin only: that of the URL which
    /// the operator named.
    pub fetch_headers: FetchHeaders,
    /// Whether the `jwks_uri` of a metadata document must lie on the issuer's own site.
    pub jwks_same_site: bool,
    /// The ceiling of a key set's life; `OAUTH_JWKS_CACHE_TTL`, 3600 s by default.
    pub ttl: Duration,
    /// Whether `ttl` was set explicitly, and so is obeyed as it is.
    pub ttl_is_explicit: bool,
    /// How many prepared keys may be held; `OAUTH_JWKS_MAX_KEYS`, 16 by default. A larger set still works.
    pub max_prepared: usize,
    /// How long a set is served that its issuer cannot confirm, 24 h by default. A set is served for its
    /// own life in any case; with zero, for no longer.
    pub stale_limit: Duration,
    /// The only keys that are used, by `kid` or RFC 7638 thumbprint; empty for all.
    pub pinned_kids: Vec<String>,
    /// Keys that are never used, by `kid` or RFC 7638 thumbprint.
    pub withdrawn_kids: Vec<String>,
    /// Whether a key set with a throw-away key of `dev-issuer` is refused, and what it answers about opaque tokens; a gate
    /// sets it.
    pub refuses_dev_keys: bool,
    /// Whether tokens of the issuer can be verified without its key set; [`crate::IssuerSettings`] says so
    /// when a secret is shared.
    pub are_optional: bool,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self {
            metadata_url: None,
            metadata_issuer: None,
            jwks_url: None,
            jwks_file: None,
            fetch_headers: FetchHeaders::none(),
            jwks_same_site: false,
            ttl: Duration::from_secs(3600),
            ttl_is_explicit: false,
            max_prepared: 16,
            stale_limit: STALE_LIMIT,
            pinned_kids: Vec::new(),
            withdrawn_kids: Vec::new(),
            refuses_dev_keys: false,
            are_optional: false,
        }
    }
}

impl KeySettings {
    /// The life of a key set, obeyed as it is.
    #[must_use]
    pub fn with_explicit_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self.ttl_is_explicit = true;
        self
    }

    /// Where the keys come from, in a word: the file or the URL that the operator named, or "metadata", and
    /// which metadata is believed. Keys of one place are no keys of another: what was saved under looser
    /// settings is not used under stricter ones.
    #[must_use]
    pub fn place(&self) -> String {
        if let Some(path) = &self.jwks_file {
            return format!("file {}", path.display());
        }
        if let Some(url) = &self.jwks_url {
            return url.to_string();
        }
        let named = self.metadata_url.as_ref();
        let mut place = named.map_or_else(|| "metadata".to_owned(), Url::to_string);
        if let Some(issuer) = &self.metadata_issuer {
            place.push_str(" of ");
            place.push_str(issuer.as_str());
        }
        if self.jwks_same_site {
            place.push_str(" (same site)");
        }
        place
    }

    /// The URLs that are asked, in this order: the key set's, or those of the metadata documents that may
    /// name it. Empty when a file is read instead, and when nothing can be derived from the issuer, which is
    /// a [mistake](Self::mistakes) unless the keys are optional.
    #[must_use]
    pub fn asked(&self, issuer: &Issuer) -> Vec<Url> {
        if self.jwks_file.is_some() {
            return Vec::new();
        }
        match &self.jwks_url {
            Some(url) => vec![url.clone()],
            None => discovery::candidates(issuer, self.metadata_url.as_ref()).unwrap_or_default(),
        }
    }

    /// What is wrong with these settings for this issuer, if anything.
    #[must_use]
    pub fn mistakes(&self, issuer: &Issuer) -> Vec<Mistake> {
        let urls = [
            ("metadata_url", &self.metadata_url),
            ("jwks_url", &self.jwks_url),
        ];
        let urls = urls.iter().filter_map(|(setting, url)| {
            let url = url.as_ref()?;
            Some((*setting, Some(url.as_str()), fetchable(url)))
        });
        let lists = [
            ("pinned_kids", &self.pinned_kids),
            ("withdrawn_kids", &self.withdrawn_kids),
        ];
        let lists = lists.iter().flat_map(|(setting, names)| {
            names
                .iter()
                .map(|name| (*setting, Some(name.as_str()), can_name_a_key(name)))
        });
        let places = [
            ("jwks_file", None, self.is_the_only_place()),
            (
                "jwks_file",
                None,
                self.jwks_file.as_deref().map_or(Ok(()), file::check),
            ),
        ];
        let figures = [
            (
                "issuer",
                Some(issuer.as_str()),
                self.can_be_found_for(issuer),
            ),
            ("jwks_cache_ttl", None, life_in_range(self.ttl)),
            ("jwks_max_keys", None, some_key(self.max_prepared)),
            ("jwks_stale_limit", None, stale_in_range(self.stale_limit)),
        ];
        figures
            .into_iter()
            .chain(places)
            .chain(urls)
            .chain(lists)
            .filter_map(|(setting, value, result)| {
                Some(Mistake::new(setting, value, result.err()?))
            })
            .collect()
    }

    /// Two places could disagree about the keys, and nobody would know which one counts.
    fn is_the_only_place(&self) -> Result<(), SettingError> {
        let named = self.jwks_url.is_some() || self.metadata_url.is_some();
        if self.jwks_file.is_none() || !named {
            return Ok(());
        }
        Err(SettingError::new(
            "keys would come from a file and from a URL",
            "one place: OAUTHGATE_JWKS_FILE, or OAUTHGATE_JWKS_URL or OAUTHGATE_METADATA_URL",
        ))
    }

    /// The one origin that gets the [`Self::fetch_headers`]: of the URL that the operator named for these
    /// documents, else of the issuer.
    pub(crate) fn home(&self, issuer: &Issuer) -> Option<Origin> {
        let named = self.jwks_url.as_ref().or(self.metadata_url.as_ref());
        let home = named.cloned().or_else(|| discovery::base_of(issuer))?;
        Some(home.origin())
    }

    /// With an explicit key set URL nothing is derived from the issuer, which may then be any text.
    fn can_be_found_for(&self, issuer: &Issuer) -> Result<(), SettingError> {
        if self.jwks_url.is_some() || self.jwks_file.is_some() {
            return Ok(());
        }
        if self.are_optional && discovery::base_of(issuer).is_none() {
            return Ok(());
        }
        let candidates = discovery::candidates(issuer, self.metadata_url.as_ref())?;
        if self.metadata_url.is_some() {
            return Ok(());
        }
        candidates.iter().try_for_each(fetchable)
    }
}

pub(crate) fn can_name_a_key(name: &str) -> Result<(), SettingError> {
    match KeyId::new(name) {
        Some(_) if !name.is_empty() => Ok(()),
        _ => Err(SettingError::new(
            "this names no key",
            format!(
                "a `kid` or thumbprint of 1 to {} bytes, without U+0000",
                KeyId::MAX_LENGTH
            ),
        )),
    }
}

fn life_in_range(ttl: Duration) -> Result<(), SettingError> {
    if (Duration::from_secs(1)..=LONGEST_TTL).contains(&ttl) {
        return Ok(());
    }
    Err(SettingError::new(
        "the life of a key set is out of range",
        "from 1 second to a day",
    ))
}

fn stale_in_range(limit: Duration) -> Result<(), SettingError> {
    if limit <= LONGEST_STALE_LIMIT {
        return Ok(());
    }
    Err(SettingError::new(
        "keys would be served too long without word from their issuer",
        "from 0 seconds to 30 days",
    ))
}

fn some_key(count: usize) -> Result<(), SettingError> {
    if count > 0 {
        return Ok(());
    }
    Err(SettingError::new("there is no key", "at least one key"))
}
