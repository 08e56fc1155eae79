//! A file of cases, read whole: every mistake at once, each with its line.

use std::path::Path;

use oauthgate_core::{Caller, Scope, ScopeSet};
use oauthgate_mcp::Operation;
use oauthgate_remote::{ConfigurationError, env::items_of};
use serde_json::{Map, Value};
use toml::de::DeTable;

use super::{
    caller::Rights,
    operation::{call, plain, reading},
    ruling::ListKind,
    words::Outcome,
};
use crate::config::{
    document::Document,
    fields::{Fields, Read, json_of},
    given::{Given, Mistakes, Words},
};

/// One `[[case]]`.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// `file:line`.
    pub(super) place: String,
    pub(super) name: String,
    pub(super) caller: Option<Caller<'static>>,
    /// The body that the client sends.
    pub(super) body: String,
    pub(super) list: Option<List>,
    pub(super) expect: Outcome,
    pub(super) expect_scopes: Option<ScopeSet>,
    pub(super) expect_rule: Option<String>,
}

/// Items that the server would list, and those that the caller shall see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    pub(super) kind: ListKind,
    pub(super) items: Vec<String>,
    pub(super) shows: Option<Vec<String>>,
}

const CASE: &[&str] = &[
    "name",
    "caller",
    "tool",
    "prompt",
    "read",
    "method",
    "message",
    "list",
    "arguments",
    "expect",
    "expect_scopes",
    "expect_rule",
    "shows",
];
const CALLER: &[&str] = &["anonymous", "scopes", "roles", "tier", "tenant", "claims"];
const OPERATIONS: &[&str] = &["tool", "prompt", "read", "method", "message", "list"];
/// What a list can be of, and the method that asks for it.
const LISTS: [(&str, ListKind, &str); 4] = [
    ("tools", ListKind::Tools, Operation::TOOLS_LIST),
    ("prompts", ListKind::Prompts, Operation::PROMPTS_LIST),
    ("resources", ListKind::Resources, Operation::RESOURCES_LIST),
    (
        "templates",
        ListKind::Templates,
        Operation::RESOURCE_TEMPLATES_LIST,
    ),
];

const OPERATION: &str = "one of tool, prompt, read, method, message and list";
const TEXTS: &str = "a list of texts, for example [\"read_file\"]";

/// The cases of a file, in order.
///
/// # Errors
/// Every mistake at once.
pub(super) fn read(path: &Path, text: &str) -> Result<Vec<Case>, ConfigurationError> {
    let mut mistakes = Mistakes::default();
    let document = Document::new(path, text);
    let cases = document
        .table(&mut mistakes)
        .map(|table| of_file(&document, &table, &mut mistakes));
    match cases {
        Some(cases) if mistakes.is_empty() => Ok(cases),
        _ => Err(mistakes.into_error()),
    }
}

fn of_file(document: &Document<'_>, table: &DeTable<'_>, mistakes: &mut Mistakes) -> Vec<Case> {
    let fields = Fields {
        document,
        table,
        prefix: "",
    };
    fields.only(&["case"], mistakes);
    let expected = "a [[case]] for each question, at least one";
    match fields.tables("case", expected, mistakes) {
        Read::Good(tables) => tables
            .into_iter()
            .filter_map(|(place, table)| case(document, place, table, mistakes))
            .collect(),
        Read::Absent => {
            mistakes.add(document.place(0), None, "there is no case in it", expected);
            Vec::new()
        }
        Read::Bad => Vec::new(),
    }
}

/// One table, with what is found to be wrong in it.
struct Reader<'r, 'a, 'd, 'i> {
    fields: Fields<'a, 'd, 'i>,
    /// `file:line`.
    place: String,
    mistakes: &'r mut Mistakes,
    is_broken: bool,
}

fn case(
    document: &Document<'_>,
    place: usize,
    table: &DeTable<'_>,
    mistakes: &mut Mistakes,
) -> Option<Case> {
    let fields = Fields {
        document,
        table,
        prefix: "case.",
    };
    let is_broken = !fields.only(CASE, mistakes);
    let mut reader = Reader {
        fields,
        place: document.place(place),
        mistakes,
        is_broken,
    };
    let case = reader.case();
    case.filter(|_| !reader.is_broken)
}

