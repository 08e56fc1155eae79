//! How asking authorization servers about tokens is doing, read at each scrape: one series for each that
//! is asked. Absent where none is.

use std::fmt;

use oauthgate_remote::IntrospectionStatus;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

use super::key_metrics::family;
use crate::issuers::{Introspection, Issuers};

/// The metrics of introspection.
#[derive(Debug)]
pub(super) struct IntrospectionMetrics {
    issuers: Issuers,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    issuer: String,
    store: usize,
}

/// A counter: its name and meaning, and where its value stands.
struct Count {
    name: &'static str,
    help: &'static str,
    value: fn(&IntrospectionStatus) -> u64,
}

const COUNTS: &[Count] = &[
    Count {
        name: "introspection_questions",
        help: "Questions about tokens that the authorization server was asked.",
        value: |status| status.asked,
    },
    Count {
        name: "introspection_active",
        help: "Answers that a token is good.",
        value: |status| status.active,
    },
    Count {
        name: "introspection_inactive",
        help: "Answers that a token is not good.",
        value: |status| status.inactive,
    },
    Count {
        name: "introspection_failed",
        help: "Questions without an answer that counts; whoever waited got 503.",
        value: |status| status.failed,
    },
    Count {
        name: "introspection_turned_away",
        help: "Requests answered 503 because too many questions were under way.",
        value: |status| status.turned_away,
    },
    Count {
        name: "introspection_cache_hits",
        help: "Requests whose token was remembered as good.",
        value: |status| status.cache_hits,
    },
    Count {
        name: "introspection_inactive_cache_hits",
        help: "Requests whose token was remembered as not good.",
        value: |status| status.inactive_cache_hits,
    },
];

impl IntrospectionMetrics {
    pub(super) fn new(issuers: Issuers) -> Self {
        Self { issuers }
    }
}

impl Collector for IntrospectionMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let labelled = |report: Introspection| {
            let labels = Labels {
                issuer: report.status.issuer.clone(),
                store: report.store,
            };
            (labels, report.status)
        };
        let reports: Vec<_> = self
            .issuers
            .introspection()
            .into_iter()
            .map(labelled)
            .collect();
        for count in COUNTS {
            let values = reports
                .iter()
                .map(|(labels, status)| (labels, ConstCounter::new((count.value)(status))));
            family(&mut encoder, count.name, None, count.help, values)?;
        }
        let failing = reports.iter().map(|(labels, status)| {
            let fails = u8::from(status.last_failure.is_some());
            (labels, ConstGauge::new(f64::from(fails)))
        });
        family(
            &mut encoder,
            "introspection_failing",
            None,
            "1 while the last question had no answer that counts.",
            failing,
        )
    }
}
