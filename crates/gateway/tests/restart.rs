//! A start while the issuer is away: the process finds what an earlier one saved, and serves at once.
#![cfg(feature = "dev")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use oauthgate_dev_issuer::{DevIssuer, DevIssuerOptions, Resource, TokenSpec};
use serde_json::Value;

const RESOURCE: &str = "http://localhost:8080/mcp";

/// A gate in a process of its own; killed when the test is over, however it ends.
struct Gate {
    child: Child,
    log: BufReader<ChildStdout>,
    public: SocketAddr,
    admin: SocketAddr,
    said: Vec<Value>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Gate {
    fn start(issuer: &str, upstream: SocketAddr, environment: &[(&str, &str)]) -> Self {
        let mut child = command(issuer, upstream, environment)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap());
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut gate = Self {
            child,
            log,
            public: nowhere,
            admin: nowhere,
            said: Vec::new(),
        };
        let line = gate.line("the gate is open");
        let address = |name: &str| line[name].as_str().unwrap().parse().unwrap();
        (gate.public, gate.admin) = (address("listen"), address("admin"));
        gate
    }

    /// The next log line with this message.
    fn line(&mut self, message: &str) -> Value {
        loop {
            let mut text = String::new();
            assert!(
                self.log.read_line(&mut text).unwrap() > 0,
                "the log ended before {message:?}: {:?}",
                self.said
            );
            let line: Value = serde_json::from_str(&text).unwrap();
            self.said.push(line.clone());
            if line["message"] == message {
                return line;
            }
        }
    }

    fn call(&self, token: &str) -> u16 {
        let head = format!("GET /mcp HTTP/1.1\r\nAuthorization: Bearer {token}");
        status(self.public, &head)
    }

    fn ends_with(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap().code()
    }
}

fn command(issuer: &str, upstream: SocketAddr, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oauthgate"));
    command
        .arg("serve")
        .env_clear()
        .env("OAUTHGATE_LISTEN", "127.0.0.1:0")
        .env("OAUTHGATE_ADMIN_LISTEN", "127.0.0.1:0")
        .env("OAUTHGATE_UPSTREAM", format!("http://{upstream}"))
        .env("MCP_SERVER_URL", RESOURCE)
        .env("OAUTH_ISSUER_URL", issuer)
        .env("OAUTH_AUDIENCE", RESOURCE)
        .envs(environment.iter().copied());
    command
}

fn status(address: SocketAddr, head: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(
            format!("{head}\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Says yes to everything.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    address
}

/// An issuer in a runtime of its own.
struct Running {
    runtime: tokio::runtime::Runtime,
    issuer: DevIssuer,
}

impl Running {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let options = DevIssuerOptions {
            resources: vec![Resource::new(RESOURCE)],
            ..DevIssuerOptions::default()
        };
        let issuer = runtime.block_on(DevIssuer::start(options)).unwrap();
        Self { runtime, issuer }
    }

    fn token(&self) -> String {
        self.issuer.mint(TokenSpec::new(RESOURCE))
    }

    /// Ends it, and waits until nobody answers any more.
    fn stop(self) -> String {
        let name = self.issuer.issuer().to_owned();
        drop(self.issuer);
        self.runtime.shutdown_timeout(Duration::from_secs(5));
        let authority = name.trim_start_matches("http://");
        assert!(
            TcpStream::connect(authority).is_err(),
            "{authority} answers"
        );
        name
    }
}

fn files(directory: &Path) -> Vec<(String, u32)> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            (entry.file_name().into_string().unwrap(), mode & 0o7777)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn r2_a_start_during_an_outage_serves_at_once() {
    let parent = tempfile::tempdir().unwrap();
    let state = parent.path().join("state");
    let environment = [
        ("OAUTHGATE_STATE_DIRECTORY", state.to_str().unwrap()),
        ("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "true"),
    ];
    let upstream = upstream();
    let running = Running::start();
    let token = running.token();

    let mut gate = Gate::start(running.issuer.issuer(), upstream, &environment);
    gate.line("key set loaded");
    assert_eq!(gate.call(&token), 200);
    assert_eq!(gate.ends_with(), Some(0));
    let files = files(&state);
    assert!(
        files
            .iter()
            .any(|(name, mode)| name.ends_with(".keys") && *mode == 0o600),
        "{files:?}"
    );
    let issuer = running.stop();

    let gate = Gate::start(&issuer, upstream, &environment);
    let asked = Instant::now();
    assert_eq!(gate.call(&token), 200);
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(status(gate.admin, "GET /readyz HTTP/1.1"), 200);
    assert_eq!(gate.call("not.a.token"), 401);

    // Without what was saved the same start cannot serve, and says so.
    let gate = Gate::start(&issuer, upstream, &environment[1..]);
    assert_eq!(gate.call(&token), 503);
}

#[test]
fn a16_saved_keys_of_a_dev_issuer_open_no_gate_that_refuses_them() {
    let parent = tempfile::tempdir().unwrap();
    let state = parent.path().join("state");
    let environment = [
        ("OAUTHGATE_STATE_DIRECTORY", state.to_str().unwrap()),
        ("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "true"),
    ];
    let running = Running::start();
    let (issuer, token) = (running.issuer.issuer(), running.token());
    let upstream = upstream();
    let mut gate = Gate::start(issuer, upstream, &environment);
    gate.line("key set loaded");
    assert_eq!(gate.call(&token), 200);
    assert_eq!(gate.ends_with(), Some(0));
    let gate = Gate::start(issuer, upstream, &environment[..1]);
    assert_eq!(gate.call(&token), 503);
    // Nor while the issuer, whose answers are refused, is away.
    drop(gate);
    let issuer = running.stop();
    let gate = Gate::start(&issuer, upstream, &environment[..1]);
    assert_eq!(gate.call(&token), 503);
}

#[test]
fn a_state_directory_that_cannot_be_used_is_a_mistake_of_the_configuration() {
    let parent = tempfile::tempdir().unwrap();
    let open = parent.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    for (path, problem) in [
        (open, "others can write to it (mode 0777)"),
        (file.clone(), "cannot create it"),
        (file.join("state"), "cannot create it"),
    ] {
        let environment = [("OAUTHGATE_STATE_DIRECTORY", path.to_str().unwrap())];
        let output = command("http://127.0.0.1:9", upstream(), &environment)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{said}");
        for part in ["OAUTHGATE_STATE_DIRECTORY", path.to_str().unwrap(), problem] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}
