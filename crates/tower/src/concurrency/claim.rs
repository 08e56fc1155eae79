//! Who may have how much under way, and what a request counts against.

use std::{
    fmt::{self, Debug},
    hash::Hash,
    sync::Arc,
};

use http::request::Parts;
use oauthgate_core::{Answer, Denial, Reason};

use super::{Kind, Place, Places, Room};

/// How much one key may have under way at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Allowance {
    /// Requests until their answer ends; as many as come unless set.
    pub in_flight: Option<usize>,
    /// Streams; as many as come unless set.
    pub streams: Option<usize>,
}

/// Who has how much under way of both. Cheap to clone; clones count together.
pub struct Ledger<K> {
    /// Requests by key.
    pub in_flight: Places<K>,
    /// Streams by key.
    pub streams: Places<K>,
}

impl<K> Ledger<K> {
    /// A request of this key counts here, under this name of the limit.
    pub fn claim(&self, key: K, allowance: Allowance, name: Option<Arc<str>>) -> Claim<K> {
        Claim {
            ledger: self.clone(),
            key,
            allowance,
            name,
        }
    }
}

/// What a request counts against.
#[derive(Clone)]
pub struct Claim<K> {
    ledger: Ledger<K>,
    key: K,
    allowance: Allowance,
    name: Option<Arc<str>>,
}

/// What the requests of a service count against; [`super::ConcurrencyLayer`] asks it about each.
pub trait Claims: Send + Sync + 'static {
    /// By what is counted.
    type Key: Eq + Hash + Clone + Send + Sync + 'static;

    /// What this request counts against; nothing where it is not limited.
    fn claims(&self, request: &Parts) -> impl IntoIterator<Item = Claim<Self::Key>>;
}

impl<K> Claim<K> {
    /// The refusal when there is no room for one more.
    pub(super) fn refusal(&self, kind: Kind) -> Denial {
        let (reason, most, what) = match kind {
            Kind::Request => (
                Reason::TooManyInFlight,
                self.allowance.in_flight,
                "requests under way",
            ),
            Kind::Stream => (
                Reason::TooManyStreams,
                self.allowance.streams,
                "open streams",
            ),
        };
        let most = most.unwrap_or_default();
        let detail = match &self.name {
            Some(name) => format!("limit {name}: {most} {what}"),
            None => format!("{most} {what}"),
        };
        // A place is free as soon as anything of the caller's ends: nobody can know when, so soon.
        Denial::new(reason)
            .with_retry_after(Answer::OVERLOAD_RETRY_AFTER)
            .with_detail(detail)
    }
}

impl<K: Eq + Hash + Clone> Room for Claim<K> {
    /// Nothing where that is not limited.
    type Place = Option<Place<K>>;

    fn enter(&self, kind: Kind) -> Option<Self::Place> {
        let (places, most) = match kind {
            Kind::Request => (&self.ledger.in_flight, self.allowance.in_flight),
            Kind::Stream => (&self.ledger.streams, self.allowance.streams),
        };
        match most {
            Some(most) => places.try_enter(self.key.clone(), most).map(Some),
            None => Some(None),
        }
    }
}

impl<K> Clone for Ledger<K> {
    fn clone(&self) -> Self {
        Self {
            in_flight: self.in_flight.clone(),
            streams: self.streams.clone(),
        }
    }
}

impl<K> Default for Ledger<K> {
    fn default() -> Self {
        Self {
            in_flight: Places::default(),
            streams: Places::default(),
        }
    }
}

impl<K: Eq + Hash> Debug for Ledger<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("in_flight", &self.in_flight)
            .field("streams", &self.streams)
            .finish()
    }
}

/// Whose it is stays out of logs.
impl<K> Debug for Claim<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("name", &self.name)
            .field("allowance", &self.allowance)
            .finish_non_exhaustive()
    }
}
