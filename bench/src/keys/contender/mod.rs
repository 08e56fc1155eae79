//! Who is compared: each a real server process that validates the bearer token of every request.

mod kind;
mod parts;
mod process;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use tempfile::TempDir;

pub(crate) use kind::Kind;
pub(crate) use parts::Parts;
use process::Process;

use crate::{issuer::Issuer, token::Parties};

/// What a contender is told.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    port: u16,
    issuer_port: u16,
    jwks_url: String,
    parties: Parties,
    upstream_port: u16,
    /// The life of a key set; the contender's own default unless set.
    life: Option<Duration>,
    /// Where keys outlive the process, for those who can.
    state_directory: Option<PathBuf>,
}

impl Setup {
    /// A contender on a port that is free right now, trusting this issuer.
    pub(crate) fn new(issuer: &Issuer, upstream_port: u16) -> io::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        Ok(Self {
            port,
            issuer_port: issuer.port(),
            jwks_url: issuer.jwks_url(),
            parties: issuer.parties(&format!("http://127.0.0.1:{port}/mcp")),
            upstream_port,
            life: None,
            state_directory: None,
        })
    }

    pub(crate) fn with_life(mut self, life: Duration) -> Self {
        self.life = Some(life);
        self
    }

    pub(crate) fn with_state_directory(mut self, directory: PathBuf) -> Self {
        self.state_directory = Some(directory);
        self
    }

    /// Who issues its tokens, and for whom.
    pub(crate) fn parties(&self) -> &Parties {
        &self.parties
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

/// A running contender; its process ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct Contender {
    // Before the directory, which the process writes to.
    _process: Process,
    _directory: TempDir,
}

impl Contender {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// When it does not, with what it said.
    pub(crate) async fn start(kind: Kind, parts: &Parts, setup: &Setup) -> Result<Self, String> {
        let failed = |problem: String| format!("{} does not start: {problem}", kind.name());
        let cannot = |error: io::Error| failed(error.to_string());
        let directory = tempfile::tempdir().map_err(cannot)?;
        let mut command = kind
            .command(parts, setup, directory.path())
            .map_err(cannot)?;
        // No configuration file that happens to lie around.
        command.current_dir(directory.path());
        let mut process = Process::start(command, directory.path()).map_err(cannot)?;
        process.until_listening(setup.port).await.map_err(failed)?;
        Ok(Self {
            _process: process,
            _directory: directory,
        })
    }
}
