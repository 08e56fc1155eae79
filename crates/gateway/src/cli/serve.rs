//! `oauthgate serve`.

use clap::Args;
use url::Url;

use super::{
    Failure, block_on,
    signals::{Hangups, Signals},
    sources::SourceOptions,
};
use crate::{
    config::{Environment, Loaded, ResourceSettings},
    gate::{Gate, GateError, Workers},
    issuers::{Report, Trusted},
    telemetry::logs,
};

/// Where the settings come from.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    sources: SourceOptions,
}

impl Options {
    /// Serves until a signal ends it.
    ///
    /// # Errors
    /// Mistakes in the configuration, and addresses that cannot be listened on.
    pub fn run(self) -> Result<(), Failure> {
        let environment = Environment::of_process();
        let loaded = self.sources.over(environment.clone()).load()?;
        let _logging =
            logs::start(loaded.settings.log_format, &environment).map_err(Failure::run)?;
        block_on(serve(loaded))
    }
}

async fn serve(loaded: Loaded) -> Result<(), Failure> {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    for preset in &loaded.presets {
        tracing::info!("{preset}");
    }
    let mut signals = Signals::new().map_err(Failure::run)?;
    let mut again = Signals::new().map_err(Failure::run)?;
    let hangups = Hangups::new().map_err(Failure::run)?;
    let workers = Workers::start(loaded.settings.worker_threads).map_err(Failure::run)?;
    let resources = loaded.settings.resources.clone();
    let gate = Gate::bind(loaded.settings)
        .await
        .map_err(|error| match error {
            GateError::Configuration(error) => Failure::Configuration(error),
            error => Failure::run(error),
        })?;
    for resource in &resources {
        tracing::info!(resource = resource.name, url = %resource.provider.resource, upstream = %resource.upstream, "protecting");
    }
    for report in gate.issuers().trusted().iter().map(Trusted::report) {
        let keys_from = asked(&report, &resources);
        tracing::info!(issuer = report.issuer, store = report.store, resources = ?report.resources, keys_from, keys = report.keys, age_s = report.age_seconds, "trusting");
    }
    hangups.refresh(gate.issuers().clone());
    tracing::info!(listen = %gate.public_addr(), admin = %gate.admin_addr(), "the gate is open");
    let second = async move {
        again.next().await;
        again.next().await;
    };
    gate.served_by(workers)
        .run_until_cut(async move { signals.next().await }, second)
        .await;
    Ok(())
}

/// The URLs that are asked for the keys of an issuer, in their order; or the file that they are read from.
fn asked(report: &Report, resources: &[ResourceSettings]) -> String {
    let mut issuers = resources
        .iter()
        .flat_map(|resource| &resource.provider.issuers);
    let issuer = issuers.find(|issuer| {
        issuer.issuer.as_str() == report.issuer && issuer.keys.place() == report.place
    });
    if let Some(path) = issuer.and_then(|issuer| issuer.keys.jwks_file.as_ref()) {
        return path.display().to_string();
    }
    let urls = issuer.map(|issuer| issuer.keys.asked(&issuer.issuer));
    let urls: Vec<_> = urls.iter().flatten().map(Url::as_str).collect();
    urls.join(" ")
}
