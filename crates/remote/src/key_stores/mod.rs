//! The keys of all issuers of a process: one store for each, shared by every resource that trusts it.
//!
//! ```
//! use oauthgate_remote::{KeySettings, KeyStores, OAuth21Provider, ProviderSettings, core::JwkSet};
//! # use oauthgate_remote::{IssuerSettings, core::{Audience, Issuer, ResourceIdentifier}};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let issuer = IssuerSettings::new(Issuer::new("https://auth.example.com")?, vec![Audience::new("tools")?]);
//! # let tools = ProviderSettings::new(ResourceIdentifier::parse("https://mcp.example.com/tools")?, issuer.clone());
//! # let files = ProviderSettings::new(ResourceIdentifier::parse("https://mcp.example.com/files")?, issuer);
//!
//! let keys = KeyStores::builder().build();
//! let tools = OAuth21Provider::with_key_stores(tools, &keys)?;
//! let files = OAuth21Provider::with_key_stores(files, &keys)?;
//! // Two resources, one issuer: its keys are fetched once.
//! assert_eq!(keys.status().len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! Nothing is fetched before somebody needs it, or before [`KeyStores::warm_up`]. A start with every
//! issuer away is allowed: [`KeyStores::status`] says so, and upkeep goes on trying.

mod builder;
mod introspectors;
mod replicas;
#[cfg(test)]
mod replicas_tests;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::join_all;
use oauthgate_core::{Issuer, SettingError};
use tokio::{runtime::Handle, task::AbortHandle};

pub use self::builder::KeyStoresBuilder;
use crate::{
    KeySettings, Outbound,
    address::AddressRule,
    discovery::{self, Wanted},
    error::Mistake,
    http::HttpFetcher,
    jwks::{
        FileJwksSource, HttpJwksSource, JwksSource, KeySnapshot, KeyStatus, KeyStore, Location,
        NoSource, Ruled, Surroundings, WithdrawalsFull, WithdrawnName,
    },
    state::SharedKeys,
};

/// Why an operator's word has no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulingError {
    /// No resource trusts this issuer.
    #[error("no resource trusts the issuer {0:?}")]
    UnknownIssuer(Issuer),
    /// There is no room for another withdrawal.
    #[error(transparent)]
    Full(#[from] WithdrawalsFull),
}

/// The keys of all issuers of a process. Cheap to clone; the last clone takes the upkeep with it.
#[derive(Debug, Clone)]
pub struct KeyStores {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    outbound: Outbound,
    surroundings: Surroundings,
    /// Where the keys of these issuers come from, instead of the network.
    sources: Vec<(Issuer, Arc<dyn JwksSource>)>,
    preloads: Vec<KeySnapshot>,
    /// What replicas of this program have in common.
    replicas: Option<Arc<dyn SharedKeys>>,
    shelves: Mutex<Vec<Shelf>>,
    /// Who asks about tokens.
    desks: Mutex<Vec<introspectors::Desk>>,
    upkeep: Mutex<Vec<AbortHandle>>,
    /// The task that keeps in touch with the other replicas.
    touch: Mutex<Option<AbortHandle>>,
    /// Read on every request, so kept outside the lock.
    upkeep_was_started: AtomicBool,
}

/// One store, and what it was built from.
#[derive(Debug)]
struct Shelf {
    issuer: Issuer,
    settings: KeySettings,
    store: Arc<KeyStore>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let upkeep = self
            .upkeep
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let touch = self.touch.get_mut().unwrap_or_else(PoisonError::into_inner);
        upkeep.iter().chain(&*touch).for_each(AbortHandle::abort);
    }
}

impl KeyStores {
    /// Everything over HTTP by the defaults, unless said otherwise.
    pub fn builder() -> KeyStoresBuilder {
        KeyStoresBuilder::default()
    }

    /// The time that all stores go by.
    pub(crate) fn clock(&self) -> &Arc<dyn crate::clock::Clock> {
        &self.shared.surroundings.clock
    }

