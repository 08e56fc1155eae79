//! The bench of limits: builds the gate, and lets the bench's own binary run it.

use clap::Args;

use super::{RELEASE, of_gate};
use crate::{
    command::{Outcome, run as execute},
    debian,
};

/// How thorough to be.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Passed on to the bench, for example `--only flood --flood 10000000`
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    arguments: Vec<String>,
}

/// `cargo xtask bench limits`.
pub(crate) fn run(options: &Options) -> Outcome {
    debian::install_tools()?;
    let mut bench = of_gate("limits", &[], RELEASE)?;
    bench.args(&options.arguments);
    execute(
        bench,
        "Exit code 1: a goal was missed; the line says which.",
    )
}
