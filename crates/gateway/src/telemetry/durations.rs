//! How long things took, without a lock: two workers that finish at the same time do not wait for each other.

use std::{
    array, fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, TypedMetric},
};

/// How many took at most so long, for each of these bounds. Clones share.
#[derive(Debug, Clone)]
pub(crate) struct Durations(Arc<Counts>);

/// No scale has more bounds.
const MOST_BOUNDS: usize = 15;

#[derive(Debug)]
struct Counts {
    /// In nanoseconds, rising.
    bounds: &'static [u64],
    /// As many as there are bounds, and one of what took longer than all.
    counts: [AtomicU64; MOST_BOUNDS + 1],
    /// In nanoseconds: enough for five centuries.
    sum: AtomicU64,
}

impl Durations {
    /// Nothing was measured yet.
    pub(crate) fn within(bounds: &'static [u64]) -> Self {
        debug_assert!(bounds.len() <= MOST_BOUNDS && bounds.is_sorted());
        Self(Arc::new(Counts {
            bounds,
            counts: array::from_fn(|_| AtomicU64::new(0)),
            sum: AtomicU64::new(0),
        }))
    }

    /// Something took so long.
    pub(crate) fn observe(&self, duration: Duration) {
        let Counts {
            bounds,
            counts,
            sum,
        } = &*self.0;
        let took = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let which = bounds.iter().position(|bound| took <= *bound);
        if let Some(count) = counts.get(which.unwrap_or(bounds.len())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        sum.fetch_add(took, Ordering::Relaxed);
    }
}

impl TypedMetric for Durations {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let bounds = self.0.bounds.iter().map(|bound| seconds(*bound));
        let counts = self
            .0
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        let sum = seconds(self.0.sum.load(Ordering::Relaxed));
        // What is counted meanwhile may be in the buckets and not in the sum, but the buckets agree with themselves.
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text, metrics::histogram::Histogram, registry::Registry};
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: &[u64] = &[10_000, 25_000, 1_000_000, 1_000_000_000];

    fn page(metric: impl prometheus_client::registry::Metric) -> String {
        let mut registry = Registry::default();
        registry.register("took", "How long it took", metric);
        let mut page = String::new();
        text::encode(&mut page, &registry).unwrap();
        page
    }

    proptest! {
        #[test]
        fn the_page_is_the_one_of_the_library(times in prop::collection::vec(0..3_000_000_000_u64, 0..20)) {
            let theirs = Histogram::new(BOUNDS.iter().map(|bound| seconds(*bound)));
            let ours = Durations::within(BOUNDS);
            // The bounds themselves are within.
            for time in times.iter().chain(BOUNDS) {
                let time = Duration::from_nanos(*time);
                theirs.observe(time.as_secs_f64());
                ours.observe(time);
            }
            let lines = |page: String| page.lines().filter(|line| !line.starts_with("took_sum")).map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(lines(page(ours)), lines(page(theirs)));
        }
    }

    #[test]
    fn the_sum_is_in_seconds() {
        let durations = Durations::within(BOUNDS);
        for _ in 0..3 {
            durations.observe(Duration::from_micros(1_500_000));
        }
        assert!(
            page(durations).contains("took_sum 4.5\n"),
            "{}",
            page(Durations::within(BOUNDS))
        );
    }
}
