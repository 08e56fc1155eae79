//! Requests without credentials, where a policy opens something to everybody (lazy authorization).
//!
//! A service must never meet such a request by accident. So [`crate::ResourceServerLayer`] lets them go on
//! only when it is joined with a layer that promises to decide on them, and the two cannot be taken apart.

use std::{fmt, sync::Arc};

use oauthgate_core::Requirement;
use tower_layer::Layer;

use crate::{ResourceServer, guard::Guard};

/// In the extensions of a request that offers no credentials at all: nobody is calling, and nothing was
/// decided yet. The layer behind takes it out and puts its own permit in, or refuses.
///
/// Only [`crate::ResourceServerLayer`] makes one, so nothing from outside can be taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anonymous {
    requirement: Requirement,
}

impl Anonymous {
    pub(crate) fn who_would_need(requirement: Requirement) -> Self {
        Self { requirement }
    }

    /// What the resource asks of callers with a token: a challenge names it beside the operation's own.
    #[must_use]
    pub fn requirement(&self) -> &Requirement {
        &self.requirement
    }
}

/// A layer that decides on requests of nobody.
///
/// Who implements this promises: a request with [`Anonymous`] in its extensions reaches the service behind
/// only if a rule opens what it does to everybody, and without that extension; any other one is answered
/// 401 `no_credentials`, never with an error inside a 200, which clients do not log in for.
pub trait DecidesOnAnonymous {
    /// Whether any rule opens anything to everybody. If not, requests without credentials are refused
    /// before they come here.
    fn admits_anonymous(&self) -> bool;
}

/// Authentication that may be absent, and the layer that decides on requests without it, in one;
/// [`crate::ResourceServerLayer::optional_authentication`] makes it.
#[must_use]
pub struct OptionalAuthentication<P, L> {
    guard: Arc<Guard<P>>,
    behind: L,
}

impl<P, L> OptionalAuthentication<P, L> {
    pub(crate) fn new(guard: Arc<Guard<P>>, behind: L) -> Self {
        Self { guard, behind }
    }
}

impl<P, L: Layer<S>, S> Layer<S> for OptionalAuthentication<P, L> {
    type Service = ResourceServer<P, L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        ResourceServer::new(Arc::clone(&self.guard), self.behind.layer(inner))
    }
}

impl<P, L: Clone> Clone for OptionalAuthentication<P, L> {
    fn clone(&self) -> Self {
        Self {
            guard: Arc::clone(&self.guard),
            behind: self.behind.clone(),
        }
    }
}

/// Of layers in a row the last one decides; those before it hand on what they get.
impl<A, L: DecidesOnAnonymous> DecidesOnAnonymous for (A, L) {
    fn admits_anonymous(&self) -> bool {
        self.1.admits_anonymous()
    }
}

/// Of layers in a row the last one decides; those before it hand on what they get.
impl<A, B, L: DecidesOnAnonymous> DecidesOnAnonymous for (A, B, L) {
    fn admits_anonymous(&self) -> bool {
        self.2.admits_anonymous()
    }
}

/// Of layers in a row the last one decides; those before it hand on what they get.
impl<A, B, C, L: DecidesOnAnonymous> DecidesOnAnonymous for (A, B, C, L) {
    fn admits_anonymous(&self) -> bool {
        self.3.admits_anonymous()
    }
}

impl<P: fmt::Debug, L: fmt::Debug> fmt::Debug for OptionalAuthentication<P, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptionalAuthentication")
            .field("guard", &self.guard)
            .field("behind", &self.behind)
            .finish()
    }
}
