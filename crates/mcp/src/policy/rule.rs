//! One rule of the table.

use std::{fmt, sync::Arc};

use oauthgate_core::{Requirement, SettingError};

use super::{Condition, RuleBuilder, subject::Subject};

/// A rule: what it is about, and what it demands of whom.
///
/// Methods of the builder are called as the keys of the rule table are.
///
/// ```
/// use oauthgate_core::ScopeSet;
/// use oauthgate_mcp::policy::{Condition, Rule};
///
/// let readers = Rule::builder()
///     .name("readers")
///     .tools(["read_*", "search"])
///     .arguments([Condition::matches("/path", "^/public/")?])
///     .scopes(ScopeSet::parse("files:read")?)
///     .build()?;
/// assert_eq!(readers.name(), Some("readers"));
///
/// let mistake = Rule::builder().tools(["delete_*"]).forbid(true).anonymous(true).build().unwrap_err();
/// assert_eq!(mistake.iter().next().unwrap().key, "anonymous");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) name: Option<String>,
    pub(super) subject: Subject,
    pub(super) conditions: Vec<Condition>,
    pub(super) effect: Effect,
}

/// What a rule does to what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Whoever meets one of these may do it.
    Allow(Vec<Requirement>),
    /// Everybody may, also without a token.
    AllowAnonymous,
    /// Whom this describes may not do it.
    Forbid(Requirement),
}

impl Rule {
    /// A rule to be filled in.
    pub fn builder() -> RuleBuilder {
        RuleBuilder::default()
    }

    /// What the operator calls it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether callers without a token may do what it is about.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.effect == Effect::AllowAnonymous
    }

    /// Whether it refuses.
    #[must_use]
    pub fn forbids(&self) -> bool {
        matches!(self.effect, Effect::Forbid(_))
    }
}

impl Effect {
    pub(super) fn requirements_mut(&mut self) -> &mut [Requirement] {
        match self {
            Self::Allow(alternatives) => alternatives,
            Self::AllowAnonymous => &mut [],
            Self::Forbid(whom) => std::slice::from_mut(whom),
        }
    }
}

/// What a rule is called in logs, metrics and explanations: its name; else `#3`, counted from one;
/// `tools.search` and `unlisted_tools` for the settings of these names. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleName(Arc<str>);

impl RuleName {
    pub(super) fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something in a rule that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {error}")]
pub struct RuleMistake {
    /// The key of the rule table.
    pub key: &'static str,
    /// The one word of the key's list that is wrong, where it is one word.
    pub word: Option<String>,
    /// What is wrong and what would be right.
    pub error: SettingError,
}

/// All that cannot be meant in a rule; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleMistakes(pub(super) Vec<RuleMistake>);

impl RuleMistakes {
    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &RuleMistake> {
        self.0.iter()
    }
}

impl fmt::Display for RuleMistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, mistake) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for RuleMistakes {}

impl IntoIterator for RuleMistakes {
    type Item = RuleMistake;
    type IntoIter = std::vec::IntoIter<RuleMistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
