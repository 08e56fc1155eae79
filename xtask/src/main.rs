//! `cargo xtask`: the same commands on a developer's machine and in CI.
//!
//! `setup` installs what the tests need, `test` runs all of them, `check` looks at form, `bench` measures.

mod bench;
mod check;
mod command;
mod counts;
mod debian;
#[cfg(test)]
mod numbered;
#[cfg(test)]
mod rows;
mod setup;
mod test;
#[cfg(test)]
mod traps;
mod versions;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    about = "Set up, test, check and measure OAuthGate",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what the tests need: Debian, npm and PyPI packages; does nothing when they are there
    Setup,
    /// Set up, build, and run every test, the end-to-end ones included
    Test(test::Options),
    /// Formatting, lints, documentation, dependencies, and what a token costs
    Check(check::Options),
    /// Measure validation, side by side with the raw signature check and with another library
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Setup => setup::run(),
        Task::Test(options) => test::run(&options),
        Task::Check(options) => check::run(&options),
        Task::Bench(options) => bench::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            anstream::eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
