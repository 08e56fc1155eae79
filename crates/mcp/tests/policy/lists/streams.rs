//! Answers in event streams.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::stream;
use http::StatusCode;
use http_body_util::BodyExt;
use oauthgate_mcp::PolicyLayer;
use rstest::rstest;
use serde_json::Value;
use tokio::sync::mpsc;

use super::*;

const PROGRESS: &str = "event: message\r\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"tools\":[{\"name\":\"secret\"}]}}\r\n\r\n";

fn event(message: &str) -> String {
    format!("id: 7\nevent: message\ndata: {message}\n\n")
}

/// The stream that a caller who may `read` gets for this one.
async fn seen(asked: Request<Body>, stream: impl Into<String>) -> String {
    let stream = stream.into();
    let answered = server(move || events(stream.clone())).ask(asked).await;
    assert_eq!(answered.status(), StatusCode::OK);
    answered.text().to_owned()
}

/// What is left of the list of tools.
fn shown() -> String {
    tools(1)
        .replace(r#",{"name":"write"}"#, "")
        .replace(r#",{"name":"secret"}"#, "")
}

/// The one message of a stream that an event of ours carries.
fn told(stream: &str) -> Value {
    let data = stream.lines().find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(data.unwrap()).unwrap()
}

#[tokio::test]
async fn takes_items_out_of_an_event_and_leaves_every_other_byte() {
    let around = format!(": hello\n\nretry: 100\n\n{PROGRESS}id: 1\ndata:\n\n");
    let stream = format!("{around}{}{around}", event(&tools(1)));
    let expected = format!("{around}{}{around}", event(&shown()));
    assert_eq!(seen(post(list(), "read"), &stream).await, expected);
}

#[tokio::test]
async fn takes_items_out_of_lists_over_several_lines_and_at_an_end_without_one() {
    let stream =
        "data: {\"id\":1,\"result\":{\r\ndata:  \"tools\": [{\"name\":\r\ndata: \"secret\"}]}}";
    let expected = "data: {\"id\":1,\"result\":{\r\ndata:  \"tools\": []}}\r\n";
    assert_eq!(seen(post(list(), "read"), stream).await, expected);
}

#[tokio::test]
async fn lists_in_streams_without_a_message_of_their_own_are_filtered_by_their_shape() {
    let (sent, expected) = [tools(1), shown()]
        .map(|list| {
            format!(
                "{PROGRESS}{}{}",
                event(&list.replace("\"id\":1", "\"id\":\"x\"")),
                event(&list)
            )
        })
        .into();
    assert_eq!(seen(get("read"), sent).await, expected);
    let endpoint = "event: endpoint\ndata: /messages/?session_id={x}&y=[1]\n\n".replace("{x}", "5");
    assert_eq!(seen(get("read"), &endpoint).await, endpoint);
}

#[tokio::test]
async fn batches_in_streams_are_filtered_one_by_one() {
    let batch = json!([request(1, "tools/list"), request(2, "tools/list")]).to_string();
    let stream = format!("data: [{},\ndata: {}]\n\n", tools(2), tools(1));
    let expected = format!(
        "data: [{},\ndata: {}]\n\n",
        shown().replace("\"id\":1", "\"id\":2"),
        shown()
    );
    assert_eq!(seen(post(batch, "read"), stream).await, expected);
}

#[rstest]
#[case::twice(r#"{"id":1,"result":{"tools":[],"tools":[{"name":"secret"}]}}"#)]
#[case::no_list(r#"{"id":1,"result":{"tools":"secret"}}"#)]
#[case::no_message(r#"{"result":{"tools":[{"name":"secret"}]}"#)]
#[case::words_around(r#"tools: {"name":"secret"}"#)]
#[tokio::test]
async fn f24_a_message_that_cannot_be_read_becomes_an_error_in_its_place(#[case] message: &str) {
    let stream = format!("{PROGRESS}{}{PROGRESS}", event(message));
    let seen = seen(post(list(), "read"), stream).await;
    let error = seen.replace(PROGRESS, "");
    assert!(
        error.starts_with("id: 7\nevent: message\ndata: {"),
        "{error}"
    );
    assert_eq!(told(&error)["id"], 1);
    assert_eq!(told(&error)["error"]["code"], -32603);
    assert_eq!(told(&error)["error"]["data"]["reason"], "unreadable_answer");
    assert_eq!(seen.matches(PROGRESS).count(), 2);
}

#[tokio::test]
async fn f24_an_error_goes_to_each_list_that_may_be_meant() {
    let batch = json!([
        request(1, "tools/list"),
        request("b", "tools/list"),
        request(3, "ping")
    ]);
    let seen = seen(post(batch.to_string(), "read"), event("{\"secret\"")).await;
    let ids = seen.lines().filter_map(|line| line.strip_prefix("data: "));
    let ids: Vec<Value> = ids
        .map(|data| serde_json::from_str::<Value>(data).unwrap()["id"].clone())
        .collect();
    assert_eq!(ids, [json!(1), json!("b")]);
}

#[tokio::test]
async fn f24_without_a_request_to_answer_an_unreadable_message_is_left_out() {
    let seen = seen(get("read"), format!("{}{PROGRESS}", event("{\"secret\""))).await;
    assert_eq!(seen, format!("id: 7\nevent: message\n\n{PROGRESS}"));
}

#[tokio::test]
async fn f24_json_that_calls_itself_a_stream_shows_nothing() {
    for text in [
        tools(1),
        format!("{}\n\n{}\n\n", tools(1), tools(1)),
        "[\n{\"name\":\"secret\"}".to_owned(),
    ] {
        let answered = seen(post(list(), "read"), &*text).await;
        assert!(!answered.contains("secret"), "{answered}");
        assert_eq!(
            told(&answered)["error"]["data"]["reason"],
            "unreadable_answer"
        );
        assert_eq!(seen(get("read"), text).await.trim(), "");
    }
}

#[tokio::test]
async fn f24_text_that_is_no_utf8_is_withheld() {
    let mut stream = event(&tools(1)).into_bytes();
    let secret = stream
        .windows(6)
        .position(|window| window == b"secret")
        .unwrap();
    stream[secret] = 0xff;
    let answered = server(move || events(stream.clone()))
        .ask(post(list(), "read"))
        .await;
    assert_eq!(told(answered.text())["error"]["code"], -32603);
}

#[tokio::test]
async fn streams_that_answer_something_else_pass_untouched() {
    let stream = format!("{}nonsense\n\n", event(&tools(1)));
    assert_eq!(seen(post(call("read"), "read"), &stream).await, stream);
}

/// A stream whose events a test hands out one by one.
fn live() -> (mpsc::UnboundedSender<String>, Server) {
    let (sender, receiver) = mpsc::unbounded_channel::<String>();
    let receiver = std::sync::Mutex::new(Some(receiver));
    let server = server(move || {
        let receiver = receiver.lock().unwrap().take().unwrap();
        events(Body::from_stream(stream::unfold(
            receiver,
            |mut receiver| async {
                let chunk = receiver.recv().await?;
                Some((Ok::<_, Infallible>(chunk), receiver))
            },
        )))
    });
    (sender, server)
}

#[tokio::test]
async fn row_47_each_event_goes_out_before_the_next_is_there() {
    for asked in [post(list(), "read"), get("read")] {
        let (sender, server) = live();
        let mut body = server.open(asked).await.into_body();
        for (sent, expected) in [
            (": keep-alive\n".to_owned(), ": keep-alive\n".to_owned()),
            (PROGRESS.to_owned(), PROGRESS.to_owned()),
            (event(&tools(1)), event(&shown())),
            ("data: a\r\r".to_owned(), "data: a\r\r".to_owned()),
        ] {
            sender.send(sent).unwrap();
            let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(frame, expected);
        }
        // The first part of an event waits for the rest of it, and not for more.
        sender.send("data: b\n".to_owned()).unwrap();
        sender.send("\nda".to_owned()).unwrap();
        assert_eq!(
            body.frame().await.unwrap().unwrap().into_data().unwrap(),
            "data: b\n\n"
        );
        sender.send("ta: c".to_owned()).unwrap();
        drop(sender);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "data: c");
    }
}

#[tokio::test]
async fn row_47_no_proxy_is_to_hold_events_back() {
    for asked in [
        post(list(), "read"),
        post(call("read"), "read"),
        get("read"),
    ] {
        let answered = server(|| events(PROGRESS)).ask(asked).await;
        assert_eq!(answered.header("x-accel-buffering"), Some("no"));
    }
    let otherwise = || {
        let mut answer = events(PROGRESS);
        answer
            .headers_mut()
            .insert("x-accel-buffering", "yes".parse().unwrap());
        answer
    };
    let answered = server(otherwise).ask(get("read")).await;
    assert_eq!(answered.header("x-accel-buffering"), Some("yes"));
    let answered = server(|| json("{}")).ask(post(list(), "read")).await;
    assert_eq!(answered.header("x-accel-buffering"), None);
}

#[tokio::test]
async fn row_53_g13_a_stream_with_lists_is_private_too() {
    for asked in [post(list(), "read"), get("read")] {
        let answered = server(|| events(event(&tools(1)))).ask(asked).await;
        assert_eq!(answered.header("cache-control"), Some("private"));
        assert_eq!(answered.header("vary"), Some("authorization"));
    }
}

#[rstest]
#[case::in_one_line("data: aaaaaaaaaaaaaaaaaaaaaaaa")]
#[case::in_many_lines("data: aaaaaaaaaaaaaaaaaaaaaaaa\n")]
#[case::in_comments("data: a\n: aaaaaaaaaaaaaaaaaaaa\n")]
#[tokio::test]
async fn f24_an_event_without_an_end_stops_at_the_limit(#[case] chunk: &'static str) {
    for asked in [post(list(), "read"), get("read")] {
        let is_asked_for = asked.method() == http::Method::POST;
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&taken);
        let layer = PolicyLayer::new(policy(), &resource()).max_list_bytes(1000);
        let server = Server::behind(layer).answering(move || {
            let counter = Arc::clone(&counter);
            events(Body::from_stream(stream::iter(std::iter::repeat_with(
                move || {
                    counter.fetch_add(chunk.len(), Ordering::Relaxed);
                    Ok::<_, Infallible>(chunk)
                },
            ))))
        });
        let mut body = server.open(asked).await.into_body();
        let last = body.frame().await;
        let taken_bytes = taken.load(Ordering::Relaxed);
        assert!(
            (1000..1000 + 2 * chunk.len()).contains(&taken_bytes),
            "{taken_bytes}"
        );
        assert_eq!(last.is_some(), is_asked_for);
        if let Some(frame) = last {
            let error = frame.unwrap().into_data().unwrap();
            let error = told(std::str::from_utf8(&error).unwrap());
            assert_eq!(error["error"]["code"], -32603);
        }
        // The server's stream is let go at once: the test and its server alone still count.
        assert_eq!(Arc::strong_count(&taken), 2);
        assert!(body.frame().await.is_none());
    }
}
