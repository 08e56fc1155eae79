//! The fault bench: builds ours, installs the others, and lets the bench's own binary run them.

use clap::Args;

use super::{RELEASE, contenders, of_gate};
use crate::{
    command::{Outcome, run as execute},
    debian,
};

/// How thorough to be.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Shorter windows and a shorter outage: to see whether it works, not to quote
    #[arg(long)]
    quick: bool,
    /// Ours alone, while its key store is being worked on
    #[arg(long)]
    alone: bool,
    /// Only these scenarios: cold-start, flood, keyless, rotation, outage
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// `cargo xtask bench keys`.
pub(crate) fn run(options: &Options) -> Outcome {
    debian::install_tools()?;
    let node = contenders::node()?;
    let python = contenders::python()?;
    let mut bench = of_gate("keys", &[], RELEASE)?;
    bench.arg("--node").arg(node).arg("--python").arg(python);
    if let Some(envoy) = contenders::or_without("Envoy", contenders::envoy()) {
        bench.arg("--envoy").arg(envoy);
    }
    bench.args(options.alone.then_some("--alone"));
    bench.args(options.quick.then_some("--quick"));
    for scenario in &options.only {
        bench.args(["--only", scenario]);
    }
    execute(
        bench,
        "Exit code 1: a goal was missed; the table says which.",
    )
}
