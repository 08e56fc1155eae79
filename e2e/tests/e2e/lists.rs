//! Two callers ask real servers for their lists, in both eras of MCP, and each sees what it may use.

use std::collections::BTreeSet;

use oauthgate_e2e::{AuthorizationServer, Gate, GateBuilder, Kind, Upstream};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::limit;

const READ: &str = "mcp:read";
const BOTH: &str = "mcp:read mcp:write";

/// Who asks, in which words.
struct Caller<'a> {
    gate: &'a Gate,
    token: String,
    revision: &'a str,
    session: Option<String>,
}

impl<'a> Caller<'a> {
    /// A client of the revisions with sessions.
    async fn legacy(gate: &'a Gate, token: String) -> Self {
        let mut caller = Self {
            gate,
            token,
            revision: "2025-06-18",
            session: None,
        };
        let hello = json!({ "protocolVersion": caller.revision, "capabilities": {},
            "clientInfo": { "name": "lists", "version": "1" } });
        let welcome = caller.post(&message(1, "initialize", &hello)).await;
        let session = welcome.headers().get("mcp-session-id");
        caller.session = session.map(|id| id.to_str().expect("an id").to_owned());
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        caller.post(&initialized).await;
        caller
    }

    /// A client without.
    fn modern(gate: &'a Gate, token: String) -> Self {
        Self {
            gate,
            token,
            revision: "2026-07-28",
            session: None,
        }
    }

    async fn post(&self, body: &Value) -> Response {
        let method = body["method"].as_str().unwrap_or_default().to_owned();
        let request = self.request().body(body.to_string());
        let request = match (self.revision, &self.session) {
            ("2026-07-28", _) => request.header("Mcp-Method", method),
            (_, Some(session)) => request.header("Mcp-Session-Id", session),
            _ => request,
        };
        let answer = request.send().await.expect("the gate answers");
        assert!(answer.status().is_success(), "{answer:?}");
        answer
    }

    fn request(&self) -> RequestBuilder {
        let url = format!("http://localhost:{}/mcp", self.gate.port);
        reqwest::Client::new()
            .post(url)
            .bearer_auth(&self.token)
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .header("Accept-Encoding", "gzip, br")
            .header("MCP-Protocol-Version", self.revision)
    }

    /// The result of a list request, in whichever form it came.
    async fn list(&self, method: &str) -> Value {
        let mut params = json!({});
        if self.revision == "2026-07-28" {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": self.revision,
                "io.modelcontextprotocol/clientInfo": { "name": "lists", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {}
            });
        }
        let answer = self.post(&message(2, method, &params)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let cached = answer.headers().get("cache-control");
        let cached = cached.expect("a list says who may keep it").to_str();
        assert!(cached.is_ok_and(|cached| cached.contains("private")));
        let text = answer.text().await.expect("the answer ends");
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let mut messages = data.chain([text.as_str()]).map(serde_json::from_str);
        let message = messages.find_map(|message: Result<Value, _>| {
            message.ok().filter(|message| message["id"] == 2)
        });
        message.unwrap_or_else(|| panic!("no response: {text}"))["result"].clone()
    }
}

fn message(id: u64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn names(result: &Value, member: &str) -> BTreeSet<String> {
    let items = result[member].as_array().expect("a list");
    let names = items.iter().map(|item| item["name"].as_str());
    names.map(|name| name.expect("a name").to_owned()).collect()
}

/// `echo` for readers, the server's other tool for writers, nothing else for anybody.
async fn gate(upstream: &Upstream, server: &AuthorizationServer) -> (Gate, &'static str) {
    let other = match upstream.name {
        "server-everything" => "get-sum",
        _ => "count",
    };
    let policy = format!(
        "[[resource.rule]]\ntools = [\"echo\"]\nscopes = [{READ:?}]\n\
         [[resource.rule]]\ntools = [{other:?}]\nprompts = [\"*\"]\nresources = [\"*\"]\nscopes = [\"mcp:write\"]\n"
    );
    let gate = GateBuilder::new(&upstream.url, server).with_policy(&policy);
    (gate.start().await, other)
}

/// What the two callers see in one era.
async fn see_their_own(gate: &Gate, server: &AuthorizationServer, other: &str, modern: bool) {
    for (scope, expected) in [(READ, vec!["echo"]), (BOTH, vec!["echo", other])] {
        let token = server.token(&gate.resource, scope).await;
        let caller = if modern {
            Caller::modern(gate, token)
        } else {
            Caller::legacy(gate, token).await
        };
        let tools = caller.list("tools/list").await;
        let expected = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(names(&tools, "tools"), expected, "{scope}: {tools}");
        if modern {
            assert_eq!(tools["cacheScope"], "private", "{tools}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_53_a_server_of_2026_in_typescript_shows_each_caller_its_tools() {
    let _turn = limit::turn().await;
    let (server, upstream) = (
        AuthorizationServer::start(Kind::DevIssuer).await,
        Upstream::typescript().await,
    );
    let (gate, other) = gate(&upstream, &server).await;
    see_their_own(&gate, &server, other, true).await;
    see_their_own(&gate, &server, other, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_53_a_server_of_2026_in_python_shows_each_caller_its_tools() {
    let _turn = limit::turn().await;
    let (server, upstream) = (
        AuthorizationServer::start(Kind::DevIssuer).await,
        Upstream::python().await,
    );
    let (gate, other) = gate(&upstream, &server).await;
    see_their_own(&gate, &server, other, true).await;
    see_their_own(&gate, &server, other, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_sessions_shows_each_caller_its_tools_prompts_and_resources() {
    let _turn = limit::turn().await;
    let (server, upstream) = (
        AuthorizationServer::start(Kind::DevIssuer).await,
        Upstream::everything().await,
    );
    let (gate, other) = gate(&upstream, &server).await;
    see_their_own(&gate, &server, other, false).await;
    for (scope, sees_all) in [(READ, false), (BOTH, true)] {
        let token = server.token(&gate.resource, scope).await;
        let caller = Caller::legacy(&gate, token).await;
        for (method, member) in [
            ("prompts/list", "prompts"),
            ("resources/list", "resources"),
            ("resources/templates/list", "resourceTemplates"),
        ] {
            let list = caller.list(method).await;
            assert_eq!(
                !names(&list, member).is_empty(),
                sees_all,
                "{method}: {list}"
            );
        }
    }
}
