//! A child process on the server's core, and what it uses; it ends, by its process id, when the value is dropped.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::cores::Cores;

/// How long a part may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);
/// How much of its output is shown when it does not start.
const TAIL_LINES: usize = 20;

/// Where its standard output goes; what it complains about is kept in a file in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Nowhere,
    /// A file in its directory.
    File,
}

/// A running child.
#[derive(Debug)]
pub(crate) struct Child {
    process: std::process::Child,
    begun: Instant,
    log: PathBuf,
}

impl Child {
    /// Starts it, with `directory` as its own.
    pub(crate) fn spawn(
        cores: Cores,
        mut command: Command,
        directory: &Path,
        output: Output,
    ) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let cannot = |error: io::Error| format!("{name} cannot be started: {error}");
        let log = directory.join("complaints.log");
        let stdout = match output {
            Output::Nowhere => Stdio::null(),
            Output::File => File::create(directory.join("output.log"))
                .map_err(cannot)?
                .into(),
        };
        command
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(File::create(&log).map_err(cannot)?);
        let spawn = || Ok((Instant::now(), command.spawn()?));
        let (begun, process) = cores.on_the_servers(spawn).map_err(cannot)?;
        Ok(Self {
            process,
            begun,
            log,
        })
    }

    /// How long ago it was spawned.
    pub(crate) fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Waits until it accepts connections.
    ///
    /// # Errors
    /// With the end of its complaints, when it ends before or takes too long.
    pub(crate) fn until_listening(&mut self, port: u16) -> Result<(), String> {
        let begin = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(format!("it ended ({status}):\n{}", self.tail()));
            }
            if begin.elapsed() > START_LIMIT {
                return Err(format!("it does not listen:\n{}", self.tail()));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// The time that all of its threads have run on a processor, to the nanosecond (Linux, `schedstat`).
    pub(crate) fn used(&self) -> io::Result<Duration> {
        let mut total = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            // A thread may end between the two looks; what it used is then missing, and was little.
            let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            let used = text.split(' ').next().and_then(|text| text.parse().ok());
            total += used.unwrap_or(0_u64);
        }
        Ok(Duration::from_nanos(total))
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.map(|kib| kib * 1024)
            .ok_or_else(|| io::Error::other("no VmRSS"))
    }

    fn tail(&self) -> String {
        let output = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&output);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port of loopback that is free right now.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
