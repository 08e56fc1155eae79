//! Prometheus metrics. Every label comes from the configuration or from a closed list, so that no
//! stranger can make a new series.

use std::sync::{Arc, atomic::AtomicI64};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};

use super::{
    expired_streams::ExpiredStreams,
    introspection_metrics::IntrospectionMetrics,
    key_metrics::KeyMetrics,
    log_metrics::LogMetrics,
    refused_token_metrics::RefusedTokenMetrics,
    requests::{RequestMetrics, ResourceMetrics},
    shedding::Shedding,
    slow_peers::SlowPeers,
    state_metrics::StateMetrics,
    step_up::StepUpWatch,
    token_metrics::TokenMetrics,
};
use crate::issuers::Issuers;
use oauthgate_remote::{
    OAuth21Provider,
    clock::SystemClock,
    state::{LocalState, SharedState, quotas::LocalQuotas},
};
use oauthgate_tower::RefusedTokenBudget;

/// Why a connection was closed before its first request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct IntroductionLabels {
    /// What was wrong with its beginning.
    pub fault: &'static str,
}

/// For whom something took how long.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResourceLabels {
    /// The resource's name.
    pub resource: String,
}

impl ResourceLabels {
    /// Of this resource.
    pub(crate) fn of(resource: &str) -> Self {
        Self {
            resource: resource.to_owned(),
        }
    }
}

/// All metrics of a gate.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: RequestMetrics,
    /// Of requests for no resource.
    pub(crate) elsewhere: ResourceMetrics,
    bad_introductions: Family<IntroductionLabels, Counter>,
    pub(crate) step_up: StepUpWatch,
    pub(crate) in_flight: Gauge,
    pub(crate) open_streams: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) slow_peers: SlowPeers,
    pub(crate) shedding: Shedding,
}

impl Metrics {
    /// The metrics of a gate that trusts these issuers.
    #[must_use]
    pub fn new(issuers: Issuers) -> Self {
        let quotas = LocalQuotas::new(1, Arc::new(SystemClock::new()));
        let state = Arc::new(LocalState::new(Arc::new(quotas)));
        let requests = RequestMetrics::default();
        Self::with(issuers, requests, &ExpiredStreams::default(), state)
    }

    /// The metrics of a gate whose resources count here what they ended.
    pub(crate) fn with(
        issuers: Issuers,
        requests: RequestMetrics,
        expired_streams: &ExpiredStreams,
        state: Arc<dyn SharedState>,
    ) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("oauthgate"),
            elsewhere: requests.of(NOWHERE),
            requests,
            bad_introductions: Family::default(),
            step_up: StepUpWatch::default(),
            in_flight: Gauge::default(),
            open_streams: Gauge::default(),
            connections: Gauge::default(),
            slow_peers: SlowPeers::default(),
            shedding: Shedding::default(),
        };
        metrics.register();
        metrics.registry.register(
            "streams_expired",
            "Event streams and WebSockets that were ended because their token expired",
            expired_streams.family(),
        );
        metrics
            .registry
            .register_collector(Box::new(IntrospectionMetrics::new(issuers.clone())));
        metrics
            .registry
            .register_collector(Box::new(KeyMetrics::new(issuers)));
        metrics
            .registry
            .register_collector(Box::new(StateMetrics::new(state)));
        metrics.registry.register_collector(Box::new(LogMetrics));
        metrics
    }

    /// Shows what each resource remembers of tokens.
    pub(crate) fn watch_tokens(&mut self, providers: &[(String, OAuth21Provider)]) {
        let collector = Box::new(TokenMetrics::new(providers));
        self.registry.register_collector(collector);
    }

    /// Shows how the budget of strangers is doing.
    pub(crate) fn watch_refused_tokens(&mut self, budget: Arc<RefusedTokenBudget>) {
        let collector = Box::new(RefusedTokenMetrics(budget));
        self.registry.register_collector(collector);
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "requests",
            "Requests by resource, outcome and reason",
            self.requests.counts.clone(),
        );
        registry.register_with_unit(
            "verification_duration",
            "From the arrival of a request to the decision on its token",
            Unit::Seconds,
            self.requests.verification.clone(),
        );
        registry.register_with_unit(
            "upstream_duration",
            "From the decision to the head of the upstream's response",
            Unit::Seconds,
            self.requests.upstream.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Requests for a resource whose answer has not ended, streams apart",
            self.in_flight.clone(),
        );
        registry.register(
            "open_streams",
            "Event streams and WebSockets under way",
            self.open_streams.clone(),
        );
        registry.register(
            "shed",
            "What was turned away because the gate, or an address, had as much under way as it may",
            self.shedding.family(),
        );
        registry.register(
            "connections",
            "Client connections",
            self.connections.clone(),
        );
        registry.register(
            "slow_peers",
            "Connections, requests and tunnels that were ended because nobody waits for a peer for ever, by what it was too slow with",
            self.slow_peers.family(),
        );
        registry.register(
            "policy_decisions",
            "Requests by the rules that decided on them",
            self.requests.decisions.clone(),
        );
        registry.register(
            "limit_decisions",
            "Counted requests by the limits that they were charged to or refused by",
            self.requests.limit_decisions.clone(),
        );
        registry.register(
            "proxy_headers_refused",
            "Connections that were closed for a PROXY header: missing, broken or not expected",
            self.bad_introductions.clone(),
        );
        self.step_up.register(registry);
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running version", build);
    }

    /// Counts the connections that were closed before their first request for one fault.
    pub(crate) fn bad_introductions(&self, fault: &'static str) -> Counter {
        self.bad_introductions
            .get_or_create_owned(&IntroductionLabels { fault })
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

/// The label of what is asked for where no resource lives.
const NOWHERE: &str = "none";

/// Something that is counted while it lasts.
#[derive(Debug)]
pub struct Underway(Gauge);

impl Underway {
    /// Counts from now until the value is dropped.
    #[must_use]
    pub fn of(gauge: &Gauge<i64, AtomicI64>) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Metrics that several tasks share.
pub type SharedMetrics = Arc<Metrics>;
