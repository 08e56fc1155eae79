//! How asking about tokens is doing, for readiness, metrics and people.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use serde::Serialize;

use super::trouble::Trouble;

/// How asking one authorization server about tokens is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IntrospectionStatus {
    /// The issuer.
    pub issuer: String,
    /// Where it is asked; `None` while its metadata has not said so.
    pub endpoint: Option<String>,
    /// Questions asked.
    pub asked: u64,
    /// Answers that a token is good.
    pub active: u64,
    /// Answers that a token is not good.
    pub inactive: u64,
    /// Questions without an answer.
    pub failed: u64,
    /// Requests turned away without a question, because too many were under way.
    pub turned_away: u64,
    /// Requests whose token was remembered as good.
    pub cache_hits: u64,
    /// Requests whose token was remembered as not good.
    pub inactive_cache_hits: u64,
    /// Good tokens remembered now, those to be asked about again included.
    pub remembered: usize,
    /// The code of the last failure, if the last question failed.
    pub last_failure: Option<&'static str>,
    /// What the last failed question met, for the operator.
    pub failure_detail: Option<String>,
}

/// Counts what happens.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) asked: AtomicU64,
    pub(super) active: AtomicU64,
    pub(super) inactive: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) turned_away: AtomicU64,
    pub(super) hits: AtomicU64,
    pub(super) inactive_hits: AtomicU64,
    trouble: Mutex<Option<Trouble>>,
}

impl Tally {
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A question was answered; whether that is news.
    pub(super) fn well(&self) -> bool {
        let mut last = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        last.take().is_some()
    }

    /// What the last question met; whether that is news.
    pub(super) fn failed(&self, trouble: &Trouble) -> bool {
        Self::count(&self.failed);
        let mut last = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = last.as_ref().map(Trouble::code) != Some(trouble.code());
        *last = Some(trouble.clone());
        is_news
    }

    pub(super) fn status(
        &self,
        issuer: &str,
        endpoint: Option<String>,
        remembered: usize,
    ) -> IntrospectionStatus {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        IntrospectionStatus {
            issuer: issuer.to_owned(),
            endpoint,
            asked: read(&self.asked),
            active: read(&self.active),
            inactive: read(&self.inactive),
            failed: read(&self.failed),
            turned_away: read(&self.turned_away),
            cache_hits: read(&self.hits),
            inactive_cache_hits: read(&self.inactive_hits),
            remembered,
            last_failure: trouble.as_ref().map(Trouble::code),
            failure_detail: trouble.as_ref().map(|trouble| trouble.detail().to_owned()),
        }
    }
}
