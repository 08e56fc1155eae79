//! A known provider: how it is told by its issuer, where its documents are, how it writes its tokens.

use super::{
    Profile,
    issuer_pattern::{IssuerPattern, filled},
    providers::{self, PRESETS},
};
use crate::Issuer;

/// A known provider, as data. `context/providers` has one file for each.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Preset {
    /// The name, as the setting `OAUTHGATE_PRESET` writes it.
    pub name: &'static str,
    /// The name, as people write it.
    pub title: &'static str,
    /// What its issuers look like, the first that fits counts. Those that only this provider can have
    /// find the preset; the others only say where the documents are.
    pub(super) issuers: &'static [KnownIssuer],
    pub(super) audience: AudienceKind,
    pub(super) profile: fn() -> Profile,
}

/// What an issuer of a provider looks like, and what follows from it; `*` in a place stands for what it
/// stands for in the pattern.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownIssuer {
    pub(super) pattern: IssuerPattern,
    /// Whether no other provider's issuers look like this.
    pub(super) tells_the_provider: bool,
    pub(super) issuer_template: Option<&'static str>,
    pub(super) metadata_url: Option<&'static str>,
    pub(super) metadata_issuer: Option<&'static str>,
    pub(super) jwks_url: Option<&'static str>,
}

impl KnownIssuer {
    /// An issuer that tells the provider; its documents are where the standards say.
    pub(super) const fn new(pattern: &'static str) -> Self {
        Self {
            pattern: IssuerPattern(pattern),
            tells_the_provider: true,
            issuer_template: None,
            metadata_url: None,
            metadata_issuer: None,
            jwks_url: None,
        }
    }

    /// An issuer that could be another provider's as well.
    pub(super) const fn ambiguous(pattern: &'static str) -> Self {
        Self {
            tells_the_provider: false,
            ..Self::new(pattern)
        }
    }
}

/// What has to be known of an issuer beside its text; nothing where the standards say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Places {
    /// The issuers of the tokens, with a claim's name in braces (rule R5), where the issuer given is
    /// an address for all tenants and no token's `iss`.
    pub issuer_template: Option<String>,
    /// Where the metadata is.
    pub metadata_url: Option<String>,
    /// The issuer that the metadata names, where it is not the tokens' (rule R4).
    pub metadata_issuer: Option<String>,
    /// Where the keys are.
    pub jwks_url: Option<String>,
}

/// What the audience of a provider's access tokens is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AudienceKind {
    /// The resource that the client asked for: the resource identifier will do (rule R18).
    Resource,
    /// The ids of the clients: the only safe expectation is a list of those that are known (trap 13).
    Clients,
    /// Something of the provider's own; this says what to write.
    Named(&'static str),
}

/// There is one preset of a name.
impl PartialEq for Preset {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Preset {}

impl Preset {
    /// The preset of whoever follows the standards or the common habits.
    pub const GENERIC: &'static Self = &providers::generic::PRESET;

    /// Every preset, in the order of the documentation.
    #[must_use]
    pub fn all() -> &'static [Self] {
        PRESETS
    }

    /// The preset with this name, as a setting writes it.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The provider to which an issuer can only belong; none where that is not certain. The bytes
    /// count: nothing is normalised.
    ///
    /// ```
    /// use oauthgate_core::{Issuer, context::Preset};
    ///
    /// let tenant = Issuer::new("https://acme.eu.auth0.com/")?;
    /// assert_eq!(Preset::for_issuer(&tenant).unwrap().name, "auth0");
    /// let other = Issuer::new("https://acme.eu.auth0.com.evil.example/")?;
    /// assert!(Preset::for_issuer(&other).is_none());
    /// # Ok::<(), oauthgate_core::SettingError>(())
    /// ```
    #[must_use]
    pub fn for_issuer(issuer: &Issuer) -> Option<&'static Self> {
        let is_told = |preset: &&Self| {
            preset.issuers.iter().any(|known| {
                known.tells_the_provider && known.pattern.captures(issuer.as_str()).is_some()
            })
        };
        PRESETS.iter().find(is_told)
    }

    /// How the provider writes its tokens.
    #[must_use]
    pub fn profile(&self) -> Profile {
        (self.profile)()
    }

    /// What follows from an issuer of this provider; nothing from one that looks like none of its own.
    #[must_use]
    pub fn places(&self, issuer: &Issuer) -> Places {
        let found = self.issuers.iter().find_map(|known| {
            let captures = known.pattern.captures(issuer.as_str())?;
            Some((known, captures))
        });
        let Some((known, captures)) = found else {
            return Places::default();
        };
        let place = |place: Option<&str>| place.map(|place| filled(place, &captures));
        Places {
            issuer_template: place(known.issuer_template),
            metadata_url: place(known.metadata_url),
            metadata_issuer: place(known.metadata_issuer),
            jwks_url: place(known.jwks_url),
        }
    }

    /// What the audience of the provider's access tokens is.
    #[must_use]
    pub fn audience(&self) -> AudienceKind {
        self.audience
    }
}
