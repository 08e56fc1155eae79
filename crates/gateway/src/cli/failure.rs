//! How a command ends when it does not end well.

use std::process::ExitCode;

use oauthgate_remote::ConfigurationError;

/// Why a command ended with another code than 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The check failed, or the run broke: exit code 1.
    #[error("{0}")]
    Run(Box<dyn std::error::Error + Send + Sync>),
    /// What was asked cannot be understood: exit code 2, as for wrong flags.
    #[error("{0}")]
    Usage(String),
    /// The configuration has mistakes: exit code 78.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
}

/// What wrong flags end with.
const USAGE: u8 = 2;
/// `EX_CONFIG` of sysexits.
const EX_CONFIG: u8 = 78;

impl Failure {
    /// A run that broke.
    pub fn run(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Run(cause.into())
    }

    /// A question that cannot be understood.
    pub fn usage(problem: impl Into<String>) -> Self {
        Self::Usage(problem.into())
    }

    /// Says on stderr what happened, with every cause below it, and gives the exit code.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        anstream::eprintln!("oauthgate: {self}");
        if let Self::Run(error) = self {
            let mut cause = error.source();
            while let Some(error) = cause {
                anstream::eprintln!("  caused by: {error}");
                cause = error.source();
            }
        }
        self.exit_code()
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Run(_) => ExitCode::FAILURE,
            Self::Usage(_) => ExitCode::from(USAGE),
            Self::Configuration(_) => ExitCode::from(EX_CONFIG),
        }
    }
}
