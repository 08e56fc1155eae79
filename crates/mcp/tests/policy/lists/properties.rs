//! Whatever a server lists: what is shown may be called, what may be called is shown, the rest stays.

use std::convert::Infallible;

use futures_util::stream;
use http::StatusCode;
use proptest::{collection::vec, prelude::*, sample::select};
use tokio::runtime::{Builder, Runtime};

use super::*;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Any of the tools, others, and items that are none; as they are written.
fn item() -> impl Strategy<Value = (String, Option<String>)> {
    let name = prop_oneof![
        4 => select(TOOLS.to_vec()).prop_map(str::to_owned),
        1 => select(vec!["Read", " read", "read\u{0}", "rea", "", "réad", "r\u{0065}ad"]).prop_map(str::to_owned),
    ];
    (name, 0..4).prop_map(|(name, form)| {
        let quoted = json!(name).to_string();
        match form {
            0 => (format!(r#"{{"name":{quoted}}}"#), Some(name)),
            1 => (format!(r#"{{ "title" : "secret", "n": 1.50e+3,"name" :{quoted} ,"_meta":{{"name":"read"}} }}"#), Some(name)),
            2 => (format!(r#"{{"title":{quoted}}}"#), None),
            _ => (quoted, None),
        }
    })
}

/// Which of these the caller may call, as calls say.
fn callable(runtime: &Runtime, held: &str, name: &str) -> bool {
    let called = runtime.block_on(server(|| json("{}")).ask(post(call(name), held)));
    called.status() == StatusCode::OK
}

/// A list as the server writes it, and as this caller is to see it.
fn written(items: &[&str], separator: &str) -> String {
    format!(
        r#" {{"jsonrpc":"2.0","result":{{"ttlMs":1.0,"tools":[{}],"nextCursor":"]"}},"id":1}}"#,
        items.join(separator)
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn list_and_call_never_disagree(
        items in vec(item(), 0..8),
        held in select(vec!["x", "read", "write", "read-write"]),
        separator in select(vec![",", " , "]),
        around in select(vec![": c\n\n", "id: 1\r\n\r\n", "", "event: x\ndata: y\n\n"]),
        sizes in vec(1usize..40, 1..5),
    ) {
        let runtime = runtime();
        let all: Vec<_> = items.iter().map(|(text, _)| &**text).collect();
        let may = items.iter().filter(|(_, name)| {
            name.as_ref().is_some_and(|name| callable(&runtime, held, name))
        });
        let shown: Vec<_> = may.map(|(text, _)| &**text).collect();
        let (sent, expected) = (written(&all, separator), written(&shown, separator));

        let answer = sent.clone();
        let answered = runtime.block_on(server(move || json(answer.clone())).ask(post(list(), held)));
        prop_assert_eq!(answered.text(), &expected);

        let framed = |message: &str| format!("{around}data: {message}\n\n{around}");
        let streamed = framed(&sent).into_bytes();
        let in_chunks = move || {
            let (mut rest, mut chunks) = (&streamed[..], Vec::new());
            for size in sizes.iter().cycle() {
                let (chunk, behind) = rest.split_at((*size).min(rest.len()));
                chunks.push(Ok::<_, Infallible>(chunk.to_vec()));
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            events(Body::from_stream(stream::iter(chunks)))
        };
        let answered = runtime.block_on(server(in_chunks).ask(post(list(), held)));
        prop_assert_eq!(answered.text(), framed(&expected));
    }
}
