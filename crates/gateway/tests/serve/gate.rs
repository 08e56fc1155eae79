//! A gate in a process of its own, and how to talk to it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;

/// A gate in a process of its own; killed when the test is over, however it ends.
pub(super) struct Gate {
    pub(super) child: Child,
    pub(super) log: BufReader<ChildStdout>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Gate {
    pub(super) fn start(environment: &[(&str, &str)]) -> Self {
        Self::spawn(
            Command::new(env!("CARGO_BIN_EXE_oauthgate")).arg("serve"),
            environment,
        )
    }

    /// A gate that may not have more descriptors than this.
    pub(super) fn start_within(descriptors: u32) -> Self {
        let within = format!("ulimit -n {descriptors} && exec \"$0\" serve");
        Self::spawn(
            Command::new("/bin/sh").args(["-c", &within, env!("CARGO_BIN_EXE_oauthgate")]),
            &[
                ("OAUTHGATE_UPSTREAM", "http://127.0.0.1:1"),
                // One address stands for many here.
                ("OAUTHGATE_MAX_CONNECTIONS_PER_ADDRESS", "10000"),
            ],
        )
    }

    fn spawn(command: &mut Command, environment: &[(&str, &str)]) -> Self {
        Self::run(
            on_free_ports(command)
                .env("MCP_SERVER_URL", "https://mcp.example.com/mcp")
                .env("OAUTH_ISSUER_URL", "http://127.0.0.1:9")
                .env("OAUTH_AUDIENCE", "api")
                .envs(environment.iter().copied()),
        )
    }

    /// A gate that this file describes.
    pub(super) fn of_file(path: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oauthgate"));
        Self::run(
            on_free_ports(&mut command)
                .args(["serve", "--config"])
                .arg(path),
        )
    }

    fn run(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap());
        Self { child, log }
    }

    /// The next log line with this message.
    pub(super) fn line(&mut self, message: &str) -> Value {
        loop {
            let mut text = String::new();
            assert!(
                self.log.read_line(&mut text).unwrap() > 0,
                "the log ended before {message:?}"
            );
            let line: Value =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            if line["message"] == message {
                return line;
            }
        }
    }

    /// The next access line.
    pub(super) fn access_line(&mut self) -> Value {
        loop {
            let mut text = String::new();
            assert!(self.log.read_line(&mut text).unwrap() > 0, "the log ended");
            let line: Value = serde_json::from_str(&text).unwrap();
            if line["target"] == "oauthgate::access" {
                return line;
            }
        }
    }

    pub(super) fn addresses(&mut self) -> (SocketAddr, SocketAddr) {
        let line = self.line("the gate is open");
        let address = |name: &str| line[name].as_str().unwrap().parse().unwrap();
        (address("listen"), address("admin"))
    }

    pub(super) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }
}

fn on_free_ports(command: &mut Command) -> &mut Command {
    command
        .env_clear()
        .env("OAUTHGATE_LISTEN", "127.0.0.1:0")
        .env("OAUTHGATE_ADMIN_LISTEN", "127.0.0.1:0")
}

/// Sends this head with the name of this machine, and reads to the end.
pub(super) fn ask(address: SocketAddr, head: &str) -> String {
    exchange(address, &format!("{head}\r\nHost: localhost"))
}

/// Sends exactly this head, and reads to the end.
pub(super) fn exchange(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
