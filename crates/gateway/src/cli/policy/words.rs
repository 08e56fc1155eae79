//! What becomes of a request, in the words of the case files and of the explanations.

use std::fmt;

use oauthgate_core::{Blame, Denial};

/// What a client meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The upstream gets the request.
    Allow,
    /// 401: with a good token it may be another answer.
    Login,
    /// 403 that names scopes: with them it is another answer.
    StepUp,
    /// 403 that names none: no scope helps.
    Forbid,
    /// 400 and its kin: nobody can tell what is asked.
    Malformed,
}

impl Outcome {
    pub(crate) const ALL: [Self; 5] = [
        Self::Allow,
        Self::Login,
        Self::StepUp,
        Self::Forbid,
        Self::Malformed,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Login => "login",
            Self::StepUp => "step-up",
            Self::Forbid => "forbid",
            Self::Malformed => "malformed",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }

    /// What a refusal is to the client.
    pub(crate) fn of(denial: &Denial) -> Self {
        match denial.reason().blame() {
            Blame::NoCredentials | Blame::Token => Self::Login,
            Blame::Scope => Self::StepUp,
            Blame::Request => Self::Malformed,
            _ => Self::Forbid,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
