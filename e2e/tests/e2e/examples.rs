//! The example programs, protected by tokens of the dev issuer.

use std::process::Command;

use oauthgate_dev_issuer::TokenSpec;
use oauthgate_e2e::{AuthorizationServer, Kind, Process, binary, free_port};
use serde_json::{Value, json};

struct Example {
    _process: Process,
    url: String,
    server: AuthorizationServer,
}

impl Example {
    /// Starts an example whose protected resource is at `path`.
    async fn start(name: &str, path: &str) -> Self {
        let server = AuthorizationServer::start(Kind::DevIssuer).await;
        let port = free_port();
        let url = format!("http://localhost:{port}{path}");
        let mut command = Command::new(binary(name).path());
        command
            .env_clear()
            .env("LISTEN", format!("127.0.0.1:{port}"));
        command.envs([
            ("MCP_SERVER_URL", url.as_str()),
            ("OAUTH_AUDIENCE", url.as_str()),
            ("OAUTH_ISSUER_URL", server.issuer()),
        ]);
        let mut process = Process::start(name, command);
        process.until_listening(port).await;
        Self {
            _process: process,
            url,
            server,
        }
    }

    fn token(&self, scope: &str) -> String {
        self.server.as_dev_issuer().mint(
            TokenSpec::new(self.url.as_str())
                .subject("ada")
                .scope(scope),
        )
    }

    async fn call_tool(&self, token: &str, tool: &str) -> reqwest::Response {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}});
        let request = http()
            .post(&self.url)
            .bearer_auth(token)
            .header("accept", "application/json, text/event-stream");
        request.json(&call).send().await.expect("an answer")
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

#[tokio::test]
async fn the_axum_example_knows_its_caller_and_challenges_strangers() {
    let example = Example::start("example-axum", "").await;
    let page = format!("{}/whoami", example.url);
    let stranger = http().get(&page).send().await.expect("an answer");
    assert_eq!(stranger.status(), 401);
    let challenge = stranger.headers()["www-authenticate"]
        .to_str()
        .expect("ASCII")
        .to_owned();
    assert!(
        challenge.starts_with("Bearer ") && challenge.contains("resource_metadata="),
        "{challenge}"
    );
    let known = http()
        .get(&page)
        .bearer_auth(example.token("notes:read"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(known.status(), 200);
    assert_eq!(known.text().await.expect("text"), "ada may notes:read\n");
}

#[tokio::test]
async fn the_axum_example_publishes_its_metadata() {
    let example = Example::start("example-axum", "").await;
    let document: Value = http()
        .get(format!(
            "{}/.well-known/oauth-protected-resource",
            example.url
        ))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(document["resource"], example.url.as_str());
    assert_eq!(
        document["authorization_servers"],
        json!([example.server.issuer()])
    );
}

#[tokio::test]
async fn the_rmcp_example_asks_for_more_scope_where_a_tool_needs_it() {
    let example = Example::start("example-rmcp", "/mcp").await;
    let reader = example.token("notes:read");
    let refused = example.call_tool(&reader, "add_note").await;
    assert_eq!(refused.status(), 403);
    let challenge = refused.headers()["www-authenticate"]
        .to_str()
        .expect("ASCII")
        .to_owned();
    assert!(
        challenge.contains("insufficient_scope") && challenge.contains("notes:write"),
        "{challenge}"
    );
    assert_ne!(example.call_tool(&reader, "list_notes").await.status(), 403);
}
