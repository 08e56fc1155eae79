//! The messages that are measured, and the rules that decide on them.

use std::fmt::Write;

use bytes::Bytes;
use oauthgate_core::ScopeSet;
use oauthgate_mcp::{
    Policy,
    policy::{Condition, Rule},
};
use serde_json::{Value, json};

/// The scope that the deciding rule demands, and every caller here holds.
pub(crate) const SCOPE: &str = "mcp:write";
/// The tool that is called; the last rule of every table decides on it, by an argument.
const TOOL: &str = "write_file";
/// Read by the condition of that rule.
const PATH: &str = "/public/report.txt";

/// More than one record takes.
const RECORD: usize = 64;

/// What fills the argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filling {
    /// One string.
    Text,
    /// Many small objects, each of which is looked through for members that occur twice.
    Records,
}

impl Filling {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "one string",
            Self::Records => "records",
        }
    }

    fn value(self, bytes: usize) -> Value {
        match self {
            Self::Text => "x".repeat(bytes).into(),
            Self::Records => (0..bytes / RECORD)
                .map(|line| json!({"line": line % 10, "text": "a line of a report, as long as others"}))
                .collect(),
        }
    }
}

/// A `tools/call` of exactly so many bytes.
pub(crate) fn call(bytes: usize, filling: Filling) -> Bytes {
    let message = |content: Value, rest: usize| {
        json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": TOOL, "arguments": {"path": PATH, "content": content, "rest": "x".repeat(rest)}},
        })
        .to_string()
    };
    let empty = message(filling.value(0), 0).len();
    let content = filling.value(bytes.saturating_sub(empty));
    let written = message(content.clone(), 0).len();
    message(content, bytes.saturating_sub(written)).into()
}

/// A `tools/list`.
pub(crate) fn list() -> Bytes {
    Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)
}

/// The answer to it: every other tool is one that the caller may call.
pub(crate) fn tools(count: usize) -> Bytes {
    let schema = json!({
        "type": "object",
        "properties": {"path": {"type": "string", "description": "Where the file is"}, "content": {"type": "string"}},
        "required": ["path"],
    });
    let tools: Vec<_> = (0..count)
        .map(|number| {
            let name = if number % 2 == 0 { format!("write_{number}") } else { format!("hidden_{number}") };
            json!({"name": name, "title": "A tool", "description": "Does one thing, and does it well", "inputSchema": schema})
        })
        .collect();
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}});
    answer.to_string().into()
}

/// A table of so many rules. None but the last is about the tools here.
pub(crate) fn policy(rules: usize) -> Policy {
    let scopes = || ScopeSet::parse(SCOPE).expect("a scope");
    let others = (1..rules).map(|number| {
        let rule = Rule::builder().tools([format!("other_{number}_*")]);
        rule.scopes(scopes()).build().expect("a rule")
    });
    let condition = Condition::matches("/path", "^/public/").expect("a condition");
    let last = Rule::builder().tools(["write_*"]).arguments([condition]);
    let last = last.scopes(scopes()).build().expect("a rule");
    let policy = others.fold(Policy::new(), Policy::rule);
    if rules == 0 {
        policy
    } else {
        policy.rule(last)
    }
}

/// The same as the file of a gate says it.
pub(crate) fn file(rules: usize) -> String {
    let mut text = "[[resource]]\n".to_owned();
    for number in 1..rules {
        let _ = write!(
            text,
            "[[resource.rule]]\ntools = [\"other_{number}_*\"]\nscopes = [{SCOPE:?}]\n"
        );
    }
    if rules > 0 {
        let _ = write!(
            text,
            "[[resource.rule]]\ntools = [\"write_*\"]\narguments = [{{ pointer = \"/path\", matches = \"^/public/\" }}]\nscopes = [{SCOPE:?}]\n"
        );
    }
    text
}
