//! What outlives the process, as one key store sees it: recalled before the first fetch, saved after
//! every change.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Mutex;

use super::{
    KeySnapshot, SnapshotError, SnapshotKeeper, snapshot::recall, status::Saved, store::KeyStore,
};

/// A keeper and what was done with it.
#[derive(Debug)]
pub(super) struct Keeping {
    keeper: Arc<dyn SnapshotKeeper>,
    was_recalled: AtomicBool,
    /// Whoever saves takes the newest state along, so the last one saved is the newest.
    one_saver: Mutex<()>,
    trouble: std::sync::Mutex<Option<&'static str>>,
}

impl Keeping {
    pub(super) fn new(keeper: Arc<dyn SnapshotKeeper>) -> Self {
        Self {
            keeper,
            was_recalled: AtomicBool::new(false),
            one_saver: Mutex::default(),
            trouble: std::sync::Mutex::default(),
        }
    }

    /// What was saved by an earlier process; only for the first who asks.
    pub(super) async fn recall(&self, store: &Weak<KeyStore>) -> Option<KeySnapshot> {
        if self.was_recalled.swap(true, Ordering::Relaxed) {
            return None;
        }
        let (issuer, place) = {
            let store = store.upgrade()?;
            (store.issuer().clone(), store.place().to_owned())
        };
        let (snapshot, trouble) = recall(&*self.keeper, &issuer, &place).await;
        if let Some(error) = trouble {
            self.report(issuer.as_str(), Some(&error));
        }
        Some(snapshot)
    }

    /// Saves what the store holds now.
    pub(super) async fn save(&self, store: &Weak<KeyStore>) -> Saved {
        let _only = self.one_saver.lock().await;
        let Some(snapshot) = store.upgrade().map(|store| store.snapshot()) else {
            return Saved::Nowhere;
        };
        let issuer = snapshot.issuer.clone();
        match self.keeper.save(snapshot).await {
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
