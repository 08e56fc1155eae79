//! How long who waits for what, and what becomes of a question.

use std::time::Duration;

use tokio::time::Instant;

use super::trouble::Trouble;

/// How long things may take, and how often they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// One command for keys, with the wait for a connection; and so long a silence is too long.
    pub(super) command: Duration,
    /// One attempt to connect, which nobody waits for.
    pub(super) connect: Duration,
    /// Between the first failure and the next attempt; doubles.
    pub(super) first_pause: Duration,
    /// The longest such pause.
    pub(super) longest_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command: Duration::from_millis(100),
            connect: Duration::from_secs(2),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(5),
        }
    }
}

/// How long somebody waits for an answer, and whether for a connection as well.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) until: Instant,
    pub(super) awaits_connection: bool,
}

/// Why a server gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is away: go on alone.
    Away,
    /// It is there; this key holds something else than text.
    WrongType,
    /// It is there, and does not know this script.
    NoScript,
    /// Another server of the cluster has this slot now.
    Moved(Redirect),
    /// Another server of the cluster is about to have this slot, and has this key already.
    Ask(Redirect),
}

/// Where a slot of a cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirect {
    pub(super) slot: u16,
    pub(super) host: String,
    pub(super) port: u16,
}

/// How a server is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LinkStatus {
    pub(super) connected: bool,
    pub(super) since: Duration,
    pub(super) trouble: Option<Trouble>,
}

impl Patience {
    /// Waits for a connection too.
    pub(super) fn of(limit: Duration) -> Self {
        Self {
            until: Instant::now() + limit,
            awaits_connection: true,
        }
    }

    /// Goes on alone while there is no connection.
    pub(super) fn without_waiting(limit: Duration) -> Self {
        Self {
            awaits_connection: false,
            ..Self::of(limit)
        }
    }
}
