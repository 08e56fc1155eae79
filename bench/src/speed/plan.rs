//! How much of everything: all counts and times are bounded here.

use std::time::Duration;

/// The figures of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Interleaved turns of each contender.
    pub(crate) rounds: usize,
    /// About how long one turn takes, where tokens come again.
    pub(crate) turn: Duration,
    /// How many requests one turn has, where they do not.
    pub(crate) new_each_turn: usize,
    /// How long the load at half of saturation takes in each turn.
    pub(crate) paced: Duration,
    /// Streams that are opened.
    pub(crate) streams: usize,
    /// Starts that are timed.
    pub(crate) starts: usize,
    /// The whole run.
    pub(crate) limit: Duration,
}

impl Plan {
    pub(crate) fn new(quick: bool, rounds: Option<usize>) -> Self {
        let milliseconds = Duration::from_millis;
        if quick {
            return Self {
                rounds: rounds.unwrap_or(2),
                turn: milliseconds(100),
                new_each_turn: 1_000,
                paced: milliseconds(500),
                streams: 200,
                starts: 3,
                limit: Duration::from_secs(5 * 60),
            };
        }
        Self {
            rounds: rounds.unwrap_or(7),
            turn: milliseconds(500),
            new_each_turn: 4_000,
            paced: milliseconds(2_000),
            streams: 1_000,
            starts: 10,
            limit: Duration::from_secs(20 * 60),
        }
    }

    /// Different tokens that a run needs.
    pub(crate) fn tokens(&self) -> usize {
        self.rounds * self.new_each_turn
    }
}
