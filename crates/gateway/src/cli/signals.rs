//! The signals that end a command, and the one that refreshes its keys.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::issuers::Issuers;

/// SIGTERM and SIGINT.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on signals wait here instead of ending the process.
    ///
    /// # Errors
    /// The system has no place for another handler.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// SIGHUP: how one asks a daemon to look again, and what a closed terminal sends.
#[derive(Debug)]
pub(super) struct Hangups(Signal);

impl Hangups {
    /// From now on a hangup ends nothing.
    ///
    /// # Errors
    /// The system has no place for another handler.
    pub(super) fn new() -> std::io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// From now on a hangup makes the keys be fetched, and is answered in the log.
    pub(super) fn refresh(mut self, issuers: Issuers) {
        tokio::spawn(async move {
            while self.0.recv().await.is_some() {
                tracing::warn!(
                    "hangup: the keys of all issuers are fetched now; settings are read at start only, restart to apply changes"
                );
                issuers.refresh(None).await;
            }
        });
    }
}
