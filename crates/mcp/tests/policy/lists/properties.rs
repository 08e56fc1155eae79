//! Whatever a server lists: what is shown may be used, what may be used is shown, the rest stays.

use std::convert::Infallible;

use futures_util::stream;
use http::StatusCode;
use oauthgate_mcp::{
    Policy,
    policy::{Condition, Rule},
};
use proptest::{collection::vec, prelude::*, sample::select};
use tokio::runtime::{Builder, Runtime};

use super::*;

/// A list: the method that asks for it, its member, what names an item, and how an item is used.
type Kind = (&'static str, &'static str, &'static str, &'static str);

const KINDS: [Kind; 4] = [
    ("tools/list", "tools", "name", "tools/call"),
    ("prompts/list", "prompts", "name", "prompts/get"),
    ("resources/list", "resources", "uri", "resources/read"),
    (
        "resources/templates/list",
        "resourceTemplates",
        "uriTemplate",
        "resources/read",
    ),
];

fn rules() -> Policy {
    let dry = Condition::equals("/dry", json!(true)).unwrap();
    let rules = [
        Rule::builder().tools(["*secret*"]).forbid(true),
        Rule::builder().tools(["read*"]).scopes(scopes("read")),
        Rule::builder()
            .tools(["write"])
            .arguments([dry])
            .scopes(scopes("read")),
        Rule::builder()
            .tools(["write", "open"])
            .scopes(scopes("write")),
        Rule::builder()
            .prompts(["re?d", "open*"])
            .scopes(scopes("read")),
        Rule::builder()
            .resources(["file:///read/*"])
            .scopes(scopes("read")),
        Rule::builder().resources(["file:///open/*"]),
    ];
    rules.into_iter().fold(Policy::new(), |policy, rule| {
        policy.rule(rule.build().unwrap())
    })
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn name(kind: Kind) -> impl Strategy<Value = String> {
    let names = match kind.2 {
        "name" => vec![
            "read",
            "write",
            "open",
            "secret",
            "Read",
            " read",
            "read\u{0}",
            "",
            "réad",
            "re?d",
            "readsecret",
        ],
        _ => vec![
            "file:///read/a",
            "file:///open/a",
            "file:///open/{a}",
            "file:///read/../a",
            "file:///open/%2e%2e/a",
            "file:///OPEN/a",
            "file:///",
            "read",
            "file:///read/\u{0}",
        ],
    };
    select(names).prop_map(str::to_owned)
}

/// An item as it is written, and its name if it has one.
fn item(kind: Kind) -> impl Strategy<Value = (String, Option<String>)> {
    (name(kind), 0..4).prop_map(move |(name, form)| {
        let (member, quoted) = (kind.2, json!(name).to_string());
        match form {
            0 => (format!(r#"{{"{member}":{quoted}}}"#), Some(name)),
            1 => {
                let text = format!(r#"{{ "title" : "x", "n": 1.50e+3,"{member}" :{quoted} ,"_meta":{{"{member}":"read"}} }}"#);
                (text, Some(name))
            }
            2 => (format!(r#"{{"title":{quoted}}}"#), None),
            _ => (quoted, None),
        }
    })
}

fn listed() -> impl Strategy<Value = (Kind, Vec<(String, Option<String>)>)> {
    select(KINDS.to_vec()).prop_flat_map(|kind| (Just(kind), vec(item(kind), 0..8)))
}

/// Whether the caller may use it, as requests with one or other arguments say.
fn usable(runtime: &Runtime, held: &str, kind: Kind, name: &str) -> bool {
    let member = if kind.2 == "name" { "name" } else { "uri" };
    [json!({}), json!({ "dry": true })]
        .into_iter()
        .any(|arguments| {
            let params = json!({ member: name, "arguments": arguments });
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": kind.3, "params": params });
            let used = Server::with(rules()).ask_for(runtime, post(body.to_string(), held));
            used.status() == StatusCode::OK
        })
}

/// A list as the server writes it.
fn written(kind: Kind, items: &[&str], separator: &str) -> String {
    let (member, items) = (kind.1, items.join(separator));
    format!(
        r#" {{"jsonrpc":"2.0","result":{{"ttlMs":1.0,"{member}":[{items}],"nextCursor":"]"}},"id":1}}"#
    )
}

fn in_chunks(bytes: &[u8], sizes: &[usize]) -> Body {
    let (mut rest, mut chunks) = (bytes, Vec::new());
    for size in sizes.iter().cycle().take(bytes.len()) {
        let (chunk, behind) = rest.split_at((*size).min(rest.len()));
        chunks.push(Ok::<_, Infallible>(chunk.to_vec()));
        rest = behind;
    }
    Body::from_stream(stream::iter(chunks))
}

impl Server {
    fn ask_for(self, runtime: &Runtime, request: Request<Body>) -> Answered {
        runtime.block_on(self.ask(request))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn lists_and_requests_never_disagree(
        (kind, items) in listed(),
        held in select(vec!["x", "read", "write", "read-write"]),
        separator in select(vec![",", " , "]),
        around in select(vec![": c\n\n", "id: 1\r\n\r\n", "", "event: x\ndata: y\n\n"]),
        sizes in vec(1usize..40, 1..5),
    ) {
        let runtime = runtime();
        let all: Vec<_> = items.iter().map(|(text, _)| &**text).collect();
        let may = items.iter().filter(|(_, name)| {
            name.as_ref().is_some_and(|name| usable(&runtime, held, kind, name))
        });
        let shown: Vec<_> = may.map(|(text, _)| &**text).collect();
        let (sent, expected) = (written(kind, &all, separator), written(kind, &shown, separator));
        let asked = || post(request(1, kind.0).to_string(), held);

        let answer = sent.clone();
        let server = Server::with(rules()).answering(move || json(answer.clone()));
        let answered = server.ask_for(&runtime, asked());
        prop_assert_eq!(answered.text(), &expected);

        let framed = |message: &str| format!("{around}data: {message}\n\n{around}");
        let streamed = framed(&sent).into_bytes();
        let server = Server::with(rules()).answering(move || events(in_chunks(&streamed, &sizes)));
        let answered = server.ask_for(&runtime, asked());
        prop_assert_eq!(answered.text(), framed(&expected));
    }
}
