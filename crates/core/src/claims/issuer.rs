//! The issuer of a token (RFC 7519 §4.1.1), an exact string that need not be a URL (rule R1).

use std::fmt;

use crate::error::SettingError;

/// An issuer, byte for byte. A trailing slash is part of the identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Issuer(String);

impl Issuer {
    /// An issuer as configured.
    ///
    /// # Errors
    /// When the text is empty or holds a blank or a control character.
    pub fn new(text: impl Into<String>) -> Result<Self, SettingError> {
        let text = text.into();
        if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(SettingError::new(
                "the issuer is empty or contains a blank",
                "the exact `iss` of your tokens, for example https://auth.example.com/",
            ));
        }
        Ok(Self(text))
    }

    /// The issuer of callers that no token vouches for; its blank keeps it out of every configuration.
    pub(crate) fn nobody() -> Self {
        Self("no issuer".to_owned())
    }

    /// The text, byte for byte as configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
