//! How much of everything: all counts and times are bounded here.

use std::time::Duration;

/// The figures of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) quick: bool,
    /// First requests at the same moment.
    pub(crate) first_requests: usize,
    /// Connections of good clients, each with a pause after each answer.
    pub(crate) good_connections: usize,
    pub(crate) good_pause: Duration,
    /// Strangers' connections, and their requests per second over all of them.
    pub(crate) strangers: u32,
    pub(crate) strangers_per_second: u32,
    /// Before anything is measured: longer than any contender's cooldown after its first fetch.
    pub(crate) settle: Duration,
    /// Quiet and flood windows take turns so often.
    pub(crate) rounds: u32,
    pub(crate) quiet: Duration,
    pub(crate) flood: Duration,
    /// How long a contender may take to answer good clients again after a flood.
    pub(crate) recovery: Duration,
    /// How long strangers come before any key was loaded.
    pub(crate) keyless: Duration,
    /// How long before its first use a new key is published.
    pub(crate) lead: Duration,
    /// How long new keys are tried.
    pub(crate) rotation: Duration,
    /// The life of the keys before the outage.
    pub(crate) life: Duration,
    pub(crate) outage: Duration,
    pub(crate) restart: Duration,
    /// The whole run.
    pub(crate) limit: Duration,
}

impl Plan {
    pub(crate) fn new(quick: bool) -> Self {
        let seconds = Duration::from_secs;
        let honest = Self {
            quick,
            first_requests: 1_000,
            good_connections: 4,
            good_pause: Duration::from_millis(10),
            strangers: 64,
            strangers_per_second: 200,
            settle: seconds(31),
            rounds: 5,
            quiet: seconds(5),
            flood: seconds(10),
            recovery: seconds(35),
            keyless: seconds(30),
            lead: seconds(10),
            rotation: seconds(60),
            life: seconds(3),
            outage: seconds(60),
            restart: seconds(20),
            limit: seconds(60 * 60),
        };
        if !quick {
            return honest;
        }
        Self {
            rounds: 1,
            quiet: seconds(3),
            recovery: seconds(5),
            keyless: seconds(15),
            lead: seconds(2),
            rotation: seconds(12),
            outage: seconds(10),
            restart: seconds(6),
            limit: seconds(20 * 60),
            ..honest
        }
    }
}
