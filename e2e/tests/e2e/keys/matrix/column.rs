//! The faults, and what each means for something that speaks HTTP or TLS.

use oauthgate_e2e::Behaviour;

/// How something fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Refused,
    Timeout,
    ServerError,
    Garbage,
    SlowDrip,
    WrongType,
}

impl Fault {
    pub(super) const ALL: [Self; 6] = [
        Self::Refused,
        Self::Timeout,
        Self::ServerError,
        Self::Garbage,
        Self::SlowDrip,
        Self::WrongType,
    ];

    /// An HTTP server that fails so, when it should answer with a document; `wrong` is JSON that is none.
    pub(super) fn of_http(self, wrong: &'static str) -> Behaviour {
        match self {
            Self::Refused => Behaviour::Refused,
            Self::Timeout => Behaviour::Silent,
            Self::ServerError => Behaviour::Status(500),
            Self::Garbage => {
                Behaviour::Says("<!doctype html><title>Sign in to the network</title>")
            }
            Self::SlowDrip => Behaviour::Drip,
            Self::WrongType => Behaviour::Says(wrong),
        }
    }

    /// A TLS server that fails so; a certificate that nobody vouches for is the wrong type.
    pub(super) fn of_tls(self) -> Option<Behaviour> {
        match self {
            Self::Refused => Some(Behaviour::Refused),
            Self::Timeout => Some(Behaviour::Silent),
            // A fatal alert: internal_error.
            Self::ServerError => Some(Behaviour::Bytes(&[0x15, 3, 3, 0, 2, 2, 80])),
            Self::Garbage => Some(Behaviour::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
            // The head of a long handshake record, and a part of its body.
            Self::SlowDrip => Some(Behaviour::Trickle(&[
                0x16, 3, 3, 0x3f, 0xff, 2, 0, 0, 90, 3, 3,
            ])),
            Self::WrongType => None,
        }
    }

    /// A Redis that fails so.
    pub(super) fn of_redis(self) -> Behaviour {
        match self {
            Self::Refused => Behaviour::Refused,
            Self::Timeout => Behaviour::Silent,
            Self::ServerError => Behaviour::Bytes(b"-ERR in trouble\r\n"),
            Self::Garbage => Behaviour::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            Self::SlowDrip => Behaviour::Trickle(b"$1000000\r\n0123456789012345678901234567890123"),
            // A number, whatever was asked, many times.
            Self::WrongType => Behaviour::Bytes(b":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"),
        }
    }

    /// The case of a resolver that fails so.
    pub(super) fn of_names(self) -> String {
        let case = match self {
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::ServerError => "server_error",
            Self::Garbage => "garbage",
            Self::SlowDrip => "slow_drip",
            Self::WrongType => "wrong_type_link_local",
        };
        let case = case_in(NAMES, case);
        format!("promises::names::r6_names_that_cannot_be_resolved_accept_nobody::{case}")
    }

    /// The cases of clocks that fail so: one for the time of day, one for elapsed time.
    pub(super) fn of_clock(self) -> String {
        let (of_day, elapsed) = match self {
            Self::Refused => ("reads_1970", "reads_zero"),
            Self::Timeout => ("reads_before_1970", "stands_still"),
            Self::ServerError => ("jumps_back_a_day", "jumps_back"),
            Self::Garbage => ("reads_the_end_of_time", "reads_the_end_of_time"),
            Self::SlowDrip => ("jumps_ahead_a_day", "jumps_ahead_a_day"),
            Self::WrongType => ("reads_the_beginning_of_time", "jumps_ahead_a_century"),
        };
        let [of_day, elapsed] = [of_day, elapsed].map(|case| case_in(CLOCK, case));
        format!(
            "promises::clock::r6_clock_a_wrong_time_of_day_*::{of_day}, r6_clock_wrong_elapsed_time_*::{elapsed}"
        )
    }
}

const NAMES: &str = include_str!("../../../../../crates/remote/src/promises/names.rs");
const CLOCK: &str = include_str!("../../../../../crates/remote/src/promises/clock.rs");

/// The table names no test that is not there.
fn case_in(file: &str, case: &'static str) -> &'static str {
    assert!(file.contains(&format!("#[case::{case}(")), "no case {case}");
    case
}
