//! It says where it listens and whom it trusts, refreshes keys on SIGHUP, drains on SIGTERM, and ends with 0.

use std::{
    io::Read,
    net::{TcpListener, TcpStream},
};

use super::gate::{Gate, ask, exchange};

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

#[test]
fn h3_a_log_that_nobody_reads_keeps_no_request_waiting_and_loses_no_line() {
    // Far more than a pipe holds.
    const REQUESTS: usize = 1_000;
    let mut gate = Gate::start(&[("OAUTHGATE_UPSTREAM", "http://127.0.0.1:1")]);
    let (public, _) = gate.addresses();
    let one = "GET /nowhere HTTP/1.1\r\nHost: localhost";
    let all = vec![one; REQUESTS].join("\r\n\r\n");
    let answers = exchange(public, &all);
    assert_eq!(answers.matches("HTTP/1.1 404").count(), REQUESTS);
    for _ in 0..REQUESTS {
        assert_eq!(gate.access_line()["reason"], "not_served");
    }
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
    let mut gate = Gate::start(&[("OAUTHGATE_UPSTREAM", "http://127.0.0.1:1")]);
    assert_eq!(
        gate.line("trusting")["keys_from"],
        "http://127.0.0.1:9/.well-known/openid-configuration http://127.0.0.1:9/.well-known/oauth-authorization-server"
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
