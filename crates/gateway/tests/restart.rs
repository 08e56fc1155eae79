//! A start while the issuer is away: the process finds what an earlier one saved, and serves at once.
#![cfg(feature = "dev")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use oauthgate_dev_issuer::{Algorithm, DevIssuer, DevIssuerOptions, Resource, TokenSpec};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const RESOURCE: &str = "http://localhost:8080/mcp";

/// A gate in a process of its own; killed when the test is over, however it ends.
struct Gate {
    child: Child,
    log: Receiver<Value>,
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
        let log = lines_of(child.stdout.take().unwrap());
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
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no {message:?}: {:?}", self.said));
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

fn lines_of(log: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let _ = sender.send(serde_json::from_str(&line).unwrap());
        }
    });
    receiver
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
        until("it is gone", || TcpStream::connect(authority).is_err());
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

/// A directory, and what a gate needs to keep things in it and to trust a dev-issuer.
struct Kept {
    parent: TempDir,
}

impl Kept {
    fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        Self { parent }
    }

    fn path(&self) -> PathBuf {
        self.parent.path().join("state")
    }

    fn gate(&self, issuer: &str, upstream: SocketAddr) -> Gate {
        let environment = [
            (
                "OAUTHGATE_STATE_DIRECTORY",
                self.path().to_str().unwrap().to_owned(),
            ),
            ("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "true".to_owned()),
        ];
        let environment = environment
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        Gate::start(issuer, upstream, &environment)
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        pause(Duration::from_millis(5));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "no runtime is here to keep waiting"
)]
fn pause(time: Duration) {
    thread::sleep(time);
}

/// Waits until the keys of one issuer are on the disk.
fn wait_for_keys(directory: &Path) {
    until("the keys are saved", || {
        files(directory)
            .iter()
            .any(|(name, _)| name.ends_with(".keys"))
    });
}

/// The `kid` of a token's header.
fn kid(token: &str) -> String {
    let header = token.split('.').next().unwrap();
    let header = BASE64_URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[test]
fn r2_a_start_during_an_outage_serves_at_once() {
    let (kept, upstream, running) = (Kept::new(), upstream(), Running::start());
    let token = running.token();

    let mut gate = kept.gate(running.issuer.issuer(), upstream);
    gate.line("key set loaded");
    assert_eq!(gate.call(&token), 200);
    wait_for_keys(&kept.path());
    assert_eq!(gate.ends_with(), Some(0));
    let files = files(&kept.path());
    assert!(
        files
            .iter()
            .any(|(name, mode)| name.ends_with(".keys") && *mode == 0o600),
        "{files:?}"
    );
    let issuer = running.stop();

    let gate = kept.gate(&issuer, upstream);
    // The first request: whoever waited for the issuer would have to refuse it.
    assert_eq!(gate.call(&token), 200);
    assert_eq!(status(gate.admin, "GET /readyz HTTP/1.1"), 200);
    assert_eq!(gate.call("not.a.token"), 401);

    // Without what was saved the same start cannot serve, and says so.
    let gate = Kept::new().gate(&issuer, upstream);
    assert_eq!(gate.call(&token), 503);
}

#[test]
fn a16_saved_keys_of_a_dev_issuer_open_no_gate_that_refuses_them() {
    let (kept, upstream, running) = (Kept::new(), upstream(), Running::start());
    let token = running.token();
    let path = kept.path();
    let refusing = [("OAUTHGATE_STATE_DIRECTORY", path.to_str().unwrap())];
    let mut gate = kept.gate(running.issuer.issuer(), upstream);
    gate.line("key set loaded");
    assert_eq!(gate.call(&token), 200);
    wait_for_keys(&kept.path());
    assert_eq!(gate.ends_with(), Some(0));
    let gate = Gate::start(running.issuer.issuer(), upstream, &refusing);
    assert_eq!(gate.call(&token), 503);
    // Nor while the issuer, whose answers are refused, is away.
    drop(gate);
    let gate = Gate::start(&running.stop(), upstream, &refusing);
    assert_eq!(gate.call(&token), 503);
}

#[test]
fn r4_a_withdrawn_key_stays_withdrawn_over_restarts_with_and_without_its_issuer() {
    let (kept, upstream, running) = (Kept::new(), upstream(), Running::start());
    let mint = |algorithm| running.issuer.mint(TokenSpec::new(RESOURCE).alg(algorithm));
    let (leaked, good) = (mint(Algorithm::Es256), mint(Algorithm::Rs256));
    let issuer = running.issuer.issuer();

    let mut gate = kept.gate(issuer, upstream);
    gate.line("key set loaded");
    assert_eq!((gate.call(&leaked), gate.call(&good)), (200, 200));
    let withdraw = format!("DELETE /keys/{} HTTP/1.1", kid(&leaked));
    assert_eq!(status(gate.admin, &withdraw), 200);
    assert_eq!((gate.call(&leaked), gate.call(&good)), (401, 200));
    // No farewell: what was answered is on the disk.
    drop(gate);

    let mut gate = kept.gate(issuer, upstream);
    gate.line("keys are loaded");
    assert_eq!((gate.call(&leaked), gate.call(&good)), (401, 200));
    drop(gate);
    let issuer = running.stop();
    let gate = kept.gate(&issuer, upstream);
    assert_eq!((gate.call(&leaked), gate.call(&good)), (401, 200));
}

#[test]
fn killed_gates_and_gates_that_share_a_directory_leave_whole_files() {
    let (kept, upstream, running) = (Kept::new(), upstream(), Running::start());
    let (issuer, token) = (running.issuer.issuer(), running.token());
    for milliseconds in 0..12 {
        let mut gates = [kept.gate(issuer, upstream), kept.gate(issuer, upstream)];
        gates[0].line("keys are loaded");
        pause(Duration::from_millis(milliseconds));
        // Killed while they save, or shortly before or after.
        for gate in gates {
            let troubled = gate
                .said
                .iter()
                .any(|line| line["message"] == "key snapshot");
            assert!(!troubled, "{:?}", gate.said);
        }
    }
    let last = kept.gate(issuer, upstream);
    wait_for_keys(&kept.path());
    drop(last);
    let issuer = running.stop();
    let mut gates = [kept.gate(&issuer, upstream), kept.gate(&issuer, upstream)];
    for gate in &mut gates {
        gate.line("key set of an earlier run is in use until the issuer answers");
        assert_eq!(gate.call(&token), 200);
    }
    let names: Vec<_> = files(&kept.path())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    // Nothing half written is left.
    assert_eq!(
        names.len(),
        3,
        "a lock, the keys and the secret of sessions: {names:?}"
    );
}

#[test]
fn a_state_directory_that_cannot_be_used_is_a_mistake_of_the_configuration() {
    let parent = tempfile::tempdir().unwrap();
    let open = parent.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let linked = parent.path().join("linked");
    fs::create_dir(&linked).unwrap();
    fs::set_permissions(&linked, fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink(&file, linked.join("lock")).unwrap();
    for (path, problem) in [
        (open.clone(), "others can write to it (mode 0777)"),
        (open, "a subdirectory that does not exist yet"),
        (linked.clone(), "linked/lock: cannot open it"),
        (linked, "a symbolic link: remove it"),
        (file.clone(), "it is no directory"),
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
