//! Two logins at a time: each runs up to four processes, on machines with two cores.

use tokio::sync::{Semaphore, SemaphorePermit};

static HEAVY: Semaphore = Semaphore::const_new(2);

/// Waits for a turn.
pub(crate) async fn turn() -> SemaphorePermit<'static> {
    HEAVY.acquire().await.expect("nobody closes it")
}
