//! Lists show only what their reader may use.

mod documents;
mod properties;
mod readers;
mod rules;
mod streams;
mod unreadable;
mod users;

use axum::body::Body;
use http::{Request, header};
use serde_json::{Value, json};

use crate::support::*;

/// Three tools that rules speak of, and one that none speaks of.
const TOOLS: [&str; 4] = ["read", "write", "open", "secret"];

fn server(answer: impl Fn() -> http::Response<Body> + Send + Sync + 'static) -> Server {
    Server::with(policy()).answering(answer)
}

/// What the server says about its tools.
fn tools(id: impl Into<Value>) -> String {
    let tools: Vec<_> = TOOLS.iter().map(|name| json!({ "name": name })).collect();
    let id = id.into();
    json!({ "jsonrpc": "2.0", "id": id, "result": { "tools": tools } }).to_string()
}

fn list() -> String {
    request(1, "tools/list").to_string()
}

fn request(id: impl Into<Value>, method: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method })
}

/// A request of 2026-07-28.
fn modern(held: &str) -> Request<Body> {
    let mut request = post(list(), held);
    let headers = request.headers_mut();
    headers.insert("mcp-protocol-version", "2026-07-28".parse().unwrap());
    headers.insert("mcp-method", "tools/list".parse().unwrap());
    request
}

/// A stream without a message of its own.
fn get(held: &str) -> Request<Body> {
    Request::get("/mcp")
        .header(header::ACCEPT, "text/event-stream")
        .header(header::AUTHORIZATION, format!("Bearer {held}"))
        .body(Body::empty())
        .unwrap()
}

/// The names of the tools in a message.
fn names(message: &Value) -> Vec<&str> {
    let tools = message["result"]["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect()
}
