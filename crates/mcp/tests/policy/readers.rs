//! Whatever our reader accepts, every other reader reads alike: the last member wins or the first, case
//! counts or not, and all of them see the same method, object and arguments.

use oauthgate_mcp::{Argument, Object, ObjectKind, Payload, Scalar, Wanted};
use proptest::prelude::*;
use serde_json::Value;

use crate::node::{Node, Reader};

/// Pointers, and the ways that they name.
const POINTERS: [(&str, &[&str]); 5] = [
    ("/path", &["path"]),
    ("/opts/mode", &["opts", "mode"]),
    ("/opts", &["opts"]),
    ("/list/0", &["list", "0"]),
    ("/s", &["s"]),
];

/// What one reader makes of a message.
#[derive(Debug, PartialEq)]
struct Understood {
    method: Option<String>,
    id: Option<Value>,
    objects: Vec<Object>,
    /// What stands at each pointer; `None` for what cannot be compared.
    arguments: Vec<Option<Option<Value>>>,
}

fn ours(payload: &Payload) -> Option<Understood> {
    let Payload::Single(message) = payload else {
        return None;
    };
    let operations = message.operations();
    let arguments = operations
        .first()
        .filter(|operation| has_arguments(&operation.method));
    let value = |pointer| match arguments.map(|operation| operation.arguments.at(pointer)) {
        Some(Argument::Scalar(Scalar::Null)) => Some(Some(Value::Null)),
        Some(Argument::Scalar(Scalar::Bool(value))) => Some(Some((*value).into())),
        Some(Argument::Scalar(Scalar::Number(number))) => Some(Some(number.clone().into())),
        Some(Argument::Scalar(Scalar::String(text))) => Some(Some(text.as_str().into())),
        Some(Argument::Absent) | None => Some(None),
        Some(Argument::OtherType | Argument::Unknown) => None,
    };
    Some(Understood {
        method: message.method().map(str::to_owned),
        id: message.id().cloned(),
        objects: operations
            .iter()
            .filter_map(|operation| operation.object.clone())
            .collect(),
        arguments: POINTERS.iter().map(|(pointer, _)| value(pointer)).collect(),
    })
}

fn has_arguments(method: &str) -> bool {
    ["tools/call", "prompts/get"].contains(&method)
}

impl Reader {
    fn understands(self, message: &Node) -> Understood {
        let method = self.text(message, "method").map(str::to_owned);
        let known = method.as_deref().unwrap_or_default();
        let argument = |path: &[&str]| {
            let path = [&["params", "arguments"], path].concat();
            match self.at(message, &path).filter(|_| has_arguments(known)) {
                Some(Node::Plain(value)) => Some(Some(value.clone())),
                Some(_) => None,
                None => Some(None),
            }
        };
        Understood {
            id: match self.member(message, "id") {
                Some(Node::Plain(id)) => Some(id.clone()),
                _ => None,
            },
            objects: self.objects(message, known),
            arguments: POINTERS.iter().map(|(_, path)| argument(path)).collect(),
            method,
        }
    }

    fn objects(self, message: &Node, method: &str) -> Vec<Object> {
        let text = |path: &[&str]| self.at(message, path).and_then(Node::text);
        let one = |kind, name: Option<&str>| {
            let name = name.map(str::to_owned);
            Vec::from_iter(name.map(|name| Object { kind, name }))
        };
        match method {
            "tools/call" => one(ObjectKind::Tool, text(&["params", "name"])),
            "prompts/get" => one(ObjectKind::Prompt, text(&["params", "name"])),
            "resources/read" => one(ObjectKind::Resource, text(&["params", "uri"])),
            "completion/complete" => match text(&["params", "ref", "type"]) {
                Some("ref/prompt") => one(ObjectKind::Prompt, text(&["params", "ref", "name"])),
                _ => one(ObjectKind::Resource, text(&["params", "ref", "uri"])),
            },
            "subscriptions/listen" => {
                let path = ["params", "notifications", "resourceSubscriptions"];
                match self.at(message, &path) {
                    Some(Node::Array(uris)) => uris
                        .iter()
                        .filter_map(Node::text)
                        .map(Object::resource)
                        .collect(),
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }
}

/// A member's name in one of its spellings.
fn name(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    (prop::sample::select(names), 0_u8..40).prop_map(|(name, way)| match way {
        0 => format!("\"{}\"", name.to_uppercase()),
        1 => {
            let mut letters = name.chars();
            let first = letters.next().map_or(0, u32::from);
            format!("\"\\u{first:04x}{}\"", letters.as_str())
        }
        2 => format!("\"{}\"", name.replacen('s', "\u{17f}", 1)),
        _ => format!("\"{name}\""),
    })
}

fn plain() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "\"a\"",
        "\"A\"",
        "\"\"",
        "\"{}\"",
        "1",
        "1.0",
        "-7",
        "0.5",
        "1e2",
        "9007199254740993",
        "18446744073709551616",
        "true",
        "false",
        "null",
        "\"tools/call\"",
        "\"a\\u0000\"",
    ])
    .prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![8 => Just("\"echo\"".to_owned()), 1 => plain()]
}

fn object(
    names: &'static [&'static str],
    value: impl Strategy<Value = String> + 'static,
    size: usize,
) -> BoxedStrategy<String> {
    prop::collection::vec((name(names), value), 0..size)
        .prop_map(|members| {
            let members: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("{name}:{value}"))
                .collect();
            format!("{{{}}}", members.join(","))
        })
        .boxed()
}

