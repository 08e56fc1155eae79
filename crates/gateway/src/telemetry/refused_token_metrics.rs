//! How refused tokens and those who send them are doing, read at each scrape.

use std::{fmt, sync::Arc};

use oauthgate_tower::RefusedTokenBudget;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

use super::key_metrics::{family, single};

/// The metrics of the one budget that all resources share.
#[derive(Debug)]
pub(super) struct RefusedTokenMetrics(pub(super) Arc<RefusedTokenBudget>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    answer: &'static str,
}

impl Collector for RefusedTokenMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let encoder = &mut encoder;
        let status = self.0.status();
        let counts = [
            ("challenged", status.challenged),
            ("limited", status.limited),
            ("unverified", status.unverified),
        ];
        let counts = counts.map(|(answer, count)| (Labels { answer }, count));
        family(
            encoder,
            "refused_tokens",
            None,
            "Refused tokens that a stranger could have made up, by the answer they got.",
            counts
                .iter()
                .map(|(labels, count)| (labels, ConstCounter::new(*count))),
        )?;
        single(
            encoder,
            "refused_tokens_clients_over_budget",
            "Client networks that have spent their budget of refused tokens now.",
            &ConstGauge::new(count(status.clients_over_budget)),
        )?;
        single(
            encoder,
            "known_tokens",
            "Tokens that were good lately: they pass whatever strangers in the same network do.",
            &ConstGauge::new(count(status.known_tokens)),
        )
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
