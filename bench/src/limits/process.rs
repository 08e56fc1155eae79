//! A child process without output, and the memory of processes; it ends, by its process id, when the value is dropped.

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a part may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A running child.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts it, and waits until something listens at this port.
    pub(crate) fn start(mut command: Command, port: u16) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let streams = [(); 2].map(|()| Stdio::null());
        let [stdout, stderr] = streams;
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let child = command
            .spawn()
            .map_err(|error| format!("{name} cannot be started: {error}"))?;
        let mut process = Self(child);
        let begin = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Ok(Some(status)) = process.0.try_wait() {
                return Err(format!("{name} ended ({status})"));
            }
            if begin.elapsed() > START_LIMIT {
                return Err(format!("{name} does not listen"));
            }
            std::thread::sleep(POLL);
        }
        Ok(process)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Resident memory, in KiB: now, and at its highest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    pub(crate) highest: u64,
}

/// What a process occupies (Linux, `/proc/<id>/status`).
pub(crate) fn memory(process: u32) -> io::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let kib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        number.ok_or_else(|| io::Error::other(format!("no {name}")))
    };
    Ok(Memory {
        resident: kib("VmRSS:")?,
        highest: kib("VmHWM:")?,
    })
}

/// A port of loopback that is free right now.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
