//! The running gate: listeners bound, resources built, keys warm, requests answered, and an orderly end.
//!
//! A request passes in this order: what is ambiguous is refused (400); metadata documents are for
//! everybody; the path picks the resource; a foreign host or origin is refused (403); preflights are
//! answered; what the gate cannot carry is turned away (503); then authentication, a place for the caller,
//! the session, the tools, the quotas, and the service behind.

mod activity;
mod addresses;
mod admin_listener;
mod arrival;
mod body;
mod delivery;
mod descriptors;
mod door;
mod hints;
mod introduction;
mod length;
mod listener;
mod liveness;
mod load;
mod opening;
mod pace;
mod paced;
mod patience;
mod place;
mod request_body;
mod sessions;
mod site;
mod strangers;
#[cfg(test)]
mod tests;
mod underway;
mod vigil;
mod workers;

use std::{fmt, future::pending, io, net::SocketAddr, path::Path, sync::Arc};

use oauthgate_core::SettingError;
use oauthgate_remote::{
    ConfigurationError, KeyStores, OAuth21Provider,
    clock::SystemClock,
    error::Mistake,
    jwks::{SnapshotDirectory, SnapshotError},
    outbound::CertificateAuthorities,
    state::{
        LocalState, SharedState,
        quotas::{LocalQuotas, Quotas},
    },
};
use oauthgate_tower::{
    RefusedTokenBudget,
    concurrency::{Allowance, PerCaller},
};
use secrecy::SecretString;
use tokio::net::TcpListener;

pub(crate) use self::{
    arrival::Arrival,
    length::of_headers,
    liveness::{INTERVAL, QUESTIONS, SILENCE, unanswered_for},
    pace::Pace,
    paced::{Leisure, Paced},
};
pub use self::{
    body::{BodyError, GateBody, boxed},
    request_body::RequestBody,
    site::Upstream,
    workers::{Threads, Workers},
};
use self::{
    door::Door,
    introduction::Introductions,
    listener::Public,
    load::Load,
    sessions::Sessions,
    site::{Shared, Site},
    strangers::Strangers,
};
use crate::{
    admin::{Admin, Health},
    config::{ResourceSettings, Settings, SharedState as SharedStateSettings},
    issuers::Issuers,
    proxy::{admission::KnownHosts, forwarded::TrustedProxies, routes::Routes},
    telemetry::{expired_streams::ExpiredStreams, metrics::Metrics, requests::RequestMetrics},
    upstream::ReverseProxy,
};

/// Why a gate could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// Settings that contradict each other.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// An address that cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

/// A gate with its listeners bound; [`Gate::run`] opens it.
pub struct Gate {
    public: Public,
    admin: TcpListener,
    public_addr: SocketAddr,
    admin_addr: SocketAddr,
    health: Health,
    metrics: Arc<Metrics>,
    issuers: Issuers,
    admin_token: Option<SecretString>,
    state: Arc<dyn SharedState>,
    /// Where upstreams are reached over TLS.
    judges_upstreams: Option<CertificateAuthorities>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("public_addr", &self.public_addr)
            .field("admin_addr", &self.admin_addr)
            .finish_non_exhaustive()
    }
}

impl Gate {
    /// Binds the addresses of the settings and builds every resource.
    ///
    /// # Errors
    /// Settings that contradict each other, and addresses that are taken.
    pub async fn bind(settings: Settings) -> Result<Self, GateError> {
        let public = listen(settings.listen).await?;
        let admin = listen(settings.admin_listen).await?;
        Self::on(settings, public, admin)
    }

