//! A client whose stream ends with its token is not left waiting for an answer.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use oauthgate_core::UnixTime;
use oauthgate_remote::clock::Clock;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::*;

/// How long a token is good. Made-up callers' last until the end of time, so that is when these tests play.
const LIFE: i64 = 100;
const COMMENT: &str =
    ": the access token that opened this stream has expired; connect again with a new one\n\n";

#[derive(Debug)]
struct EndOfTime(Instant);

impl Clock for EndOfTime {
    fn now(&self) -> UnixTime {
        let passed = i64::try_from(self.0.elapsed().as_secs()).unwrap();
        UnixTime::from_secs((i64::MAX - LIFE).saturating_add(passed))
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A server that says this in a stream and then nothing any more.
fn saying(pieces: &'static [&'static str]) -> Server {
    saying_as(pieces, events)
}

fn saying_as(
    pieces: &'static [&'static str],
    response: impl Fn(Body) -> Response<Body> + Send + Sync + 'static,
) -> Server {
    let answer = move || {
        let said = stream::iter(pieces.iter().map(|piece| Bytes::from(*piece)));
        let forever = said.chain(stream::pending()).map(Ok::<_, Infallible>);
        response(Body::from_stream(forever))
    };
    Server::with(policy())
        .answering(answer)
        .telling_time_by(Arc::new(EndOfTime(Instant::now())))
}

fn legacy(message: &Value) -> Request<Body> {
    let mut request = post(message.to_string(), "read");
    let revision = "2025-11-25".parse().unwrap();
    request
        .headers_mut()
        .insert("mcp-protocol-version", revision);
    request
}

fn modern(message: &Value) -> Request<Body> {
    let mut message = message.clone();
    let version = "io.modelcontextprotocol/protocolVersion";
    message["params"]["_meta"] = json!({ version: "2026-07-28" });
    let mut request = post(message.to_string(), "read");
    let mut mirror = |name: &'static str, value: &str| {
        request.headers_mut().insert(name, value.parse().unwrap());
    };
    mirror("mcp-protocol-version", "2026-07-28");
    mirror("mcp-method", message["method"].as_str().unwrap());
    if let Some(name) = message["params"]["name"].as_str() {
        mirror("mcp-name", name);
    }
    request
}

fn calling(id: impl Into<Value>) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": { "name": "open" } })
}

fn listening() -> Value {
    json!({ "jsonrpc": "2.0", "id": "listen-1", "method": "subscriptions/listen", "params": { "notifications": {} } })
}

fn lasting<const N: usize>(pieces: [&'static str; N]) -> &'static [&'static str] {
    Box::leak(Box::new(pieces))
}

/// What follows what the server said.
async fn last_words(server: &Server, request: Request<Body>, said: &[&str]) -> String {
    let answered = server.ask(request).await;
    let text = answered.text();
    let words = text.strip_prefix(&said.concat());
    words.unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// The error in the last words, without the reference, which differs.
fn error(words: &str) -> Value {
    let event = words
        .strip_prefix("data: ")
        .and_then(|words| words.strip_suffix("\n\n"));
    let mut error: Value = serde_json::from_str(event.expect(words)).unwrap();
    let data = error["error"]["data"].as_object_mut().unwrap();
    assert_eq!(
        data.remove("reference").unwrap().as_str().unwrap().len(),
        26
    );
    error
}

const PROGRESS: &str =
    "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"id\":7}}\n\n";

#[rstest]
#[case::a_number(json!(7))]
#[case::a_text(json!("seven \" \u{e9}"))]
#[tokio::test(start_paused = true)]
async fn g9_row_49_a_call_under_way_is_answered_with_an_error(#[case] id: Value) {
    let said = &[PROGRESS];
    for request in [modern(&calling(id.clone())), legacy(&calling(id.clone()))] {
        let words = last_words(&saying(said), request, said).await;
        let expected = json!({
            "jsonrpc": "2.0", "id": id, "error": {
                "code": 401,
                "message": "The access token expired before this was answered. It may be asked again with a new token.",
                "data": { "reason": "expired" },
            }
        });
        assert_eq!(error(&words), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_legacy_client_of_a_stream_with_ids_comes_back_for_the_rest() {
    let said = &["id: 1\ndata: \n\n", PROGRESS];
    let call = calling(7);
    assert_eq!(
        last_words(&saying(said), legacy(&call), said).await,
        COMMENT
    );
    // Since 2026-07-28 nobody comes back, whatever the server writes.
    error(&last_words(&saying(said), modern(&call), said).await);
}

#[rstest]
#[case("data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n\n")]
#[case("data: {\"id\":7,\ndata: \"error\":{\"code\":1}}\n\n")]
#[tokio::test(start_paused = true)]
async fn what_was_answered_is_not_answered_again(#[case] answer: &'static str) {
    let said = lasting([PROGRESS, answer]);
    let words = last_words(&saying(said), modern(&calling(7)), said).await;
    assert_eq!(words, COMMENT);
}

#[rstest]
#[case::of_another_call("data: {\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{}}\n\n")]
#[case::of_the_server_itself(
    "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"sampling/createMessage\"}\n\n"
)]
#[case::of_no_message("data: hello\n\n")]
#[tokio::test(start_paused = true)]
async fn other_messages_are_no_answer(#[case] other: &'static str) {
    let said = lasting([other]);
    let words = last_words(&saying(said), legacy(&calling(7)), said).await;
    assert_eq!(error(&words)["id"], 7);
}

#[tokio::test(start_paused = true)]
async fn an_event_too_long_to_look_into_may_have_been_the_answer() {
    let long = format!("data: {}\n\n", "x".repeat(100_000));
    let said = lasting([&*long.leak()]);
    let words = last_words(&saying(said), modern(&calling(7)), said).await;
    assert_eq!(words, COMMENT);
}

/// MCP 2026-07-28, Subscriptions: the server closes the stream. Before a result, clients would think that
/// there is nothing more to hear; after a mere end they listen again.
#[tokio::test(start_paused = true)]
async fn a_subscription_just_ends() {
    let said = &[
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\"}\n\n",
    ];
    let words = last_words(&saying(said), modern(&listening()), said).await;
    assert_eq!(words, COMMENT);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_answered_who_did_not_ask() {
    let get = Request::get("/mcp")
        .header("authorization", "Bearer read")
        .body(Body::empty())
        .unwrap();
    let batch = post(json!([calling(1), calling(2)]).to_string(), "read");
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    for request in [get, batch, legacy(&notification)] {
        let said = &[PROGRESS];
        assert_eq!(last_words(&saying(said), request, said).await, COMMENT);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_filtered_and_then_said_farewell_to() {
    let request = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/list" });
    let said = &[
        "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":\"secret\"}]}}\n\n",
    ];
    let answered = saying(said).ask(legacy(&request)).await;
    assert!(!answered.text().contains("secret"), "{}", answered.text());
    assert!(answered.text().ends_with(COMMENT), "{}", answered.text());
    let nothing = saying(&[]).ask(legacy(&request)).await;
    assert_eq!(error(nothing.text())["id"], 7);
}

#[tokio::test(start_paused = true)]
async fn a_compressed_stream_gets_no_last_words() {
    let compressed = |body| {
        let mut response = events(body);
        let gzip = "gzip".parse().unwrap();
        response.headers_mut().insert("content-encoding", gzip);
        response
    };
    let said = &["\u{1f}\u{8b}"];
    let server = saying_as(said, compressed);
    assert_eq!(last_words(&server, modern(&calling(7)), said).await, "");
}
