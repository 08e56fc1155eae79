//! The layer joined with the one behind it.

use oauthgate_tower::DecidesOnAnonymous;
use tower_layer::Layer;

use super::{SessionBindingLayer, SessionBindingService};

/// Two layers that cannot be taken apart; [`SessionBindingLayer::before`] makes it.
#[derive(Debug, Clone)]
#[must_use]
pub struct BoundSessions<L> {
    sessions: SessionBindingLayer,
    behind: L,
}

impl<L> BoundSessions<L> {
    pub(super) fn new(sessions: SessionBindingLayer, behind: L) -> Self {
        Self { sessions, behind }
    }
}

impl<L: Layer<S>, S> Layer<S> for BoundSessions<L> {
    type Service = SessionBindingService<L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        self.sessions.layer(self.behind.layer(inner))
    }
}

/// A request of nobody is refused here, or decided on by the layer behind.
impl<L: DecidesOnAnonymous> DecidesOnAnonymous for BoundSessions<L> {
    fn admits_anonymous(&self) -> bool {
        self.behind.admits_anonymous()
    }
}
