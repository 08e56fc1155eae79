//! Interleaved measuring.

use std::time::{Duration, Instant};

/// How long one contender runs in one round.
const SLICE: Duration = Duration::from_millis(4);

/// What one contender took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    minimum: Duration,
    median: Duration,
}

impl Figures {
    fn new(mut rounds: Vec<Duration>) -> Self {
        rounds.sort_unstable();
        Self {
            minimum: rounds[0],
            median: rounds[rounds.len() / 2],
        }
    }

    /// Minimum and median.
    pub(crate) fn plain(&self) -> String {
        format!("{:.2} / {:.2}", micros(self.minimum), micros(self.median))
    }

    /// The same with the ratio to another contender.
    pub(crate) fn beside(&self, other: &Self) -> String {
        format!(
            "{} ({:.2}x)",
            self.plain(),
            self.minimum.as_secs_f64() / other.minimum.as_secs_f64()
        )
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Runs every contender once in each round, for about the same time.
pub(crate) fn interleave<const N: usize>(
    rounds: usize,
    contenders: [&mut dyn FnMut(); N],
) -> [Figures; N] {
    let mut contenders = contenders.map(|contender| {
        let repetitions = repetitions(contender);
        (contender, repetitions, Vec::with_capacity(rounds))
    });
    for _ in 0..rounds {
        for (contender, repetitions, figures) in &mut contenders {
            let begin = Instant::now();
            for _ in 0..*repetitions {
                contender();
            }
            figures.push(begin.elapsed() / *repetitions);
        }
    }
    contenders.map(|(_, _, figures)| Figures::new(figures))
}

/// How often a contender fits into a slice; running it for that long also warms it up.
fn repetitions(contender: &mut dyn FnMut()) -> u32 {
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < SLICE {
        contender();
        count += 1;
    }
    count
}
