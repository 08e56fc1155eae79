//! Clients that log in with the scopes for basic use, and again when a tool needs more.

use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    clients::run,
    parts::{node, node_script, python, workspace_root},
};

/// A call of a tool.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// The tool's name.
    pub tool: String,
    /// What to call it with.
    pub arguments: Value,
}

/// What a client is to do: log in, list the tools, and call some, one after the other.
#[derive(Debug, Clone, Serialize)]
pub struct StepUpJob {
    /// The MCP endpoint as the user knows it.
    pub url: String,
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// Whether the client takes refresh tokens, where its user may choose.
    pub refresh: bool,
}

/// One thing that a client did.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It registered at the authorization server.
    Registered,
    /// It opened a browser, asking for this.
    Authorize {
        /// The scopes.
        scope: String,
        /// The resource (RFC 8707).
        resource: String,
    },
    /// It got a token with these scopes, as the token itself says.
    Token {
        /// The scopes.
        scope: String,
    },
    /// It used its refresh token, asking for these scopes or for none in particular.
    Refresh {
        /// The scopes.
        scope: Option<String>,
    },
    /// It got a list of tools with these names.
    Listed(Vec<String>),
    /// It called a tool, and got this text.
    Called {
        /// The tool's name.
        tool: String,
        /// The first text of the result.
        said: String,
    },
    /// It gave a call up, with these words.
    Failed {
        /// The tool's name.
        tool: String,
        /// The client's own words.
        error: String,
    },
}

/// What a client did, in order.
#[derive(Debug, Clone, Deserialize)]
pub struct StepUpReport {
    /// The protocol revision it agreed on, where it tells.
    pub protocol: Option<String>,
    /// Everything else.
    pub steps: Vec<Step>,
    /// Its session at the beginning and at the end, where it tells.
    #[serde(default)]
    pub sessions: Vec<Option<String>>,
}

/// A client that is a program of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// npm `@modelcontextprotocol/sdk`.
    TypescriptV1,
    /// npm `@modelcontextprotocol/client`.
    TypescriptV2,
    /// The same, connected before it has a token.
    LazyTypescriptV2,
    /// npm `mcp-remote`, behind a desktop application.
    McpRemote,
    /// PyPI `mcp`.
    PythonMcp,
    /// PyPI `fastmcp`.
    Fastmcp,
}

/// Lets a client do its job.
///
/// # Panics
/// When the client fails; its own words are in the message.
pub async fn step_up(client: Client, job: &StepUpJob) -> StepUpReport {
    let (script, command) = match client {
        Client::TypescriptV1 => on_node("step-up-v1.mjs"),
        Client::TypescriptV2 => on_node("step-up-v2.mjs"),
        Client::LazyTypescriptV2 => on_node("lazy-v2.mjs"),
        Client::McpRemote => on_node("step-up-remote.mjs"),
        Client::PythonMcp => on_python("step_up.py"),
        Client::Fastmcp => on_python("step_up_fastmcp.py"),
    };
    run(script, command, job).await
}

fn on_node(script: &'static str) -> (&'static str, Command) {
    let mut command = Command::new(node().path());
    command.arg(node_script(script).path());
    (script, command)
}

fn on_python(script: &'static str) -> (&'static str, Command) {
    let mut command = Command::new(python().path());
    command.arg(workspace_root().join("e2e/python").join(script));
    (script, command)
}
