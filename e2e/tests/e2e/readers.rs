//! What the gate reads in a message is what Node and Python read in it.

use std::process::Command;

use oauthgate_e2e::{Part, node, python};
use oauthgate_mcp::{Argument, Payload, Scalar, Wanted};
use serde_json::Value;

const BODIES: usize = 5_000;

const NODE: &str = r"
const lines = require('fs').readFileSync(process.argv[1], 'utf8').split('\n');
for (const line of lines) {
    let read = null;
    try {
        const { id, method, params } = JSON.parse(line);
        read = [id, method, params?.name, params?.arguments?.path].map(value => value ?? null);
    } catch {}
    console.log(JSON.stringify(read));
}";

const PYTHON: &str = r"
import json, sys
for line in open(sys.argv[1], encoding='utf-8').read().split('\n'):
    read = None
    try:
        message = json.loads(line)
        params = message.get('params') or {}
        arguments = params.get('arguments') or {}
        read = [message.get('id'), message.get('method'), params.get('name'), arguments.get('path')]
    except Exception:
        pass
    print(json.dumps(read))
";

/// Numbers that look random and are the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).expect("few sides")
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.roll(texts.len())]
    }

    /// Mostly the first.
    fn mostly<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        match self.roll(3) {
            0 => self.one_of(texts),
            _ => texts[0],
        }
    }

    fn value(&mut self) -> &'static str {
        self.one_of(&[
            r#""a""#,
            r#""\u0061\/b\t""#,
            r#""\ud83d\ude00""#,
            "\"ü\u{2028}\"",
            r#""""#,
            r#""\ud800""#,
            r#""a\u0000""#,
            "42",
            "42.0",
            "4.2e1",
            "-0",
            "-7",
            "0.1",
            "1e-7",
            "123456.789",
            "9007199254740991",
            "9007199254740993",
            "18446744073709551616",
            "1e308",
            "1e400",
            "0.30000000000000004",
            "true",
            "false",
            "null",
            "{}",
            "[1]",
            "NaN",
            "01",
            "+1",
            "'a'",
        ])
    }

    fn message(&mut self) -> String {
        let blank = self.one_of(&["", "", " ", "\t"]);
        let id = self.mostly(&["1", r#""1""#, "-3", "1.0", "1e2", "null", r#""\u0031""#]);
        let method = self.mostly(&[
            r#""tools/call""#,
            r#""tools\/call""#,
            r#""tool\u0073/call""#,
            "1",
        ]);
        let method_name = self.mostly(&["\"method\"", r#""m\u0065thod""#, "\"Method\""]);
        let name = self.mostly(&[r#""echo""#, r#""\u0065cho""#, r#""Füße""#, "1"]);
        let path_name = self.mostly(&["\"path\"", r#""p\u0061th""#, "\"Path\"", "\"other\""]);
        let path = self.value();
        let other = self.one_of(&[
            "",
            "",
            "",
            ",\"path\":1",
            ",\"x\":{\"path\":2}",
            ",\"__proto__\":3",
            ",\"PATH\":4",
        ]);
        let more = self.one_of(&[
            "",
            "",
            "",
            ",\"name\":\"b\"",
            ",\"NAME\":\"b\"",
            ",\"_meta\":{}",
        ]);
        let last = self.one_of(&[
            "",
            "",
            "",
            ",\"id\":2",
            ",\"params\":{}",
            ",\"x\":[[[]]]",
            ",",
            "}",
        ]);
        let arguments = format!("{{{path_name}:{blank}{path}{other}}}");
        let params = format!("{{\"arguments\":{arguments},{blank}\"name\":{name}{more}}}");
        format!(
            "{blank}{{\"jsonrpc\":\"2.0\",\"id\":{id},{method_name}{blank}:{method},\"params\":{params}{last}}}{blank}"
        )
    }
}

/// `id`, `method`, name and path as the gate reads them; no path where it cannot be compared.
fn ours(body: &str) -> Option<([Value; 3], Option<Value>)> {
    let wanted = Wanted::at(["/path"]).expect("a pointer");
    let payload = Payload::read(body.as_bytes(), &wanted).ok()?;
    let operation = payload.operations().next()?;
    let name = operation.object.as_ref().map(|object| object.name.as_str());
    let path = match operation.arguments.at("/path") {
        Argument::Scalar(Scalar::Bool(value)) => Some((*value).into()),
        Argument::Scalar(Scalar::Number(number)) => Some(number.clone().into()),
        Argument::Scalar(Scalar::String(text)) => Some(text.as_str().into()),
        Argument::Scalar(Scalar::Null) | Argument::Absent => Some(Value::Null),
        Argument::OtherType | Argument::Unknown => None,
    };
    let id = payload.id().cloned().unwrap_or_default();
    Some(([id, operation.method.as_str().into(), name.into()], path))
}

/// Numbers are the same where their values are: each reader writes them in its own way.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.to_bits() == other.to_bits() || one == other,
        _ => one == other,
    }
}

fn read_by(interpreter: &Part, option: &str, script: &str, bodies: &str) -> Vec<Value> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bodies).expect("a file");
    let mut command = Command::new(interpreter.path());
    command.args([option, script]).arg(file.path());
    let output = command.output().expect("it runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    // What is no JSON for us (a lone surrogate, `Infinity`) was none on its way in, either.
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_default())
        .collect()
}

#[test]
fn f23_node_and_python_read_what_the_gate_reads() {
    let mut dice = Dice(5);
    let bodies: Vec<_> = (0..BODIES).map(|_| dice.message()).collect();
    let text = bodies.join("\n");
    let readers = [
        read_by(&node(), "-e", NODE, &text),
        read_by(&python(), "-c", PYTHON, &text),
    ];
    let mut accepted = 0;
    for (number, body) in bodies.iter().enumerate() {
        let Some((message, path)) = ours(body) else {
            continue;
        };
        accepted += 1;
        for theirs in readers.iter().map(|reader| &reader[number]) {
            let alike = message
                .iter()
                .enumerate()
                .all(|(place, ours)| same(ours, &theirs[place]));
            assert!(alike, "{body}\nread as {message:?} and {theirs}");
            let alike = path.as_ref().is_none_or(|ours| same(ours, &theirs[3]));
            assert!(alike, "{body}\nread as {path:?} and {theirs}");
        }
    }
    assert!(
        (BODIES / 10..BODIES / 2).contains(&accepted),
        "{accepted} of {BODIES}"
    );
}
