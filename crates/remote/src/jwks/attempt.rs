//! One attempt to fetch a key set, and who makes it go on: a task of its own, or whoever waits for it.

use std::{
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Shared, select},
};
use tokio::runtime::Handle;

use super::{
    Ask, Fetched, JwksSource, KeySourceError, flight::Flight, keeping::Keeping, store::KeyStore,
};

/// The time a whole attempt may take, metadata and keys together; less than
/// [`ATTEMPT_LIMIT`](super::schedule::ATTEMPT_LIMIT), so that an attempt reports its end before it is
/// given up for lost.
pub(super) const ATTEMPT_TIME: Duration = Duration::from_secs(15);

/// What makes attempts go on.
#[derive(Debug)]
pub(super) enum Runner {
    /// A detached task for each: a request that is cancelled cancels nothing.
    Tasks,
    /// Nothing but the callers that wait: the attempt rests while none does, and whoever comes next goes
    /// on with it. For programs that are frozen between requests.
    Callers(Callers),
}

/// The attempt that callers carry.
#[derive(Debug)]
pub(super) struct Callers {
    attempt: Mutex<Option<Shared<BoxFuture<'static, ()>>>>,
    /// The last attempt on which a request spent its time; the others give it a push and go their way.
    waited_for: AtomicU64,
}

impl Runner {
    /// By tasks of their own, or by callers.
    pub(super) fn new(in_background: bool) -> Self {
        if in_background {
            return Self::Tasks;
        }
        Self::Callers(Callers {
            attempt: Mutex::default(),
            waited_for: AtomicU64::new(0),
        })
    }

    /// Starts the attempt.
    pub(super) fn start(&self, attempt: RunningAttempt) {
        match self {
            Self::Tasks => match Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(attempt.run())),
                Err(_) => drop(attempt),
            },
            Self::Callers(callers) => {
                // A panic is a failed attempt here as well, and nobody's who waits for it.
                let run = AssertUnwindSafe(attempt.run()).catch_unwind();
                let attempt = run.map(drop).boxed().shared();
                // The one before was given up for lost; dropping it reports its end, so not under the lock.
                let lost = callers.attempt().replace(attempt);
                drop(lost);
            }
        }
    }

    /// Waits until this attempt is over, for so long at most.
    pub(super) async fn wait(&self, flight: &Flight, number: u64, limit: Duration) {
        if flight.wait(number).now_or_never().is_some() {
            return;
        }
        // All ways out are fine: the caller looks at what is held afterwards.
        match self {
            Self::Tasks => drop(tokio::time::timeout(limit, flight.wait(number)).await),
            Self::Callers(_) => self.carry(limit).await,
        }
    }

    /// Makes the attempt go on to its very end, what is saved after it included, for so long at most.
    /// Nothing is to be done where tasks do that.
    pub(super) async fn carry(&self, limit: Duration) {
        if let Some(attempt) = self.carried() {
            drop(tokio::time::timeout(limit, attempt).await);
        }
    }

    /// Goes on with an attempt that the caller could do without: the first such caller for so long at
    /// most, each later one as far as it gets without waiting.
    pub(super) async fn help(&self, number: u64, limit: Duration) {
        let (Self::Callers(callers), Some(attempt)) = (self, self.carried()) else {
            return;
        };
        if callers.waited_for.swap(number, Ordering::Relaxed) == number {
            let _ = attempt.now_or_never();
        } else {
            let _ = tokio::time::timeout(limit, attempt).await;
        }
    }

    /// Does this work, and meanwhile makes the attempt go on: it may hold what the work waits for.
    pub(super) async fn beside<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(attempt) = self.carried() else {
            return work.await;
        };
        match select(pin!(work), attempt).await {
            Either::Left((done, _)) => done,
            Either::Right(((), work)) => work.await,
        }
    }

    fn carried(&self) -> Option<Shared<BoxFuture<'static, ()>>> {
        match self {
            Self::Tasks => None,
            Self::Callers(callers) => callers.attempt().clone(),
        }
    }
}

impl Callers {
    fn attempt(&self) -> MutexGuard<'_, Option<Shared<BoxFuture<'static, ()>>>> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that reports its end whatever happens to it: a panic in a source, a runtime that shuts
/// down, no runtime at all. It does not keep the store alive.
#[derive(Debug)]
pub(super) struct RunningAttempt {
    pub(super) store: Weak<KeyStore>,
    pub(super) source: Arc<dyn JwksSource>,
    pub(super) ask: Ask,
    pub(super) keeping: Option<Arc<Keeping>>,
    pub(super) number: u64,
}

impl RunningAttempt {
    /// The first attempt may end with what an earlier process saved: there are keys at once, and
    /// upkeep is due for a look whether they are still the issuer's.
    async fn run(self) {
        if self.recalls().await {
            return;
        }
        let answer = self.answer().await;
        // No set comes without what was taken away from it.
        let withdrawals = self.source.withdrawals().await;
        let Some(store) = self.store.upgrade() else {
            return;
        };
        store.hear_all(&withdrawals);
        let is_news = store.finish(self.number, answer);
        drop(store);
        if let (true, Some(keeping)) = (is_news, &self.keeping) {
            keeping.save(&self.store).await;
        }
    }

    async fn recalls(&self) -> bool {
        let Some(keeping) = &self.keeping else {
            return false;
        };
        let snapshots = keeping.recall(&self.store).await;
        self.store
            .upgrade()
            .is_some_and(|store| store.recall(self.number, &snapshots))
    }

    async fn answer(&self) -> Result<Fetched, KeySourceError> {
        if let Some(store) = self.store.upgrade() {
            store.count_fetch();
        }
        tokio::time::timeout(ATTEMPT_TIME, self.source.fetch(self.ask.clone()))
            .await
            .map_err(|_| {
                KeySourceError::jwks_unavailable(format!(
                    "no keys within {} s",
                    ATTEMPT_TIME.as_secs()
                ))
            })?
    }
}

impl Drop for RunningAttempt {
    fn drop(&mut self) {
        // After `run` the attempt is no longer the current one, and this changes nothing.
        let aborted =
            KeySourceError::jwks_unavailable("the fetch was aborted (it needs a Tokio runtime)");
        if let Some(store) = self.store.upgrade() {
            store.finish(self.number, Err(aborted));
        }
    }
}
