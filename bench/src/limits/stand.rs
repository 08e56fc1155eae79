//! An authorization server, a server behind, and gates between: each gate a process of its own.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use oauthgate_dev_issuer::{Algorithm, DevIssuer, DevIssuerOptions, TokenSpec};
use tempfile::TempDir;

use crate::{
    process::{Process, free_port},
    upstream::Upstream,
    wire::{Statuses, Wire},
};

/// How long a gate may take until it lets a good token pass.
const START_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// What all gates share.
pub(crate) struct Stand {
    program: PathBuf,
    pub(crate) issuer: DevIssuer,
    upstream: Upstream,
}

impl Stand {
    pub(crate) async fn start(program: &Path) -> Result<Self, String> {
        let options = DevIssuerOptions {
            accept_any_resource: true,
            algorithms: vec![Algorithm::Es256],
            ..DevIssuerOptions::default()
        };
        let issuer = DevIssuer::start(options).await;
        let upstream = Upstream::start().await;
        Ok(Self {
            program: std::path::absolute(program).map_err(|error| error.to_string())?,
            issuer: issuer.map_err(|error| format!("no issuer: {error}"))?,
            upstream: upstream.map_err(|error| format!("no upstream: {error}"))?,
        })
    }

    /// A good token of this subject.
    pub(crate) fn token(&self, resource: &str, subject: &str) -> String {
        let token = TokenSpec::new(resource).scope("mcp:read").subject(subject);
        self.issuer.mint(token.lifetime(24 * 60 * 60))
    }

    /// A gate with these settings beside the usual ones; `resource` is what its configuration file says
    /// about the resource. It has let a good token pass.
    pub(crate) fn gate(&self, settings: &[(&str, &str)], resource: &str) -> Result<Gate, String> {
        let cannot = |error: io::Error| format!("no gate: {error}");
        let directory = tempfile::tempdir().map_err(cannot)?;
        let config = directory.path().join("oauthgate.toml");
        fs::write(&config, format!("[[resource]]\n{resource}")).map_err(cannot)?;
        let port = free_port().map_err(cannot)?;
        let uri = format!("http://localhost:{port}/mcp");
        let mut command = Command::new(&self.program);
        command
            .arg("serve")
            .env_clear()
            .env("OAUTHGATE_CONFIG", config)
            .env("MCP_SERVER_URL", &uri)
            .env("OAUTH_AUDIENCE", &uri)
            .env("OAUTH_ISSUER_URL", self.issuer.issuer())
            .env("OAUTHGATE_UPSTREAM", self.upstream_url())
            .env("OAUTHGATE_LISTEN", format!("127.0.0.1:{port}"))
            .env("OAUTHGATE_ADMIN_LISTEN", "127.0.0.1:0")
            .env("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "true")
            .envs(settings.iter().copied())
            .current_dir(directory.path());
        let gate = Gate {
            process: Process::start(command, port)?,
            port,
            token: self.token(&uri, "good"),
            _directory: directory,
        };
        gate.until_open().map_err(cannot)?;
        Ok(gate)
    }

    fn upstream_url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.upstream.port())
    }
}

/// A running gate.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) process: Process,
    pub(crate) port: u16,
    /// A good one.
    pub(crate) token: String,
    _directory: TempDir,
}

impl Gate {
    /// A request with a token, from an address if the gate believes who sends it.
    pub(crate) fn request(&self, token: &str, forwarded: Option<&str>) -> Vec<u8> {
        let forwarded = forwarded.map_or_else(String::new, |address| {
            format!("X-Forwarded-For: {address}\r\n")
        });
        format!(
            "GET /mcp HTTP/1.1\r\nHost: localhost:{}\r\n{forwarded}Authorization: Bearer {token}\r\n\r\n",
            self.port
        )
        .into_bytes()
    }

    /// A message without a token, from an address.
    pub(crate) fn ping(&self, address: &str, message: &str) -> Vec<u8> {
        format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost:{}\r\nX-Forwarded-For: {address}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-06-18\r\nContent-Length: {}\r\n\r\n{message}",
            self.port,
            message.len()
        )
        .into_bytes()
    }

    fn until_open(&self) -> io::Result<()> {
        let begin = Instant::now();
        let request = self.request(&self.token, None);
        let mut wire = Wire::open(self.port)?;
        loop {
            let mut heard = Statuses::new();
            wire.exchange(&request, 1, &mut heard)?;
            if heard.contains_key(&200) {
                return Ok(());
            }
            if begin.elapsed() > START_LIMIT {
                return Err(io::Error::other(format!("a good token hears {heard:?}")));
            }
            std::thread::sleep(POLL);
        }
    }
}
