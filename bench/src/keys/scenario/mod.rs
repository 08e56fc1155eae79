//! The scenarios, one file each.

mod cold_start;
mod flood;
mod keyless;
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
    /// Random kids before any key was ever loaded
    Keyless,
    /// New keys, announced and unannounced
    Rotation,
    /// The authorization server is away, and then the contender is restarted
    Outage,
}

impl Scenario {
    pub(crate) const ALL: [Self; 5] = [
        Self::ColdStart,
        Self::Flood,
        Self::Keyless,
        Self::Rotation,
        Self::Outage,
    ];

    pub(crate) async fn run(self, bench: &Bench) -> Result<Vec<Section>, String> {
        match self {
            Self::ColdStart => cold_start::run(bench).await.map(|section| vec![section]),
            Self::Flood => flood::run(bench).await,
            Self::Keyless => keyless::run(bench).await.map(|section| vec![section]),
            Self::Rotation => rotation::run(bench).await.map(|section| vec![section]),
            Self::Outage => outage::run(bench).await.map(|section| vec![section]),
        }
    }
}
