//! One gate, many callers.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use http_body_util::BodyExt;
use oauthgate_mcp::Policy;

use super::*;

const USERS: usize = 1_000;
/// Each caller may use another selection of these: one bit of its number for each.
const TOOLS: usize = 10;

fn selected(user: usize) -> impl Iterator<Item = usize> {
    (0..TOOLS).filter(move |tool| user >> tool & 1 == 1)
}

/// All of them get the same from the server, alternately in JSON and in events.
fn everybodys() -> Server {
    let tools: Vec<_> = (0..TOOLS)
        .map(|tool| json!({ "name": format!("tool-{tool}") }))
        .collect();
    let list = json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": tools } }).to_string();
    let stream = format!(": keep-alive\n\ndata: {list}\n\n");
    let asked = AtomicUsize::new(0);
    let policy = (0..TOOLS).fold(Policy::new(), |policy, tool| {
        policy.tool(format!("tool-{tool}"), requires(&format!("scope.{tool}")))
    });
    Server::with(policy).answering(move || match asked.fetch_add(1, Ordering::Relaxed) % 2 {
        0 => json(list.clone()),
        _ => events(stream.clone()),
    })
}

fn asks(user: usize) -> Request<Body> {
    let held: Vec<_> = selected(user).map(|tool| format!("scope.{tool}")).collect();
    post(list(), &format!("x-{}", held.join("-")))
}

#[tokio::test]
async fn g8_a_thousand_callers_at_once_see_no_foreign_item() {
    let server = everybodys();
    let opened = join_all((0..USERS).map(|user| server.open(asks(user)))).await;
    // All answers are open now; each goes on by a frame in turn.
    let mut bodies: Vec<_> = opened
        .into_iter()
        .map(|answer| (answer.into_body(), Vec::new()))
        .collect();
    let mut open = true;
    while std::mem::take(&mut open) {
        for (body, read) in bodies.iter_mut().rev() {
            if let Some(frame) = body.frame().await {
                read.extend(frame.unwrap().into_data().unwrap());
                open = true;
            }
        }
    }
    for (user, (_, read)) in bodies.into_iter().enumerate() {
        let text = String::from_utf8(read).unwrap();
        let message = text.lines().find(|line| line.contains('{')).unwrap();
        let message: Value = serde_json::from_str(message.trim_start_matches("data: ")).unwrap();
        let expected: Vec<_> = selected(user).map(|tool| format!("tool-{tool}")).collect();
        assert_eq!(names(&message), expected);
    }
}
