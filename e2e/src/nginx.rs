//! A real nginx for one test.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::{
    parts,
    process::{Process, free_port},
};

/// A running `nginx`.
#[derive(Debug)]
pub struct Nginx {
    /// Its port on loopback.
    pub port: u16,
    process: Option<Process>,
    _directory: TempDir,
}

impl Nginx {
    /// Starts one with what this function writes into the `http` block for a free port of loopback.
    ///
    /// # Panics
    /// When it is not installed (`cargo xtask setup` does it), or refuses the configuration.
    pub async fn start(http: impl FnOnce(u16) -> String) -> Self {
        let port = free_port();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("nginx.conf");
        fs::write(&file, main_block(directory.path(), &http(port))).expect("a file");
        let mut command = Command::new(parts::nginx().path());
        command.arg("-p").arg(directory.path()).arg("-c").arg(&file);
        command.args(["-e", "stderr"]);
        let mut process = Process::start("nginx", command);
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

/// One process in the foreground, which ends by its id, and every file below a directory of the test.
fn main_block(directory: &Path, http: &str) -> String {
    let directory = directory.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = temporary
        .iter()
        .map(|kind| format!("{kind}_temp_path {directory}/{kind};\n"))
        .collect();
    format!(
        "daemon off;\nmaster_process off;\npid {directory}/nginx.pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}{http}\n}}\n"
    )
}
