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
}
