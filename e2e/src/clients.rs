//! Real MCP clients, as scripts on the official SDKs; each reports what it did as one line of JSON.

use std::{collections::BTreeMap, process::Command, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    parts::{node, node_script, python, workspace_root},
    process::Process,
};

/// How long a login and four calls may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A tool that reports its progress several times before it answers.
#[derive(Debug, Clone, Serialize)]
pub struct Progress {
    /// The tool's name.
    pub tool: &'static str,
    /// What to call it with.
    pub arguments: Value,
}

/// What a client is to do.
#[derive(Debug, Clone, Serialize)]
pub struct Job {
    /// The MCP endpoint as the user knows it.
    pub url: String,
    /// What the tool `echo` is to say back.
    pub echo: String,
    /// The tool whose progress is to arrive while it runs.
    pub progress: Progress,
}

/// What a client did.
#[derive(Debug, Clone, Deserialize)]
pub struct ClientReport {
    /// The protocol revision it agreed on.
    pub protocol: String,
    /// The names that `tools/list` returned.
    pub tools: Vec<String>,
    /// What `echo` said.
    pub answer: String,
    /// How many progress notifications came.
    pub progress: usize,
    /// The time between the first and the last of them, in milliseconds.
    pub spread_ms: u64,
    /// The steps of its login, in order.
    pub steps: Vec<String>,
}

/// Runs a client on one of the TypeScript SDKs.
///
/// # Panics
/// When the client fails; its own words are in the message.
pub async fn typescript_client(script: &str, job: &Job) -> ClientReport {
    let mut command = Command::new(node().path());
    command.arg(node_script(script).path());
    run(script, command, job).await
}

/// Runs the client on PyPI `mcp`.
///
/// # Panics
/// When the client fails; its own words are in the message.
pub async fn python_client(job: &Job) -> ClientReport {
    let mut command = Command::new(python().path());
    command.arg(workspace_root().join("e2e/python/client.py"));
    run("client.py", command, job).await
}

/// What npm's clients read in these challenges: by client, in the same order.
///
/// # Panics
/// When a parser fails.
pub async fn read_by_npm<R: DeserializeOwned>(
    challenges: &impl Serialize,
) -> BTreeMap<String, Vec<R>> {
    let mut command = Command::new(node().path());
    command.arg(node_script("challenges.mjs").path());
    read_challenges("challenges.mjs", command, challenges).await
}

/// What PyPI's client reads in them.
///
/// # Panics
/// When the parser fails.
pub async fn read_by_python<R: DeserializeOwned>(
    challenges: &impl Serialize,
) -> BTreeMap<String, Vec<R>> {
    let mut command = Command::new(python().path());
    command.arg(workspace_root().join("e2e/python/challenges.py"));
    read_challenges("challenges.py", command, challenges).await
}

async fn read_challenges<R: DeserializeOwned>(
    name: &str,
    command: Command,
    challenges: &impl Serialize,
) -> BTreeMap<String, Vec<R>> {
    let mut report: Value = run(name, command, &json!({ "challenges": challenges })).await;
    if let Some(report) = report.as_object_mut() {
        report.remove("ok");
    }
    serde_json::from_value(report).expect("a list for each client")
}

/// Gives a script its job, and reads the report that is its last line of JSON.
pub(crate) async fn run<R: DeserializeOwned>(
    name: &str,
    command: Command,
    job: &impl Serialize,
) -> R {
    run_within(LIMIT, name, command, job).await
}

/// The same for a client that takes longer.
pub(crate) async fn run_within<R: DeserializeOwned>(
    limit: Duration,
    name: &str,
    mut command: Command,
    job: &impl Serialize,
) -> R {
    command.arg(serde_json::to_string(job).expect("a job is JSON"));
    let mut process = Process::start(name, command);
    process.wait(limit).await;
    let output = process.output();
    let report = output
        .lines()
        .rev()
        .find_map(|line| serde_json::from_str::<Value>(line).ok());
    match report {
        Some(report) if report["ok"] == true => {
            serde_json::from_value(report).expect("the report is complete")
        }
        Some(report) => panic!(
            "{name} failed: {}",
            report["error"].as_str().unwrap_or("no reason given")
        ),
        None => panic!("{name} reported nothing:\n{output}"),
    }
}
