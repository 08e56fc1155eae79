//! Prometheus metrics. Every label comes from the configuration or from a closed list, so that no
//! stranger can make a new series.

use std::{sync::Arc, sync::atomic::AtomicI64, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use super::{
    expired_streams::ExpiredStreams, introspection_metrics::IntrospectionMetrics,
    key_metrics::KeyMetrics, refused_token_metrics::RefusedTokenMetrics, shedding::Shedding,
    slow_peers::SlowPeers, state_metrics::StateMetrics, step_up::StepUpWatch,
    token_metrics::TokenMetrics,
};
use crate::issuers::Issuers;
use oauthgate_core::{Blame, Denial};
use oauthgate_mcp::Decided;
use oauthgate_remote::{
    OAuth21Provider,
    clock::SystemClock,
    state::{LocalState, SharedState, quotas::LocalQuotas},
};
use oauthgate_tower::RefusedTokenBudget;
use oauthgate_tower::quota::Counted;

/// How a request ended, for whom, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The resource's name, or `none` where no resource lives.
    pub resource: String,
    /// `allowed`, `answered` (by the gate itself, to anybody), `refused` or `failed`.
    pub outcome: &'static str,
    /// The stable reason code, or `ok`.
    pub reason: &'static str,
}

/// What a rule decided.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DecisionLabels {
    /// The resource's name.
    pub resource: String,
    /// The rule, as the configuration names it.
    pub rule: String,
    /// `allowed`, `challenged` (for a scope), `login` (nobody was calling) or `refused`.
    pub decision: &'static str,
}

/// What a limit decided.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LimitLabels {
    /// The resource's name.
    pub resource: String,
    /// The limit, as the configuration names it.
    pub limit: String,
    /// `within`, `over` (it refused the request) or `spared` (another one did, so it was charged nothing).
    pub decision: &'static str,
}

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

type Durations = Family<ResourceLabels, Histogram, fn() -> Histogram>;

/// All metrics of a gate.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub(crate) requests: Family<RequestLabels, Counter>,
    pub(crate) verification: Durations,
    pub(crate) upstream: Durations,
    decisions: Family<DecisionLabels, Counter>,
    limit_decisions: Family<LimitLabels, Counter>,
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
        Self::with(issuers, &ExpiredStreams::default(), state)
    }

    /// The metrics of a gate whose resources count here what they ended.
    pub(crate) fn with(
        issuers: Issuers,
        expired_streams: &ExpiredStreams,
        state: Arc<dyn SharedState>,
    ) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("oauthgate"),
            requests: Family::default(),
            verification: Family::new_with_constructor(verification_histogram),
            upstream: Family::new_with_constructor(upstream_histogram),
            decisions: Family::default(),
            limit_decisions: Family::default(),
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
            self.requests.clone(),
        );
        registry.register_with_unit(
            "verification_duration",
            "From the arrival of a request to the decision on its token",
            Unit::Seconds,
            self.verification.clone(),
        );
        registry.register_with_unit(
            "upstream_duration",
            "From the decision to the head of the upstream's response",
            Unit::Seconds,
            self.upstream.clone(),
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
            self.decisions.clone(),
        );
        registry.register(
            "limit_decisions",
            "Counted requests by the limits that they were charged to or refused by",
            self.limit_decisions.clone(),
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

    /// Counts what the rules decided, each once a request.
    pub(crate) fn count_decision(
        &self,
        resource: &str,
        decided: &Decided,
        denial: Option<&Denial>,
    ) {
        let count = |rule: &str| {
            let labels = DecisionLabels {
                resource: resource.to_owned(),
                rule: rule.to_owned(),
                decision: decision(denial),
            };
            self.decisions.get_or_create(&labels).inc();
        };
        decided.rules().iter().for_each(|rule| count(rule));
        if decided.rules().is_empty() {
            count(NO_RULE);
        }
    }

    /// Counts what the limits decided, each once a request.
    pub(crate) fn count_limits(&self, resource: &str, counted: &Counted) {
        let over = counted.refused_by();
        for limit in counted.limits() {
            let decision = match over {
                None => "within",
                Some(over) if over.name == limit.name => "over",
                Some(_) => "spared",
            };
            let labels = LimitLabels {
                resource: resource.to_owned(),
                limit: limit.name.to_string(),
                decision,
            };
            self.limit_decisions.get_or_create(&labels).inc();
        }
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

/// Where no rule is about what was asked.
const NO_RULE: &str = "none";

/// What became of a request that rules decided on. Trouble behind the gate changes nothing about that.
fn decision(denial: Option<&Denial>) -> &'static str {
    match denial.map(|denial| denial.reason().blame()) {
        Some(Blame::Scope) => "challenged",
        Some(Blame::NoCredentials) => "login",
        Some(Blame::Rights | Blame::Request) => "refused",
        _ => "allowed",
    }
}

/// From 10 µs (a known key) to 10 s (a first request that waits for keys).
fn verification_histogram() -> Histogram {
    Histogram::new([1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0])
}

fn upstream_histogram() -> Histogram {
    Histogram::new([
        0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    ])
}

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

/// Records how long something took.
pub(crate) fn observe(durations: &Durations, resource: &str, duration: Duration) {
    durations
        .get_or_create(&ResourceLabels::of(resource))
        .observe(duration.as_secs_f64());
}

/// Metrics that several tasks share.
pub type SharedMetrics = Arc<Metrics>;
