//! Clients whose streams outlive the tokens that opened them.

use std::{process::Command, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    clients::run_within,
    parts::{node, node_script, python, workspace_root},
};

/// How long a client may take on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(180);

/// What a client is to do: log in, hear notifications, call a tool that takes longer than a token lives, and
/// then another.
#[derive(Debug, Clone, Serialize)]
pub struct OutliveJob {
    /// The MCP endpoint as the user knows it.
    pub url: String,
    /// For how many seconds the tool takes its time.
    pub wait: u64,
    /// For how many seconds the client waits for it.
    pub patience: u64,
    /// For how many seconds notifications are to go on coming.
    pub last: u64,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Called {
    /// The tool's words.
    Answered {
        /// The text.
        text: String,
    },
    /// An error.
    Failed {
        /// Its JSON-RPC code, if it has one.
        code: Option<i64>,
        /// Its message.
        error: String,
    },
}

/// What a client did.
#[derive(Debug, Clone, Deserialize)]
pub struct OutliveReport {
    /// The protocol revision it agreed on.
    pub protocol: String,
    /// What became of the long call.
    pub called: Called,
    /// After how many milliseconds.
    pub took_ms: u64,
    /// What the tool `echo` said after it.
    pub next: String,
    /// How many notifications came.
    pub heard: usize,
    /// How many tokens it got.
    pub tokens: usize,
    /// How often it sent its user to the authorization server.
    pub logins: usize,
    /// How its subscriptions ended, in its own words.
    pub ends: Vec<String>,
    /// What it complained of.
    pub troubles: Vec<String>,
}

/// Runs the job with a TypeScript SDK of this major version.
///
/// # Panics
/// When the client fails; its own words are in the message.
pub async fn outlive_in_typescript(sdk: u8, job: &OutliveJob) -> OutliveReport {
    #[derive(Serialize)]
    struct Versioned<'a> {
        sdk: u8,
        #[serde(flatten)]
        job: &'a OutliveJob,
    }
    let mut command = Command::new(node().path());
    command.arg(node_script("outlive.mjs").path());
    run_within(LIMIT, "outlive.mjs", command, &Versioned { sdk, job }).await
}

/// Runs the job with PyPI `mcp`.
///
/// # Panics
/// When the client fails; its own words are in the message.
pub async fn outlive_in_python(job: &OutliveJob) -> OutliveReport {
    let mut command = Command::new(python().path());
    command.arg(workspace_root().join("e2e/python/outlive.py"));
    run_within(LIMIT, "outlive.py", command, job).await
}
