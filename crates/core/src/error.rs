//! What can be wrong with a token, and with a setting.

use crate::reason::Reason;

/// Why a token was refused. `Display` is for the operator: it names the claim, what was expected and
/// what was found, never a token, a signature or a secret, and it is cut and escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct TokenError {
    reason: Reason,
    detail: String,
}

impl TokenError {
    /// The stable reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// What was expected and what was found, for the operator.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    /// The same refusal, with what the operator can do about it.
    pub(crate) fn with_advice(mut self, advice: Option<&str>) -> Self {
        if let Some(advice) = advice {
            self.detail.push_str("; ");
            self.detail.push_str(advice);
        }
        self
    }
}

/// A value that cannot be a setting: what was wrong with it and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; expected {expected}")]
pub struct SettingError {
    /// What is wrong, without the value (the caller knows it, and knows whether it is secret).
    pub problem: String,
    /// What would be right, with an example.
    pub expected: String,
}

impl SettingError {
    /// A setting error out of what is wrong and what would be right.
    #[must_use]
    pub fn new(problem: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            expected: expected.into(),
        }
    }
}
