//! What outlives the process, as one key store sees it: recalled before the first fetch, saved after
//! every change.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{sync::Mutex, time::timeout};

use super::{
    KeySnapshot, SnapshotError, SnapshotKeeper, snapshot::recall, status::Saved, store::KeyStore,
};

/// How long a keeper may take that knows no limit of its own: neither an operator nor a first fetch waits
/// for ever.
const KEEPER_TIME: Duration = Duration::from_secs(12);

/// A keeper and what was done with it.
#[derive(Debug)]
pub(super) struct Keeping {
    keeper: Arc<dyn SnapshotKeeper>,
    was_recalled: AtomicBool,
    /// What the program brought along waits here: a key in it may have been withdrawn in an earlier run,
    /// and only the keeper knows. `None` once the keeper was asked.
    preloads: std::sync::Mutex<Option<Vec<KeySnapshot>>>,
    /// Whoever saves takes the newest state along, so the last one saved is the newest.
    one_saver: Mutex<()>,
    trouble: std::sync::Mutex<Option<&'static str>>,
}

impl Keeping {
    pub(super) fn new(keeper: Arc<dyn SnapshotKeeper>) -> Self {
        Self {
            keeper,
            was_recalled: AtomicBool::new(false),
            preloads: std::sync::Mutex::new(Some(Vec::new())),
            one_saver: Mutex::default(),
            trouble: std::sync::Mutex::default(),
        }
    }

    /// Lets this snapshot wait until the keeper was asked. Returns whether it has to.
    pub(super) fn postpones(&self, snapshot: &KeySnapshot) -> bool {
        match &mut *self.preloads() {
            Some(preloads) => {
                preloads.push(snapshot.clone());
                true
            }
            None => false,
        }
    }

    /// Whether the keeper was asked what an earlier process saved: only then is it known what was withdrawn.
    pub(super) fn was_asked(&self) -> bool {
        self.preloads().is_none()
    }

    /// What was saved by an earlier process, once, and what waited for it. A keeper that fails is asked
    /// again with the next attempt: it may know what was withdrawn. One that hangs is not, for each
    /// question may keep a thread that hangs as well.
    pub(super) async fn recall(&self, store: &Weak<KeyStore>) -> Vec<KeySnapshot> {
        let mut snapshots = Vec::new();
        if !self.was_recalled.load(Ordering::Relaxed) {
            snapshots.extend(self.kept(store).await);
        }
        let preloads = self.preloads().take();
        snapshots.extend(preloads.into_iter().flatten());
        snapshots
    }

    async fn kept(&self, store: &Weak<KeyStore>) -> Option<KeySnapshot> {
        let (issuer, place) = {
            let store = store.upgrade()?;
            (store.issuer().clone(), store.place().to_owned())
        };
        let recalled = AssertUnwindSafe(recall(&*self.keeper, &issuer, &place)).catch_unwind();
        let failed = |error| {
            (
                KeySnapshot::new(issuer.clone(), place.as_str()),
                Some(error),
            )
        };
        let (snapshot, trouble) = match timeout(KEEPER_TIME, recalled).await {
            Ok(Ok(recalled)) => recalled,
            Ok(Err(_)) => failed(SnapshotError::unavailable("its keeper panicked")),
            Err(_) => failed(too_slow()),
        };
        let is_settled = trouble.as_ref().is_none_or(SnapshotError::is_busy);
        self.was_recalled.store(is_settled, Ordering::Relaxed);
        if let Some(error) = trouble {
            self.report(issuer.as_str(), Some(&error));
        }
        Some(snapshot)
    }

    fn preloads(&self) -> std::sync::MutexGuard<'_, Option<Vec<KeySnapshot>>> {
        self.preloads
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Saves what the store holds now.
    pub(super) async fn save(&self, store: &Weak<KeyStore>) -> Saved {
        let Some(issuer) = store.upgrade().map(|store| store.issuer().clone()) else {
            return Saved::Nowhere;
        };
        let saved = timeout(KEEPER_TIME, self.save_in_turn(store)).await;
        match saved.unwrap_or_else(|_| Err(too_slow())) {
            Ok(()) => {
                self.report(issuer.as_str(), None);
                Saved::Saved
            }
            Err(error) => {
                self.report(issuer.as_str(), Some(&error));
                Saved::Failed(error.to_string())
            }
        }
    }

    async fn save_in_turn(&self, store: &Weak<KeyStore>) -> Result<(), SnapshotError> {
        let _only = self.one_saver.lock().await;
        match store.upgrade().map(|store| store.snapshot()) {
            Some(snapshot) => self.keeper.save(snapshot).await,
            None => Ok(()),
        }
    }

    /// Tells each trouble once, and its end.
    fn report(&self, issuer: &str, error: Option<&SnapshotError>) {
        let code = error.map(SnapshotError::code);
        let mut trouble = self
            .trouble
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = std::mem::replace(&mut *trouble, code);
        drop(trouble);
        match error {
            Some(error) if before != code => {
                tracing::warn!(target: "oauthgate::keys", issuer, outcome = error.code(), detail = %error, "key snapshot");
            }
            None if before.is_some() => {
                tracing::info!(target: "oauthgate::keys", issuer, outcome = "saved", "key snapshots are saved again");
            }
            _ => {}
        }
    }
}

fn too_slow() -> SnapshotError {
    let advice = "look after the place where keys are saved: it does not answer";
    SnapshotError::busy("its keeper took longer than 12 s", advice)
}
