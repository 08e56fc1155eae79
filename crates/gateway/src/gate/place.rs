//! A connection's place among all that may be open.

use std::sync::{Arc, Mutex, PoisonError};

use hyper_util::server::graceful::Watcher;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::addresses::NetworkPlace;
use crate::telemetry::metrics::Underway;

/// Held as long as the connection lasts, and on: a connection that becomes a tunnel is no longer
/// hyper's, and must still count, be waited for by a drain, and be cut at its end. So the place rides in
/// the extensions of every request.
#[derive(Clone)]
pub(crate) struct Place(Arc<Held>);

struct Held {
    /// Among the connections of its network, once it is known whose it is. Given back before the permit: who gets
    /// that next must find the place free.
    of_network: Mutex<Option<NetworkPlace>>,
    _permit: OwnedSemaphorePermit,
    _counted: Underway,
    /// A drain waits until it is dropped.
    _watcher: Watcher,
    cut: CancellationToken,
}

impl Place {
    pub(super) fn new(
        permit: OwnedSemaphorePermit,
        counted: Underway,
        watcher: Watcher,
        cut: CancellationToken,
    ) -> Self {
        Self(Arc::new(Held {
            _permit: permit,
            of_network: Mutex::default(),
            _counted: counted,
            _watcher: watcher,
            cut,
        }))
    }

    /// The connection counts among those of this network from now on, and no longer of another one.
    pub(super) fn keep(&self, of_network: Option<NetworkPlace>) {
        let mut kept = self
            .0
            .of_network
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = of_network;
    }

    /// Waits until everything is to end at once.
    pub(crate) async fn cut(&self) {
        self.0.cut.cancelled().await;
    }
}
