//! Where log lines go and how they look.

use std::io::IsTerminal;

use tracing::Dispatch;
use tracing_subscriber::{EnvFilter, fmt, fmt::MakeWriter};

use crate::config::{Environment, LogFormat};

/// What is logged when `RUST_LOG` says nothing.
const DEFAULT_FILTER: &str = "info,rmcp=warn";

/// Starts logging for the whole process: JSON for machines on stdout, pretty lines for people on stderr.
/// Only the first call of a process counts.
pub fn start(format: LogFormat, environment: &Environment) {
    let filter = environment.foreign("RUST_LOG").unwrap_or(DEFAULT_FILTER);
    let subscriber = match format {
        LogFormat::Json => json(filter, std::io::stdout),
        LogFormat::Pretty => {
            let colour =
                std::io::stderr().is_terminal() && environment.foreign("NO_COLOR").is_none();
            pretty(filter, colour, std::io::stderr)
        }
    };
    if tracing::dispatcher::set_global_default(subscriber).is_err() {
        tracing::debug!("logging was started before");
    }
}

/// One JSON object a line, its fields at the top level.
pub(crate) fn json<W>(filter: &str, writer: W) -> Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false);
    let lines = lines.with_env_filter(EnvFilter::builder().parse_lossy(filter));
    lines.with_writer(writer).finish().into()
}

fn pretty<W>(filter: &str, colour: bool, writer: W) -> Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt().with_ansi(colour).with_target(false);
    let lines = lines.with_env_filter(EnvFilter::builder().parse_lossy(filter));
    lines.with_writer(writer).finish().into()
}
