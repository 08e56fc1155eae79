//! The client's MCP session, in the revision that most clients speak.

use http::StatusCode;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use super::client::{Client, Step, challenge_of, expect_status, required_parameter, send};

const REVISION: &str = "2025-11-25";

/// An open session. The token is not part of it: a session belongs to a user, not to token bytes.
#[derive(Clone)]
pub(super) struct Session<'tour> {
    client: &'tour Client,
    url: &'tour str,
    token: String,
    id: Option<String>,
}

impl<'tour> Session<'tour> {
    pub(super) async fn open(client: &'tour Client, url: &'tour str, token: &str) -> Step<Self> {
        let mut session = Self {
            client,
            url,
            token: token.to_owned(),
            id: None,
        };
        let parameters = json!({
            "protocolVersion": REVISION, "capabilities": {}, "clientInfo": { "name": "tour", "version": "1" },
        });
        let response = session.send("initialize", &parameters).await?;
        expect_status(&response, StatusCode::OK)?;
        let id = response.headers().get("mcp-session-id");
        session.id = id.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let server = result(&messages(response).await?)?;
        session.initialized().await?;
        let revision = server.pointer("/protocolVersion").unwrap_or(&Value::Null);
        Ok((format!("200, revision {revision}"), session))
    }

    /// The same session with another token of the same user.
    pub(super) fn with(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// Lists the tools; those that more scopes would open must be among them.
    pub(super) async fn list_tools(&self, expected: usize) -> Step<()> {
        let response = self.send("tools/list", &json!({})).await?;
        expect_status(&response, StatusCode::OK)?;
        let answer = result(&messages(response).await?)?;
        let tools = answer.pointer("/tools").and_then(Value::as_array);
        let tools = tools.ok_or("the answer lists no tools")?;
        if tools.len() != expected {
            return Err(format!("{} tools of {expected} are listed", tools.len()));
        }
        Ok((format!("200, {expected} tools"), ()))
    }

    /// Calls a tool; its text must hold `expected`.
    pub(super) async fn call(&self, tool: &str, expected: &str) -> Step<()> {
        let response = self.call_tool(tool, false).await?;
        expect_status(&response, StatusCode::OK)?;
        let text = text_of(&result(&messages(response).await?)?)?;
        if !text.contains(expected) {
            return Err(format!("the tool said {text:?}"));
        }
        Ok((format!("200, {text:?}"), ()))
    }

    pub(super) async fn call_with_progress(&self, tool: &str) -> Step<()> {
        let response = self.call_tool(tool, true).await?;
        expect_status(&response, StatusCode::OK)?;
        let messages = messages(response).await?;
        let progress = messages
            .iter()
            .filter(|message| message["method"] == "notifications/progress")
            .count();
        if progress == 0 {
            return Err("no progress was told".to_owned());
        }
        let text = text_of(&result(&messages)?)?;
        Ok((format!("200, told {progress} times, {text:?}"), ()))
    }

    /// Calls a tool that takes more; the challenge must name all scopes of the operation.
    pub(super) async fn refused_call(&self, tool: &str, needed: &[&str]) -> Step<String> {
        let response = self.call_tool(tool, false).await?;
        expect_status(&response, StatusCode::FORBIDDEN)?;
        let challenge = challenge_of(&response)?;
        let error = required_parameter(&challenge, "error")?;
        let scope = required_parameter(&challenge, "scope")?;
        let named: Vec<_> = scope.split(' ').collect();
        if error != "insufficient_scope" || needed.iter().any(|scope| !named.contains(scope)) {
            return Err(format!(
                "expected insufficient_scope and {needed:?}, got {challenge}"
            ));
        }
        Ok((format!("403 {error}, scope {scope:?}"), scope))
    }

    async fn call_tool(&self, tool: &str, with_progress: bool) -> Result<Response, String> {
        let mut parameters =
            json!({ "name": tool, "arguments": { "text": "written by the tour" } });
        if with_progress {
            parameters["_meta"] = json!({ "progressToken": "tour" });
        }
        self.send("tools/call", &parameters).await
    }

    async fn send(&self, method: &str, parameters: &Value) -> Result<Response, String> {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters });
        send(self.request().json(&message)).await
    }

    async fn initialized(&self) -> Result<(), String> {
        let message = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let response = send(self.request().json(&message)).await?;
        expect_status(&response, StatusCode::ACCEPTED)
    }

    fn request(&self) -> RequestBuilder {
        let request = self
            .client
            .post(self.url)
            .bearer_auth(&self.token)
            .header("accept", "application/json, text/event-stream");
        match &self.id {
            None => request,
            Some(id) => request
                .header("mcp-session-id", id)
                .header("mcp-protocol-version", REVISION),
        }
    }
}

/// The messages of an answer: one as JSON, or those of a finished event stream.
async fn messages(response: Response) -> Result<Vec<Value>, String> {
    let text = response.text().await.map_err(|error| error.to_string())?;
    if let Ok(message) = serde_json::from_str(&text) {
        return Ok(vec![message]);
    }
    let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let messages: Vec<_> = events
        .filter_map(|event| serde_json::from_str(event.trim()).ok())
        .collect();
    if messages.is_empty() {
        return Err(format!("no message in the answer: {text:.200}"));
    }
    Ok(messages)
}

fn result(messages: &[Value]) -> Result<Value, String> {
    let answer = messages.iter().find(|message| message["id"] == 1);
    let answer = answer.ok_or("no answer among the messages")?;
    answer
        .get("result")
        .cloned()
        .ok_or_else(|| format!("the answer is an error: {answer:.300}"))
}

fn text_of(result: &Value) -> Result<String, String> {
    let text = result.pointer("/content/0/text").and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| format!("no text in {result:.300}"))
}
