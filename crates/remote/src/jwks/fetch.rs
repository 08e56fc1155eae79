//! Keys over HTTP: metadata names the place, the place is asked conditionally.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use oauthgate_core::Issuer;
use url::Url;

use super::{
    Ask, Fetched, FetchedSet, JwksSource, KeySourceError, Validator, attempt::ATTEMPT_TIME,
};
use crate::{
    clock::Clock,
    discovery,
    http::{FetchError, HttpAnswer, HttpFetcher, TIME_LIMIT},
};

/// How long a discovered `jwks_uri` is believed without asking again.
const METADATA_LIFE: Duration = Duration::from_secs(60 * 60);
const _: () = assert!(
    discovery::TIME_LIMIT.as_secs() + TIME_LIMIT.as_secs() < ATTEMPT_TIME.as_secs(),
    "after a discovery in vain there is time for the remembered place"
);

/// Where one issuer's key set lies.
#[derive(Debug)]
pub(crate) enum Location {
    /// The operator named it.
    Explicit(Url),
    /// Metadata names it.
    Discovered {
        candidates: Vec<Url>,
        expected_issuer: Issuer,
    },
}

/// The key set of one issuer, over HTTP.
#[derive(Debug)]
pub(crate) struct HttpJwksSource {
    http: HttpFetcher,
    location: Location,
    clock: Arc<dyn Clock>,
    found: Mutex<Option<Found>>,
}

#[derive(Debug, Clone)]
struct Found {
    jwks_uri: Url,
    believed_until: Duration,
}

impl HttpJwksSource {
    pub(crate) fn new(http: HttpFetcher, location: Location, clock: Arc<dyn Clock>) -> Self {
        Self {
            http,
            location,
            clock,
            found: Mutex::new(None),
        }
    }

    async fn fetch_once(&self, known: Option<Validator>) -> Result<Fetched, KeySourceError> {
        let url = self.locate().await?;
        let known = known.filter(|validator| validator.location == url.as_str());
        let tag = known
            .as_ref()
            .map(|validator| validator.entity_tag.as_str());
        match self.http.get(&url, tag).await {
            Ok(answer) => Ok(fetched(&url, answer)),
            Err(error) => {
                self.doubt();
                Err(unavailable(&url, &error))
            }
        }
    }

    async fn locate(&self) -> Result<Url, KeySourceError> {
        let (candidates, expected) = match &self.location {
            Location::Explicit(url) => return Ok(url.clone()),
            Location::Discovered {
                candidates,
                expected_issuer,
            } => (candidates, expected_issuer),
        };
        let found = self.found().clone();
        let now = self.clock.elapsed();
        if let Some(found) = found.as_ref().filter(|found| now < found.believed_until) {
            return Ok(found.jwks_uri.clone());
        }
        match discovery::discover(&self.http, candidates, expected).await {
            Ok(jwks_uri) => Ok(self.believe(jwks_uri)),
            Err(error) => stale_location(found, error),
        }
    }

    fn believe(&self, jwks_uri: Url) -> Url {
        *self.found() = Some(Found {
            jwks_uri: jwks_uri.clone(),
            believed_until: self.clock.elapsed() + METADATA_LIFE,
        });
        jwks_uri
    }

    /// The place did not answer: perhaps it moved, so ask metadata again next time.
    fn doubt(&self) {
        if let Some(found) = self.found().as_mut() {
            found.believed_until = Duration::ZERO;
        }
    }

    fn found(&self) -> MutexGuard<'_, Option<Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JwksSource for HttpJwksSource {
    fn fetch(&self, ask: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>> {
        self.fetch_once(ask.known).boxed()
    }
}

/// Metadata that is merely away does not invalidate what it said before; metadata that now names
/// another issuer does.
fn stale_location(found: Option<Found>, error: KeySourceError) -> Result<Url, KeySourceError> {
    match found {
        Some(found) if error.reason() == oauthgate_core::Reason::MetadataUnavailable => {
            Ok(found.jwks_uri)
        }
        _ => Err(error),
    }
}

fn fetched(url: &Url, answer: HttpAnswer) -> Fetched {
    match answer {
        HttpAnswer::NotModified { max_age } => Fetched::now(FetchedSet::NotModified, max_age),
        HttpAnswer::Document {
            body,
            entity_tag,
            max_age,
        } => {
            let validator = entity_tag.map(|entity_tag| Validator {
                location: url.as_str().to_owned(),
                entity_tag,
            });
            Fetched::now(FetchedSet::Document { body, validator }, max_age)
        }
    }
}

fn unavailable(url: &Url, error: &FetchError) -> KeySourceError {
    KeySourceError::jwks_unavailable(format!("{url}: {error}"))
        .with_retry_after(error.retry_after())
}
