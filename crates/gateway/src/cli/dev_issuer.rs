//! `oauthgate dev-issuer`.

use std::net::SocketAddr;

use clap::Args;
use oauthgate_dev_issuer::{DevIssuer, DevIssuerOptions, Emulation, Resource};

use super::{Failure, block_on, output, signals::Signals};
use crate::{
    config::{Environment, LogFormat, nearest},
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
    /// Serve the control API below /control/: rotate keys, stall, fail, mint any token (always, with --emulate)
    #[arg(long)]
    control: bool,
    /// Life of an access token in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(i64).range(1..=86_400))]
    token_lifetime: i64,
    /// Issue tokens, keys and documents in the shape of this provider
    #[arg(long, value_name = "PROVIDER", value_parser = emulation, help = emulate_help())]
    emulate: Option<Emulation>,
    /// With --emulate: write the provider's own host names, for use behind a proxy that leads them here
    #[arg(long, requires = "emulate")]
    real_names: bool,
}

/// Names every provider.
fn emulate_help() -> String {
    let names: Vec<_> = Emulation::all().iter().map(|it| it.name()).collect();
    format!(
        "Issue tokens, keys and documents in the shape of this provider: {}",
        names.join(", ")
    )
}

fn emulation(name: &str) -> Result<Emulation, String> {
    Emulation::named(name).ok_or_else(|| {
        let names = Emulation::all().iter().map(|it| it.name());
        match nearest(name, names) {
            Some(close) => format!("no such provider; did you mean {close}?"),
            None => "no such provider; --help lists them".to_owned(),
        }
    })
}

impl Options {
    /// Runs until a signal.
    ///
    /// # Errors
    /// An address that is taken or not loopback.
    pub fn run(self) -> Result<(), Failure> {
        let environment = Environment::of_process();
        let _logging = logs::start(LogFormat::Pretty, &environment).map_err(Failure::run)?;
        block_on(async {
            let mut signals = Signals::new().map_err(Failure::run)?;
            let emulation = self.emulate;
            let issuer = DevIssuer::start(self.into_issuer_options()).await;
            let issuer = issuer.map_err(Failure::run)?;
            output::data(&format!("{}\n", issuer.issuer()))?;
            if let Some(emulation) = emulation {
                output::data(&instructions(&issuer, emulation))?;
            }
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
            control_api: self.control || self.emulate.is_some(),
            emulation: self.emulate,
            real_names: self.real_names,
            ..DevIssuerOptions::default()
        }
    }
}

/// What to copy: the variables of a gate, a token, the clients of a login. A shell reads every line but comments.
fn instructions(issuer: &DevIssuer, emulation: Emulation) -> String {
    let settings = issuer.gate_settings().into_iter();
    let settings: String = settings
        .map(|(name, value)| format!("export {name}='{value}'\n"))
        .collect();
    let [person, machine] = emulation.clients();
    let hosts = emulation.hosts().join(" ");
    let secret = Emulation::CLIENT_SECRET;
    let persons_secret = match emulation.login_needs_secret() {
        true => format!(" with the secret {secret}"),
        false => String::new(),
    };
    let mint = format!("http://{}/control/mint", issuer.address());
    format!(
        "\n# {title}. A gate that takes its tokens:\n{settings}\
         \n# A user's token (kinds: user, machine, id, refresh, opaque):\n\
         curl -s {mint} -H 'content-type: application/json' -d '{{\"kind\":\"user\"}}'\n\
         \n# Clients: {person} logs people in{persons_secret} at http://127.0.0.1/callback, any port;\n\
         # {machine} has the secret {secret}. Host names of the provider: {hosts}\n",
        title = emulation.title(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_providers_by_name_and_says_which_is_near() {
        assert_eq!(emulation("cognito").unwrap().name(), "cognito");
        let mistake = emulation("congito").unwrap_err();
        assert!(mistake.contains("did you mean cognito?"), "{mistake}");
        let mistake = emulation("nothing-like-it").unwrap_err();
        assert!(mistake.contains("--help"), "{mistake}");
    }

    #[tokio::test]
    async fn what_is_printed_can_be_copied() {
        let emulation = Emulation::named("entra-v1").unwrap();
        let options = DevIssuerOptions {
            emulation: Some(emulation),
            ..DevIssuerOptions::default()
        };
        let issuer = DevIssuer::start(options).await.unwrap();
        let text = instructions(&issuer, emulation);
        for line in text.lines() {
            let is_fit = line.is_empty()
                || ["# ", "export ", "curl "]
                    .iter()
                    .any(|start| line.starts_with(start));
            assert!(is_fit, "{line}");
        }
        for part in [
            format!("export OAUTH_ISSUER_URL='{}'\n", issuer.issuer()),
            "export OAUTHGATE_PRESET='entra'\n".to_owned(),
            "export OAUTHGATE_METADATA_URL='http://127.0.0.1:".to_owned(),
            format!("curl -s http://{}/control/mint ", issuer.address()),
            emulation.clients()[1].to_owned(),
        ] {
            assert!(text.contains(&part), "{part}: {text}");
        }
    }

    #[test]
    fn help_lists_every_provider() {
        for emulation in Emulation::all() {
            assert!(emulate_help().contains(emulation.name()));
        }
    }
}
