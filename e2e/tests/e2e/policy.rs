//! `oauthgate policy` as an operator starts it.

use std::{fs, path::Path, process::Command, time::Duration};

use oauthgate_e2e::{Process, binary};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

const RULES: &str = r#"
[[rule]]
name = "readers"
tools = ["read_*"]
scopes = ["files:read"]

[[rule]]
name = "writers"
tools = ["write_*"]
scopes = ["files:write"]
"#;

const CASES: &str = r#"
[[case]]
name = "readers read"
caller = { scopes = ["files:read"] }
tool = "read_file"
expect = "allow"
expect_rule = "readers"

[[case]]
name = "readers step up to write"
caller = { scopes = ["files:read"] }
tool = "write_file"
expect = "step-up"
expect_scopes = ["files:write"]

[[case]]
name = "lists show what may be called"
caller = { scopes = ["files:read"] }
list = { tools = ["read_file", "write_file"] }
shows = ["read_file"]
"#;

/// A folder with rules and cases in it.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for rules");
    write(&folder, "rules.toml", RULES);
    write(&folder, "cases.toml", CASES);
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) {
    fs::write(folder.path().join(name), text).expect("the folder is ours");
}

fn policy(folder: &Path, arguments: &[&str]) -> Process {
    let mut command = Command::new(binary("oauthgate").path());
    command
        .arg("policy")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs([
            ("MCP_SERVER_URL", "https://mcp.example.com/mcp"),
            ("OAUTH_ISSUER_URL", "https://auth.example.com"),
            ("OAUTHGATE_UPSTREAM", "http://127.0.0.1:3001"),
            ("OAUTHGATE_POLICY_FILE", "rules.toml"),
        ]);
    Process::start("policy", command)
}

/// The exit code and all that was said.
async fn said(folder: &TempDir, arguments: &[&str]) -> (Option<i32>, String) {
    let mut process = policy(folder.path(), arguments);
    let status = process.wait(LIMIT).await;
    (status.code(), process.output())
}

#[tokio::test]
async fn cases_that_hold_end_with_0_and_others_with_1() {
    let folder = folder();
    let (code, output) = said(&folder, &["test", "cases.toml"]).await;
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("3 cases, 3 passed, 0 failed"), "{output}");

    write(&folder, "rules.toml", &RULES.replace("read_*", "view_*"));
    let (code, output) = said(&folder, &["test", "cases.toml"]).await;
    assert_eq!(code, Some(1), "{output}");
    for part in [
        "FAILED readers read (cases.toml:2)",
        "expected \"allow\", came \"forbid\"",
        "3 cases, 1 passed, 2 failed",
    ] {
        assert!(output.contains(part), "no {part} in:\n{output}");
    }
    let (code, output) = said(&folder, &["test", "cases.toml", "--json"]).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("\"failed\":2"), "{output}");
}

#[tokio::test]
async fn mistakes_in_rules_and_in_cases_end_with_78() {
    let folder = folder();
    write(&folder, "cases.toml", "[[case]]\nexpect = \"maybe\"\n");
    let (code, output) = said(&folder, &["test", "cases.toml"]).await;
    assert_eq!(code, Some(78), "{output}");
    assert!(output.contains("cases.toml:2: case.expect"), "{output}");

    write(&folder, "rules.toml", "[[rule]]\ntools = \"read_*\"\n");
    let (code, output) = said(&folder, &["test", "cases.toml"]).await;
    assert_eq!(code, Some(78), "{output}");
    assert!(output.contains("rules.toml:2: rule.tools"), "{output}");
    let (code, output) = said(&folder, &["explain", "--anonymous", "--tool", "a"]).await;
    assert_eq!(code, Some(78), "{output}");
}

#[tokio::test]
async fn an_explanation_ends_with_0_or_1_and_a_wrong_question_with_2() {
    let folder = folder();
    let ask = |rest: &[&'static str]| [&["explain", "--scopes", "files:read"], rest].concat();
    let (code, output) = said(&folder, &ask(&["--tool", "read_file"])).await;
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("permitted by readers"), "{output}");

    let (code, output) = said(&folder, &ask(&["--tool", "write_file"])).await;
    assert_eq!(code, Some(1), "{output}");
    let challenge = "WWW-Authenticate: Bearer error=\"insufficient_scope\"";
    assert!(
        output.contains(challenge) && output.contains("scope=\"files:write\""),
        "{output}"
    );

    for wrong in [&["--tool"][..], &["--message", "nowhere.json"], &[]] {
        let (code, output) = said(&folder, &ask(wrong)).await;
        assert_eq!(code, Some(2), "{wrong:?}: {output}");
    }
}

#[tokio::test]
async fn a_whole_message_is_read_as_the_gate_reads_it() {
    let folder = folder();
    let message = r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file"}},
        {"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"write_file"}}]"#;
    write(&folder, "message.json", message);
    let ask = ["explain", "--scopes", "", "--message", "message.json"];
    let (code, output) = said(&folder, &ask).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(
        output.contains("scope=\"files:read files:write\""),
        "{output}"
    );

    write(
        &folder,
        "message.json",
        &message.replacen("\"id\":1", "\"id\":1,\"id\":1", 1),
    );
    let (code, output) = said(&folder, &ask).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("malformed"), "{output}");
}
