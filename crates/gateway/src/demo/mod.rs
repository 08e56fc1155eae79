//! The demo: an authorization server, two things worth protecting, and the gate, in one process on loopback.
//!
//! Nothing here is special to the demo but the throw-away keys: the gate is the one that `serve` opens,
//! from settings that a file could hold.

mod notebook;
mod page;
mod reports;
pub mod tour;

use std::{io, net::SocketAddr, sync::Arc};

use axum::{Router, serve::ListenerExt};
use oauthgate_core::{Audience, Issuer, ResourceIdentifier, ScopeSet, SettingError};
use oauthgate_dev_issuer::{DevIssuer, DevIssuerOptions, Resource, StartError, TokenSpec};
use oauthgate_mcp::{SessionSecret, policy::ListFilter};
use oauthgate_remote::{IssuerSettings, ProviderSettings};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    config::{ResourceSettings, Settings},
    gate::{Gate, GateError},
};

/// Why the demo could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The demo is for this machine only.
    #[error("the demo listens on loopback only, not on {0}; set {1}=127.0.0.1:0")]
    NotLoopback(SocketAddr, &'static str),
    /// An address is taken.
    #[error("cannot listen on {address}; set {variable}=127.0.0.1:0 to pick a free port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The variable that moves it.
        variable: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The authorization server did not start.
    #[error(transparent)]
    Issuer(#[from] StartError),
    /// A sample server did not start.
    #[error("cannot start the sample servers")]
    Sample(#[from] io::Error),
    /// The gate did not open.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// A setting of ours is no setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

/// Everything of the demo but the gate's loop, running.
#[derive(Debug)]
pub struct Demo {
    base: String,
    admin: SocketAddr,
    auto_consent: bool,
    issuer: DevIssuer,
    sample: JoinHandle<io::Result<()>>,
}

impl Demo {
    /// Starts the servers and binds the gate. `settings` says where to listen; the resources are ours.
    ///
    /// # Errors
    /// [`DemoError`]: an address that is taken or not loopback, above all.
    pub async fn start(settings: Settings, auto_consent: bool) -> Result<(Self, Gate), DemoError> {
        let public = listen(settings.listen, "OAUTHGATE_LISTEN").await?;
        let admin = listen(settings.admin_listen, "OAUTHGATE_ADMIN_LISTEN").await?;
        let base = format!("http://{}", public.local_addr()?);
        let issuer = DevIssuer::start(issuer_options(&base, auto_consent)).await?;
        let (sample, upstream) = start_samples().await?;
        let resources = vec![
            notes(&base, issuer.issuer(), upstream)?,
            reports(&base, issuer.issuer(), upstream)?,
        ];
        let settings = Settings {
            resources,
            accept_dev_issuer: true,
            // Everything ends with the process here; nobody needs to hear that of the sessions.
            session_secret: Some(match settings.session_secret {
                Some(given) => given,
                None => SessionSecret::generate()?.into(),
            }),
            ..settings
        };
        let gate = Gate::on(settings, public, admin)?;
        let admin = gate.admin_addr();
        let demo = Self {
            base,
            admin,
            auto_consent,
            issuer,
            sample,
        };
        Ok((demo, gate))
    }

    /// The URL to give to an MCP client.
    #[must_use]
    pub fn mcp_url(&self) -> String {
        format!("{}/mcp", self.base)
    }

    /// The other protected resource.
    #[must_use]
    pub fn reports_url(&self) -> String {
        format!("{}/reports", self.base)
    }

    /// What the demo has to say, with tokens and commands to copy.
    #[must_use]
    pub fn page(&self) -> String {
        page::of(self)
    }

    /// A good token of the demo user for one of the resources.
    fn token(&self, resource: &str, scopes: &str, lifetime: i64) -> String {
        let spec = TokenSpec::new(resource).scope(scopes).lifetime(lifetime);
        self.issuer.mint(spec)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.sample.abort();
    }
}

async fn listen(address: SocketAddr, variable: &'static str) -> Result<TcpListener, DemoError> {
    if !address.ip().is_loopback() {
        return Err(DemoError::NotLoopback(address, variable));
    }
    TcpListener::bind(address)
        .await
        .map_err(|source| DemoError::Listen {
            address,
            variable,
            source,
        })
}

fn issuer_options(base: &str, auto_consent: bool) -> DevIssuerOptions {
    DevIssuerOptions {
        auto_consent,
        access_token_lifetime: 900,
        resources: vec![
            Resource::new(format!("{base}/mcp"))
                .scope("notes:read", "Read your notes")
                .scope("notes:write", "Write new notes")
                .scope("notes:admin", "Delete all of your notes"),
            Resource::new(format!("{base}/reports")).scope("reports:read", "Read your reports"),
        ],
        ..DevIssuerOptions::default()
    }
}

async fn start_samples() -> io::Result<(JoinHandle<io::Result<()>>, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // A stream of small events must not wait for acknowledgements (Nagle).
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let app: Router = notebook::router().merge(reports::router());
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    Ok((serving, address))
}

fn notes(base: &str, issuer: &str, upstream: SocketAddr) -> Result<ResourceSettings, SettingError> {
    let mut resource = resource(base, "/mcp", issuer, upstream, "notes:read")?;
    resource.provider.resource_name = Some("Demo notes".to_owned());
    for (tool, scopes) in notebook::TOOLS {
        let scopes = ScopeSet::parse(scopes)?;
        resource.tools.scopes.insert((*tool).to_owned(), scopes);
    }
    // Who may read shall see that it could write, or would never ask for the scope.
    resource.policy.list_filter = ListFilter::Reachable;
    Ok(resource)
}

fn reports(
    base: &str,
    issuer: &str,
    upstream: SocketAddr,
) -> Result<ResourceSettings, SettingError> {
    let mut resource = resource(base, "/reports", issuer, upstream, "reports:read")?;
    resource.provider.resource_name = Some("Demo reports".to_owned());
    Ok(resource)
}

fn resource(
    base: &str,
    path: &str,
    issuer: &str,
    upstream: SocketAddr,
    scopes: &str,
) -> Result<ResourceSettings, SettingError> {
    let identifier = ResourceIdentifier::parse(&format!("{base}{path}"))?;
    let audience = Audience::new(identifier.as_str())?;
    let issuer = IssuerSettings::new(Issuer::new(issuer)?, vec![audience]);
    let mut provider = ProviderSettings::new(identifier, issuer);
    provider.advertised_scopes = ScopeSet::parse(scopes)?;
    let upstream = format!("http://{upstream}")
        .parse()
        .map_err(|_| SettingError::new("the sample server has no URL", "an address"))?;
    let mut resource = ResourceSettings::new(provider, upstream);
    resource.required_scopes = ScopeSet::parse(scopes)?;
    Ok(resource)
}

/// What every sample shares: one notebook for all sessions.
type Shared<T> = Arc<std::sync::Mutex<T>>;
