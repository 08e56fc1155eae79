//! Real MCP clients that use up the quota of a tool: a clean 429, and on after `Retry-After`.

use std::{process::Command, time::Duration};

use oauthgate_e2e::{Gate, GateBuilder, Issuer, Process, Upstream, python, workspace_root};
use rmcp::{
    ServiceExt,
    model::CallToolRequestParams,
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Value, json};

use crate::limit;

const LIMIT: Duration = Duration::from_secs(90);

/// Two calls of `echo` at once, and one more every ten seconds.
const FEW: &str = r#"
[[resource.limit]]
name = "echoes"
by = ["subject"]
tools = ["echo"]
rate = "6/min"
burst = 2
"#;

/// A gate before a real server with sessions, whose callers may not call `echo` often.
async fn gate(issuer: &Issuer, upstream: &Upstream) -> Gate {
    let gate = GateBuilder::trusting(&upstream.url, issuer.name());
    gate.with_policy(FEW).start().await
}

/// The access lines of refused calls.
fn refused(gate: &Gate) -> Vec<Value> {
    let output = gate.process.output();
    let lines = output
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["reason"] == "quota_exceeded")
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crate_rmcp_hears_429_and_goes_on_in_its_session() {
    let _turn = limit::turn().await;
    let (issuer, upstream) = (Issuer::start().await, Upstream::everything().await);
    let gate = gate(&issuer, &upstream).await;
    let config = StreamableHttpClientTransportConfig::with_uri(gate.resource.as_str())
        .auth_header(issuer.token(&gate.resource));
    let http = reqwest::Client::builder().no_proxy().build().expect("HTTP");
    let transport = StreamableHttpClientTransport::with_client(http, config);
    let client = ().serve(transport).await.expect("rmcp connects");
    let echo = |text: &str| {
        let arguments = json!({ "message": text }).as_object().cloned();
        CallToolRequestParams::new("echo").with_arguments(arguments.expect("an object"))
    };
    for text in ["one", "two"] {
        client
            .call_tool(echo(text))
            .await
            .expect("within the quota");
    }
    let error = client.call_tool(echo("three")).await.expect_err("over it");
    assert!(format!("{error:?}").contains("429"), "{error:?}");
    client
        .list_all_tools()
        .await
        .expect("that is no call of it");
    let lines = refused(&gate);
    let [line] = &lines[..] else {
        panic!("one refusal: {lines:?}")
    };
    assert_eq!(
        (&line["limit"], &line["mcp_name"]),
        (&json!("echoes"), &json!("echo"))
    );
    let wait = line["retry_after_s"].as_u64().expect("how long to wait");
    assert!((1..=10).contains(&wait), "{line}");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    let said = client
        .call_tool(echo("four"))
        .await
        .expect("time has passed");
    let text = said.content.first().and_then(|content| content.as_text());
    assert_eq!(text.expect("a text").text, "Echo: four");
    client.cancel().await.expect("rmcp ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pypi_mcp_hears_429_and_goes_on_in_its_session() {
    let _turn = limit::turn().await;
    let (issuer, upstream) = (Issuer::start().await, Upstream::everything().await);
    let gate = gate(&issuer, &upstream).await;
    let token = issuer.token(&gate.resource);
    let job = json!({ "url": gate.resource, "token": token, "calls": 2 });
    let mut command = Command::new(python().path());
    command.arg(workspace_root().join("e2e/python/quota.py"));
    command.arg(job.to_string());
    let mut process = Process::start("a client with a quota", command);
    process.wait(LIMIT).await;
    let output = process.output();
    let mut reports = output.lines().rev();
    let report = reports
        .find_map(|line| serde_json::from_str::<Value>(line).ok())
        .unwrap_or_else(|| panic!("no report:\n{output}"));
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(
        report["answers"],
        json!(["Echo: 0", "Echo: 1", "Echo: again"])
    );
    let error = report["error"].as_str().expect("what it raised");
    assert!(!error.starts_with("answered"), "{report}");
    let [refusal] = &report["refusals"].as_array().expect("a list")[..] else {
        panic!("one refusal: {report}")
    };
    assert_eq!(
        refusal["ratelimit-policy"],
        r#""echoes";q=6;w=60;oauthgate-burst=2"#
    );
    let wait = refusal["retry-after"].as_str().expect("how long to wait");
    assert_eq!(refusal["ratelimit"], format!("\"echoes\";r=0;t={wait}"));
    assert_eq!(refusal["www-authenticate"], Value::Null);
    assert!(report["tools"].as_u64() > Some(1), "{report}");
    assert_eq!(report["sessions"], 1, "{report}");
}
