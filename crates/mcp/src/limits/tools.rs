//! Which tools a limit is about.

use oauthgate_core::SettingError;

use crate::policy::Pattern;

/// Tools, by patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolPatterns(Vec<Pattern>);

impl ToolPatterns {
    /// The tools that these patterns match.
    ///
    /// # Errors
    /// When one of them could match nothing.
    pub fn parse<T: Into<String>>(
        patterns: impl IntoIterator<Item = T>,
    ) -> Result<Self, SettingError> {
        let patterns = patterns.into_iter().map(Pattern::parse);
        Ok(Self(patterns.collect::<Result<_, _>>()?))
    }

    /// Whether this is one of them, or what a careless reader takes for one.
    #[must_use]
    pub fn hold(&self, tool: &str) -> bool {
        self.0
            .iter()
            .any(|pattern| pattern.matches(tool) || pattern.is_alike(tool))
    }

    /// Whether a tool could be one of them and of this pattern too.
    #[must_use]
    pub fn meet(&self, other: &Pattern) -> bool {
        self.0.iter().any(|pattern| pattern.meets(other))
    }

    /// The patterns, as they were written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Pattern::as_str)
    }
}

impl From<Vec<Pattern>> for ToolPatterns {
    fn from(patterns: Vec<Pattern>) -> Self {
        Self(patterns)
    }
}
