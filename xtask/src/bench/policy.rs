//! The bench of policies: builds the gate, and lets the bench's own binary run it.

use clap::Args;

use super::{RELEASE, of_gate};
use crate::command::{Outcome, run as execute};

/// How thorough to be.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Interleaved rounds; more make the minimum and the median steadier
    #[arg(long, default_value_t = 7)]
    rounds: u32,
}

/// `cargo xtask bench policy`.
pub(crate) fn run(options: &Options) -> Outcome {
    let mut bench = of_gate("policy", &[], RELEASE)?;
    bench.args(["--rounds", &options.rounds.to_string()]);
    execute(bench, "The message above says where.")
}
