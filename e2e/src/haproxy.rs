//! A real HAProxy for one test.

use std::{fs, process::Command};

use tempfile::TempDir;

use crate::{
    parts,
    process::{Process, free_port},
};

/// A running `haproxy`.
#[derive(Debug)]
pub struct Haproxy {
    /// Its port on loopback.
    pub port: u16,
    process: Option<Process>,
    _directory: TempDir,
}

impl Haproxy {
    /// Starts one with the configuration that this function writes for a free port of loopback.
    ///
    /// # Panics
    /// When it is not installed (`cargo xtask setup` does it), or refuses the configuration.
    pub async fn start(configuration: impl FnOnce(u16) -> String) -> Self {
        let port = free_port();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("haproxy.cfg");
        fs::write(&file, configuration(port)).expect("a file");
        let mut command = Command::new(parts::haproxy().path());
        // One process in the foreground, whatever the configuration says: it ends by its id.
        command.arg("-db").arg("-f").arg(&file);
        let mut process = Process::start("haproxy", command);
        process.until_listening(port).await;
        Self {
            port,
            process: Some(process),
            _directory: directory,
        }
    }

    /// What it has written so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.process
            .as_ref()
            .map_or_else(String::new, Process::output)
    }

    /// Ends it.
    pub fn kill(&mut self) {
        self.process = None;
    }
}
