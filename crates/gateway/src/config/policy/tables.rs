//! `[[rule]]` and `[scope_hierarchy]`, out of TOML. Every key is looked at, whatever is wrong with the others.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::low::{ConditionGiven, DemandsGiven, RuleGiven, TestGiven};
use crate::config::{
    document::Document,
    fields::{Fields, Read},
    given::{Given, Mistakes, Words},
};

/// The keys of a rule, in the order of the documentation.
pub(in crate::config) const RULE: &[&str] = &[
    "name",
    "tools",
    "prompts",
    "resources",
    "methods",
    "arguments",
    "scopes",
    "roles",
    "tiers",
    "tenants",
    "claims",
    "any_of",
    "anonymous",
    "forbid",
];
const DEMANDS: &[&str] = &["scopes", "roles", "tiers", "tenants", "claims"];
const CONDITION: &[&str] = &["pointer", "equals", "in", "matches"];

const SCOPES: &str = "a list of scopes, for example [\"files:read\"]";
const CONDITIONS: &str =
    "a list of tables, for example [{ pointer = \"/path\", matches = \"^/public/\" }]";
const VALUES: &str = "a list of texts, numbers or booleans, for example [\"finance\"]";
const ALTERNATIVES: &str =
    "a list of tables, for example [{ scopes = [\"files:read\"] }, { roles = [\"admin\"] }]";

/// The rules of `[[rule]]`, in order.
pub(in crate::config) fn rules(
    document: &Document<'_>,
    value: &Spanned<DeValue<'_>>,
    mistakes: &mut Mistakes,
) -> Vec<RuleGiven> {
    let Some(elements) = value.get_ref().as_array() else {
        let problem = format!("`rule` is a TOML {}", value.get_ref().type_str());
        let expected = "one table in double brackets for each rule, as `[[resource.rule]]`";
        mistakes.add(document.place(value.span().start), None, problem, expected);
        return Vec::new();
    };
    if elements.is_empty() {
        let place = document.place(value.span().start);
        add_open(format!("{place}: rule"), "an empty list", mistakes);
    }
    let mut rules = Vec::new();
    for element in elements {
        let place = element.span().start;
        match element.get_ref().as_table() {
            Some(table) => rules.push(rule(document, place, table, mistakes)),
            None => mistakes.add(
                document.place(place),
                None,
                "`rule` holds something that is no table",
                "a table with the keys of a rule",
            ),
        }
    }
    rules
}

/// Adds that somebody began a policy and wrote none: what is not there must not mean that all may do everything.
pub(in crate::config) fn add_open(label: String, problem: &str, mistakes: &mut Mistakes) {
    mistakes.add(
        label,
        None,
        format!("{problem}: every good token would be let through to everything"),
        "at least one rule, or a tool with its scopes; to want none, leave it out",
    );
}

fn rule(
    document: &Document<'_>,
    place: usize,
    table: &DeTable<'_>,
    mistakes: &mut Mistakes,
) -> RuleGiven {
    let fields = Fields {
        document,
        table,
        prefix: "rule.",
    };
    let mut is_broken = !fields.only(RULE, mistakes);
    let mut texts = |key, expected| {
        fields
            .texts(key, expected, mistakes)
            .or_break(&mut is_broken)
    };
    let tools = texts("tools", "a list of tools, for example [\"read_*\"]");
    let prompts = texts("prompts", "a list of prompts, for example [\"greet\"]");
    let resources = texts(
        "resources",
        "a list of URIs, for example [\"file:///public/*\"]",
    );
    let methods = texts("methods", "a list of methods, for example [\"tools/call\"]");
    let arguments = arguments(&fields, &mut is_broken, mistakes);
    let has_broken_subject = is_broken;
    let name = fields
        .text("name", "a short name", mistakes)
        .or_break(&mut is_broken);
    let anonymous = fields.flag("anonymous", mistakes).or_break(&mut is_broken);
    let forbid = fields.flag("forbid", mistakes).or_break(&mut is_broken);
    RuleGiven {
        origin: document.origin(place),
        name,
        tools,
        prompts,
        resources,
        methods,
        arguments,
        demands: demands(&fields, &mut is_broken, mistakes),
        any_of: any_of(&fields, &mut is_broken, mistakes),
        anonymous,
        forbid,
        has_broken_subject,
        is_broken,
    }
}

fn demands(
    fields: &Fields<'_, '_, '_>,
    is_broken: &mut bool,
    mistakes: &mut Mistakes,
) -> DemandsGiven {
    let mut texts = |key, expected| fields.texts(key, expected, mistakes).or_break(is_broken);
    let scopes = texts("scopes", SCOPES);
    let roles = texts("roles", "a list of roles, for example [\"admin\"]");
    let tiers = texts("tiers", "a list of tiers, for example [\"pro\"]");
    let tenants = texts("tenants", "a list of tenants, for example [\"acme\"]");
    DemandsGiven {
        scopes,
        roles,
        tiers,
        tenants,
        claims: claims(fields, is_broken, mistakes),
    }
}

