//! Measures in release mode; the figures are read side by side out of one run.

mod contenders;
mod keys;
mod limits;
mod policy;
mod speed;

use std::process::Command;

use clap::{Args, Subcommand};

use crate::command::{Outcome, cargo, program, run as execute, target};

/// What to measure.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    /// Interleaved rounds; more make the minimum and the median steadier
    #[arg(long, default_value_t = 60)]
    rounds: u32,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Key caches under attack, outage and rotation: ours beside jose, PyJWT and Envoy
    Keys(keys::Options),
    /// What limits cost, and the memory that a flood of strangers can take
    Limits(limits::Options),
    /// What reading bodies and lists costs, beside a gate that reads none
    Policy(policy::Options),
    /// How fast the gate is: beside nginx, hyper, HAProxy, Envoy, other libraries and our predecessor
    Speed(speed::Options),
}

/// `cargo xtask bench`.
pub(crate) fn run(options: &Options) -> Outcome {
    match &options.what {
        None => validation(options.rounds),
        Some(What::Keys(options)) => keys::run(options),
        Some(What::Limits(options)) => limits::run(options),
        Some(What::Policy(options)) => policy::run(options),
        Some(What::Speed(options)) => speed::run(options),
    }
}

/// What one validation costs.
fn validation(rounds: u32) -> Outcome {
    let rounds = rounds.to_string();
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

/// What figures are quoted of.
const RELEASE: &str = "release";

/// A bench that runs the gate: both built with this profile, and the command that begins it. Some need other
/// programs of the package beside their own.
fn of_gate(bench: &str, others: &[&str], profile: &str) -> Outcome<Command> {
    let bench = format!("oauthgate-bench-{bench}");
    let packages = ["--package", "oauthgate", "--package", "oauthgate-bench"];
    let mut build = cargo(&["build", "--locked", "--profile", profile]);
    build.args(packages);
    for program in ["oauthgate", &bench].iter().chain(others) {
        build.args(["--bin", program]);
    }
    execute(build, "The compiler's message above says where.")?;
    let built = target().join(profile);
    let mut command = program(built.join(bench), &[]);
    command.arg("--oauthgate").arg(built.join("oauthgate"));
    Ok(command)
}
