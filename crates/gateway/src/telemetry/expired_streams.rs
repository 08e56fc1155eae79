//! Streams that ended because their token did.

use oauthgate_tower::Reference;
use prometheus_client::metrics::{counter::Counter, family::Family};

use super::metrics::ResourceLabels;

/// How many, for each resource.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExpiredStreams(Family<ResourceLabels, Counter>);

impl ExpiredStreams {
    /// Counts those of one resource, from zero, and marks each in the access log: with the reference of the
    /// request that opened it, whose own line was written when the stream began.
    pub(crate) fn of(
        &self,
        resource: &str,
    ) -> impl Fn(Option<&Reference>) + Send + Sync + use<> + 'static {
        let resource = resource.to_owned();
        let labels = ResourceLabels {
            resource: resource.clone(),
        };
        let counter = self.0.get_or_create(&labels).clone();
        move |reference| {
            counter.inc();
            tracing::info!(
                target: "oauthgate::access",
                resource,
                outcome = "stream_ended",
                reason = "expired",
                reference = reference.map(tracing::field::display),
            );
        }
    }

    pub(super) fn family(&self) -> Family<ResourceLabels, Counter> {
        self.0.clone()
    }
}
