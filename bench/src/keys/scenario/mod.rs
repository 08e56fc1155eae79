//! The scenarios, one file each.

mod cold_start;
mod flood;
mod outage;
mod rotation;

use clap::ValueEnum;

use crate::{report::Section, stand::Bench};

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Many first requests at the same moment
    ColdStart,
    /// Random kids while the key set's endpoint is fast, slow, or dead
    Flood,
    /// New keys, announced and unannounced
    Rotation,
    /// The authorization server is away, and then the contender is restarted
    Outage,
}

impl Scenario {
    pub(crate) const ALL: [Self; 4] = [Self::ColdStart, Self::Flood, Self::Rotation, Self::Outage];

    pub(crate) async fn run(self, bench: &Bench) -> Result<Vec<Section>, String> {
        match self {
            Self::ColdStart => cold_start::run(bench).await.map(|section| vec![section]),
            Self::Flood => flood::run(bench).await,
            Self::Rotation => rotation::run(bench).await.map(|section| vec![section]),
            Self::Outage => outage::run(bench).await.map(|section| vec![section]),
        }
    }
}
