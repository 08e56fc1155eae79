//! A connection's place among all that may be open.

use std::sync::Arc;

use hyper_util::server::graceful::Watcher;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::telemetry::metrics::Underway;

/// Held as long as the connection lasts, and on: a connection that becomes a tunnel is no longer
/// hyper's, and must still count, be waited for by a drain, and be cut at its end. So the place rides in
/// the extensions of every request.
#[derive(Clone)]
pub(crate) struct Place(Arc<Held>);

struct Held {
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
            _counted: counted,
            _watcher: watcher,
            cut,
        }))
    }

    /// Waits until everything is to end at once.
    pub(crate) async fn cut(&self) {
        self.0.cut.cancelled().await;
    }
}
