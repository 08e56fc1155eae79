//! Lists that a policy hides something of, through the whole gate.

use oauthgate_core::ScopeSet;
use oauthgate_mcp::policy::{ListFilter, Rule};
use serde_json::json;

use super::{
    between::{Between, read_until, write, write_chunk},
    lines::Log,
    recorder::Recorder,
    support::{Answer, Running, exchange},
};
use crate::config::Settings;

const TOOLS: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read"},{"name":"write"}]}}"#;
const SHOWN: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read"}]}}"#;

/// `read` and `write` need a scope of the same name.
fn rules(settings: &mut Settings) {
    let rules = ["read", "write"].map(|name| {
        let scopes = ScopeSet::parse(name).unwrap();
        Rule::builder()
            .tools([name])
            .scopes(scopes)
            .build()
            .unwrap()
    });
    settings.resources[0].policy.rules.extend(rules);
}

fn answering(media_type: &str) -> String {
    let length = TOOLS.len();
    format!(
        "HTTP/1.1 200 OK
Content-Type: {media_type}
Content-Length: {length}
ETag: \"1\"
Connection: close

{TOOLS}"
    )
}

/// What a caller with the scope `read` hears when it asks for the tools.
async fn list(upstream: &Recorder, change: impl FnOnce(&mut Settings)) -> Answer {
    let gate = Running::before(&upstream.url(), |settings| {
        rules(settings);
        change(settings);
    })
    .await;
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let lines = [
        "Host: mcp.example.com",
        "Content-Type: application/json",
        "Accept-Encoding: gzip",
        "If-None-Match: \"1\"",
        &format!("Content-Length: {}", body.len()),
        &gate.bearer(json!({ "scope": "read" })),
    ];
    exchange(gate.public, "POST /mcp HTTP/1.1", &lines, &body).await
}

#[tokio::test]
async fn row_53_g13_a_list_is_its_readers_own() {
    let mut upstream = Recorder::answering(&answering("application/json")).await;
    let answer = list(&upstream, |_| {}).await;
    assert_eq!((answer.status, &*answer.body), (200, SHOWN));
    assert_eq!(answer.header("cache-control"), "private");
    assert_eq!(answer.header("content-length"), SHOWN.len().to_string());
    let asked = upstream.head().await;
    assert!(asked.contains("accept-encoding: identity"), "{asked}");
    assert!(!asked.contains("if-none-match"), "{asked}");
}

#[tokio::test]
async fn the_settings_of_lists_take_effect() {
    let upstream = Recorder::answering(&answering("application/json")).await;
    let off = list(&upstream, |settings| {
        settings.resources[0].policy.list_filter = ListFilter::Off;
    });
    assert_eq!(off.await.body, TOOLS);
    let reachable = list(&upstream, |settings| {
        settings.resources[0].policy.list_filter = ListFilter::Reachable;
    });
    assert_eq!(reachable.await.body, TOOLS);
    let short = list(&upstream, |settings| {
        settings.resources[0].policy.max_list_bytes = TOOLS.len() - 1;
    });
    assert_eq!(short.await.status, 502);
}

#[tokio::test]
async fn f24_a_list_that_cannot_be_read_is_a_502_and_the_log_says_what_to_do() {
    let (log, _guard) = Log::of_this_thread("info");
    let upstream = Recorder::answering(&answering("text/plain")).await;
    let answer = list(&upstream, |_| {}).await;
    assert_eq!(answer.status, 502);
    assert!(!answer.body.contains("write"), "{}", answer.body);
    let [line] = &log.access()[..] else {
        panic!("one line: {}", log.text())
    };
    assert_eq!(line["reason"], "unreadable_answer");
    let detail = line["detail"].as_str().unwrap();
    assert!(detail.contains("must label its answer"), "{detail}");
    assert_eq!(line["reference"], answer.json()["reference"]);
}

#[tokio::test]
async fn row_47_an_event_that_is_filtered_arrives_before_the_next_is_sent() {
    let between = Between::with(rules).await;
    let lines = "GET /mcp HTTP/1.1\r\nAccept: text/event-stream\r\n";
    let (mut client, mut upstream, _) = between.request(lines).await;
    let head =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n";
    write(&mut upstream, head).await;
    let head = read_until(&mut client, "\r\n\r\n").await;
    assert!(head.contains("x-accel-buffering: no"), "{head}");
    for number in 0..3 {
        write_chunk(&mut upstream, &format!("id: {number}\ndata: {TOOLS}\n\n")).await;
        let expected = format!(
            "id: {number}\ndata: {}\n\n",
            SHOWN.replace(r#"{"name":"read"}"#, "")
        );
        read_until(&mut client, &expected).await;
        write_chunk(&mut upstream, ": keep-alive\n").await;
        read_until(&mut client, ": keep-alive\n").await;
    }
}
