//! Key stores in touch with the other replicas of the program.

use std::sync::{Arc, PoisonError, Weak};

use futures_util::future::{BoxFuture, join_all};
use oauthgate_core::Issuer;
use tokio::{runtime::Handle, task::AbortHandle};

use super::{KeyStores, Shared};
use crate::{
    KeySettings,
    jwks::{Ask, Fetched, JwksSource, KeySourceError, KeyStore, Withdrawals, schedule::Timing},
    state::{SharedKeys, SharedSet, SharedStatus},
};

impl KeyStores {
    /// How sharing with other replicas is doing; `None` where nothing is shared.
    #[must_use]
    pub fn shared_status(&self) -> Option<SharedStatus> {
        let replicas = self.shared.replicas.as_ref()?;
        Some(replicas.status())
    }

    /// Exchanges withdrawals with the other replicas, and looks for what they fetched, once; what is new is
    /// saved. A task does it all the time, unless background tasks are not wanted.
    pub async fn keep_in_touch(&self) {
        save(self.listen().await).await;
    }

    /// Tells the other replicas what these stores know to be withdrawn, and the stores what the others know.
    pub(super) async fn exchange(&self, stores: &[Arc<KeyStore>]) {
        save(self.tell_and_hear(stores).await).await;
    }

    /// Returns the stores that heard something new.
    async fn listen(&self) -> Vec<Arc<KeyStore>> {
        if self.shared.replicas.is_none() {
            return Vec::new();
        }
        let stores = self.stores();
        let mut changed = self.tell_and_hear(&stores).await;
        let news = join_all(stores.iter().map(|store| store.look_for_news())).await;
        let with_news = stores.iter().zip(news).filter(|(_, news)| *news);
        changed.extend(with_news.map(|(store, _)| Arc::clone(store)));
        changed
    }

    async fn tell_and_hear(&self, stores: &[Arc<KeyStore>]) -> Vec<Arc<KeyStore>> {
        let Some(replicas) = &self.shared.replicas else {
            return Vec::new();
        };
        let mut issuers: Vec<&Issuer> = stores.iter().map(|store| store.issuer()).collect();
        issuers.sort_unstable_by_key(|issuer| issuer.as_str());
        issuers.dedup();
        let exchanges = issuers
            .into_iter()
            .map(|issuer| exchange(&**replicas, issuer, stores));
        join_all(exchanges).await.concat()
    }

    /// The source behind what replicas share, if they share anything. A file is this machine's own: each
    /// replica reads its own, and none takes over what another one's says.
    pub(super) fn before_replicas(
        &self,
        issuer: &Issuer,
        settings: &KeySettings,
        source: Arc<dyn JwksSource>,
    ) -> Arc<dyn JwksSource> {
        let Some(replicas) = &self.shared.replicas else {
            return source;
        };
        let set = SharedSet {
            issuer: issuer.clone(),
            place: settings.place(),
            timing: Timing::of(settings),
        };
        let shared = replicas.before(set, Arc::clone(&source));
        match settings.jwks_file {
            Some(_) => Arc::new(OwnKeys {
                own: source,
                shared,
            }),
            None => shared,
        }
    }

    /// Starts the task that keeps in touch, unless it runs. It ends with the stores.
    pub(super) fn start_keeping_in_touch(&self, runtime: &Handle) {
        if self.shared.replicas.is_none() {
            return;
        }
        let mut touch = self
            .shared
            .touch
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if touch.as_ref().is_none_or(AbortHandle::is_finished) {
            let shared = Arc::downgrade(&self.shared);
            *touch = Some(runtime.spawn(keep_in_touch(shared)).abort_handle());
        }
    }
}

/// Keys of this machine's own, less what any replica took away.
#[derive(Debug)]
struct OwnKeys {
    own: Arc<dyn JwksSource>,
    shared: Arc<dyn JwksSource>,
}

impl JwksSource for OwnKeys {
    fn fetch(&self, ask: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>> {
        self.own.fetch(ask)
    }

    fn withdrawals(&self) -> BoxFuture<'_, Withdrawals> {
        self.shared.withdrawals()
    }

    fn shares_withdrawals(&self) -> bool {
        self.shared.shares_withdrawals()
    }
}

/// Returns the stores that heard something new.
async fn exchange(
    replicas: &dyn SharedKeys,
    issuer: &Issuer,
    stores: &[Arc<KeyStore>],
) -> Vec<Arc<KeyStore>> {
    let of_issuer = || stores.iter().filter(|store| store.issuer() == issuer);
    let mut all = Withdrawals::new();
    for store in of_issuer() {
        // What finds no room here found room in its store, and stays there.
        let _ = all.merge(&store.withdrawals());
    }
    let theirs = replicas.exchange(issuer, &all).await;
    let _ = all.merge(&theirs);
    let changed = of_issuer().filter(|store| store.hear_all(&all));
    changed.map(Arc::clone).collect()
}

async fn save(stores: Vec<Arc<KeyStore>>) {
    join_all(stores.iter().map(KeyStore::save)).await;
}

/// Saves beside the listening: a slow disk must not make this replica hear late of the next withdrawal.
async fn keep_in_touch(shared: Weak<Shared>) {
    loop {
        let period = {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let Some(replicas) = shared.replicas.clone() else {
                return;
            };
            let changed = KeyStores { shared }.listen().await;
            if !changed.is_empty() {
                tokio::spawn(save(changed));
            }
            replicas.period()
        };
        tokio::time::sleep(period).await;
    }
}