    /// The store of this issuer under these settings; the same one for everybody who asks for the same.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn store(&self, issuer: &Issuer, settings: &KeySettings) -> Result<Arc<KeyStore>, Mistake> {
        let mut shelves = self.shelves();
        let known = shelves
            .iter()
            .find(|shelf| shelf.issuer == *issuer && shelf.settings == *settings);
        if let Some(shelf) = known {
            return Ok(Arc::clone(&shelf.store));
        }
        let store = self.new_store(issuer, settings)?;
        for shelf in shelves.iter().filter(|shelf| shelf.issuer == *issuer) {
            store.overhear(&shelf.store.withdrawals());
        }
        shelves.push(Shelf {
            issuer: issuer.clone(),
            settings: settings.clone(),
            store: Arc::clone(&store),
        });
        Ok(store)
    }

    /// All stores, in the order in which they were asked for.
    #[must_use]
    pub fn stores(&self) -> Vec<Arc<KeyStore>> {
        let shelves = self.shelves();
        shelves
            .iter()
            .map(|shelf| Arc::clone(&shelf.store))
            .collect()
    }

    /// How the keys are doing, one status for each store.
    #[must_use]
    pub fn status(&self) -> Vec<KeyStatus> {
        self.stores().iter().map(|store| store.status()).collect()
    }

    /// How many attempts strangers may still cause now, over all issuers.
    #[must_use]
    pub fn strangers_left(&self) -> u32 {
        let surroundings = &self.shared.surroundings;
        surroundings.strangers.left(surroundings.clock.elapsed())
    }

    /// Loads the keys of every issuer, all at once, and starts their upkeep. Failures are reported, not
    /// fatal; a slow issuer delays the report and no other issuer's keys.
    pub async fn warm_up(&self) -> Vec<KeyStatus> {
        let stores = self.stores();
        self.exchange(&stores).await;
        let keys = join_all(stores.iter().map(KeyStore::warm));
        futures_util::future::join(keys, self.warm_introspectors()).await;
        self.start_upkeep();
        self.status()
    }

    /// Renews whatever is due and waits for it: what a program without background tasks calls when it has
    /// a moment, after an answer or between two.
    pub async fn upkeep(&self) {
        self.keep_in_touch().await;
        join_all(self.stores().iter().map(KeyStore::warm)).await;
    }

    /// Fetches the keys of this issuer now, or of all; waits for the end and says how it went.
    pub async fn refresh(&self, issuer: Option<&Issuer>) -> Vec<KeyStatus> {
        let stores = self.of(issuer);
        join_all(stores.iter().map(KeyStore::refresh)).await;
        stores.iter().map(|store| store.status()).collect()
    }

    /// Takes keys away, of this issuer or of all: a `kid`, an RFC 7638 thumbprint, or everything. Their
    /// tokens are refused before this returns; then it is saved, and told to the other replicas.
    ///
    /// # Errors
    /// When there is no such issuer, and when more is withdrawn than is ever remembered.
    pub async fn withdraw(
        &self,
        issuer: Option<&Issuer>,
        name: &WithdrawnName,
    ) -> Result<Vec<Ruled>, RulingError> {
        let stores = self.known(issuer)?;
        let ruled = join_all(stores.iter().map(|store| store.withdraw(name))).await;
        self.exchange(&stores).await;
        Ok(ruled.into_iter().collect::<Result<_, _>>()?)
    }

    /// Gives keys back that [`Self::withdraw`] took, and asks the issuer about them.
    ///
    /// # Errors
    /// When there is no such issuer, and when there is no room to remember it.
    pub async fn restore(
        &self,
        issuer: Option<&Issuer>,
        name: &WithdrawnName,
    ) -> Result<Vec<Ruled>, RulingError> {
        let stores = self.known(issuer)?;
        let ruled = join_all(stores.iter().map(|store| store.restore(name))).await;
        self.exchange(&stores).await;
        Ok(ruled.into_iter().collect::<Result<_, _>>()?)
    }

    /// What is known of every issuer, to be kept by the program and given to
    /// [`KeyStoresBuilder::preload`] later.
    #[must_use]
    pub fn snapshots(&self) -> Vec<KeySnapshot> {
        self.stores().iter().map(|store| store.snapshot()).collect()
    }

    /// Starts one upkeep task for each store that has none. Does nothing where there is no Tokio runtime
    /// to keep them, or where background tasks are not wanted.
    pub(crate) fn start_upkeep(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if !self.shared.surroundings.in_background {
            return;
        }
        // Before the look at the stores: one that comes after it starts upkeep anew.
        self.shared
            .upkeep_was_started
            .store(true, Ordering::Relaxed);
        let stores = self.stores();
        let mut upkeep = self
            .shared
            .upkeep
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Upkeep whose runtime is gone has finished, and starts again on this one.
        if upkeep.iter().any(AbortHandle::is_finished) {
            upkeep.drain(..).for_each(|task| task.abort());
        }
        let without = stores.into_iter().skip(upkeep.len());
        upkeep.extend(without.map(|store| runtime.spawn(store.keep_warm()).abort_handle()));
        self.start_keeping_in_touch(&runtime);
    }

    /// Starts upkeep on the first call, and costs nothing on the others.
    pub(crate) fn start_upkeep_once(&self) {
        if !self.shared.upkeep_was_started.load(Ordering::Relaxed) {
            self.start_upkeep();
        }
    }

    /// For each upkeep task, whether it still runs.
    #[cfg(test)]
    pub(crate) fn upkeep_tasks(&self) -> Vec<bool> {
        let upkeep = self.shared.upkeep.lock().unwrap();
        upkeep.iter().map(|task| !task.is_finished()).collect()
    }

    fn of(&self, issuer: Option<&Issuer>) -> Vec<Arc<KeyStore>> {
        let mut stores = self.stores();
        stores.retain(|store| issuer.is_none_or(|issuer| store.issuer() == issuer));
        stores
    }

    fn known(&self, issuer: Option<&Issuer>) -> Result<Vec<Arc<KeyStore>>, RulingError> {
        let stores = self.of(issuer);
        match issuer {
            Some(issuer) if stores.is_empty() => Err(RulingError::UnknownIssuer(issuer.clone())),
            _ => Ok(stores),
        }
    }

    fn new_store(&self, issuer: &Issuer, settings: &KeySettings) -> Result<Arc<KeyStore>, Mistake> {
        if let Some(mistake) = settings.mistakes(issuer).into_iter().next() {
            return Err(mistake);
        }
        let source = self.before_replicas(issuer, settings, self.source(issuer, settings)?);
        let surroundings = self.shared.surroundings.clone();
        // The tasks that run take care of the store from now on.
        self.shared
            .upkeep_was_started
            .store(false, Ordering::Relaxed);
        let store = KeyStore::new(issuer.clone(), source, settings, surroundings);
        let preloads = self.shared.preloads.iter();
        preloads
            .filter(|snapshot| snapshot.issuer == *issuer)
            .for_each(|snapshot| {
                store.preload(snapshot);
            });
        Ok(store)
    }

    fn source(
        &self,
        issuer: &Issuer,
        settings: &KeySettings,
    ) -> Result<Arc<dyn JwksSource>, Mistake> {
        let given = self.shared.sources.iter().find(|(of, _)| of == issuer);
        if let Some((_, source)) = given {
            return Ok(Arc::clone(source));
        }
        if let Some(path) = &settings.jwks_file {
            return Ok(Arc::new(FileJwksSource::new(path.clone())));
        }
        if settings.are_optional && settings.asked(issuer).is_empty() {
            return Ok(Arc::new(NoSource));
        }
        let clock = Arc::clone(self.clock());
        let mistake = |error| Mistake::new("issuer", Some(issuer.as_str()), error);
        let http = http(issuer, settings, &self.shared.outbound).map_err(mistake)?;
        let location = location(issuer, settings).map_err(mistake)?;
        let in_background = self.shared.surroundings.in_background;
        let source = HttpJwksSource::new(http, location, clock, in_background);
        Ok(Arc::new(source))
    }

    fn shelves(&self) -> MutexGuard<'_, Vec<Shelf>> {
        self.shared
            .shelves
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn http(
    issuer: &Issuer,
    settings: &KeySettings,
    outbound: &Outbound,
) -> Result<HttpFetcher, SettingError> {
    let base = discovery::base_of(issuer);
    let named = base
        .iter()
        .chain(&settings.metadata_url)
        .chain(&settings.jwks_url);
    let http = HttpFetcher::new(AddressRule::new(named), outbound)?;
    Ok(match settings.home(issuer) {
        Some(home) => http.with_headers(home, settings.fetch_headers.clone()),
        None => http,
    })
}

fn location(issuer: &Issuer, settings: &KeySettings) -> Result<Location, SettingError> {
    if let Some(url) = &settings.jwks_url {
        return Ok(Location::Explicit(url.clone()));
    }
    let expected = settings.metadata_issuer.as_ref().unwrap_or(issuer);
    // An issuer that is no URL has no site; its metadata's stands for it.
    let site = || discovery::base_of(issuer).or_else(|| settings.metadata_url.clone());
    Ok(Location::Discovered(Wanted {
        member: "jwks_uri",
        candidates: discovery::candidates(issuer, settings.metadata_url.as_ref())?,
        issuer: expected.clone(),
        site: settings.jwks_same_site.then(site).flatten(),
    }))
}

#[cfg(test)]
mod tests;
