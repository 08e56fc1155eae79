//! Whether log lines get out, asked at each scrape.

use std::fmt;

use prometheus_client::{
    collector::Collector, encoding::DescriptorEncoder, metrics::counter::ConstCounter,
};

use super::{key_metrics::single, logs};

/// The metrics of the process's log.
#[derive(Debug)]
pub(super) struct LogMetrics;

impl Collector for LogMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        single(
            &mut encoder,
            "log_lines_dropped",
            "Log lines that were lost because they were not taken as fast as they came, or could not be written.",
            &ConstCounter::new(logs::dropped_lines()),
        )
    }
}
