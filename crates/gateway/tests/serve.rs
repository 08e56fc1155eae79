//! `oauthgate serve` as a process: it says where it listens and whom it trusts, refreshes keys on SIGHUP,
//! drains on SIGTERM, and ends with 0.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;

/// A gate in a process of its own; killed when the test is over, however it ends.
struct Gate {
    child: Child,
    log: BufReader<ChildStdout>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Gate {
    fn start(environment: &[(&str, &str)]) -> Self {
        Self::spawn(
            Command::new(env!("CARGO_BIN_EXE_oauthgate")).arg("serve"),
            environment,
        )
    }

    /// A gate that may not have more descriptors than this.
    fn start_within(descriptors: u32) -> Self {
        let within = format!("ulimit -n {descriptors} && exec \"$0\" serve");
        Self::spawn(
            Command::new("/bin/sh").args(["-c", &within, env!("CARGO_BIN_EXE_oauthgate")]),
            &[("OAUTHGATE_UPSTREAM", "http://127.0.0.1:1")],
        )
    }

    fn spawn(command: &mut Command, environment: &[(&str, &str)]) -> Self {
        let mut child = command
            .env_clear()
            .env("OAUTHGATE_LISTEN", "127.0.0.1:0")
            .env("OAUTHGATE_ADMIN_LISTEN", "127.0.0.1:0")
            .env("MCP_SERVER_URL", "https://mcp.example.com/mcp")
            .env("OAUTH_ISSUER_URL", "http://127.0.0.1:9")
            .env("OAUTH_AUDIENCE", "api")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap());
        Self { child, log }
    }

    /// The next log line with this message.
    fn line(&mut self, message: &str) -> Value {
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
    fn access_line(&mut self) -> Value {
        loop {
            let mut text = String::new();
            assert!(self.log.read_line(&mut text).unwrap() > 0, "the log ended");
            let line: Value = serde_json::from_str(&text).unwrap();
            if line["target"] == "oauthgate::access" {
                return line;
            }
        }
    }

    fn addresses(&mut self) -> (SocketAddr, SocketAddr) {
        let line = self.line("the gate is open");
        let address = |name: &str| line[name].as_str().unwrap().parse().unwrap();
        (address("listen"), address("admin"))
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }
}

fn ask(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(format!("{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn h2_names_the_proxy_at_start_without_its_password() {
    let mut gate = Gate::start(&[
        ("OAUTHGATE_UPSTREAM", "http://127.0.0.1:1"),
        ("HTTPS_PROXY", "http://user:s3cret@127.0.0.1:3128"),
    ]);
    let line =
        gate.line("authorization servers are asked through a proxy, which resolves their names");
    assert_eq!(line["proxy"], "http://127.0.0.1:3128");
    assert!(!line.to_string().contains("s3cret"), "{line}");
}

#[test]
fn serves_logs_and_ends_with_0_on_sigterm() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("http://{}", upstream.local_addr().unwrap());
    let mut gate = Gate::start(&[("OAUTHGATE_UPSTREAM", &upstream)]);
    let (public, admin) = gate.addresses();
    assert!(ask(admin, "GET /livez HTTP/1.1").starts_with("HTTP/1.1 200"));
    let challenged = ask(
        public,
        "GET /mcp?access_token=canary-in-the-query HTTP/1.1\r\nCookie: canary-cookie",
    );
    assert!(
        challenged.starts_with("HTTP/1.1 401")
            && challenged
                .to_ascii_lowercase()
                .contains("www-authenticate: bearer "),
        "{challenged}"
    );
    let line = gate.access_line();
    assert_eq!(
        (&line["resource"], &line["status"], &line["reason"]),
        (&"mcp".into(), &401.into(), &"no_credentials".into())
    );
    assert!(
        challenged.contains(line["reference"].as_str().unwrap()),
        "the answer carries the line's reference"
    );
    let refused = ask(
        public,
        "GET /mcp HTTP/1.1\r\nAuthorization: Bearer canary.canary.canary",
    );
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    gate.signal("-TERM");
    assert_eq!(gate.child.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    gate.log.read_to_string(&mut rest).unwrap();
    assert!(
        rest.contains("malformed_token") && rest.contains("drained"),
        "{rest}"
    );
    assert!(
        !format!("{line}{rest}").contains("canary"),
        "h2: {line}{rest}"
    );
}

const HANGUP: &str = "hangup: the keys of all issuers are fetched now; settings are read at start only, restart to apply changes";

#[test]
fn a_hangup_refreshes_the_keys_and_ends_nothing() {
    let mut gate = Gate::start(&[("OAUTHGATE_UPSTREAM", "http://127.0.0.1:1")]);
    let (_, admin) = gate.addresses();
    for _ in 0..2 {
        gate.signal("-HUP");
        assert_eq!(gate.line(HANGUP)["level"], "WARN");
        let line = gate.line("keys not refreshed");
        assert_eq!(
            (&line["issuer"], &line["outcome"], &line["level"]),
            (
                &"http://127.0.0.1:9".into(),
                &"metadata_unavailable".into(),
                &"WARN".into()
            )
        );
    }
    assert!(ask(admin, "GET /livez HTTP/1.1").starts_with("HTTP/1.1 200"));
    gate.signal("-TERM");
    assert_eq!(gate.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_start_says_whom_it_trusts_and_what_is_risky() {
    let mut gate = Gate::start(&[
        ("OAUTHGATE_UPSTREAM", "http://127.0.0.1:1"),
        ("OAUTHGATE_JWKS_URL", "http://127.0.0.1:9/keys"),
        ("OAUTHGATE_JWKS_STALE_LIMIT", "0"),
    ]);
    let warning = gate.line(
        "the stale limit of http://127.0.0.1:9 is 0: when it cannot be asked for longer than its keys' own life, its tokens are answered 503",
    );
    assert_eq!(warning["level"], "WARN");
    let line = gate.line("trusting");
    assert_eq!(
        (&line["issuer"], &line["keys_from"], &line["resources"]),
        (
            &"http://127.0.0.1:9".into(),
            &"http://127.0.0.1:9/keys".into(),
            &"[\"mcp\"]".into()
        )
    );
}

#[test]
fn an_address_that_is_taken_ends_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut gate = Gate::start(&[
        ("OAUTHGATE_UPSTREAM", "http://127.0.0.1:1"),
        ("OAUTHGATE_LISTEN", &address),
    ]);
    assert_eq!(gate.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_stranger_cannot_take_the_last_descriptors() {
    let mut gate = Gate::start_within(128);
    let (listen, admin) = gate.addresses();
    let warning =
        gate.line("fewer connections than wanted: raise the limit of open files (ulimit -n)");
    assert_eq!(
        (&warning["setting"], &warning["connections"]),
        (&"OAUTHGATE_MAX_CONNECTIONS".into(), &32.into())
    );
    let silent: Vec<_> = (0..140)
        .map(|_| TcpStream::connect(listen).unwrap())
        .collect();
    let full = |_| ask(admin, "GET /metrics HTTP/1.1").contains("oauthgate_connections 32\n");
    assert!((0..1000).any(full), "as many as the warning says");
    let probe = ask(admin, "GET /livez HTTP/1.1");
    assert!(probe.starts_with("HTTP/1.1 200"), "{probe}");
    drop(silent);
    let answer = ask(listen, "GET /mcp HTTP/1.1");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}
