//! Where metadata says that the keys are, or the introspection endpoint is: remembered for an hour, then asked for again.
//!
//! A look at the metadata belongs to nobody, like a fetch of keys: whoever waits for it may leave, and
//! what it finds is remembered all the same. There is one look at a time.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use oauthgate_core::Reason;
use url::Url;

use super::{
    KeySourceError,
    schedule::{Demand, RENEWAL},
};
use crate::{
    clock::Clock,
    discovery::{self, Discovered, Wanted},
    http::HttpFetcher,
};

/// How long a discovered `jwks_uri` is believed without asking again.
const METADATA_LIFE: Duration = Duration::from_secs(60 * 60);
/// How long strangers let metadata rest that was asked in vain; upkeep goes on asking.
const REST: Duration = Duration::from_secs(60);
/// How often metadata is asked in vain at the one place where it was, before it is looked for everywhere.
const MOST_IN_VAIN: u32 = 3;

/// What metadata says in the end.
pub(crate) type Look = Shared<BoxFuture<'static, Result<Url, KeySourceError>>>;

/// Where the keys are, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// Metadata said so within the hour.
    Believed(Url),
    /// Metadata said so once, and is to be asked again.
    Due(Url),
    Nowhere,
}

/// The place that metadata names.
#[derive(Debug)]
pub(crate) struct Place {
    http: HttpFetcher,
    wanted: Wanted,
    clock: Arc<dyn Clock>,
    in_background: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    found: Option<Found>,
    look: Option<Look>,
    /// When metadata was last asked in vain.
    away_at: Option<Duration>,
    /// How often in a row metadata was asked in vain.
    in_vain: u32,
}

impl State {
    /// The document that was valid before, unless it has been away so often that it may be gone for good.
    fn document_before(&self) -> Option<Url> {
        let found = self.found.as_ref()?;
        (self.in_vain < MOST_IN_VAIN).then(|| found.at.document.clone())
    }
}

#[derive(Debug)]
struct Found {
    at: Discovered,
    believed_until: Duration,
}

impl Place {
    pub(crate) fn new(
        http: HttpFetcher,
        wanted: Wanted,
        clock: Arc<dyn Clock>,
        in_background: bool,
    ) -> Self {
        Self {
            http,
            wanted,
            clock,
            in_background,
            state: Mutex::default(),
        }
    }

    /// What was looked up within the hour is good enough for upkeep, and less so for a key that is missing:
    /// perhaps all keys moved. An operator wants to know now.
    pub(crate) fn known(&self, demand: Demand) -> Known {
        let life = match demand {
            Demand::Upkeep => METADATA_LIFE,
            Demand::Stranger => RENEWAL,
            Demand::Operator => Duration::ZERO,
        };
        let now = self.clock.elapsed();
        let state = self.state();
        let Some(found) = &state.found else {
            return Known::Nowhere;
        };
        let is_believed = now + (METADATA_LIFE - life) < found.believed_until;
        let was_away = state.away_at.is_some_and(|at| now < at + REST);
        if is_believed || (was_away && demand == Demand::Stranger) {
            Known::Believed(found.at.place.clone())
        } else {
            Known::Due(found.at.place.clone())
        }
    }

    /// The look that is under way, or a new one. When nobody waits for it, it goes on by itself, or with
    /// the next fetch where nothing may run by itself.
    pub(crate) fn look(self: &Arc<Self>) -> Look {
        let mut state = self.state();
        if let Some(look) = &state.look {
            return look.clone();
        }
        let look = look_with(self, state.document_before()).boxed().shared();
        state.look = Some(look.clone());
        drop(state);
        if self.in_background {
            tokio::spawn(look.clone());
        }
        look
    }

    fn end_look(&self, verdict: &Result<Discovered, KeySourceError>) {
        let mut state = self.state();
        state.look = None;
        state.away_at = verdict.is_err().then(|| self.clock.elapsed());
        state.in_vain = match verdict {
            Ok(_) => 0,
            Err(_) => state.in_vain.saturating_add(1),
        };
        match verdict {
            Ok(discovered) => {
                state.found = Some(Found {
                    at: discovered.clone(),
                    believed_until: self.clock.elapsed() + METADATA_LIFE,
                });
            }
            Err(error) if is_merely_away(error) => {}
            // What this metadata said before counts no longer.
            Err(_) => state.found = None,
        }
    }

    /// The place did not answer: perhaps it moved, so ask metadata again next time.
    pub(crate) fn doubt(&self) {
        if let Some(found) = self.state().found.as_mut() {
            found.believed_until = Duration::ZERO;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look does not keep the place alive that remembers it, and ends whatever happens: a look that was
/// begun on a runtime which is gone panics.
fn look_with(
    place: &Arc<Place>,
    before: Option<Url>,
) -> impl Future<Output = Result<Url, KeySourceError>> + use<> {
    let (http, wanted) = (place.http.clone(), place.wanted.clone());
    let (clock, place) = (Arc::clone(&place.clock), Arc::downgrade(place));
    async move {
        let look = discovery::discover(&http, &wanted, before.as_ref(), clock.now());
        let verdict = AssertUnwindSafe(look).catch_unwind().await;
        let verdict = verdict.unwrap_or_else(|_| {
            Err(KeySourceError::metadata_unavailable(
                "the look at the metadata was aborted (it needs a Tokio runtime)",
            ))
        });
        if let Some(place) = place.upgrade() {
            place.end_look(&verdict);
        }
        verdict.map(|discovered| discovered.place)
    }
}

/// Metadata that is merely away does not invalidate what it said before; metadata that now names
/// another issuer does.
pub(crate) fn is_merely_away(error: &KeySourceError) -> bool {
    error.reason() == Reason::MetadataUnavailable
}
