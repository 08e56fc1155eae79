//! `oauthgate demo`.

use clap::Args;
use tokio::sync::oneshot;

use super::{Failure, block_on, output, signals::Signals};
use crate::{
    config::{Environment, LogFormat, Settings, Sources},
    demo::{Demo, tour},
    gate::Gate,
    telemetry::logs,
};

/// A dev authorization server, a sample MCP server and the gate, in one process on loopback.
#[derive(Debug, Args)]
pub struct Options {
    /// Play the whole loop, a line a step, and exit 0 or 1
    #[arg(long)]
    once: bool,
    /// Grant every login at once, for clients without a browser
    #[arg(long)]
    auto_consent: bool,
}

impl Options {
    /// Runs the demo until a signal, or once.
    ///
    /// # Errors
    /// An address that is taken; with `--once`, the step that failed.
    pub fn run(self) -> Result<(), Failure> {
        let environment = Environment::of_process();
        let watches = !self.once || environment.foreign("RUST_LOG").is_some();
        let _logging = watches
            .then(|| logs::start(LogFormat::Pretty, &environment))
            .transpose()
            .map_err(Failure::run)?;
        let sources = Sources {
            environment,
            ..Sources::default()
        };
        let mut settings = sources.load_gate()?;
        // Throw-away keys are worth keeping nowhere.
        settings.state_directory = None;
        if self.once {
            pick_free_ports(&mut settings);
        }
        block_on(async {
            let mut signals = Signals::new().map_err(Failure::run)?;
            let (demo, gate) = Demo::start(settings, self.auto_consent || self.once)
                .await
                .map_err(Failure::run)?;
            if self.once {
                once(&demo, gate).await
            } else {
                output::data(&demo.page())?;
                gate.run(async move { signals.next().await }).await;
                Ok(())
            }
        })
    }
}

/// Nobody needs to find the tour's listeners, so a taken default port is no reason to fail.
fn pick_free_ports(settings: &mut Settings) {
    let defaults = Settings::new(Vec::new());
    if settings.listen == defaults.listen {
        settings.listen.set_port(0);
    }
    if settings.admin_listen == defaults.admin_listen {
        settings.admin_listen.set_port(0);
    }
}

async fn once(demo: &Demo, gate: Gate) -> Result<(), Failure> {
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(gate.run(async move {
        // An error means that the tour is over as well.
        let _ = stopped.await;
    }));
    let mut broken_pipe = None;
    let played = tour::play(demo, |line| {
        if let Err(failure) = output::data(&format!("{line}\n")) {
            broken_pipe.get_or_insert(failure);
        }
    })
    .await;
    drop(stop);
    // The gate's end is no part of the loop.
    let _ = serving.await;
    played.map_err(Failure::run)?;
    broken_pipe.map_or(Ok(()), Err)
}
