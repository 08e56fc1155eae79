//! How the memories of verified tokens are doing, read at each scrape: one series for each resource.

use std::fmt;

use oauthgate_remote::{OAuth21Provider, TokenCacheStatus};
use prometheus_client::{
    collector::Collector,
    encoding::DescriptorEncoder,
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

use super::{key_metrics::family, metrics::ResourceLabels};

/// The metrics of what each resource remembers of tokens.
#[derive(Debug)]
pub(super) struct TokenMetrics {
    resources: Vec<(ResourceLabels, OAuth21Provider)>,
}

/// A counter: its name and meaning, and where its value stands.
struct Count {
    name: &'static str,
    help: &'static str,
    value: fn(&TokenCacheStatus) -> u64,
}

const COUNTS: &[Count] = &[
    Count {
        name: "token_cache_hits",
        help: "Requests whose token was verified before and is still good.",
        value: |status| status.hits,
    },
    Count {
        name: "token_cache_misses",
        help: "Signed tokens that had to be verified, with whatever result.",
        value: |status| status.misses,
    },
    Count {
        name: "token_cache_refused_again",
        help: "Requests whose token was refused a moment ago, and is for the same reason.",
        value: |status| status.refused_again,
    },
];

impl TokenMetrics {
    pub(super) fn new(providers: &[(String, OAuth21Provider)]) -> Self {
        let labelled = |(name, provider): &(String, OAuth21Provider)| {
            (ResourceLabels::of(name), provider.clone())
        };
        Self {
            resources: providers.iter().map(labelled).collect(),
        }
    }
}

impl Collector for TokenMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let encoder = &mut encoder;
        let resources = self.resources.iter();
        let statuses: Vec<_> = resources
            .map(|(labels, provider)| (labels, provider.token_cache_status()))
            .collect();
        for count in COUNTS {
            let values = statuses
                .iter()
                .map(|(labels, status)| (*labels, ConstCounter::new((count.value)(status))));
            family(encoder, count.name, None, count.help, values)?;
        }
        let gauge = |value: fn(&TokenCacheStatus) -> u64| {
            statuses.iter().map(move |(labels, status)| {
                let value = i64::try_from(value(status)).unwrap_or(i64::MAX);
                (*labels, ConstGauge::new(value))
            })
        };
        family(
            encoder,
            "token_cache_entries",
            None,
            "Verified tokens that are remembered.",
            gauge(|status| status.entries),
        )?;
        family(
            encoder,
            "token_cache",
            Some(&Unit::Bytes),
            "What they take in memory, as estimated.",
            gauge(|status| status.bytes),
        )
    }
}