impl Reader<'_, '_, '_, '_> {
    fn case(&mut self) -> Option<Case> {
        let name = self.text("name", "a sentence about what shall be");
        let caller = self.caller();
        let list = self.list();
        let body = self.body(list.as_ref());
        let expect = self.outcome(list.is_some());
        let expect_scopes = self.scopes("expect_scopes");
        let expect_rule = self.text("expect_rule", "the name of a rule, or #1 for the first");
        if name.is_none() {
            self.missing(
                "name",
                "a sentence about what shall be, for example \"readers cannot delete\"",
            );
        }
        self.refuse_scopes_without_challenge(expect, expect_scopes.is_some());
        Some(Case {
            place: self.place.clone(),
            name: word(&name?).to_owned(),
            caller: caller?,
            body: body?,
            list,
            expect: expect?,
            expect_scopes,
            expect_rule: expect_rule.map(|given| word(&given).to_owned()),
        })
    }

    fn text(&mut self, key: &str, expected: &str) -> Option<Given> {
        let read = self.fields.text(key, expected, self.mistakes);
        read.or_break(&mut self.is_broken)
    }

    fn texts(&mut self, key: &str) -> Option<Given> {
        let read = self.fields.any_texts(key, TEXTS, self.mistakes);
        read.or_break(&mut self.is_broken)
    }

    fn missing(&mut self, key: &str, expected: &str) {
        // What was written and is wrong was reported.
        if self.fields.entry(key).is_none() {
            let label = format!("{}: {}{key}", self.place, self.fields.prefix);
            self.mistakes.add(label, None, "missing", expected);
        }
        self.is_broken = true;
    }

    fn outcome(&mut self, is_list: bool) -> Option<Outcome> {
        let words = Outcome::ALL.map(Outcome::as_str).join(", ");
        let Some(given) = self.text("expect", &words) else {
            if is_list && self.fields.entry("expect").is_none() {
                return Some(Outcome::Allow);
            }
            self.missing("expect", &words);
            return None;
        };
        let outcome = Outcome::parse(word(&given));
        if outcome.is_none() {
            let problem = "nothing becomes of a request that is called so";
            self.mistakes.add_word(&given, word(&given), problem, words);
            self.is_broken = true;
        }
        outcome
    }

    fn refuse_scopes_without_challenge(&mut self, expect: Option<Outcome>, has_scopes: bool) {
        let names_scopes = matches!(expect, Some(Outcome::Login | Outcome::StepUp) | None);
        if has_scopes && !names_scopes {
            self.mistakes.add(
                format!("{}: case.expect_scopes", self.place),
                None,
                "only an answer that asks for a login or for more scopes names scopes",
                "login or step-up as `expect`, or leave `expect_scopes` out",
            );
            self.is_broken = true;
        }
    }

    fn scopes(&mut self, key: &str) -> Option<ScopeSet> {
        let given = self.texts(key)?;
        if given.words == Words::Many(Vec::new()) {
            return Some(ScopeSet::empty());
        }
        let mut scopes = Vec::new();
        for item in items_of(&given.words) {
            let scope = item.and_then(|text| Scope::new(&text).map_err(|error| (text, error)));
            let scope = self.mistakes.unless(&given, scope);
            self.is_broken |= scope.is_none();
            scopes.extend(scope);
        }
        Some(scopes.into_iter().collect())
    }

