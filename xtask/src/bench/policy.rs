//! The bench of policies: builds the gate, and lets the bench's own binary run it.

use clap::Args;

use crate::command::{Outcome, cargo, program, run as execute, target};

/// How thorough to be.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Interleaved rounds; more make the minimum and the median steadier
    #[arg(long, default_value_t = 7)]
    rounds: u32,
}

/// `cargo xtask bench policy`.
pub(crate) fn run(options: &Options) -> Outcome {
    let build = [
        "build",
        "--release",
        "--locked",
        "--package",
        "oauthgate",
        "--package",
        "oauthgate-bench",
        "--bins",
    ];
    execute(cargo(&build), "The compiler's message above says where.")?;
    let release = target().join("release");
    let mut bench = program(release.join("oauthgate-bench-policy"), &[]);
    bench
        .arg("--oauthgate")
        .arg(release.join("oauthgate"))
        .args(["--rounds", &options.rounds.to_string()]);
    execute(bench, "The message above says where.")
}
