//! Keys over HTTP: metadata names the place, the place is asked conditionally.
//!
//! A place that metadata named once is asked at once, also when metadata is due again: both are asked
//! at the same time, and metadata that hangs delays no key. When it answers, its word counts: keys from
//! a place that it no longer names are dropped, and so are all keys when it names another issuer.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, ready, select},
};
use oauthgate_core::text::Printable;
use serde::{Deserialize, de::IgnoredAny};
use url::Url;

use super::{
    Ask, Fetched, FetchedSet, JwksSource, KeySourceError, Validator,
    attempt::ATTEMPT_TIME,
    place::{Known, Look, Place, is_merely_away},
};
use crate::{
    clock::Clock,
    discovery::{self, Wanted},
    http::{FetchError, HttpAnswer, HttpFetcher, TIME_LIMIT},
};

/// How long keys that have come wait for metadata that has not.
const GRACE: Duration = Duration::from_millis(150);
/// How long the failure of a remembered place waits for metadata, which may know another one.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long keys live of which metadata has not said yet whether they are still in the right place.
const UNCONFIRMED_LIFE: Duration = Duration::from_secs(60);
const _: () = assert!(
    discovery::TIME_LIMIT.as_secs() + TIME_LIMIT.as_secs() < ATTEMPT_TIME.as_secs(),
    "after a discovery in vain there is time for another place"
);

/// Where one issuer's key set lies.
#[derive(Debug)]
pub(crate) enum Location {
    /// The operator named it.
    Explicit(Url),
    /// Metadata names it.
    Discovered(Wanted),
}

/// The key set of one issuer, over HTTP.
#[derive(Debug)]
pub(crate) struct HttpJwksSource {
    http: HttpFetcher,
    location: Found,
    clock: Arc<dyn Clock>,
    grace: Duration,
}

#[derive(Debug)]
enum Found {
    Explicit(Url),
    Discovered(Arc<Place>),
}

impl HttpJwksSource {
    /// Without `in_background`, nothing runs that no fetch waits for.
    pub(crate) fn new(
        http: HttpFetcher,
        location: Location,
        clock: Arc<dyn Clock>,
        in_background: bool,
    ) -> Self {
        let location = match location {
            Location::Explicit(url) => Found::Explicit(url),
            Location::Discovered(wanted) => Found::Discovered(Arc::new(Place::new(
                http.clone(),
                wanted,
                Arc::clone(&clock),
                in_background,
            ))),
        };
        Self {
            http,
            location,
            clock,
            grace: GRACE,
        }
    }

    async fn fetch_once(&self, ask: Ask) -> Result<Fetched, KeySourceError> {
        let Ask { known, demand, .. } = ask;
        let place = match &self.location {
            Found::Explicit(url) => return self.ask(url, known, "jwks_url").await,
            Found::Discovered(place) => place,
        };
        let fetched = match place.known(demand) {
            Known::Believed(url) => self.ask_named(&url, known).await,
            Known::Due(url) => self.ask_while_looking(&url, place.look(), known).await,
            Known::Nowhere => self.ask_named(&place.look().await?, known).await,
        };
        if !fetched.as_ref().is_ok_and(is_key_set) {
            place.doubt();
        }
        fetched
    }

    async fn ask_while_looking(
        &self,
        remembered: &Url,
        look: Look,
        known: Option<Validator>,
    ) -> Result<Fetched, KeySourceError> {
        let keys = pin!(self.ask_named(remembered, known.clone()));
        let (verdict, keys) = match select(look, keys).await {
            Either::Left((verdict, keys)) => (verdict, keys.left_future()),
            Either::Right((keys, look)) => {
                let patience = if keys.is_ok() { self.grace } else { PATIENCE };
                match tokio::time::timeout(patience, look).await {
                    Ok(verdict) => (verdict, ready(keys).right_future()),
                    Err(_) => return keys.map(unconfirmed),
                }
            }
        };
        match verdict {
            Ok(named) if named != *remembered => self.ask_named(&named, known).await,
            Err(error) if !is_merely_away(&error) => Err(error),
            Ok(_) | Err(_) => keys.await,
        }
    }

    async fn ask_named(
        &self,
        url: &Url,
        known: Option<Validator>,
    ) -> Result<Fetched, KeySourceError> {
        self.ask(url, known, "jwks_uri of the metadata").await
    }

    /// Asks one place, of which `role` says who named it.
    async fn ask(
        &self,
        url: &Url,
        known: Option<Validator>,
        role: &str,
    ) -> Result<Fetched, KeySourceError> {
        let known = known.filter(|validator| validator.location == url.as_str());
        let tag = known
            .as_ref()
            .map(|validator| validator.entity_tag.as_str());
        match self.http.get(url, tag).await {
            Ok(answer) => Ok(fetched(url, answer)),
            Err(error) => Err(self.unavailable(url, role, &error)),
        }
    }

    fn unavailable(&self, url: &Url, role: &str, error: &FetchError) -> KeySourceError {
        // A metadata document chose the URL, and how long it is.
        let place = Printable(url.as_str());
        KeySourceError::jwks_unavailable(format!("{role} {place}: {error}"))
            .with_retry_after(error.retry_after(self.clock.now()))
    }
}

impl JwksSource for HttpJwksSource {
    fn fetch(&self, ask: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>> {
        self.fetch_once(ask).boxed()
    }
}

/// Whether this may be a key set at all. Many a server answers every path with its start page; then the
/// keys may have moved.
fn is_key_set(fetched: &Fetched) -> bool {
    #[derive(Deserialize)]
    struct KeySet {
        keys: Vec<IgnoredAny>,
    }
    match &fetched.set {
        FetchedSet::Document { body, .. } => {
            serde_json::from_slice::<KeySet>(body).is_ok_and(|set| !set.keys.is_empty())
        }
        FetchedSet::NotModified | FetchedSet::Unasked => true,
    }
}

/// Asked again soon, when metadata has answered.
fn unconfirmed(mut fetched: Fetched) -> Fetched {
    let life = fetched.freshness.max_age.unwrap_or(UNCONFIRMED_LIFE);
    fetched.freshness.max_age = Some(life.min(UNCONFIRMED_LIFE));
    fetched
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

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
