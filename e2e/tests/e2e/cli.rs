//! The commands as a user starts them.

use std::{process::Command, time::Duration};

use oauthgate_e2e::{Process, binary};

const LIMIT: Duration = Duration::from_secs(60);

fn oauthgate(arguments: &[&str], environment: &[(&str, &str)]) -> Process {
    let mut command = Command::new(binary("oauthgate").path());
    command
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied());
    Process::start("oauthgate", command)
}

#[tokio::test]
async fn demo_once_plays_the_whole_loop() {
    let mut demo = oauthgate(
        &["demo", "--once"],
        &[
            ("OAUTHGATE_LISTEN", "127.0.0.1:0"),
            ("OAUTHGATE_ADMIN_LISTEN", "127.0.0.1:0"),
        ],
    );
    let status = demo.wait(LIMIT).await;
    assert_eq!(status.code(), Some(0), "{}", demo.output());
    let output = demo.output();
    for step in ["401", "tools/list", "tools/call", "403"] {
        assert!(output.contains(step), "no {step} in:\n{output}");
    }
}

#[tokio::test]
async fn wrong_configuration_is_reported_all_at_once_with_exit_code_78() {
    let mut serve = oauthgate(
        &["serve"],
        &[
            ("MCP_SERVER_URL", "not a url"),
            ("OAUTH_ISSUER_URL", "http://issuer.example.com"),
            ("OAUTH_AUDIENCE", "one,,two"),
            ("OAUTHGATE_UPSTREAM", "ftp://127.0.0.1/"),
            ("OAUTHGATE_CLOCK_SKEW", "an hour"),
            ("OAUTHGATE_LISEN", "127.0.0.1:0"),
        ],
    );
    let status = serve.wait(LIMIT).await;
    let report = serve.output();
    assert_eq!(status.code(), Some(78), "{report}");
    let mistakes = [
        "MCP_SERVER_URL",
        "OAUTH_ISSUER_URL",
        "OAUTH_AUDIENCE",
        "OAUTHGATE_UPSTREAM",
        "OAUTHGATE_CLOCK_SKEW",
        "OAUTHGATE_LISEN",
    ];
    for name in mistakes {
        assert!(
            report.contains(name),
            "{name} is not in the report:\n{report}"
        );
    }
    assert!(
        report.contains("OAUTHGATE_LISTEN"),
        "the near name is suggested:\n{report}"
    );
}

#[tokio::test]
async fn secrets_in_wrong_settings_are_not_repeated() {
    let mut serve = oauthgate(
        &["serve"],
        &[("OAUTHGATE_UPSTREAM", "http://user:hunter2@127.0.0.1:1/")],
    );
    let status = serve.wait(LIMIT).await;
    assert_eq!(status.code(), Some(78), "{}", serve.output());
    assert!(!serve.output().contains("hunter2"), "{}", serve.output());
}

#[tokio::test]
async fn unknown_commands_end_with_2() {
    let mut process = oauthgate(&["serv"], &[]);
    assert_eq!(process.wait(LIMIT).await.code(), Some(2));
    assert!(process.output().contains("serve"), "{}", process.output());
}

#[tokio::test]
async fn the_version_is_printed() {
    let mut process = oauthgate(&["--version"], &[]);
    assert_eq!(process.wait(LIMIT).await.code(), Some(0));
    assert!(
        process.output().contains(env!("CARGO_PKG_VERSION")),
        "{}",
        process.output()
    );
}
