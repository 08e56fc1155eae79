//! The binary as people and machines meet it: what goes where, and how it ends.

use std::process::{Command, Output};

use tempfile::TempDir;

const GOOD: [(&str, &str); 4] = [
    ("MCP_SERVER_URL", "https://mcp.example.com/mcp"),
    ("OAUTH_ISSUER_URL", "https://auth.example.com"),
    ("OAUTH_AUDIENCE", "https://mcp.example.com/mcp"),
    ("OAUTHGATE_UPSTREAM", "http://127.0.0.1:3001"),
];

fn oauthgate(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let directory = TempDir::new().unwrap();
    Command::new(env!("CARGO_BIN_EXE_oauthgate"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(directory.path())
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_bad_configuration_is_told_in_full_on_stderr_and_ends_with_78() {
    for command in [&["serve"][..], &["config", "show"]] {
        let output = oauthgate(command, &[]);
        assert_eq!(output.status.code(), Some(78), "{command:?}");
        assert_eq!(stdout(&output), "");
        for name in ["MCP_SERVER_URL", "OAUTH_ISSUER_URL", "OAUTHGATE_UPSTREAM"] {
            assert!(stderr(&output).contains(name), "{}", stderr(&output));
        }
    }
}

#[test]
fn a_way_out_that_cannot_be_taken_ends_with_78() {
    for (name, value, why) in [
        ("OAUTHGATE_CA_FILE", "/nowhere/ca.pem", "cannot be read"),
        ("ALL_PROXY", "socks5://user:s3cret@proxy:1080", "SOCKS"),
    ] {
        let environment: Vec<_> = GOOD.into_iter().chain([(name, value)]).collect();
        for command in [&["serve"][..], &["config", "show"]] {
            let output = oauthgate(command, &environment);
            assert_eq!(output.status.code(), Some(78), "{command:?}");
            let report = stderr(&output);
            assert!(report.contains(name) && report.contains(why), "{report}");
            assert!(!report.contains("s3cret"), "{report}");
        }
    }
}

#[test]
fn config_check_ends_with_0_or_1() {
    let good = oauthgate(&["config", "check"], &GOOD);
    assert_eq!((good.status.code(), stdout(&good).as_str()), (Some(0), ""));
    let told = "the tokens of https://auth.example.com are read with the preset generic";
    assert!(stderr(&good).contains(told), "{}", stderr(&good));
    let bad = oauthgate(&["config", "check", "--json"], &GOOD[..3]);
    assert_eq!(bad.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_str(&stdout(&bad)).unwrap();
    assert_eq!(
        (&report["ok"], &report["mistakes"][0]["setting"]),
        (&false.into(), &"OAUTHGATE_UPSTREAM".into())
    );
}

#[test]
fn config_check_says_which_preset_holds_and_why() {
    let issuer = ("OAUTH_ISSUER_URL", "https://sso.example.com/realms/acme");
    let realm: Vec<_> = GOOD.into_iter().chain([issuer]).collect();
    let output = oauthgate(&["config", "check", "--json"], &realm);
    assert_eq!(output.status.code(), Some(0));
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let told = report["presets"][0].as_str().unwrap();
    assert!(told.contains("preset keycloak (found by"), "{told}");
}

#[test]
fn config_show_prints_data_on_stdout() {
    let output = oauthgate(&["config", "show", "--listen", "127.0.0.1:7"], &GOOD);
    assert_eq!(output.status.code(), Some(0));
    let listen = stdout(&output)
        .lines()
        .find(|line| line.starts_with("listen "))
        .unwrap()
        .to_owned();
    assert!(
        listen.contains("127.0.0.1:7") && listen.ends_with("flag"),
        "{listen}"
    );
    let json = oauthgate(&["config", "show", "--json"], &GOOD);
    assert!(serde_json::from_str::<serde_json::Value>(&stdout(&json)).is_ok());
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for arguments in [&["swerve"][..], &["config", "check", "--no-such-flag"], &[]] {
        assert_eq!(
            oauthgate(arguments, &[]).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_named_file_that_is_missing_is_a_mistake() {
    let output = oauthgate(&["config", "show", "--config", "nowhere.toml"], &GOOD);
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("--config"), "{}", stderr(&output));
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = oauthgate(&["completions", shell], &[]);
        assert!(
            output.status.success() && stdout(&output).contains("serve"),
            "{shell}"
        );
    }
}
