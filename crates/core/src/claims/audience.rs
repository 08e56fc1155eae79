//! The audience of a token (RFC 7519 §4.1.3), compared as a whole string.

use std::fmt;

use crate::error::SettingError;

/// One expected audience. Never empty, never a wildcard, compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Audience(String);

impl Audience {
    /// An audience as configured.
    ///
    /// # Errors
    /// When the text is empty, blank, `*`, or holds a control character or blank.
    pub fn new(text: impl Into<String>) -> Result<Self, SettingError> {
        let text = text.into();
        if text.trim().is_empty() || text == "*" {
            return Err(SettingError::new(
                "an audience must name something",
                "the value your authorization server writes into `aud`, for example https://mcp.example.com/mcp",
            ));
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(SettingError::new(
                "the audience contains a blank or a control character",
                "one audience without blanks",
            ));
        }
        Ok(Self(text))
    }

    /// The text, byte for byte as configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
