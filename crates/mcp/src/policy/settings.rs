//! What a policy is told besides its rules.

use oauthgate_core::{Requirement, ScopeHierarchy};

/// What happens to a tool that no rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unlisted {
    /// Nobody may call it.
    Refuse,
    /// It needs this; [`Requirement::authenticated`] lets every caller with a good token use it.
    Allow(Requirement),
}

impl Unlisted {
    pub(super) fn under(self, hierarchy: &ScopeHierarchy) -> Self {
        match self {
            Self::Refuse => Self::Refuse,
            Self::Allow(requirement) => Self::Allow(requirement.under(hierarchy.clone())),
        }
    }
}

/// Which items of a list its reader is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListFilter {
    /// What this caller may call now.
    #[default]
    Callable,
    /// Also what more scopes, or a login, would open: for clients that ask for scopes when they need them.
    Reachable,
    /// Everything.
    Off,
}

/// Which scopes a challenge names to a caller that lacks one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepUp {
    /// All that this request needs (MCP 2026-07-28).
    #[default]
    Needed,
    /// Those and all that the caller holds already, for clients that overwrite what they were granted.
    Cumulative,
}
