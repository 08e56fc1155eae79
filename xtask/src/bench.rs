//! Measures in release mode; the figures are read side by side out of one run.

use clap::Args;

use crate::command::{Outcome, cargo, run as execute};

/// How long to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Interleaved rounds; more make the minimum and the median steadier
    #[arg(long, default_value_t = 60)]
    rounds: u32,
}

/// `cargo xtask bench`.
pub(crate) fn run(options: &Options) -> Outcome {
    let rounds = options.rounds.to_string();
    let arguments = [
        "run",
        "--release",
        "--locked",
        "--package",
        "oauthgate-bench",
        "--",
        "--rounds",
        &rounds,
    ];
    execute(cargo(&arguments), "The message above says where.")
}
