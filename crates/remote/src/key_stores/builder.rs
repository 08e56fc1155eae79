//! How key stores are put together.

use std::sync::{Arc, atomic::AtomicBool};

use oauthgate_core::Issuer;

use super::{KeyStores, Shared};
use crate::{
    Outbound,
    clock::{Clock, SystemClock},
    jwks::{JwksSource, KeySnapshot, SnapshotKeeper, StrangersBudget, Surroundings},
    state::SharedKeys,
};

/// Puts key stores together. By default keys come over HTTP, and background tasks fetch and renew them.
#[derive(Debug)]
#[must_use = "nothing is built before `build`"]
pub struct KeyStoresBuilder {
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    sources: Vec<(Issuer, Arc<dyn JwksSource>)>,
    replicas: Option<Arc<dyn SharedKeys>>,
    in_background: bool,
    keeper: Option<Arc<dyn SnapshotKeeper>>,
    preloads: Vec<KeySnapshot>,
}

impl Default for KeyStoresBuilder {
    fn default() -> Self {
        Self {
            outbound: Outbound::default(),
            clock: Arc::new(SystemClock::new()),
            sources: Vec::new(),
            replicas: None,
            in_background: true,
            keeper: None,
            preloads: Vec::new(),
        }
    }
}

impl KeyStoresBuilder {
    /// How fetches leave this process.
    pub fn outbound(mut self, outbound: Outbound) -> Self {
        self.outbound = outbound;
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The keys of this issuer come from here instead of the network. What `refuses_dev_keys` and the
    /// pinned and withdrawn kids say holds all the same.
    pub fn source(mut self, issuer: Issuer, source: Arc<dyn JwksSource>) -> Self {
        self.sources.push((issuer, source));
        self
    }

    /// Where keys and withdrawals outlive the process, so that a start while an issuer is away serves at
    /// once.
    pub fn keeper(mut self, keeper: Arc<dyn SnapshotKeeper>) -> Self {
        self.keeper = Some(keeper);
        self
    }

    /// Keys to begin with: a snapshot that [`KeyStores::snapshots`] took earlier. It is used until the
    /// issuer answers, and not at all when it is too old, or from another place than the settings say.
    pub fn preload(mut self, snapshot: KeySnapshot) -> Self {
        self.preloads.push(snapshot);
        self
    }

    /// What replicas of this program have in common: one replica's fetch serves all, and a withdrawal
    /// reaches all.
    pub fn shared(mut self, replicas: Arc<dyn SharedKeys>) -> Self {
        self.replicas = Some(replicas);
        self
    }

    /// No task runs on its own: for tests, and for programs that are frozen between requests.
    ///
    /// All rules stay what they are: one fetch at a time, the same budgets, the same limits on age. Only
    /// the work moves to the callers. A token whose key is missing waits for the fetch as ever, up to
    /// 300 ms (2 s while no set was ever loaded), and a fetch that takes longer goes on with the next
    /// caller. Where a set is due for renewal, one request spends up to 300 ms on it, unless
    /// [`KeyStores::upkeep`] was called in time; so does one whose signature does not verify.
    pub fn without_background_tasks(mut self) -> Self {
        self.in_background = false;
        self
    }

    /// The stores; still empty.
    #[must_use]
    pub fn build(self) -> KeyStores {
        if let Some(proxy) = &self.outbound.proxy {
            tracing::info!(target: "oauthgate::keys", %proxy, "authorization servers are asked through a proxy, which resolves their names");
        }
        KeyStores {
            shared: Arc::new(Shared {
                outbound: self.outbound,
                surroundings: Surroundings {
                    clock: self.clock,
                    strangers: Arc::new(StrangersBudget::default()),
                    in_background: self.in_background,
                    keeper: self.keeper,
                },
                sources: self.sources,
                preloads: self.preloads,
                replicas: self.replicas,
                shelves: std::sync::Mutex::default(),
                desks: std::sync::Mutex::default(),
                upkeep: std::sync::Mutex::default(),
                touch: std::sync::Mutex::default(),
                upkeep_was_started: AtomicBool::new(false),
            }),
        }
    }
}