fn claims(
    fields: &Fields<'_, '_, '_>,
    is_broken: &mut bool,
    mistakes: &mut Mistakes,
) -> Vec<(Given, Vec<serde_json::Value>)> {
    let expected =
        "a table of JSON Pointers into the claims, for example { \"/department\" = [\"finance\"] }";
    let table = fields
        .table("claims", expected, mistakes)
        .or_break(is_broken);
    let Some(table) = table else {
        return Vec::new();
    };
    if table.is_empty() {
        let entry = fields.entry("claims").map(|entry| entry.0.span().start);
        let place = fields.document.place(entry.unwrap_or_default());
        mistakes.add(
            format!("{place}: {}claims", fields.prefix),
            None,
            "an empty table",
            expected,
        );
        *is_broken = true;
    }
    let pointers = Fields {
        document: fields.document,
        table,
        prefix: "rule.claims.",
    };
    let mut claims = Vec::new();
    for pointer in table.keys() {
        let read = pointers.scalars(pointer.get_ref(), VALUES, mistakes);
        if let Some((given, values)) = read.or_break(is_broken) {
            let pointer = Words::One(pointer.get_ref().to_string());
            claims.push((
                Given {
                    words: pointer,
                    ..given
                },
                values,
            ));
        }
    }
    claims
}

fn any_of(
    fields: &Fields<'_, '_, '_>,
    is_broken: &mut bool,
    mistakes: &mut Mistakes,
) -> Option<(Given, Vec<DemandsGiven>)> {
    let entry = fields.entry("any_of")?;
    let given = fields.given(entry, Words::Many(Vec::new()));
    let tables = fields
        .tables("any_of", ALTERNATIVES, mistakes)
        .or_break(is_broken)?;
    let mut alternatives = Vec::new();
    for (_, table) in tables {
        let fields = Fields {
            document: fields.document,
            table,
            prefix: "rule.any_of.",
        };
        *is_broken |= !fields.only(DEMANDS, mistakes);
        alternatives.push(demands(&fields, is_broken, mistakes));
    }
    Some((given, alternatives))
}

fn arguments(
    fields: &Fields<'_, '_, '_>,
    is_broken: &mut bool,
    mistakes: &mut Mistakes,
) -> Vec<ConditionGiven> {
    let tables = fields
        .tables("arguments", CONDITIONS, mistakes)
        .or_break(is_broken);
    let mut conditions = Vec::new();
    for (place, table) in tables.unwrap_or_default() {
        let fields = Fields {
            document: fields.document,
            table,
            prefix: "rule.arguments.",
        };
        // A misspelt key would seem to be missing as well.
        let known = fields.only(CONDITION, mistakes);
        let condition = known.then(|| condition(place, &fields, mistakes));
        match condition.flatten() {
            Some(condition) => conditions.push(condition),
            None => *is_broken = true,
        }
    }
    conditions
}

fn condition(
    place: usize,
    fields: &Fields<'_, '_, '_>,
    mistakes: &mut Mistakes,
) -> Option<ConditionGiven> {
    let pointer = "a JSON Pointer into the arguments, for example \"/path\"";
    let pointer = fields.text("pointer", pointer, mistakes);
    if matches!(pointer, Read::Absent) {
        missing(place, fields, "no `pointer` says which argument", mistakes);
    }
    let regex = "a regular expression, for example \"^/public/\"";
    let tests = [
        fields
            .scalar("equals", "one text, number or boolean", mistakes)
            .map(|(given, values)| TestGiven::OneOf(given, values)),
        fields
            .scalars("in", VALUES, mistakes)
            .map(|(given, values)| TestGiven::OneOf(given, values)),
        fields
            .text("matches", regex, mistakes)
            .map(TestGiven::Matches),
    ];
    let written = tests
        .iter()
        .filter(|test| !matches!(test, Read::Absent))
        .count();
    if written != 1 {
        let problem = match written {
            0 => "nothing says what the argument must be",
            _ => "several of `equals`, `in` and `matches`",
        };
        missing(place, fields, problem, mistakes);
        return None;
    }
    let mut is_broken = false;
    let test = tests
        .into_iter()
        .find_map(|test| test.or_break(&mut is_broken))?;
    let pointer = pointer.or_break(&mut is_broken)?;
    Some(ConditionGiven { pointer, test })
}

fn missing(place: usize, fields: &Fields<'_, '_, '_>, problem: &str, mistakes: &mut Mistakes) {
    mistakes.add(
        format!("{}: rule.arguments", fields.document.place(place)),
        None,
        problem,
        "`pointer` and one of `equals`, `in` and `matches`; several conditions about one argument are several tables",
    );
}

/// `[scope_hierarchy]`: a scope, and those that it implies.
pub(in crate::config) fn hierarchy(
    document: &Document<'_>,
    value: &Spanned<DeValue<'_>>,
    mistakes: &mut Mistakes,
) -> Vec<(String, Given)> {
    let Some(table) = value.get_ref().as_table() else {
        mistakes.add(
            document.place(value.span().start),
            None,
            format!("`scope_hierarchy` is a TOML {}", value.get_ref().type_str()),
            "a table with lines such as \"files:write\" = [\"files:read\"]",
        );
        return Vec::new();
    };
    let fields = Fields {
        document,
        table,
        prefix: "scope_hierarchy.",
    };
    let mut hierarchy = Vec::new();
    for scope in table.keys() {
        let scope = scope.get_ref().to_string();
        if let Read::Good(given) = fields.texts(&scope, SCOPES, mistakes) {
            hierarchy.push((scope, given));
        }
    }
    hierarchy
}
