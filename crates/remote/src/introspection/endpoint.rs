//! Where the authorization server is asked: where the operator says, or where its metadata says.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use url::{Origin, Url};

use super::trouble::Trouble;
use crate::{
    clock::Clock,
    jwks::{
        place::{Known, Place},
        schedule::Demand,
    },
};

/// How long metadata rests that was asked in vain.
const REST: Duration = Duration::from_secs(1);

/// Where the authorization server is asked.
#[derive(Debug)]
pub(super) enum Endpoint {
    /// The operator named it.
    Explicit(Url),
    /// Metadata names it.
    Discovered(Discovered),
}

#[derive(Debug)]
pub(super) struct Discovered {
    pub(super) place: Arc<Place>,
    /// Where it may be: our credentials go nowhere else, whatever a document says.
    pub(super) origins: Vec<Origin>,
    pub(super) clock: Arc<dyn Clock>,
    /// The last look in vain, and when it ended.
    pub(super) in_vain: Mutex<Option<(Duration, Trouble)>>,
}

impl Endpoint {
    /// Where to ask now.
    pub(super) async fn url(&self) -> Result<Url, Trouble> {
        match self {
            Self::Explicit(url) => Ok(url.clone()),
            Self::Discovered(discovered) => discovered.url().await,
        }
    }

    /// Where, as far as is known.
    pub(super) fn known(&self) -> Option<Url> {
        match self {
            Self::Explicit(url) => Some(url.clone()),
            Self::Discovered(discovered) => match discovered.place.known(Demand::Upkeep) {
                Known::Believed(url) | Known::Due(url) => {
                    discovered.lies_where_it_may(&url).then_some(url)
                }
                Known::Nowhere => None,
            },
        }
    }
}

impl Discovered {
    async fn url(&self) -> Result<Url, Trouble> {
        let url = match self.place.known(Demand::Upkeep) {
            Known::Believed(url) => url,
            // Metadata is asked again, and nobody waits for it.
            Known::Due(url) => {
                drop(self.place.look());
                url
            }
            Known::Nowhere => self.look().await?,
        };
        match self.lies_where_it_may(&url) {
            true => Ok(url),
            false => Err(Trouble::refused(format!(
                "the metadata's introspection_endpoint {} lies at another origin than its issuer, and gets no \
                 credentials of ours; if that is right, set introspection_url to it",
                oauthgate_core::text::Printable(url.as_str())
            ))),
        }
    }

    async fn look(&self) -> Result<Url, Trouble> {
        let rests = {
            let in_vain = self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.elapsed();
            in_vain
                .as_ref()
                .filter(|(at, _)| now < at.saturating_add(REST))
                .map(|(_, trouble)| trouble.clone())
        };
        if let Some(trouble) = rests {
            return Err(trouble);
        }
        let looked = self.place.look().await.map_err(|error| {
            Trouble::unavailable(format!(
                "its metadata names no introspection endpoint, and introspection_url is not set: {error}"
            ))
        });
        let mut in_vain = self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        *in_vain = looked
            .as_ref()
            .err()
            .map(|trouble| (self.clock.elapsed(), trouble.clone()));
        looked
    }

    fn lies_where_it_may(&self, url: &Url) -> bool {
        self.origins.contains(&url.origin())
    }
}
