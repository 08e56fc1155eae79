//! `oauthgate dev-issuer`.

use std::net::SocketAddr;

use clap::Args;
use oauthgate_dev_issuer::{DevIssuer, DevIssuerOptions, Resource};

use super::{Failure, block_on, output, signals::Signals};
use crate::{
    config::{Environment, LogFormat},
    telemetry::logs,
};

/// A throw-away authorization server on loopback, for demos and tests; `serve` refuses its keys.
#[derive(Debug, Args)]
pub struct Options {
    /// Where to listen; loopback only, port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// A resource that tokens may be asked for; any resource when none is named
    #[arg(long, value_name = "URI")]
    resource: Vec<String>,
    /// The scopes of those resources
    #[arg(long, value_name = "SCOPES", default_value = "")]
    scopes: String,
    /// Grant every login at once
    #[arg(long)]
    auto_consent: bool,
    /// Serve the control API below /control/: rotate keys, stall, fail, mint any token
    #[arg(long)]
    control: bool,
    /// Life of an access token in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(i64).range(1..=86_400))]
    token_lifetime: i64,
}

impl Options {
    /// Runs until a signal.
    ///
    /// # Errors
    /// An address that is taken or not loopback.
    pub fn run(self) -> Result<(), Failure> {
        logs::start(LogFormat::Pretty, &Environment::of_process());
        block_on(async {
            let mut signals = Signals::new().map_err(Failure::run)?;
            let issuer = DevIssuer::start(self.into_issuer_options()).await;
            let issuer = issuer.map_err(Failure::run)?;
            output::data(&format!("{}\n", issuer.issuer()))?;
            signals.next().await;
            issuer.shutdown().await;
            Ok(())
        })
    }

    fn into_issuer_options(self) -> DevIssuerOptions {
        let scopes = self.scopes;
        let resource = |uri: String| {
            let scopes = scopes.split([' ', ',']).filter(|scope| !scope.is_empty());
            scopes.fold(Resource::new(uri), |resource, scope| {
                resource.scope(scope, scope)
            })
        };
        DevIssuerOptions {
            listen: self.listen,
            auto_consent: self.auto_consent,
            accept_any_resource: self.resource.is_empty(),
            resources: self.resource.into_iter().map(resource).collect(),
            access_token_lifetime: self.token_lifetime,
            control_api: self.control,
            ..DevIssuerOptions::default()
        }
    }
}