    /// As [`Self::bind`], on listeners that are bound already: their ports may be part of the settings.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub fn on(
        settings: Settings,
        public: TcpListener,
        admin: TcpListener,
    ) -> Result<Self, GateError> {
        let authorities = settings.outbound.certificate_authorities.clone();
        let mut resources = settings.resources.iter();
        let over_tls = resources.any(|resource| resource.upstream.scheme() == "https");
        let gate = Self::before(settings, public, admin, |resource| {
            ReverseProxy::new(resource, &authorities).map(Upstream::from)
        })?;
        Ok(Self {
            judges_upstreams: over_tls.then_some(authorities),
            ..gate
        })
    }

    /// A gate before these services, one for each resource.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub fn before(
        settings: Settings,
        public: TcpListener,
        admin: TcpListener,
        upstream: impl Fn(&ResourceSettings) -> Result<Upstream, ConfigurationError>,
    ) -> Result<Self, GateError> {
        let (public_addr, admin_addr) = (address_of(&public)?, address_of(&admin)?);
        let directory = state_directory(&settings)?;
        let state = state(&settings)?;
        let keys = key_stores(&settings, directory.as_ref(), state.as_ref());
        let sessions = Sessions::new(&settings, directory.as_ref())?;
        let requests = RequestMetrics::sampling(settings.access_log_sample);
        let expired_streams = ExpiredStreams::default();
        let refused_tokens = (!settings.unlimited_refused_tokens)
            .then(|| Arc::new(RefusedTokenBudget::of(settings.refused_tokens)));
        let parts = SiteParts {
            keys: &keys,
            sessions: &sessions,
            quotas: state.quotas(),
            refused_tokens: refused_tokens.clone(),
            strangers: Strangers::of(settings.limits.in_flight),
            requests: &requests,
            expired_streams: &expired_streams,
            listens_on_loopback: public_addr.ip().is_loopback(),
        };
        let sites = sites(&settings, &parts, upstream)?;
        let first = sites
            .first()
            .ok_or_else(no_resource)?
            .provider
            .resource()
            .clone();
        let providers: Vec<_> = sites
            .iter()
            .map(|site| (site.metrics.resource().to_string(), site.provider.clone()))
            .collect();
        let issuers = Issuers::new(keys, &providers);
        let shared = Arc::clone(&state);
        let mut metrics = Metrics::with(issuers.clone(), requests, &expired_streams, shared);
        metrics.watch_tokens(&providers);
        if let Some(budget) = refused_tokens {
            metrics.watch_refused_tokens(budget);
        }
        let metrics = Arc::new(metrics);
        let requires_others = requires_others(&settings);
        for site in &sites {
            metrics.step_up.begin(site.metrics.resource());
        }
        let paths = settings
            .resources
            .iter()
            .map(|resource| resource.path.clone());
        let proxies = Arc::new(TrustedProxies::new(
            settings.trusted_proxies,
            settings.forwarded_header,
        ));
        let hosts = KnownHosts::of(sites.iter().map(|site| &site.hosts));
        let door = Door {
            hosts,
            routes: Routes::new(paths.zip(sites.into_iter().map(Arc::new))),
            client_prefixes: settings.client_prefixes,
            proxies: Arc::clone(&proxies),
            pace: Pace::of_bodies(&settings.limits),
            headers: settings.limits.headers,
            header_bytes: settings.limits.header_bytes,
            load: Load::new(&settings.limits, &metrics),
            metrics: Arc::clone(&metrics),
            first,
        };
        Ok(Self {
            public: Public {
                listener: public,
                door: Arc::new(door),
                introductions: Arc::new(Introductions::new(
                    proxies,
                    settings.proxy_protocol,
                    &metrics,
                )),
                limits: settings.limits,
                workers: Workers::Here,
            },
            admin,
            public_addr,
            admin_addr,
            health: Health::new(providers, issuers.clone()).requiring_others(requires_others),
            state,
            metrics,
            issuers,
            admin_token: settings.admin_token,
            judges_upstreams: None,
        })
    }

    /// Serves connections here; by default on the runtime that runs the gate.
    #[must_use]
    pub fn served_by(mut self, workers: Workers) -> Self {
        self.public.workers = workers;
        self
    }

    /// Where traffic comes in, with the port that was picked.
    #[must_use]
    pub fn public_addr(&self) -> SocketAddr {
        self.public_addr
    }

    /// Where probes and metrics are answered, with the port that was picked.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// Whose tokens are taken, and how their keys are doing.
    #[must_use]
    pub fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    /// Serves until `shutdown`, then drains.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        self.run_until_cut(shutdown, pending()).await;
    }

    /// Serves until `shutdown`, then drains; `cut` ends the drain at once. The probes answer until the end.
    pub async fn run_until_cut(
        self,
        shutdown: impl Future<Output = ()>,
        cut: impl Future<Output = ()>,
    ) {
        let health = self.health.clone();
        self.state.begin();
        let warming = tokio::spawn(warm_up(self.issuers.keys().clone(), self.judges_upstreams));
        let pages = Admin {
            health: self.health,
            metrics: self.metrics,
            issuers: self.issuers,
            on_loopback: self.admin_addr.ip().is_loopback(),
            token: self.admin_token,
        };
        let admin = tokio::spawn(admin_listener::serve(
            self.admin,
            pages.router(),
            admin_listener::AdminLimits::default(),
        ));
        let drain = async {
            shutdown.await;
            health.drain();
        };
        self.public.run(drain, cut).await;
        warming.abort();
        admin.abort();
    }
}

/// How many counts are kept: every caller has one for each limit. Some 10 MiB at the most.
const QUOTA_KEYS: usize = 100_000;

/// What all resources are built with.
struct SiteParts<'a> {
    keys: &'a KeyStores,
    sessions: &'a Sessions,
    quotas: Arc<dyn Quotas>,
    /// One for all resources: a client gets one budget.
    refused_tokens: Option<Arc<RefusedTokenBudget>>,
    strangers: Strangers,
    requests: &'a RequestMetrics,
    expired_streams: &'a ExpiredStreams,
    listens_on_loopback: bool,
}

