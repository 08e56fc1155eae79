//! What became of a request's charges: for headers, logs and metrics.

use std::{sync::Arc, time::Duration};

use oauthgate_core::quota::{Quota, Standing};

use super::By;

/// In the extensions of responses to requests that were counted, those that were refused included.
#[derive(Debug, Clone)]
pub struct Counted {
    limits: Arc<[CountedLimit]>,
    refused: Option<Refused>,
}

/// One limit that a request was counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CountedLimit {
    /// Its name.
    pub name: Arc<str>,
    /// What tells its callers apart.
    pub by: Vec<By>,
    /// What it grants this caller.
    pub quota: Quota,
    /// What is left of it.
    pub standing: Standing,
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refused {
    /// Of the limits.
    which: usize,
    wait: Duration,
}

impl Counted {
    pub(super) fn within(limits: Vec<CountedLimit>) -> Self {
        Self {
            limits: limits.into(),
            refused: None,
        }
    }

    pub(super) fn over(limits: Vec<CountedLimit>, which: usize, wait: Duration) -> Self {
        Self {
            limits: limits.into(),
            refused: Some(Refused { which, wait }),
        }
    }

    /// The limits that the request was counted by, in the order of the plan, each once. A refused request was
    /// charged nothing.
    #[must_use]
    pub fn limits(&self) -> &[CountedLimit] {
        &self.limits
    }

    /// The limit that refused the request.
    #[must_use]
    pub fn refused_by(&self) -> Option<&CountedLimit> {
        self.limits.get(self.refused?.which)
    }

    /// How long a refused request is to wait.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        Some(self.refused?.wait)
    }
}
