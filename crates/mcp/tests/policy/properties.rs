//! A refused tool never reaches the server, however the message is written and however the server reads it.

use http::StatusCode;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::{
    node::{Node, Reader},
    support::*,
};

/// What servers do with a message.
impl Reader {
    /// The tools that this reader would run.
    fn calls(self, node: &Node) -> Vec<&str> {
        match node {
            Node::Array(messages) => messages
                .iter()
                .flat_map(|message| self.calls(message))
                .collect(),
            message if self.text(message, "method") == Some("tools/call") => self
                .member(message, "params")
                .and_then(|params| self.text(params, "name"))
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The tools that some server would run.
fn would_run(body: &[u8]) -> Vec<String> {
    let Ok(node) = serde_json::from_slice::<Node>(body) else {
        return Vec::new();
    };
    Reader::ALL
        .iter()
        .flat_map(|reader| reader.calls(&node))
        .map(str::to_owned)
        .collect()
}

fn blank() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "", " ", "\n", "\t\r\n  "])
}

/// A string in one of its many spellings: each character plain, or escaped in either case.
fn spelt(text: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec(0_u8..8, text.len()).prop_map(move |ways| {
        let spell = |(letter, way): (char, &u8)| match way {
            0 => format!("\\u{:04x}", letter as u32),
            1 => format!("\\u{:04X}", letter as u32),
            2 if letter == '/' => "\\/".to_owned(),
            _ => letter.to_string(),
        };
        format!(
            "\"{}\"",
            text.chars().zip(&ways).map(spell).collect::<String>()
        )
    })
}

pub(crate) fn any_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(texts).prop_flat_map(spelt)
}

pub(crate) fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        any_of(&[
            "open",
            "write",
            "read",
            "Write",
            "tools/call",
            "tools/list",
            "Tools/Call"
        ]),
        prop::sample::select(vec![
            "null",
            "1",
            "-0",
            "1.5e3",
            "true",
            "\"\"",
            "\"\\ud83d\\ude00\""
        ])
        .prop_map(str::to_owned),
    ]
}

pub(crate) fn object(
    members: impl Strategy<Value = Vec<(String, String)>>,
) -> impl Strategy<Value = String> {
    (members, blank(), blank()).prop_map(|(members, before, after)| {
        let members: Vec<_> = members
            .iter()
            .map(|(name, value)| format!("{before}{name}{after}:{before}{value}{after}"))
            .collect();
        format!("{after}{{{}}}{before}", members.join(","))
    })
}

fn params() -> impl Strategy<Value = String> {
    let member = prop_oneof![
        6 => (any_of(&["name"]), any_of(&["open", "read", "write"])),
        2 => (any_of(&["name", "Name", "NAME"]), any_of(&["open", "read", "write"])),
        2 => (any_of(&["name", "uri", "arguments", "_meta"]), scalar()),
    ];
    prop_oneof![
        12 => object(prop::collection::vec(member, 1..3)),
        1 => scalar(),
        1 => Just("[\"write\"]".to_owned()),
    ]
}

fn message() -> impl Strategy<Value = String> {
    let member = prop_oneof![
        4 => (any_of(&["method"]), any_of(&["tools/call"])),
        4 => (any_of(&["params"]), params()),
        2 => (any_of(&["method", "Method", "METHOD"]), any_of(&["tools/call", "tools/list"])),
        2 => (any_of(&["params", "Params", "PARAMS"]), params()),
        1 => (any_of(&["method", "id", "result", "jsonrpc"]), scalar()),
        1 => (any_of(&["id", "extra"]), params()),
    ];
    let version = (Just("\"jsonrpc\"".to_owned()), Just("\"2.0\"".to_owned()));
    object(
        (version, prop::collection::vec(member, 2..5)).prop_map(|(version, mut members)| {
            members.push(version);
            members
        }),
    )
}

fn body() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => message(),
        2 => prop::collection::vec(message(), 0..4).prop_map(|messages| format!("[{}]", messages.join(","))),
        1 => (message(), message()).prop_map(|(one, two)| format!("{one}{two}")),
        1 => message().prop_map(|message| format!("[[{message}]]")),
    ]
}

/// A well-formed call of one tool, spelt anyhow.
fn call_of(tool: &'static str) -> impl Strategy<Value = String> {
    (
        object((spelt("name"), spelt(tool)).prop_map(|member| vec![member])),
        spelt("method"),
        spelt("params"),
        spelt("tools/call"),
    )
        .prop_flat_map(|(params, method_name, params_name, method)| {
            let version = ("\"jsonrpc\"".to_owned(), "\"2.0\"".to_owned());
            let members = vec![version, (method_name, method), (params_name, params)];
            object(Just(members).prop_shuffle())
        })
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_refused_tool_never_reaches_the_server(body in body()) {
        let server = Server::with(policy());
        runtime().block_on(server.ask(post(body, "read")));
        for received in server.received() {
            let run = would_run(&received.body);
            prop_assert!(run.iter().all(|tool| tool == "read" || tool == "open"), "{run:?}");
        }
    }

    #[test]
    fn an_allowed_call_passes_unchanged(body in call_of("read")) {
        let server = Server::with(policy());
        let answered = runtime().block_on(server.ask(post(body.clone(), "read")));
        prop_assert_eq!(answered.status(), StatusCode::OK);
        prop_assert_eq!(&server.received()[0].body[..], body.as_bytes());
    }

    #[test]
    fn a_call_without_its_scope_is_always_a_403(body in call_of("write")) {
        let server = Server::with(policy());
        let answered = runtime().block_on(server.ask(post(body, "read")));
        prop_assert_eq!(answered.status(), StatusCode::FORBIDDEN);
    }

    #[test]
    fn no_bytes_whatever_bring_it_down(body in prop::collection::vec(any::<u8>(), 1..300)) {
        let server = Server::with(policy());
        let answered = runtime().block_on(server.ask(post(body, "read")));
        prop_assert!(answered.status() == StatusCode::BAD_REQUEST || would_run(&server.received()[0].body).is_empty());
    }
}
