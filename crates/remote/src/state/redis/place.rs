//! Where a server is: at an address, or wherever the sentinels say.

use std::fmt;

use redis::Value;

use super::{
    RedisAddress,
    commands::short,
    script,
    sentinel::Sentinels,
    terms::Limits,
    trouble::Trouble,
    wire::{Dialer, Question, Wire},
};

/// Where a server is.
#[derive(Debug)]
pub(super) enum Place {
    /// At this address.
    Fixed { dialer: Dialer, probe: String },
    /// At this address, as one of a cluster. It may have none of the slots.
    InCluster { dialer: Dialer, probe: String },
    /// The master that the sentinels name.
    Master { sentinels: Sentinels, probe: String },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed { dialer, .. } | Self::InCluster { dialer, .. } => {
                write!(f, "{}", dialer.address())
            }
            Self::Master { sentinels, .. } => write!(f, "{sentinels}"),
        }
    }
}

impl Place {
    /// A connection to a server that does what we need.
    pub(super) async fn open(&self, limits: Limits) -> Result<Wire, Trouble> {
        match self {
            Self::Fixed { dialer, probe } => greeted(dialer, probe, false).await,
            Self::InCluster { dialer, probe } => greeted(dialer, probe, true).await,
            Self::Master { sentinels, probe } => sentinels.open(probe, limits).await,
        }
    }

    /// The address of a server of a cluster.
    pub(super) fn in_cluster(&self) -> Option<&RedisAddress> {
        match self {
            Self::InCluster { dialer, .. } => Some(dialer.address()),
            Self::Fixed { .. } | Self::Master { .. } => None,
        }
    }

    /// A question that costs nothing.
    pub(super) fn greeting(&self) -> Question {
        let (Self::Fixed { probe, .. }
        | Self::InCluster { probe, .. }
        | Self::Master { probe, .. }) = self;
        Question {
            command: script::read(probe, 1),
            longest: 1,
        }
    }
}

/// A connection to a server that takes our commands. In a cluster the key of the probe may be another
/// server's, and who says so has let us in.
pub(super) async fn greeted(
    dialer: &Dialer,
    probe: &str,
    in_cluster: bool,
) -> Result<Wire, Trouble> {
    let mut wire = dialer.open().await?;
    for question in script::probes(probe) {
        permitted(wire.ask(&short(question)).await?, in_cluster)?;
    }
    Ok(wire)
}

fn permitted(answer: Value, in_cluster: bool) -> Result<(), Trouble> {
    let error = match answer {
        Value::Int(1) => return Ok(()),
        Value::ServerError(error) => error,
        _ => return Err(Trouble::nonsense()),
    };
    match error.code() {
        "MOVED" | "ASK" if in_cluster => Ok(()),
        "MOVED" | "ASK" => Err(Trouble::in_a_cluster()),
        // Somebody emptied its memory of scripts just now; to ask for one by its name is permitted.
        "NOSCRIPT" => Ok(()),
        _ => Err(Trouble::of(&error.into())),
    }
}
