//! The commands. Data goes to stdout, words to stderr. Exit codes: 0 done, 1 the check failed or the
//! run broke, 2 usage, 78 bad configuration (`EX_CONFIG`, what `RestartPreventExitStatus=78` keys on).

mod admin_client;
pub mod completions;
pub mod config;
#[cfg(feature = "dev")]
pub mod demo;
#[cfg(feature = "dev")]
pub mod dev_issuer;
mod failure;
mod input;
pub mod keys;
pub mod output;
pub mod policy;
pub mod serve;
mod signals;
pub mod sources;

use std::{process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

pub use failure::Failure;

/// How long a file or a name that is being read or written may take after the end. Nobody can cancel that,
/// and a disk that is gone would keep the process for ever.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// What the process was asked to do.
#[derive(Debug, Parser)]
#[command(name = "oauthgate", version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Protect a server: take requests, check their tokens, pass the good ones on
    Serve(serve::Options),
    /// Show the whole thing on this machine: an authorization server, an MCP server, and the gate
    #[cfg(feature = "dev")]
    Demo(demo::Options),
    /// Run a throw-away authorization server on loopback
    #[cfg(feature = "dev")]
    DevIssuer(dev_issuer::Options),
    /// Check or show the configuration
    Config(config::Options),
    /// Ask the policy who may do what, without a running gate
    Policy(policy::Options),
    /// List, refresh, withdraw keys and suspend issuers of a running gate
    Keys(keys::Options),
    /// Print a completion script for a shell
    Completions(completions::Options),
}

impl Command {
    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Serve(options) => options.run(),
            #[cfg(feature = "dev")]
            Self::Demo(options) => options.run(),
            #[cfg(feature = "dev")]
            Self::DevIssuer(options) => options.run(),
            Self::Config(options) => options.run(),
            Self::Policy(options) => options.run(),
            Self::Keys(options) => options.run(),
            Self::Completions(options) => options.run(),
        }
    }
}

/// Reads the arguments, runs the command, and turns its end into an exit code.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Runs a command's asynchronous part.
///
/// # Errors
/// The part's own failure, or that no runtime could be started.
pub fn block_on<F>(part: F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::run)?;
    let end = runtime.block_on(part);
    runtime.shutdown_timeout(LAST_BREATH);
    end
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Instant};

    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a thread that hangs is what this is about"
    )]
    fn a_disk_or_a_name_server_that_hangs_holds_no_process_back() {
        let begun = Instant::now();
        let part = async {
            tokio::task::spawn_blocking(|| thread::sleep(Duration::from_secs(30)));
            Ok(())
        };
        assert!(block_on(part).is_ok());
        assert!(begun.elapsed() < Duration::from_secs(15));
    }
}