fn array(value: impl Strategy<Value = String> + 'static) -> BoxedStrategy<String> {
    prop::collection::vec(value, 0..3)
        .prop_map(|values| format!("[{}]", values.join(",")))
        .boxed()
}

fn arguments() -> BoxedStrategy<String> {
    let inner = prop_oneof![
        4 => plain(),
        2 => object(&["mode", "path", "0"], plain(), 3),
        1 => array(plain()),
    ];
    object(&["path", "opts", "list", "s", "other"], inner, 4)
}

fn params() -> BoxedStrategy<String> {
    let reference = object(
        &["type", "name", "uri"],
        prop_oneof![
            plain(),
            Just("\"ref/prompt\"".to_owned()),
            Just("\"ref/resource\"".to_owned()),
        ],
        4,
    );
    let notifications = object(
        &["resourceSubscriptions", "toolsListChanged"],
        prop_oneof![array(plain()), plain(),],
        3,
    );
    let rest = object(
        &["ref", "notifications", "_meta"],
        prop_oneof![reference, notifications, plain()],
        3,
    );
    (
        prop_oneof![4 => arguments(), 1 => plain()],
        text(),
        text(),
        rest,
        name(&["arguments"]),
        name(&["name"]),
    )
        .prop_map(|(arguments, tool, uri, rest, arguments_name, name_name)| {
            let rest = rest.trim_start_matches('{').trim_end_matches('}');
            let comma = if rest.is_empty() { "" } else { "," };
            format!(
                "{{{arguments_name}:{arguments},{name_name}:{tool},\"uri\":{uri}{comma}{rest}}}"
            )
        })
        .boxed()
}

/// Messages near enough to good ones that many are accepted.
fn message() -> BoxedStrategy<String> {
    let method = prop::sample::select(vec![
        "tools/call",
        "tools/call",
        "prompts/get",
        "resources/read",
        "completion/complete",
        "subscriptions/listen",
        "tools/list",
        "Tools/Call",
    ]);
    let extra = prop_oneof![
        6 => Just(String::new()),
        1 => (name(&["id", "method", "params", "jsonrpc", "result", "x"]), plain())
            .prop_map(|(name, value)| format!(",{name}:{value}")),
    ];
    let id = prop_oneof![6 => Just("1".to_owned()), 1 => plain()];
    (method, id, params(), extra, any::<bool>())
        .prop_map(|(method, id, params, extra, params_first)| {
            let method = format!("\"method\":\"{method}\"");
            let params = format!("\"params\":{params}");
            let (one, other) = if params_first {
                (params, method)
            } else {
                (method, params)
            };
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},{one},{other}{extra}}}")
        })
        .boxed()
}

/// The same with a few bytes changed, doubled or gone.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    (
        message(),
        prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 0..3),
    )
        .prop_map(|(message, changes)| {
            let mut bytes = message.into_bytes();
            for (place, way, byte) in changes {
                let place = place.index(bytes.len());
                match way {
                    0 => bytes[place] = byte,
                    1 => bytes[place] ^= 0x20,
                    2 => bytes.insert(place, bytes[place]),
                    _ => drop(bytes.remove(place)),
                }
                if bytes.is_empty() {
                    break;
                }
            }
            bytes
        })
}

fn wanted() -> Wanted {
    Wanted::at(POINTERS.iter().map(|(pointer, _)| pointer)).unwrap()
}

fn agrees_with_all(body: &[u8]) -> Result<bool, TestCaseError> {
    let Ok(payload) = Payload::read(body, &wanted()) else {
        return Ok(false);
    };
    let Some(ours) = ours(&payload) else {
        return Ok(false);
    };
    let node: Node = serde_json::from_slice(body).expect("JSON");
    for reader in Reader::ALL {
        let theirs = reader.understands(&node);
        prop_assert_eq!(
            (&ours.method, &ours.id, &ours.objects),
            (&theirs.method, &theirs.id, &theirs.objects)
        );
        for (ours, theirs) in ours.arguments.iter().zip(&theirs.arguments) {
            // What we call undecidable may be anything.
            prop_assert!(ours.is_none() || ours == theirs, "{:?} {:?}", ours, theirs);
        }
    }
    last_wins(&ours, body)?;
    Ok(true)
}

/// `serde_json::Value` is what our own servers would use.
fn last_wins(ours: &Understood, body: &[u8]) -> Result<(), TestCaseError> {
    let value: Value = serde_json::from_slice(body).expect("JSON");
    prop_assert_eq!(ours.method.as_deref(), value["method"].as_str());
    for ((pointer, _), ours) in POINTERS.iter().zip(&ours.arguments) {
        let theirs = value.pointer(&format!("/params/arguments{pointer}"));
        if let Some(Some(ours)) = ours {
            prop_assert_eq!(Some(ours), theirs);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn f23_what_is_accepted_is_read_alike_by_all(body in message()) {
        agrees_with_all(body.as_bytes())?;
    }

    #[test]
    fn f23_what_is_accepted_after_damage_is_read_alike_by_all(body in mutated()) {
        agrees_with_all(&body)?;
    }
}

/// The generator would prove nothing if all that it makes were refused.
#[test]
fn a_good_part_of_the_generated_messages_is_accepted() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let accepted = (0..2_000)
        .filter(|_| {
            let body = message().new_tree(&mut runner).unwrap().current();
            agrees_with_all(body.as_bytes()).unwrap()
        })
        .count();
    assert!(accepted > 200, "{accepted} of 2000");
}
