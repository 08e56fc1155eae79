//! What the good clients heard, and after how long.

use std::time::{Duration, Instant};

use http::StatusCode;

/// How a request with a good token ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// With this status.
    Refused(StatusCode),
    /// The connection could not be opened, or broke.
    Broken,
    /// No answer in time.
    TimedOut,
}

impl Verdict {
    pub(crate) fn of(status: StatusCode) -> Self {
        if status.is_success() {
            Self::Accepted
        } else {
            Self::Refused(status)
        }
    }
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) begin: Instant,
    pub(crate) took: Duration,
    pub(crate) verdict: Verdict,
}

impl Sample {
    pub(crate) fn is_accepted(&self) -> bool {
        self.verdict == Verdict::Accepted
    }
}

/// Many requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<Sample>);

impl Samples {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Requests that did not get their answer, for whatever reason.
    pub(crate) fn refused(&self) -> usize {
        self.0.iter().filter(|sample| !sample.is_accepted()).count()
    }

    /// Nearest rank, out of the sorted durations of all requests. A request that timed out took as long as
    /// its client waited.
    pub(crate) fn percentile(&self, percent: u32) -> Duration {
        let mut sorted: Vec<_> = self.0.iter().map(|sample| sample.took).collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent as usize).div_ceil(100);
        sorted
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    /// From the first request to the end of the first that was accepted.
    pub(crate) fn until_accepted(&self) -> Option<Duration> {
        let first = self.0.iter().map(|sample| sample.begin).min()?;
        let accepted = self.0.iter().filter(|sample| sample.is_accepted());
        let ends = accepted.map(|sample| sample.begin + sample.took);
        ends.min().map(|end| end - first)
    }

    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }
}

impl FromIterator<Sample> for Samples {
    fn from_iter<I: IntoIterator<Item = Sample>>(samples: I) -> Self {
        Self(samples.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(took: u64, verdict: Verdict, begin: Instant) -> Sample {
        Sample {
            begin,
            took: Duration::from_millis(took),
            verdict,
        }
    }

    #[test]
    fn takes_percentiles_by_nearest_rank() {
        let begin = Instant::now();
        let samples: Samples = (1..=200)
            .rev()
            .map(|took| sample(took, Verdict::Accepted, begin))
            .collect();
        assert_eq!(samples.percentile(50), Duration::from_millis(100));
        assert_eq!(samples.percentile(99), Duration::from_millis(198));
        assert_eq!(Samples::default().percentile(99), Duration::ZERO);
    }

    #[test]
    fn counts_whatever_is_not_an_answer_as_refused() {
        let begin = Instant::now();
        let verdicts = [
            Verdict::of(StatusCode::OK),
            Verdict::of(StatusCode::UNAUTHORIZED),
            Verdict::Broken,
            Verdict::TimedOut,
        ];
        let samples: Samples = verdicts
            .map(|verdict| sample(1, verdict, begin))
            .into_iter()
            .collect();
        assert_eq!(samples.refused(), 3);
    }

    #[test]
    fn tells_when_the_first_request_was_accepted() {
        let begin = Instant::now();
        let refused = sample(5, Verdict::of(StatusCode::UNAUTHORIZED), begin);
        let later = begin + Duration::from_millis(40);
        let samples: Samples = [refused, sample(2, Verdict::Accepted, later)]
            .into_iter()
            .collect();
        assert_eq!(samples.until_accepted(), Some(Duration::from_millis(42)));
        let never: Samples = [refused].into_iter().collect();
        assert_eq!(never.until_accepted(), None);
    }
}
