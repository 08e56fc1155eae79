//! Real MCP servers to stand behind the gate.

use std::process::Command;

use serde_json::json;

use crate::{
    clients::Progress,
    parts::{node, node_script, npm_package, python, workspace_root},
    process::{Process, free_port},
};

/// A running MCP server.
#[derive(Debug)]
pub struct Upstream {
    /// Which one, for messages.
    pub name: &'static str,
    /// Its MCP endpoint.
    pub url: String,
    /// The newest revision it speaks.
    pub revision: &'static str,
    /// Its tool that reports progress.
    pub progress: Progress,
    _process: Process,
}

impl Upstream {
    /// npm `@modelcontextprotocol/server-everything`: sessions, SSE, a GET stream; up to 2025-11-25.
    pub async fn everything() -> Self {
        let port = free_port();
        let mut command = Command::new(node().path());
        command
            .arg(npm_package("@modelcontextprotocol/server-everything/dist/index.js").path())
            .arg("streamableHttp")
            .env("PORT", port.to_string());
        let mut process = Process::start("server-everything", command);
        process.until_listening(port).await;
        Self {
            name: "server-everything",
            url: format!("http://127.0.0.1:{port}/mcp"),
            revision: "2025-11-25",
            progress: Progress {
                tool: "trigger-long-running-operation",
                arguments: json!({"duration": 0.6, "steps": 4}),
            },
            _process: process,
        }
    }

    /// npm `@modelcontextprotocol/server`, revision 2026-07-28, without sessions.
    pub async fn typescript() -> Self {
        Self::from_script("@modelcontextprotocol/server", "server-2026.mjs", &[]).await
    }

    /// The server that the conformance suite grades.
    pub async fn conformance() -> Self {
        Self::from_script("conformance server", "conformance-server.mjs", &[]).await
    }

    /// The same, but it never looks at the headers that mirror the body.
    pub async fn careless() -> Self {
        let careless = [("CARELESS", "1")];
        Self::from_script("careless server", "conformance-server.mjs", &careless).await
    }

    /// PyPI `mcp`, revision 2026-07-28.
    pub async fn python() -> Self {
        let port = free_port();
        let mut command = Command::new(python().path());
        command
            .arg(workspace_root().join("e2e/python/server.py"))
            .env("PORT", port.to_string());
        let mut process = Process::start("mcp (PyPI)", command);
        process.until_listening(port).await;
        Self {
            name: "mcp (PyPI)",
            url: format!("http://127.0.0.1:{port}/mcp"),
            revision: "2026-07-28",
            progress: counting(),
            _process: process,
        }
    }

    /// A server that says four times a second that its tools changed, and has a tool that takes its time:
    /// `modern`, `legacy`, or `resumable`, which is legacy with ids on its events.
    pub async fn ticking(era: &str) -> Self {
        Self::from_script("ticking server", "server-ticking.mjs", &[("ERA", era)]).await
    }

    async fn from_script(name: &'static str, script: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(node().path());
        command
            .arg(node_script(script).path())
            .envs(environment.iter().copied());
        let mut process = Process::start(name, command);
        let ready = process.until_ready_line().await;
        let url = ready["url"]
            .as_str()
            .expect("the ready line names the URL")
            .to_owned();
        Self {
            name,
            url,
            revision: "2026-07-28",
            progress: counting(),
            _process: process,
        }
    }
}

fn counting() -> Progress {
    Progress {
        tool: "count",
        arguments: json!({"to": 6}),
    }
}
