//! `oauthgate keys` against a running gate: what it does, what it says, and how it ends.

use std::{
    net::SocketAddr,
    process::{Command, Output},
};

use rstest::rstest;
use tempfile::TempDir;

use super::{
    gate::{Gate, ask},
    issuer::Issuer,
};

const TOKEN: (&str, &str) = ("OAUTHGATE_ADMIN_TOKEN", "a-token-for-the-operators");

/// A gate that trusts one issuer.
struct Running {
    issuer: Issuer,
    gate: Gate,
    public: SocketAddr,
    admin: SocketAddr,
}

impl Running {
    fn start(kid: &'static str, environment: &[(&str, &str)]) -> Self {
        Self::before(Issuer::start(kid), environment)
    }

    fn before(issuer: Issuer, environment: &[(&str, &str)]) -> Self {
        let of_issuer = issuer.environment();
        let of_issuer = of_issuer
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let all: Vec<_> = of_issuer.chain(environment.iter().copied()).collect();
        let mut gate = Gate::start(&all);
        let (public, admin) = gate.addresses();
        Self {
            issuer,
            gate,
            public,
            admin,
        }
    }

    fn keys(&self, arguments: &[&str]) -> Output {
        self.keys_with(arguments, &[])
    }

    fn keys_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let admin = format!("http://{}", self.admin);
        let mut all = vec!["keys", "--admin", &admin];
        all.extend(arguments);
        oauthgate(&all, environment)
    }

    fn status(&self) -> u16 {
        self.issuer.status_at(self.public)
    }
}

