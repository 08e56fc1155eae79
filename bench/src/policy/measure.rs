//! Minimum, median, and the ratio to another contender.

use std::time::Duration;

/// What one request cost, over the rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    minimum: Duration,
    median: Duration,
}

impl Figures {
    pub(crate) fn new(mut rounds: Vec<Duration>) -> Self {
        rounds.sort_unstable();
        Self {
            minimum: rounds[0],
            median: rounds[rounds.len() / 2],
        }
    }

    /// Minimum and median.
    pub(crate) fn plain(&self) -> String {
        format!("{:.1} / {:.1}", micros(self.minimum), micros(self.median))
    }

    /// The same with the ratio to another contender.
    pub(crate) fn beside(&self, other: &Self) -> String {
        let ratio = self.minimum.as_secs_f64() / other.minimum.as_secs_f64();
        format!("{} ({ratio:.2}x)", self.plain())
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