/// The resources, in the order of the settings. What a caller has under way counts at all of them together.
fn sites(
    settings: &Settings,
    parts: &SiteParts<'_>,
    upstream: impl Fn(&ResourceSettings) -> Result<Upstream, ConfigurationError>,
) -> Result<Vec<Site>, ConfigurationError> {
    let callers = Arc::new(PerCaller::new(Allowance {
        in_flight: Some(settings.limits.in_flight_per_subject),
        streams: Some(settings.limits.streams_per_subject),
    }));
    let site = |resource: &ResourceSettings| {
        let provider = provider(resource, settings.accept_dev_issuer, parts.keys)?;
        let shared = Shared {
            refused_tokens: parts.refused_tokens.clone(),
            strangers: parts.strangers.clone(),
            callers: Arc::clone(&callers),
            sessions: parts.sessions.layer(provider.resource()),
            quotas: Arc::clone(&parts.quotas),
            metrics: Arc::new(parts.requests.of(&resource.name)),
            expired_streams: parts.expired_streams.clone(),
            listens_on_loopback: parts.listens_on_loopback,
        };
        let site = Site::new(resource, provider, shared, upstream(resource)?);
        site.map_err(|error| mistake(&resource.name, error))
    };
    settings.resources.iter().map(site).collect()
}

/// Whether this replica is of no use while it is alone: it was told to let nobody through then who has a
/// quota, and somebody has one.
fn requires_others(settings: &Settings) -> bool {
    let has_quotas = |resource: &ResourceSettings| {
        let mut limits = resource.quotas.limits.iter();
        limits.any(|limit| limit.quotas().next().is_some())
    };
    let shared = settings.shared_state.as_ref();
    shared.is_some_and(SharedStateSettings::is_required)
        && settings.resources.iter().any(has_quotas)
}

/// What the replicas share, or what this one has alone.
fn state(settings: &Settings) -> Result<Arc<dyn SharedState>, ConfigurationError> {
    let local = LocalQuotas::new(QUOTA_KEYS, Arc::new(SystemClock::default()));
    let local = Arc::new(local);
    match &settings.shared_state {
        Some(shared) => shared
            .open(local)
            .map_err(|error| mistake("OAUTHGATE_REDIS_URL", error)),
        None => Ok(Arc::new(LocalState::new(local))),
    }
}

fn key_stores(
    settings: &Settings,
    directory: Option<&SnapshotDirectory>,
    state: &dyn SharedState,
) -> KeyStores {
    let mut builder = KeyStores::builder().outbound(settings.outbound.clone());
    if let Some(directory) = directory {
        builder = builder.keeper(Arc::new(directory.clone()));
    }
    if let Some(shared) = state.keys() {
        builder = builder.shared(shared);
    }
    builder.build()
}

/// A directory that cannot be used now will not be there when it is needed.
fn state_directory(settings: &Settings) -> Result<Option<SnapshotDirectory>, ConfigurationError> {
    let Some(path) = &settings.state_directory else {
        return Ok(None);
    };
    let directory = SnapshotDirectory::open(path);
    directory
        .map(Some)
        .map_err(|error| unusable_directory(path, &error))
}

fn unusable_directory(path: &Path, error: &SnapshotError) -> ConfigurationError {
    let expected = "an absolute path that nobody but the gate's user can write to, for example /var/lib/oauthgate";
    let within = error.path().filter(|place| *place != path);
    let place = within.map_or_else(String::new, |place| format!("{}: ", place.display()));
    let problem = format!("{place}{}; {}", error.problem(), error.advice());
    let error = SettingError::new(problem, expected);
    let value = path.to_string_lossy();
    let mistake = Mistake::new("OAUTHGATE_STATE_DIRECTORY", Some(&value), error);
    ConfigurationError {
        mistakes: vec![mistake],
    }
}

fn provider(
    resource: &ResourceSettings,
    accept_dev_issuer: bool,
    keys: &KeyStores,
) -> Result<OAuth21Provider, ConfigurationError> {
    let mut settings = resource.provider.clone();
    for issuer in &mut settings.issuers {
        issuer.keys.refuses_dev_keys = !accept_dev_issuer;
    }
    OAuth21Provider::with_key_stores(settings, keys)
}

/// What takes longer than the first request should wait: it is done beside it.
async fn warm_up(keys: KeyStores, judges_upstreams: Option<CertificateAuthorities>) {
    tokio::join!(load_keys(keys), read_system_store(judges_upstreams));
}

/// Where it cannot be read, every connection to an upstream fails: said once, before any does.
async fn read_system_store(authorities: Option<CertificateAuthorities>) {
    if let Some(authorities) = authorities
        && let Err(error) = authorities.read_system_store().await
    {
        tracing::error!(%error, "no upstream can be reached over TLS");
    }
}

/// The first fetch of every key set, all at once. Requests need not wait for it: they fetch what they miss.
/// The key store itself says when it cannot be done.
async fn load_keys(keys: KeyStores) {
    let status = keys.warm_up().await;
    for status in status.into_iter().filter(|status| status.servable) {
        tracing::info!(
            issuer = status.issuer,
            keys = status.keys,
            "keys are loaded"
        );
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, GateError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| GateError::Listen { address, source })
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, GateError> {
    listener.local_addr().map_err(|source| GateError::Listen {
        address: SocketAddr::from(([0, 0, 0, 0], 0)),
        source,
    })
}

fn no_resource() -> ConfigurationError {
    mistake(
        "resource",
        SettingError::new("there is no resource", "at least one"),
    )
}

fn mistake(setting: &str, error: SettingError) -> ConfigurationError {
    ConfigurationError {
        mistakes: vec![Mistake::new(setting, None, error)],
    }
}
