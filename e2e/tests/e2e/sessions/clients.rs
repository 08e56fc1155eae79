//! Real clients with sessions: new tokens, an end, and a beginning anew.

use std::process::Command;

use oauthgate_e2e::{Process, Upstream, node, node_script, python, workspace_root};
use rmcp::{
    ServiceExt,
    model::CallToolRequestParams,
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Value, json};

use super::wire::Site;
use crate::limit;

const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// A client opens a session, gets another token for the same user, goes on, and ends the session.
async fn refresh(command: impl FnOnce() -> Command) {
    let _turn = limit::turn().await;
    let site = Site::before(Upstream::everything().await).await;
    let gate = site.gate().start().await;
    let job = json!({
        "url": gate.resource,
        "tokens": [site.ada(&gate.resource), site.ada(&gate.resource)],
        "stranger": site.bob(&gate.resource),
    });
    let mut command = command();
    command.arg(job.to_string());
    let mut process = Process::start("a client with a session", command);
    process.wait(LIMIT).await;
    let output = process.output();
    let report = output
        .lines()
        .rev()
        .find_map(|line| serde_json::from_str::<Value>(line).ok())
        .unwrap_or_else(|| panic!("no report:\n{output}"));
    assert_eq!(report["ok"], true, "{report}");
    let session = report["session"].as_str().expect("a session");
    assert!(session.contains('.'), "a bound one: {session}");
    assert_eq!(report["answers"], json!(["Echo: one", "Echo: two"]));
    let refused = report["refused"].as_str().expect("the stranger's error");
    let known = ["404", "-32001", "Session not found", "Session terminated"];
    assert!(
        known.iter().any(|word| refused.contains(word)),
        "it says that the session is not known: {refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typescript_sdk_1_keeps_its_session_over_a_new_token() {
    refresh(|| typescript("1")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typescript_sdk_2_keeps_its_session_over_a_new_token() {
    refresh(|| typescript("2")).await;
}

fn typescript(sdk: &str) -> Command {
    let mut command = Command::new(node().path());
    command
        .arg(node_script("session-client.mjs").path())
        .arg(sdk);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pypi_mcp_keeps_its_session_over_a_new_token() {
    refresh(|| {
        let mut command = Command::new(python().path());
        command.arg(workspace_root().join("e2e/python/session.py"));
        command
    })
    .await;
}

/// What the specification asks of a client whose session is 404, this one does by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crate_rmcp_begins_anew_after_a_gate_that_kept_nothing() {
    let _turn = limit::turn().await;
    let site = Site::before(Upstream::everything().await).await;
    let builder = site.gate();
    let gate = builder.clone().start().await;
    let config = StreamableHttpClientTransportConfig::with_uri(gate.resource.as_str())
        .auth_header(site.ada(&gate.resource));
    let http = reqwest::Client::builder().no_proxy().build().expect("HTTP");
    let transport = StreamableHttpClientTransport::with_client(http, config);
    let client = ().serve(transport).await.expect("rmcp connects");
    let echo = |text: &str| {
        let arguments = json!({ "message": text }).as_object().cloned();
        CallToolRequestParams::new("echo").with_arguments(arguments.expect("an object"))
    };
    client.call_tool(echo("before")).await.expect("a session");
    drop(gate);
    let gate = builder.start().await;
    let said = client
        .call_tool(echo("after"))
        .await
        .expect("a new session");
    let text = said.content.first().and_then(|content| content.as_text());
    assert_eq!(text.expect("a text").text, "Echo: after");
    let output = gate.process.output();
    assert!(
        output.contains("unknown_session"),
        "it was refused: {output}"
    );
    client.cancel().await.expect("rmcp ends");
}
