//! How the keys are doing, asked at each scrape: one series for each key store.

use std::{fmt, time::Duration};

use oauthgate_remote::{
    KeyStatus,
    clock::{Clock, SystemClock},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

use crate::issuers::Issuers;

/// The metrics of the keys of all issuers.
#[derive(Debug)]
pub(super) struct KeyMetrics {
    issuers: Issuers,
    clock: SystemClock,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabels {
    issuer: String,
    /// Counts the stores of one issuer: resources may hold its keys under other settings.
    store: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    issuer: String,
    store: usize,
    outcome: &'static str,
}

/// A gauge of every store: its name, unit and meaning, and where its value stands.
struct KeyGauge {
    name: &'static str,
    unit: Option<Unit>,
    help: &'static str,
    value: fn(&KeyStatus) -> Option<f64>,
}

const GAUGES: &[KeyGauge] = &[
    KeyGauge {
        name: "keys",
        unit: None,
        help: "Usable signing keys held.",
        value: |status| Some(count(status.keys)),
    },
    KeyGauge {
        name: "keys_skipped",
        unit: None,
        help: "Members of the key set that are not used: other kinds of keys, malformed, pinned out or withdrawn ones.",
        value: |status| Some(count(status.skipped)),
    },
    KeyGauge {
        name: "keys_withdrawn",
        unit: None,
        help: "Names of keys that the operator withdrew.",
        value: |status| Some(count(status.withdrawn.len())),
    },
    KeyGauge {
        name: "keys_servable",
        unit: None,
        help: "1 while tokens of the issuer can be verified: keys are held, within the stale limit, and the issuer is not suspended.",
        value: |status| Some(flag(status.servable)),
    },
    KeyGauge {
        name: "keys_stale",
        unit: None,
        help: "1 while the keys have outlived their own life and are used because the issuer cannot be asked.",
        value: |status| Some(flag(status.stale)),
    },
    KeyGauge {
        name: "keys_suspended",
        unit: None,
        help: "1 while the operator suspends the issuer.",
        value: |status| Some(flag(status.suspended)),
    },
    KeyGauge {
        name: "keys_age",
        unit: Some(Unit::Seconds),
        help: "Since the issuer last confirmed its keys; absent before it ever did.",
        value: |status| status.age.map(seconds),
    },
    KeyGauge {
        name: "keys_remaining",
        unit: Some(Unit::Seconds),
        help: "For how long the keys may be used without another word from the issuer; absent before they were ever loaded.",
        value: |status| status.remaining.map(seconds),
    },
    KeyGauge {
        name: "keys_strangers_rest",
        unit: Some(Unit::Seconds),
        help: "Until a token with an unknown kid may cause a fetch again; 0 when one may.",
        value: |status| Some(seconds(status.strangers_rest)),
    },
];

impl KeyMetrics {
    pub(super) fn new(issuers: Issuers) -> Self {
        Self {
            issuers,
            clock: SystemClock::new(),
        }
    }

    fn statuses(&self) -> Vec<(KeyLabels, KeyStatus)> {
        let labelled = |trusted: &crate::issuers::Trusted| {
            let status = trusted.status();
            let labels = KeyLabels {
                issuer: status.issuer.clone(),
                store: trusted.number(),
            };
            (labels, status)
        };
        self.issuers.trusted().iter().map(labelled).collect()
    }

    /// When the issuer last confirmed its keys, in seconds since 1970.
    fn confirmed_at(&self, status: &KeyStatus) -> Option<i64> {
        let confirmed = self.clock.now().saturating_sub(status.age?);
        Some(confirmed.as_secs())
    }
}

impl Collector for KeyMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let encoder = &mut encoder;
        let statuses = self.statuses();
        for gauge in GAUGES {
            let values = statuses.iter().filter_map(|(labels, status)| {
                Some((labels, ConstGauge::new((gauge.value)(status)?)))
            });
            family(encoder, gauge.name, gauge.unit.as_ref(), gauge.help, values)?;
        }
        let confirmed = statuses.iter().filter_map(|(labels, status)| {
            Some((labels, ConstGauge::new(self.confirmed_at(status)?)))
        });
        family(
            encoder,
            "keys_last_success_timestamp",
            Some(&Unit::Seconds),
            "When the issuer last confirmed its keys, since 1970; absent before it ever did.",
            confirmed,
        )?;
        let fetches = statuses
            .iter()
            .map(|(labels, status)| (labels, ConstCounter::new(status.fetches)));
        family(
            encoder,
            "key_fetches",
            None,
            "Attempts to fetch keys, successful or not.",
            fetches,
        )?;
        let outcomes: Vec<_> = statuses.iter().map(last_outcome).collect();
        family(
            encoder,
            "keys_last_outcome",
            None,
            "1 at the outcome of the last attempt to fetch keys: none, ok, or why it failed.",
            outcomes.iter().map(|labels| (labels, ConstGauge::new(1.0))),
        )?;
        single(
            encoder,
            "keys_strangers_left",
            "Fetches that tokens with an unknown kid may cause at once, over all issuers.",
            &ConstGauge::new(i64::from(self.issuers.keys().strangers_left())),
        )
    }
}

/// A metric without labels.
pub(super) fn single(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    let descriptor = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
    metric.encode(descriptor)
}

fn last_outcome((labels, status): &(KeyLabels, KeyStatus)) -> OutcomeLabels {
    let never = if status.fetches == 0 { "none" } else { "ok" };
    OutcomeLabels {
        issuer: labels.issuer.clone(),
        store: labels.store,
        outcome: status.last_failure.unwrap_or(never),
    }
}

pub(super) fn family<'l, L, M>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    unit: Option<&Unit>,
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
    let mut descriptor = encoder.encode_descriptor(name, help, unit, kind)?;
    for (labels, metric) in metrics {
        metric.encode(descriptor.encode_family(labels)?)?;
    }
    Ok(())
}

/// A count small enough to be exact.
fn count(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn flag(flag: bool) -> f64 {
    f64::from(u8::from(flag))
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
