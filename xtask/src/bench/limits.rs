//! The bench of limits: builds the gate, and lets the bench's own binary run it.

use clap::Args;

use crate::{
    command::{Outcome, cargo, program, run as execute, target},
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
    let mut bench = program(release.join("oauthgate-bench-limits"), &[]);
    bench
        .arg("--oauthgate")
        .arg(release.join("oauthgate"))
        .args(&options.arguments);
    execute(
        bench,
        "Exit code 1: a goal was missed; the line says which.",
    )
}
