//! Where log lines go and how they look.

use std::{
    io::{self, IsTerminal},
    panic,
    sync::OnceLock,
    time::Duration,
};

use tracing::Dispatch;
use tracing_subscriber::{EnvFilter, Registry, fmt::MakeWriter, layer::SubscriberExt};

use super::{json_lines::JsonLines, sink::Sink};
use crate::config::{Environment, LogFormat};

/// What is logged when `RUST_LOG` says nothing.
const DEFAULT_FILTER: &str = "info,rmcp=warn";

/// How long the end of the process, and a panic, wait for the last lines to be taken.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Where this process's lines go, once it has any.
static SINK: OnceLock<Sink> = OnceLock::new();

/// Held by whoever started logging: when it is dropped, the last lines are written.
#[derive(Debug)]
#[must_use = "the last lines are written when it is dropped"]
pub struct Logging(());

impl Drop for Logging {
    fn drop(&mut self) {
        flush();
    }
}

/// Starts logging for the whole process: JSON for machines on stdout, pretty lines for people on stderr.
/// Only the first call of a process counts.
///
/// # Errors
/// The machine has no thread left for it.
pub fn start(format: LogFormat, environment: &Environment) -> io::Result<Logging> {
    let filter = environment.foreign("RUST_LOG").unwrap_or(DEFAULT_FILTER);
    let sink = match format {
        LogFormat::Json => Sink::to(io::stdout()),
        LogFormat::Pretty => Sink::to(io::stderr()),
    }?;
    let subscriber = match format {
        LogFormat::Json => json(filter, sink.clone()),
        LogFormat::Pretty => {
            let colour = io::stderr().is_terminal() && environment.foreign("NO_COLOR").is_none();
            pretty(filter, colour, sink.clone())
        }
    };
    if tracing::dispatcher::set_global_default(subscriber).is_err() {
        tracing::debug!("logging was started before");
    } else if SINK.set(sink).is_ok() {
        flush_when_something_panics();
    }
    Ok(Logging(()))
}

/// How many lines of this process were lost, because whoever reads them does not keep up.
pub(super) fn dropped_lines() -> u64 {
    SINK.get().map_or(0, Sink::dropped)
}

fn flush() {
    if let Some(sink) = SINK.get() {
        sink.flush(LAST_LINES);
    }
}

/// What led to a panic is on its way, and the process may be about to end.
fn flush_when_something_panics() {
    let then = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        flush();
        then(panic);
    }));
}

/// One JSON object a line, its fields at the top level.
pub(crate) fn json<W>(filter: &str, writer: W) -> Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = Registry::default()
        .with(EnvFilter::builder().parse_lossy(filter))
        .with(JsonLines(writer));
    lines.into()
}

fn pretty<W>(filter: &str, colour: bool, writer: W) -> Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt()
        .with_ansi(colour)
        .with_target(false);
    let lines = lines.with_env_filter(EnvFilter::builder().parse_lossy(filter));
    lines.with_writer(writer).finish().into()
}
