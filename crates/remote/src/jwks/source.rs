//! The seam between the cache and wherever keys come from.

use std::{fmt, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};
use oauthgate_core::{Denial, Reason};

use super::{
    Withdrawals,
    schedule::{Demand, Freshness},
};

/// Where a key set comes from. The store knows nothing else about it: a file, a shared store or a
/// test can stand here as well as the network.
pub trait JwksSource: fmt::Debug + Send + Sync + 'static {
    /// Fetches the set once; retries, pauses and time limits are the caller's business.
    fn fetch(&self, ask: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>>;

    /// A set that came without being asked for, newer than one of this age: another replica fetched it.
    /// Never asks the issuer. Most sources have no news.
    fn news(&self, age: Option<Duration>) -> BoxFuture<'_, Option<Fetched>> {
        let _ = age;
        ready(None).boxed()
    }

    /// What other replicas took away: asked with each fetch, so that no set comes without it. Most sources
    /// know of nothing.
    fn withdrawals(&self) -> BoxFuture<'_, Withdrawals> {
        ready(Withdrawals::new()).boxed()
    }

    /// Whether [`Self::withdrawals`] may know of any, so that tokens wait for its first word.
    fn shares_withdrawals(&self) -> bool {
        false
    }
}

/// There is no place where keys could be, and that is fine: the issuer shares a secret, and is no URL from
/// which a place could be derived.
#[derive(Debug)]
pub(crate) struct NoSource;

impl JwksSource for NoSource {
    fn fetch(&self, _: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>> {
        let error = KeySourceError::metadata_unavailable(
            "the issuer is no URL: without jwks_url, jwks_file or metadata_url only tokens with a code of its shared secret are verified",
        );
        ready(Err(error)).boxed()
    }
}

/// What the caller of a source holds, and why it asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Names the set that is held, if one is held and its source named it: only then may the answer be
    /// [`FetchedSet::NotModified`].
    pub known: Option<Validator>,
    /// How long ago the issuer confirmed the held set; `None` when none is held.
    pub age: Option<Duration>,
    /// Who wants keys: a source that is shared by replicas keeps a budget for strangers over all of them.
    pub demand: Demand,
}

impl Ask {
    /// Nothing is held, and upkeep asks.
    #[must_use]
    pub fn first() -> Self {
        Self {
            known: None,
            age: None,
            demand: Demand::Upkeep,
        }
    }
}

/// What a source brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The document, or the word that the held one is still good.
    pub set: FetchedSet,
    /// How fresh it is.
    pub freshness: Freshness,
}

impl Fetched {
    /// An answer that came from the issuer now.
    #[must_use]
    pub fn now(set: FetchedSet, max_age: Option<Duration>) -> Self {
        let age = Duration::ZERO;
        Self {
            set,
            freshness: Freshness { age, max_age },
        }
    }

    /// Nobody was asked.
    #[must_use]
    pub fn unasked() -> Self {
        Self {
            set: FetchedSet::Unasked,
            freshness: Freshness::default(),
        }
    }
}

/// The document, or the word that the held one is still good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchedSet {
    /// A document, still to be parsed.
    Document {
        /// The bytes, at most 512 KiB.
        body: Vec<u8>,
        /// What to send along next time.
        validator: Option<Validator>,
    },
    /// The held set is still the current one (HTTP 304).
    NotModified,
    /// Nobody was asked, because strangers caused a fetch elsewhere a moment ago. What is held stays as it
    /// is, neither confirmed nor doubted.
    Unasked,
}

/// Names one version of a document at one place (RFC 9110 §8.8); only the source that made it reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
    /// Where the document lies; the tag means nothing elsewhere.
    pub location: String,
    /// The entity tag.
    pub entity_tag: String,
}

/// Why no keys could be had. None of these is the client's fault: the answer is 503.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct KeySourceError {
    reason: Reason,
    detail: String,
    retry_after: Option<Duration>,
}

impl KeySourceError {
    /// The operator suspended the issuer.
    #[must_use]
    pub fn issuer_suspended() -> Self {
        Self::new(
            Reason::IssuerSuspended,
            "the operator suspended this issuer",
        )
    }

    /// No metadata document could be fetched.
    #[must_use]
    pub fn metadata_unavailable(detail: impl Into<String>) -> Self {
        Self::new(Reason::MetadataUnavailable, detail)
    }

    /// The metadata document names another issuer.
    #[must_use]
    pub fn metadata_issuer_mismatch(detail: impl Into<String>) -> Self {
        Self::new(Reason::MetadataIssuerMismatch, detail)
    }

    /// The key set could not be fetched.
    #[must_use]
    pub fn jwks_unavailable(detail: impl Into<String>) -> Self {
        Self::new(Reason::JwksUnavailable, detail)
    }

    /// The key set holds no usable key.
    #[must_use]
    pub fn no_usable_keys(detail: impl Into<String>) -> Self {
        Self::new(Reason::NoUsableKeys, detail)
    }

    fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// The source said when to come back.
    #[must_use]
    pub fn with_retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
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

    /// What was tried and what came back, for the operator.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// When it is worth trying again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl From<KeySourceError> for Denial {
    fn from(error: KeySourceError) -> Self {
        let denial = Self::new(error.reason).with_detail(error.detail);
        match error.retry_after {
            Some(after) => denial.with_retry_after(after),
            None => denial,
        }
    }
}
