//! A child process with its output in a file; it ends, by its process id, when the value is dropped.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::net::TcpStream;

/// How long a contender may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);
/// How much of its output is shown when it does not start.
const TAIL_LINES: usize = 20;

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command with its output going to a file in `directory`.
    pub(crate) fn start(mut command: Command, directory: &Path) -> io::Result<Self> {
        let log = directory.join("output.log");
        let output = File::create(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Self { child, log })
    }

    /// Waits until it accepts connections.
    ///
    /// # Errors
    /// With the end of its output, when it ends before or takes too long.
    pub(crate) async fn until_listening(&mut self, port: u16) -> Result<(), String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let begin = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("it ended ({status}):\n{}", self.tail()));
            }
            if begin.elapsed() > START_LIMIT {
                return Err(format!(
                    "it does not listen after {} s:\n{}",
                    START_LIMIT.as_secs(),
                    self.tail()
                ));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    fn tail(&self) -> String {
        let output = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&output);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
