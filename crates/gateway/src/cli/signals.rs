//! The signals that end a command, and the one that does not.

use tokio::signal::unix::{Signal, SignalKind, signal};

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

/// From now on a hangup ends nothing. It is how one asks a daemon to read its configuration again (and what
/// a closed terminal sends), so it is answered in the log.
///
/// # Errors
/// The system has no place for another handler.
pub(super) fn outlive_hangups() -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::warn!("reload is not supported yet; restart to apply changes");
        }
    });
    Ok(())
}