    /// The caller; `Some(None)` for one without a token.
    fn caller(&mut self) -> Option<Option<Caller<'static>>> {
        let expected = "a table, for example { scopes = [\"files:read\"] } or { anonymous = true }";
        let read = self.fields.table("caller", expected, self.mistakes);
        let Some(table) = read.or_break(&mut self.is_broken) else {
            self.missing("caller", expected);
            return None;
        };
        let fields = Fields {
            document: self.fields.document,
            table,
            prefix: "case.caller.",
        };
        let is_broken = !fields.only(CALLER, self.mistakes);
        let mut reader = Reader {
            fields,
            place: self.place.clone(),
            mistakes: self.mistakes,
            is_broken,
        };
        let caller = reader.rights();
        self.is_broken |= reader.is_broken;
        caller
    }

    fn rights(&mut self) -> Option<Option<Caller<'static>>> {
        let flag = self.fields.flag("anonymous", self.mistakes);
        let anonymous = flag.or_break(&mut self.is_broken);
        if anonymous.is_some_and(|(anonymous, _)| anonymous) {
            if self.fields.table.len() > 1 {
                self.mistakes.add(
                    format!("{}: case.caller", self.place),
                    None,
                    "a caller without a token has nothing else",
                    "{ anonymous = true } alone",
                );
                self.is_broken = true;
            }
            return Some(None);
        }
        let rights = Rights {
            scopes: self.scopes("scopes").unwrap_or_default(),
            roles: self.texts("roles").map(list_of).unwrap_or_default(),
            tier: self
                .text("tier", "a tier")
                .map(|given| word(&given).to_owned()),
            tenant: self
                .text("tenant", "a tenant")
                .map(|given| word(&given).to_owned()),
            claims: self.object("claims").unwrap_or_default(),
        };
        Some(Some(rights.caller()))
    }

    /// A table as JSON.
    fn object(&mut self, key: &str) -> Option<Map<String, Value>> {
        let (name, value) = self.fields.entry(key)?;
        if let Some(Value::Object(object)) = json_of(value.get_ref()) {
            return Some(object);
        }
        let place = self.fields.document.place(name.span().start);
        self.mistakes.add(
            format!("{place}: {}{key}", self.fields.prefix),
            None,
            "not a table of texts, numbers, booleans, lists and tables",
            "what a JSON object can hold; a date as a text, in quotes",
        );
        self.is_broken = true;
        None
    }

    /// The body that asks for what the case says.
    fn body(&mut self, list: Option<&List>) -> Option<String> {
        let written: Vec<_> = OPERATIONS
            .iter()
            .copied()
            .filter(|key| self.fields.entry(key).is_some())
            .collect();
        let [key] = written[..] else {
            let problem = match written.is_empty() {
                true => "nothing says what is asked for".to_owned(),
                false => format!("{} at once", written.join(", ")),
            };
            self.mistakes
                .add(self.place.clone(), None, problem, OPERATION);
            self.is_broken = true;
            return None;
        };
        let arguments = self.arguments(key);
        if key == "list" {
            let method = LISTS
                .iter()
                .find(|(_, kind, _)| Some(*kind) == list.map(|list| list.kind));
            return method.map(|(_, _, method)| plain(method));
        }
        let given = self.text(key, "a text")?;
        let text = word(&given);
        Some(match key {
            "tool" => call(Operation::TOOLS_CALL, text, arguments.as_deref()),
            "prompt" => call(Operation::PROMPTS_GET, text, arguments.as_deref()),
            "read" => reading(text),
            "method" => plain(text),
            _ => text.to_owned(),
        })
    }

    fn arguments(&mut self, operation: &str) -> Option<String> {
        let arguments = self
            .object("arguments")
            .map(|object| Value::Object(object).to_string());
        if arguments.is_some() && !["tool", "prompt"].contains(&operation) {
            self.mistakes.add(
                format!("{}: case.arguments", self.place),
                None,
                format!("`{operation}` takes no arguments"),
                "arguments beside `tool` or `prompt` only",
            );
            self.is_broken = true;
        }
        arguments
    }

    fn list(&mut self) -> Option<List> {
        let shows = self.texts("shows").map(list_of);
        let expected = "a table such as { tools = [\"read_file\", \"delete_file\"] }";
        let read = self.fields.table("list", expected, self.mistakes);
        let Some(table) = read.or_break(&mut self.is_broken) else {
            if shows.is_some() && self.fields.entry("list").is_none() {
                self.missing("list", expected);
            }
            return None;
        };
        let fields = Fields {
            document: self.fields.document,
            table,
            prefix: "case.list.",
        };
        let keys = LISTS.map(|(key, ..)| key);
        self.is_broken |= !fields.only(&keys, self.mistakes);
        let mut lists = Vec::new();
        for (key, kind, _) in LISTS {
            let items = fields.texts(key, TEXTS, self.mistakes);
            let items = items.or_break(&mut self.is_broken).map(list_of);
            lists.extend(items.map(|items| List {
                kind,
                items,
                shows: shows.clone(),
            }));
        }
        if lists.len() != 1 && !self.is_broken {
            let label = format!("{}: case.list", self.place);
            self.mistakes.add(label, None, "not one list", expected);
            self.is_broken = true;
        }
        lists.pop()
    }
}

fn word(given: &Given) -> &str {
    match &given.words {
        Words::One(word) => word,
        Words::Many(words) => words.first().map_or("", String::as_str),
    }
}

fn list_of(given: Given) -> Vec<String> {
    match given.words {
        Words::One(word) => vec![word],
        Words::Many(words) => words,
    }
}
