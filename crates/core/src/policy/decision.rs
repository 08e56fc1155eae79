//! The two answers: go on, or not and why.

use std::time::Duration;

use crate::{Reason, Requirement, ScopeSet, TokenError};

/// Proof that a [`Requirement`] was met; only [`Requirement::decide`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    requirement: Requirement,
}

impl Permit {
    pub(crate) fn grant(requirement: &Requirement) -> Self {
        Self {
            requirement: requirement.clone(),
        }
    }

    /// What was asked and met.
    #[must_use]
    pub fn requirement(&self) -> &Requirement {
        &self.requirement
    }
}

/// A refusal and its one stable reason. It rides in the response's extensions, so that outer layers
/// can log and count it. [`crate::challenge`] alone turns it into a status code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    reason: Reason,
    scopes: ScopeSet,
    retry_after: Option<Duration>,
    detail: Option<String>,
}

impl Denial {
    /// A refusal for this reason.
    #[must_use]
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            scopes: ScopeSet::empty(),
            retry_after: None,
            detail: None,
        }
    }

    /// All scopes the operation needs; only an [`Reason::InsufficientScope`] names them to the client.
    #[must_use]
    pub fn with_scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = scopes;
        self
    }

    /// When it is worth trying again.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// What was expected and found, for the operator's log; the client never sees it.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The stable reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The reason's stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// All scopes the operation needs.
    #[must_use]
    pub fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// When it is worth trying again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What was expected and found, for the operator.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

impl From<TokenError> for Denial {
    fn from(error: TokenError) -> Self {
        Self::new(error.reason()).with_detail(error.detail())
    }
}
