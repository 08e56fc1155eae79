//! The bench of speed: builds ours, installs the others, and lets the bench's own binary run them.

use std::path::PathBuf;

use clap::Args;

use super::{
    RELEASE,
    contenders::{debian, envoy, node, or_without, python},
    of_gate,
};
use crate::{
    command::{Outcome, run as execute},
    debian::{HAPROXY, NGINX, install_tools},
};

/// What the bench starts beside the gate.
const PROGRAMS: [&str; 2] = ["oauthgate-bench-bare", "oauthgate-bench-allocations"];

/// How thorough to be.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Short turns: to see whether it works, not to quote
    #[arg(long)]
    quick: bool,
    /// Only these parts: library, tokens, gate, latency, memory
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Interleaved turns of each contender
    #[arg(long)]
    rounds: Option<u16>,
    /// Writes the report to this file too, for example bench/RESULTS.md, in place of the last one in it
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// With what profile the gate and the bench are built
    #[arg(long, default_value = RELEASE)]
    profile: String,
}

/// `cargo xtask bench speed`.
pub(crate) fn run(options: &Options) -> Outcome {
    or_without("some tools", install_tools().map(|()| PathBuf::new()));
    let contenders = [
        ("--node", or_without("Node", node())),
        ("--python", or_without("Python's packages", python())),
        ("--nginx", or_without("nginx", debian(&NGINX))),
        ("--haproxy", or_without("HAProxy", debian(&HAPROXY))),
        ("--envoy", or_without("Envoy", envoy())),
    ];
    let mut bench = of_gate("speed", &PROGRAMS, &options.profile)?;
    for (name, path) in contenders {
        if let Some(path) = path {
            bench.arg(name).arg(path);
        }
    }
    bench.args(options.quick.then_some("--quick"));
    for part in &options.only {
        bench.args(["--only", part]);
    }
    if let Some(rounds) = options.rounds {
        bench.args(["--rounds", &rounds.to_string()]);
    }
    if let Some(file) = &options.markdown {
        bench
            .arg("--markdown")
            .arg(std::path::absolute(file).map_err(|error| error.to_string())?);
    }
    execute(
        bench,
        "Exit code 1: a goal was missed; the table says which.",
    )
}
