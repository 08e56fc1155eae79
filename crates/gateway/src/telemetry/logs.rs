//! Where log lines go and how they look.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Environment, LogFormat};

/// What is logged when `RUST_LOG` says nothing.
const DEFAULT_FILTER: &str = "info";

/// Starts logging for the whole process: JSON for machines on stdout, pretty lines for people on stderr.
/// A second call changes nothing.
pub fn start(format: LogFormat, environment: &Environment) {
    let chosen = environment.foreign("RUST_LOG").unwrap_or(DEFAULT_FILTER);
    let filter = EnvFilter::builder().parse_lossy(chosen);
    let started = match format {
        LogFormat::Json => {
            let lines = fmt()
                .with_env_filter(filter)
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false);
            lines.with_writer(std::io::stdout).finish_and_start()
        }
        LogFormat::Pretty => {
            let colour =
                std::io::stderr().is_terminal() && environment.foreign("NO_COLOR").is_none();
            fmt()
                .with_env_filter(filter)
                .with_ansi(colour)
                .with_target(false)
                .with_writer(std::io::stderr)
                .finish_and_start()
        }
    };
    if !started {
        tracing::debug!("logging was started before");
    }
}

/// Installs a subscriber unless there is one.
trait Start {
    fn finish_and_start(self) -> bool;
}

impl<N, E, F, W> Start for fmt::SubscriberBuilder<N, E, F, W>
where
    Self: Into<tracing::Dispatch>,
{
    fn finish_and_start(self) -> bool {
        tracing::dispatcher::set_global_default(self.into()).is_ok()
    }
}
