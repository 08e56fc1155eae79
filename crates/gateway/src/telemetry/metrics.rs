//! Prometheus metrics. Every label comes from the configuration or from a closed list, so that no
//! stranger can make a new series.

use std::{fmt, sync::Arc, sync::atomic::AtomicI64, time::Duration};

use oauthgate_remote::{KeyStatus, OAuth21Provider};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
        info::Info,
    },
    registry::{Registry, Unit},
};

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

/// For whom something took how long.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResourceLabels {
    /// The resource's name.
    pub resource: String,
}

type Durations = Family<ResourceLabels, Histogram, fn() -> Histogram>;

/// All metrics of a gate.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub(crate) requests: Family<RequestLabels, Counter>,
    pub(crate) verification: Durations,
    pub(crate) upstream: Durations,
    pub(crate) in_flight: Gauge,
    pub(crate) open_streams: Gauge,
    pub(crate) connections: Gauge,
}

impl Metrics {
    /// The metrics of a gate with these resources.
    #[must_use]
    pub fn new(providers: Vec<(String, OAuth21Provider)>) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("oauthgate"),
            requests: Family::default(),
            verification: Family::new_with_constructor(verification_histogram),
            upstream: Family::new_with_constructor(upstream_histogram),
            in_flight: Gauge::default(),
            open_streams: Gauge::default(),
            connections: Gauge::default(),
        };
        metrics.register();
        metrics
            .registry
            .register_collector(Box::new(Keys { providers }));
        metrics
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
            "Requests whose response has not ended",
            self.in_flight.clone(),
        );
        registry.register(
            "open_streams",
            "Event streams under way",
            self.open_streams.clone(),
        );
        registry.register(
            "connections",
            "Client connections",
            self.connections.clone(),
        );
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running version", build);
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

/// How the keys are doing, asked at each scrape.
#[derive(Debug)]
struct Keys {
    providers: Vec<(String, OAuth21Provider)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabels {
    resource: String,
    issuer: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyOutcomeLabels {
    resource: String,
    issuer: String,
    outcome: &'static str,
}

impl Keys {
    fn statuses(&self) -> Vec<(KeyLabels, KeyStatus)> {
        let of_provider = |(resource, provider): &(String, OAuth21Provider)| {
            let labels = |status: KeyStatus| {
                (
                    KeyLabels {
                        resource: resource.clone(),
                        issuer: status.issuer.clone(),
                    },
                    status,
                )
            };
            provider
                .key_status()
                .into_iter()
                .map(labels)
                .collect::<Vec<_>>()
        };
        self.providers.iter().flat_map(of_provider).collect()
    }
}

impl Collector for Keys {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let statuses = self.statuses();
        let mut gauge = |name, help, value: fn(&KeyStatus) -> Option<f64>| {
            let values = statuses
                .iter()
                .filter_map(|(labels, status)| Some((labels, value(status)?)));
            family(
                &mut encoder,
                name,
                help,
                values.map(|(labels, value)| (labels, ConstGauge::new(value))),
            )
        };
        gauge("keys", "Usable signing keys held", |status| {
            Some(to_f64(status.keys))
        })?;
        gauge("keys_servable", "1 while the keys may be used", |status| {
            Some(f64::from(u8::from(status.servable)))
        })?;
        gauge(
            "keys_age_seconds",
            "Since the issuer last confirmed its keys",
            |status| status.age.map(|age| age.as_secs_f64()),
        )?;
        let fetches = statuses
            .iter()
            .map(|(labels, status)| (labels, ConstCounter::new(status.fetches)));
        family(
            &mut encoder,
            "key_fetches",
            "Attempts to fetch keys, successful or not",
            fetches,
        )?;
        let outcomes: Vec<_> = statuses
            .iter()
            .map(|(labels, status)| last_outcome(labels, status))
            .collect();
        family(
            &mut encoder,
            "keys_last_outcome",
            "1 at the outcome of the last attempt to fetch keys",
            outcomes.iter().map(|labels| (labels, ConstGauge::new(1.0))),
        )
    }
}

fn last_outcome(labels: &KeyLabels, status: &KeyStatus) -> KeyOutcomeLabels {
    let never = if status.fetches == 0 { "none" } else { "ok" };
    KeyOutcomeLabels {
        resource: labels.resource.clone(),
        issuer: labels.issuer.clone(),
        outcome: status.last_failure.unwrap_or(never),
    }
}

fn family<'l, L, M>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metrics: impl Iterator<Item = (&'l L, M)>,
) -> fmt::Result
where
    L: EncodeLabelSet + 'l,
    M: EncodeMetric,
{
    let mut metrics = metrics.peekable();
    let Some((_, first)) = metrics.peek() else {
        return Ok(());
    };
    let kind = first.metric_type();
    let mut descriptor = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, metric) in metrics {
        metric.encode(descriptor.encode_family(labels)?)?;
    }
    Ok(())
}

/// A count small enough to be exact.
fn to_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// Records how long something took.
pub(crate) fn observe(durations: &Durations, resource: &str, duration: Duration) {
    let labels = ResourceLabels {
        resource: resource.to_owned(),
    };
    durations
        .get_or_create(&labels)
        .observe(duration.as_secs_f64());
}

/// Metrics that several tasks share.
pub type SharedMetrics = Arc<Metrics>;
