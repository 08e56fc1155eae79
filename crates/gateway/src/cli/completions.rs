//! `oauthgate completions SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Failure, output};

/// Which shell.
#[derive(Debug, Args)]
pub struct Options {
    /// The shell to complete for.
    shell: Shell,
}

impl Options {
    /// Writes the script to stdout.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub fn run(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "oauthgate", &mut script);
        output::data(&String::from_utf8_lossy(&script))
    }
}
