//! A child process with its output in a file; it ends, by its process id, when the value is dropped.

use std::{
    fs::{self, File},
    net::{TcpListener, UdpSocket},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long a part may take until it is ready; generous because CI machines are slow and busy.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How often readiness is looked at.
const POLL: Duration = Duration::from_millis(40);
/// How long a line may be under way: some times as long as one of the gate waits for company.
const UNDER_WAY: Duration = Duration::from_millis(400);
/// How much of a failed process' output is shown.
const TAIL_LINES: usize = 40;

/// A running child process.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    directory: tempfile::TempDir,
}

impl Process {
    /// Starts a command with its output going to a file.
    ///
    /// # Panics
    /// When the command cannot be started.
    #[must_use]
    pub fn start(name: &str, mut command: Command) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let log = directory.path().join("output.log");
        let output = File::create(&log).expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self {
            name: name.to_owned(),
            child,
            log,
            directory,
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said until now, both streams in the order of arrival. A gate's lines are under way for up to a
    /// tenth of a second, so this waits for them; whoever asks again and again takes [`Self::so_far`].
    #[must_use]
    pub fn output(&self) -> String {
        thread::sleep(UNDER_WAY);
        self.so_far()
    }

    /// What it has written by now.
    #[must_use]
    pub fn so_far(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// A directory of its own, removed together with the process.
    #[must_use]
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Waits until a condition holds.
    ///
    /// # Panics
    /// When the process ends before, or the condition does not hold in time.
    pub async fn until<T>(
        &mut self,
        what: &str,
        mut holds: impl AsyncFnMut(&str) -> Option<T>,
    ) -> T {
        let begin = Instant::now();
        loop {
            if let Some(value) = holds(&self.so_far()).await {
                return value;
            }
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                panic!(
                    "{} ended ({status}) before {what}:\n{}",
                    self.name,
                    self.tail()
                );
            }
            assert!(
                begin.elapsed() < START_LIMIT,
                "{}: no {what} in {START_LIMIT:?}:\n{}",
                self.name,
                self.tail()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits for the line `{"ready":true,…}` and returns it.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn until_ready_line(&mut self) -> Value {
        self.until("ready line", async |output| {
            output
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                .find(|line| line["ready"] == true)
        })
        .await
    }

    /// Waits until something accepts connections at a port of loopback.
    ///
    /// # Panics
    /// When nothing does in time.
    pub async fn until_listening(&mut self, port: u16) {
        self.until("listener", async |_| {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .ok()
        })
        .await;
    }

    /// Sends a signal by name (`TERM`, `HUP`).
    ///
    /// # Panics
    /// When `kill` fails.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &self.id().to_string()])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "kill -{signal} {} failed",
            self.id()
        );
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When the process does not end within the limit.
    pub async fn wait(&mut self, limit: Duration) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            assert!(
                begin.elapsed() < limit,
                "{} still runs after {limit:?}:\n{}",
                self.name,
                self.tail()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// The resident memory, in KiB.
    ///
    /// # Panics
    /// When the process is gone.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.id())).expect("a running process");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("VmRSS");
        line.split_whitespace()
            .nth(1)
            .and_then(|number| number.parse().ok())
            .expect("a number of KiB")
    }

    fn tail(&self) -> String {
        let output = self.so_far();
        let lines: Vec<_> = output.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "--- the end of {}'s output\n{}\n---",
                self.name,
                self.tail()
            );
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where systems take ports from that nobody asked for by number begins above.
const PORTS: std::ops::Range<u16> = 10_000..16_000;
/// The UDP ports of the same numbers: who holds one, in whatever test run of this machine, may use the TCP
/// port. Nobody here speaks UDP.
static CLAIMS: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// A port of loopback that is free right now, for parts that cannot be told to choose one themselves. No
/// port is given out twice, and none is one that a connection or another listener gets meanwhile.
///
/// # Panics
/// When the system has none.
#[must_use]
pub fn free_port() -> u16 {
    let mut claims = CLAIMS.lock().expect("no holder panics");
    let ports = PORTS.end - PORTS.start;
    // Test runs at the same time begin at different places.
    let begin = std::process::id().wrapping_mul(2_654_435_761) % u32::from(ports);
    let skipped = usize::try_from(begin).expect("a small number");
    let (port, claim) = PORTS
        .cycle()
        .skip(skipped)
        .take(usize::from(ports))
        .find_map(|port| {
            let claim = UdpSocket::bind(("127.0.0.1", port)).ok()?;
            let is_free = TcpListener::bind(("127.0.0.1", port)).is_ok();
            is_free.then_some((port, claim))
        })
        .unwrap_or_else(|| panic!("none of the ports {PORTS:?} is free"));
    claims.push(claim);
    port
}
