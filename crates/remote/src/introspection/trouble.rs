//! Why nobody knows whether a token is good: our surroundings, never the token.

use std::time::Duration;

use oauthgate_core::{Denial, Reason, TokenError, text::Printable};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    reason: Reason,
    detail: String,
    retry_after: Option<Duration>,
}

/// What a server may ask us to wait, and we our clients.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

impl Trouble {
    /// The endpoint could not be asked.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self {
            reason: Reason::IntrospectionUnavailable,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// The endpoint refuses us, or its answer is none.
    pub(crate) fn refused(detail: impl Into<String>) -> Self {
        Self {
            reason: Reason::IntrospectionRefused,
            detail: detail.into(),
            retry_after: None,
        }
    }

    pub(crate) fn with_retry_after(mut self, pause: Option<Duration>) -> Self {
        self.retry_after = pause.map(|pause| pause.clamp(Duration::from_secs(1), LONGEST_PAUSE));
        self
    }

    /// The same, met at this place.
    pub(super) fn at(mut self, place: &str) -> Self {
        self.detail = format!("{}: {}", Printable(place), self.detail);
        self
    }

    pub(crate) fn code(&self) -> &'static str {
        self.reason.code()
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

/// Whatever is wrong with an answer says nothing about the token.
impl From<TokenError> for Trouble {
    fn from(error: TokenError) -> Self {
        Self::refused(error.detail())
    }
}

impl From<Trouble> for Denial {
    fn from(trouble: Trouble) -> Self {
        let denial = Self::new(trouble.reason).with_detail(trouble.detail);
        match trouble.retry_after {
            Some(pause) => denial.with_retry_after(pause),
            None => denial,
        }
    }
}
