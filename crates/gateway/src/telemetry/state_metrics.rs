//! What replicas share, asked at each scrape, and who decides on quotas.

use std::{fmt, sync::Arc};

use oauthgate_remote::state::{SharedState, SharedStatus};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

use super::key_metrics::{family, single};

/// The metrics of the state that replicas share, or that a replica alone has.
#[derive(Debug)]
pub(super) struct StateMetrics {
    state: Arc<dyn SharedState>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    /// `replicas` together, this replica because it `foresaw` the answer, this replica `alone`, or `nobody`.
    by: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModeLabels {
    /// `single`, `cluster` or `sentinel`.
    mode: &'static str,
}

impl StateMetrics {
    pub(super) fn new(state: Arc<dyn SharedState>) -> Self {
        Self { state }
    }

    fn decisions(&self) -> [(DecisionLabels, u64); 4] {
        let decisions = self.state.quotas().decisions();
        [
            ("replicas", decisions.shared),
            ("foreseen", decisions.foreseen),
            ("alone", decisions.local),
            ("nobody", decisions.uncounted),
        ]
        .map(|(by, count)| (DecisionLabels { by }, count))
    }
}

impl Collector for StateMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let encoder = &mut encoder;
        let decisions = self.decisions();
        family(
            encoder,
            "quota_decisions",
            None,
            "Decisions on quotas, one for each request that has any: by the replicas together, by this one because it knew that the caller is over (foreseen), by this one alone, or by nobody.",
            decisions
                .iter()
                .map(|(labels, count)| (labels, ConstCounter::new(*count))),
        )?;
        match self.state.status() {
            Some(status) => shared(encoder, &status),
            None => Ok(()),
        }
    }
}

/// What replicas share; absent where nothing is shared.
fn shared(encoder: &mut DescriptorEncoder<'_>, status: &SharedStatus) -> fmt::Result {
    single(
        encoder,
        "shared_connected",
        "1 while this replica shares keys, withdrawals and quotas with the others through Redis, 0 while it is alone; absent where nothing is shared.",
        &ConstGauge::new(i64::from(status.connected)),
    )?;
    let unchanged = ConstGauge::new(status.since.as_secs_f64());
    family(
        encoder,
        "shared_unchanged",
        Some(&Unit::Seconds),
        "For how long this replica has been sharing, or alone, with the `mode` of Redis: single, cluster or sentinel; absent where nothing is shared.",
        [(&ModeLabels { mode: status.mode }, unchanged)].into_iter(),
    )?;
    let counters = [
        (
            "shared_key_sets_adopted",
            "Key sets taken over from other replicas.",
            status.adopted,
        ),
        (
            "shared_key_sets_published",
            "Key sets told to other replicas.",
            status.published,
        ),
        (
            "shared_entries_refused",
            "Entries of the shared state that were refused: not sealed by a replica, of another type, too long, older than before, from the future.",
            status.refused,
        ),
    ];
    for (name, help, value) in counters {
        single(encoder, name, help, &ConstCounter::new(value))?;
    }
    Ok(())
}
