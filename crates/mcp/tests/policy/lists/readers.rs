//! However a client reads an answer, it reads of nothing that its user may not use.

use http::StatusCode;
use proptest::{collection::vec, prelude::*, sample::select};
use tokio::runtime::Builder;

use super::*;
use crate::{
    node::{Node, Reader},
    properties::{any_of, object, scalar},
};

/// The tools that this reader would show.
fn listed(reader: Reader, node: &Node) -> Vec<&str> {
    match node {
        Node::Array(messages) => messages
            .iter()
            .flat_map(|message| listed(reader, message))
            .collect(),
        message => {
            let result = reader.member(message, "result");
            let Some(Node::Array(tools)) = result.and_then(|result| reader.member(result, "tools"))
            else {
                return Vec::new();
            };
            let names = tools.iter().filter_map(|tool| reader.text(tool, "name"));
            names.collect()
        }
    }
}

/// Whether some reader would show a tool that nobody who may only `read` can call.
fn tells_too_much(text: &str) -> bool {
    let Ok(node) = serde_json::from_str::<Node>(text) else {
        return false;
    };
    let mut names = Reader::ALL.iter().flat_map(|reader| listed(*reader, &node));
    names.any(|name| !["read", "open"].contains(&name))
}

fn tool() -> impl Strategy<Value = String> {
    let member = prop_oneof![
        6 => (any_of(&["name"]), any_of(&["open", "read", "write"])),
        1 => (any_of(&["name", "Name", "NAME"]), any_of(&["open", "write"])),
        1 => (any_of(&["title", "name"]), scalar()),
    ];
    prop_oneof![9 => object(vec(member, 1..3)), 1 => scalar()]
}

fn result() -> impl Strategy<Value = String> {
    let tools = || vec(tool(), 0..4).prop_map(|tools| format!("[{}]", tools.join(",")));
    let member = prop_oneof![
        8 => (any_of(&["tools"]), tools()),
        1 => (any_of(&["tools", "Tools", "TOOLS"]), tools()),
        2 => (any_of(&["nextCursor", "cacheScope", "prompts"]), scalar()),
    ];
    prop_oneof![12 => object(vec(member, 1..3)), 1 => scalar(), 1 => tools()]
}

fn message() -> impl Strategy<Value = String> {
    let member = prop_oneof![
        8 => (any_of(&["result"]), result()),
        1 => (any_of(&["result", "Result", "RESULT"]), result()),
        3 => (any_of(&["id", "error", "jsonrpc"]), scalar()),
    ];
    object(vec(member, 1..4))
}

fn answer() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => message(),
        1 => vec(message(), 0..3).prop_map(|messages| format!("[{}]", messages.join(","))),
        1 => (message(), message()).prop_map(|(one, two)| format!("{one}{two}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn f24_no_reader_finds_a_hidden_tool(text in answer(), line in select(vec!["\n", "\r\n"])) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let answer = text.clone();
        let document = runtime.block_on(server(move || json(answer.clone())).ask(post(list(), "read")));
        prop_assert!(!tells_too_much(document.text()), "{}", document.text());

        let data = text.lines().map(|part| format!("data: {part}{line}"));
        let stream = format!("{}{line}", data.collect::<String>());
        for asked in [post(list(), "read"), get("read")] {
            let stream = stream.clone();
            let streamed = runtime.block_on(server(move || events(stream.clone())).ask(asked));
            let seen = streamed.text().lines().filter_map(|part| part.strip_prefix("data: "));
            let seen = seen.collect::<Vec<_>>().join("\n");
            prop_assert!(!tells_too_much(&seen), "{seen}");
        }
    }

    #[test]
    fn f24_no_bytes_whatever_bring_it_down(bytes in vec(any::<u8>(), 0..200)) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        for label in ["application/json", "text/event-stream"] {
            for asked in [post(list(), "read"), get("read")] {
                let bytes = bytes.clone();
                let server = server(move || labelled(label, bytes.clone()));
                let status = runtime.block_on(server.ask(asked)).status();
                prop_assert!(status.is_success() || status == StatusCode::BAD_GATEWAY);
            }
        }
    }
}