fn oauthgate(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oauthgate"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

/// What a command that did its work wrote: data, words.
fn done(output: &Output) -> (String, String) {
    let (data, words, code) = ended(output);
    assert_eq!(code, Some(0), "{data}{words}");
    (data, words)
}

fn ended(output: &Output) -> (String, String, Option<i32>) {
    (
        String::from_utf8(output.stdout.clone()).unwrap(),
        String::from_utf8(output.stderr.clone()).unwrap(),
        output.status.code(),
    )
}

#[test]
fn the_keys_are_listed_for_people_and_for_machines() {
    let running = Running::start("k\u{1b}[31m\u{202e}", &[]);
    assert_eq!(running.status(), 200);
    let (data, _) = done(&running.keys(&["list"]));
    for told in [
        &running.issuer.base,
        "resources  mcp",
        "state      good; confirmed 0 s ago",
        "k\\u{1b}[31m\\u{202e}  ",
        "  ES256",
    ] {
        assert!(data.contains(told), "{told} is not in {data}");
    }
    assert!(!data.contains('\u{1b}'), "h1: {data:?}");
    let (json, _) = done(&running.keys(&["list", "--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["issuers"][0]["held_keys"][0]["kid"],
        "k\u{1b}[31m\u{202e}"
    );
}

#[rstest]
#[case::plain("key-1")]
#[case::like_a_flag("--key")]
#[case::like_a_path("../a/b?c#d%2F")]
fn a_leaked_key_is_withdrawn_and_a_wrong_one_given_back(#[case] kid: &'static str) {
    let mut running = Running::start(kid, &[]);
    assert_eq!(running.status(), 200);
    let (data, words) = done(&running.keys(&["withdraw", kid]));
    assert_eq!(
        data,
        format!("{}  withdrawn; saved nowhere\n", running.issuer.base)
    );
    assert!(
        words.contains(&format!("add {kid} to OAUTHGATE_WITHDRAWN_KIDS")),
        "{words}"
    );
    assert_eq!(running.status(), 401);
    let line = running.gate.line("key withdrawn");
    assert_eq!(
        (&line["level"], &line["kid"], &line["issuer"]),
        (
            &"WARN".into(),
            &kid.into(),
            &running.issuer.base.as_str().into()
        )
    );
    let issuer = running.issuer.base.clone();
    let (data, _) = done(&running.keys(&["restore", "--issuer", &issuer, kid]));
    assert!(data.contains("given back"), "{data}");
    assert_eq!(running.gate.line("key given back")["level"], "INFO");
    assert_eq!(running.status(), 200);
}

#[test]
fn a_name_that_no_key_has_is_withdrawn_for_the_future_and_said_to_be_unknown() {
    let running = Running::start("key-1", &[]);
    assert_eq!(running.status(), 200);
    let (data, _) = done(&running.keys(&["withdraw", "key-2"]));
    assert!(data.contains("no key of this name is held"), "{data}");
    assert_eq!(running.status(), 200);
}

#[rstest]
#[case("OAUTHGATE_WITHDRAWN_KIDS", "key-1")]
#[case("OAUTHGATE_PINNED_KIDS", "key-2")]
fn what_the_settings_keep_out_stays_out(#[case] variable: &str, #[case] names: &str) {
    let running = Running::start("key-1", &[(variable, names)]);
    assert_eq!(running.status(), 401);
    let (data, _) = done(&running.keys(&["restore", "key-1"]));
    assert!(
        data.contains("not used") && data.contains(variable),
        "{data}"
    );
    assert_eq!(running.status(), 401);
}

#[test]
fn a_withdrawal_that_is_saved_outlives_the_process() {
    let directory = TempDir::new().unwrap();
    let state = directory.path().join("state");
    let state = [("OAUTHGATE_STATE_DIRECTORY", state.to_str().unwrap())];
    let running = Running::start("key-1", &state);
    assert_eq!(running.status(), 200);
    let (data, words) = done(&running.keys(&["withdraw", "key-1"]));
    assert!(data.ends_with("withdrawn; saved\n"), "{data}");
    assert_eq!(words, "");
    let Running { issuer, gate, .. } = running;
    drop(gate);
    let again = Running::before(issuer, &state);
    assert_eq!(again.status(), 401);
    let (data, _) = done(&again.keys(&["list"]));
    assert!(data.contains("withdrawn  key-1"), "{data}");
}

#[test]
fn a_compromised_issuer_is_suspended_until_it_is_resumed() {
    let mut running = Running::start("key-1", &[]);
    assert_eq!(running.status(), 200);
    let issuer = running.issuer.base.clone();
    let (data, words) = done(&running.keys(&["suspend", &issuer]));
    assert_eq!(data, format!("{issuer}  suspended; saved nowhere\n"));
    assert!(words.contains("a restart forgets this"), "{words}");
    assert_eq!(running.status(), 503);
    assert_eq!(running.gate.line("issuer suspended")["level"], "WARN");
    let (data, _) = done(&running.keys(&["list"]));
    assert!(data.contains("state      suspended"), "{data}");
    done(&running.keys(&["resume", &issuer]));
    assert_eq!(running.status(), 200);
}

#[test]
fn a_withdrawal_that_the_other_replicas_did_not_hear_of_says_so() {
    let redis = [
        ("OAUTHGATE_REDIS_URL", "redis://127.0.0.1:9"),
        (
            "OAUTHGATE_STATE_SECRET",
            "a-secret-of-more-than-thirty-two-bytes",
        ),
    ];
    let running = Running::start("key-1", &redis);
    for arguments in [&["withdraw", "key-1"][..], &["restore", "key-1"]] {
        let (_, words) = done(&running.keys(arguments));
        assert!(words.contains("other replicas have not heard"), "{words}");
    }
    let (_, words) = done(&Running::start("key-1", &[]).keys(&["withdraw", "key-1"]));
    assert!(!words.contains("replicas"), "{words}");
}

#[test]
fn a_refresh_says_how_it_went_and_ends_with_1_when_it_failed() {
    let mut running = Running::start("key-1", &[]);
    let (data, _) = done(&running.keys(&["refresh"]));
    assert_eq!(
        data,
        format!("{}  refreshed: 1 key(s)\n", running.issuer.base)
    );
    assert_eq!(running.gate.line("keys refreshed")["outcome"], "ok");
    let away = [("OAUTHGATE_JWKS_URL", "http://127.0.0.1:9/keys")];
    let running = Running::start("key-1", &away);
    let (data, words, code) = ended(&running.keys(&["refresh"]));
    assert_eq!(code, Some(1));
    assert!(
        data.contains("failed: jwks_unavailable") && words.contains("not every issuer"),
        "{data}{words}"
    );
}

#[test]
fn a_hangup_fetches_the_keys_now() {
    let mut running = Running::start("key-1", &[]);
    assert_eq!(running.status(), 200);
    running.gate.signal("-HUP");
    let line = running.gate.line("keys refreshed");
    assert_eq!(
        (&line["issuer"], &line["outcome"], &line["keys"]),
        (
            &running.issuer.base.as_str().into(),
            &"ok".into(),
            &1.into()
        )
    );
}

#[test]
fn an_outage_is_a_warning_with_the_time_that_is_left() {
    let mut running = Running::start("key-1", &[("OAUTH_JWKS_CACHE_TTL", "1")]);
    assert_eq!(running.status(), 200);
    running.issuer.go_away();
    running.gate.line("key set not fetched");
    let page = || {
        let answer = ask(running.admin, "GET /readyz HTTP/1.1");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str::<serde_json::Value>(body).unwrap()
    };
    let warned = (0..5_000).map(|_| page()["warnings"][0].clone());
    let warning = warned
        .into_iter()
        .find(|warning| warning["warning"] == "stale_keys")
        .expect("a warning once the second is over");
    let detail = warning["detail"].as_str().unwrap();
    assert!(
        detail.contains("served for another 23 h 59 min") && detail.contains("jwks_unavailable"),
        "{detail}"
    );
    assert_eq!(running.status(), 200, "the keys are within the limit");
    let (data, _) = done(&running.keys(&["list"]));
    assert!(
        data.contains("stale, still used") && data.contains("last fetch failed: jwks_unavailable"),
        "{data}"
    );
}

#[test]
fn f28_a_token_is_taken_from_the_environment() {
    let running = Running::start("key-1", &[TOKEN]);
    let (_, words, code) = ended(&running.keys(&["withdraw", "key-1"]));
    assert_eq!(code, Some(1));
    assert!(words.contains("OAUTHGATE_ADMIN_TOKEN"), "{words}");
    assert_eq!(running.status(), 200);
    done(&running.keys_with(&["withdraw", "key-1"], &[TOKEN]));
    assert_eq!(running.status(), 401);
}

#[test]
fn a_call_that_cannot_be_made_says_what_to_do() {
    let running = Running::start("key-1", &[]);
    let call = ["suspend", "https://other.example"];
    let (_, words, code) = ended(&running.keys(&call));
    assert_eq!(code, Some(1));
    assert!(
        words.contains("no resource trusts this issuer") && words.contains(&running.issuer.base),
        "{words}"
    );
    let public = format!("http://{}", running.public);
    let (_, words, code) = ended(&oauthgate(&["keys", "list", "--admin", &public], &[]));
    assert_eq!(code, Some(1));
    assert!(words.contains("not the admin listener"), "{words}");
    let nobody = oauthgate(&["keys", "list", "--admin", "http://127.0.0.1:9"], &[]);
    let (_, words, code) = ended(&nobody);
    assert_eq!(code, Some(1));
    assert!(
        words.contains("http://127.0.0.1:9") && words.contains("--admin"),
        "{words}"
    );
    for wrong in [
        &["keys"][..],
        &["keys", "list", "--admin", "https://127.0.0.1:9"],
        &["keys", "withdraw"],
        &["keys", "suspend"],
    ] {
        assert_eq!(oauthgate(wrong, &[]).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn the_gate_is_found_where_the_settings_say() {
    let running = Running::start("key-1", &[]);
    let admin = running.admin.to_string();
    let listen = [("OAUTHGATE_ADMIN_LISTEN", admin.as_str())];
    done(&oauthgate(&["keys", "list"], &listen));
}
