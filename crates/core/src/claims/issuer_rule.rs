//! Which issuers are trusted: one exact string, or one for each tenant of a provider (rules R1, R5).

use std::fmt;

use super::{Claims, Issuer};
use crate::SettingError;

/// The issuers of a provider that has one for each tenant: a text with one claim's name in braces. A
/// token is taken when the text, with the token's own value of that claim put in, is its whole `iss`;
/// the value must be a GUID, so that it can change nothing else.
///
/// ```
/// use oauthgate_core::claims::IssuerTemplate;
///
/// let entra = IssuerTemplate::parse("https://login.microsoftonline.com/{tid}/v2.0")?;
/// assert!(IssuerTemplate::parse("https://login.microsoftonline.com/common/v2.0").is_err());
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerTemplate {
    text: Issuer,
    before: String,
    claim: String,
    after: String,
    allowed: Option<Vec<String>>,
}

impl IssuerTemplate {
    /// Parses a template.
    ///
    /// # Errors
    /// When there is not exactly one claim's name in braces, between slashes.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let wrong = || {
            let example = "one claim's name in braces, as a whole segment of the path, for example https://login.microsoftonline.com/{tid}/v2.0";
            SettingError::new("not a template of issuers", example)
        };
        let (before, rest) = text.split_once('{').ok_or_else(wrong)?;
        let (claim, after) = rest.split_once('}').ok_or_else(wrong)?;
        let is_name = !claim.is_empty()
            && claim
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_segment = before.ends_with('/') && (after.is_empty() || after.starts_with('/'));
        if !is_name || !is_segment || [before, after].iter().any(|part| part.contains(['{', '}'])) {
            return Err(wrong());
        }
        Ok(Self {
            text: Issuer::new(text)?,
            before: before.to_owned(),
            claim: claim.to_owned(),
            after: after.to_owned(),
            allowed: None,
        })
    }

    /// Whether a text can be a tenant at all: a GUID.
    #[must_use]
    pub fn may_be_tenant(text: &str) -> bool {
        is_guid(text)
    }

    /// The only tenants whose tokens are taken; every tenant of the provider by default, which is
    /// seldom what a service means.
    #[must_use]
    pub fn for_tenants(mut self, tenants: impl IntoIterator<Item = String>) -> Self {
        self.allowed = Some(tenants.into_iter().collect());
        self
    }

    /// Whether every tenant of the provider is admitted.
    #[must_use]
    pub fn is_for_all_tenants(&self) -> bool {
        self.allowed.is_none()
    }

    /// The text with the claim's name in braces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    fn admits(&self, issuer: &str, claims: &Claims) -> bool {
        let Ok(Some(tenant)) = claims.text(&self.claim) else {
            return false;
        };
        let middle = issuer
            .strip_prefix(&self.before)
            .and_then(|rest| rest.strip_suffix(&self.after));
        let allowed = self
            .allowed
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|allowed| allowed == tenant));
        middle == Some(tenant)
            && is_guid(tenant)
            && allowed
            && claims.is_the_only_spelling_of(&self.claim)
    }
}

/// `8-4-4-4-12` hexadecimal digits.
fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// The issuers that one verifier trusts.
#[derive(Debug, Clone)]
pub(crate) enum IssuerRule {
    /// One, compared byte by byte.
    Exact(Issuer),
    /// One for each tenant.
    Template(IssuerTemplate),
}

impl IssuerRule {
    /// The text of the configuration.
    pub(crate) fn configured(&self) -> &Issuer {
        match self {
            Self::Exact(issuer) => issuer,
            Self::Template(template) => &template.text,
        }
    }

    pub(crate) fn is_exactly(&self, issuer: &str) -> bool {
        matches!(self, Self::Exact(exact) if exact.as_str() == issuer)
    }

    /// The issuer of a token with these claims, if it is one of these.
    pub(crate) fn issuer_of(&self, claims: &Claims) -> Option<Issuer> {
        let issuer = claims.text("iss").ok().flatten()?;
        match self {
            Self::Exact(exact) => (exact.as_str() == issuer).then(|| exact.clone()),
            Self::Template(template) if template.admits(issuer, claims) => Issuer::new(issuer).ok(),
            Self::Template(_) => None,
        }
    }

    pub(crate) fn admits(&self, claims: &Claims) -> bool {
        match self {
            Self::Exact(exact) => claims.text("iss").ok().flatten() == Some(exact.as_str()),
            Self::Template(_) => self.issuer_of(claims).is_some(),
        }
    }
}

impl fmt::Display for IssuerRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.configured().fmt(f)
    }
}
