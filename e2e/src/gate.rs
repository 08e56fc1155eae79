//! The real gate: `oauthgate serve`, configured by environment variables only.

use std::{collections::BTreeMap, process::Command};

use crate::{
    authorization_server::{AuthorizationServer, SCOPES},
    browser,
    parts::binary,
    process::{Process, free_port},
};

/// The environment of one gate.
#[derive(Debug, Clone)]
pub struct GateBuilder {
    port: u16,
    admin_port: u16,
    environment: BTreeMap<String, String>,
}

impl GateBuilder {
    /// A gate in front of `upstream` that trusts `server`. Its audience is its own canonical URI.
    #[must_use]
    pub fn new(upstream: &str, server: &AuthorizationServer) -> Self {
        let (port, admin_port) = (free_port(), free_port());
        let resource = format!("http://localhost:{port}/mcp");
        let environment = [
            ("MCP_SERVER_URL", resource.clone()),
            ("OAUTH_AUDIENCE", resource),
            ("OAUTH_ISSUER_URL", server.issuer().to_owned()),
            ("OAUTHGATE_UPSTREAM", upstream.to_owned()),
            ("OAUTHGATE_LISTEN", format!("127.0.0.1:{port}")),
            ("OAUTHGATE_ADMIN_LISTEN", format!("127.0.0.1:{admin_port}")),
            ("OAUTHGATE_SCOPES", SCOPES.to_owned()),
            (
                "OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER",
                server.is_dev_issuer().to_string(),
            ),
        ];
        let environment = environment
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        Self {
            port,
            admin_port,
            environment,
        }
    }

    /// Sets one more variable, or another value.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Makes the resource known under another port (an injector's, a proxy's).
    #[must_use]
    pub fn public_port(self, port: u16) -> Self {
        let resource = format!("http://localhost:{port}/mcp");
        self.set("MCP_SERVER_URL", resource.clone())
            .set("OAUTH_AUDIENCE", resource)
    }

    /// Starts it and waits until `/readyz` says so.
    pub async fn start(self) -> Gate {
        let mut process = Process::start("oauthgate serve", self.command());
        let ready = format!("http://127.0.0.1:{}/readyz", self.admin_port);
        let http = browser::client();
        process
            .until("readiness", async |_| {
                let response = http.get(&ready).send().await.ok()?;
                response.status().is_success().then_some(())
            })
            .await;
        Gate {
            port: self.port,
            admin_port: self.admin_port,
            resource: self.environment["MCP_SERVER_URL"].clone(),
            process,
        }
    }

    /// The canonical URI of the protected resource.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.environment["MCP_SERVER_URL"]
    }

    /// The command itself, for tests that expect it to end.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(binary("oauthgate").path());
        command.arg("serve").env_clear().envs(&self.environment);
        command
    }
}

/// A running gate.
#[derive(Debug)]
pub struct Gate {
    /// Its public port on loopback.
    pub port: u16,
    /// Its admin port on loopback.
    pub admin_port: u16,
    /// The canonical URI of the protected resource.
    pub resource: String,
    /// The process.
    pub process: Process,
}

impl Gate {
    /// A metric's text from the admin listener.
    ///
    /// # Panics
    /// When the listener does not answer.
    pub async fn metrics(&self) -> String {
        let url = format!("http://127.0.0.1:{}/metrics", self.admin_port);
        browser::client()
            .get(url)
            .send()
            .await
            .expect("an answer")
            .text()
            .await
            .expect("text")
    }
}
