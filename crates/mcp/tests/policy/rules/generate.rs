//! Random tables, people and deeds, out of so few words that they meet.

use std::collections::BTreeSet;

use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

use super::model::{Deed, Demand, Effect, ModelRule, Person, Table, Test};

const SCOPES: [&str; 5] = ["a", "b", "c", "d", "e"];
const TOOLS: [&str; 7] = [
    "read",
    "read_file",
    "write_file",
    "Read_File",
    " write_file",
    "delete",
    "*",
];
const TOOL_PATTERNS: [&str; 8] = [
    "*",
    "read*",
    "*_file",
    "read_file",
    "READ_*",
    "delete",
    "*e*e",
    "write_file",
];
const PROMPTS: [&str; 3] = ["greet", "Greet", "bye"];
const PROMPT_PATTERNS: [&str; 4] = ["greet", "*", "g*", "bye"];
const URIS: [&str; 6] = [
    "file:///public/a",
    "file:///private/a",
    "FILE:///private/a",
    "file:///public/../private/a",
    "file:///%70rivate/a",
    "memo://x",
];
const URI_PATTERNS: [&str; 5] = [
    "file:///public/*",
    "file:///private/*",
    "file:///*",
    "*",
    "memo://x",
];
const OTHER_METHODS: [&str; 6] = [
    "tools/list",
    "ping",
    "notifications/initialized",
    "notifications/Other",
    "custom/do",
    "Custom/do",
];
const METHOD_PATTERNS: [&str; 7] = [
    "*",
    "custom/*",
    "custom/do",
    "tools/*",
    "notifications/*",
    "tools/list",
    "NOTIFICATIONS/other",
];

/// Values of one argument: one of each kind that the conditions below can tell apart.
pub(crate) fn environments() -> Vec<Option<Value>> {
    let values = [
        json!("dev"),
        json!("stage"),
        json!("prod"),
        json!(1),
        json!(2.5),
        json!(true),
        json!(null),
        json!(["dev"]),
    ];
    std::iter::once(None).chain(values.map(Some)).collect()
}

pub(crate) fn paths() -> Vec<Option<Value>> {
    let values = [
        json!("/public/x"),
        json!("/private/"),
        json!("/p"),
        json!("zz"),
        json!(""),
        json!(7),
        json!({"a": 1}),
    ];
    std::iter::once(None).chain(values.map(Some)).collect()
}

pub(crate) fn arguments_of(environment: Option<Value>, path: Option<Value>) -> Value {
    let mut all = serde_json::Map::new();
    all.extend(environment.map(|value| ("env".to_owned(), value)));
    all.extend(path.map(|value| ("path".to_owned(), value)));
    Value::Object(all)
}

/// Every set of arguments that conditions can tell apart.
pub(crate) fn all_arguments() -> Vec<Value> {
    let environments = environments();
    let with = |environment: Option<Value>| {
        paths()
            .into_iter()
            .map(move |path| arguments_of(environment.clone(), path))
    };
    environments.into_iter().flat_map(with).collect()
}

fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::btree_set(select(of), 1..=2).prop_map(|set| set.into_iter().collect())
}

fn maybe(of: &'static [&'static str], weight: u32) -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![10 - weight => Just(Vec::new()), weight => some(of)]
}

fn scope_set(most: usize) -> impl Strategy<Value = BTreeSet<&'static str>> {
    prop::collection::btree_set(select(&SCOPES[..]), 0..=most)
}

fn departments() -> impl Strategy<Value = Vec<Value>> {
    prop_oneof![
        8 => Just(Vec::new()),
        1 => Just(vec![json!("x")]),
        1 => Just(vec![json!("y"), json!(5)]),
    ]
}

fn rights() -> impl Strategy<Value = Demand> {
    (
        maybe(&["editor", "admin"], 2),
        maybe(&["pro", "free"], 1),
        maybe(&["acme", "globex"], 1),
        departments(),
    )
        .prop_map(|(roles, tiers, tenants, department)| Demand {
            roles,
            tiers,
            tenants,
            department,
            ..Demand::default()
        })
}

fn demand() -> impl Strategy<Value = Demand> {
    (scope_set(2), rights()).prop_map(|(scopes, rights)| Demand { scopes, ..rights })
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        6 => prop::collection::vec(demand(), 1..=3).prop_map(Effect::Allow),
        1 => Just(Effect::Allow(vec![Demand::default()])),
        1 => Just(Effect::Anonymous),
        2 => rights().prop_map(Effect::Forbid),
    ]
}

fn condition() -> impl Strategy<Value = (&'static str, Test)> {
    let values = prop::collection::vec(
        select(vec![
            json!("dev"),
            json!("stage"),
            json!(1.0),
            json!(true),
            json!(null),
        ]),
        1..=2,
    );
    let prefix = select(vec!["/public/", "/p", "/private/", ""]);
    prop_oneof![
        2 => values.prop_map(|values| ("/env", Test::In(values))),
        1 => select(vec!["dev", ""]).prop_map(|prefix| ("/env", Test::Prefix(prefix))),
        2 => prefix.prop_map(|prefix| ("/path", Test::Prefix(prefix))),
    ]
}

fn rule() -> impl Strategy<Value = ModelRule> {
    let objects = prop_oneof![
        6 => some(&TOOL_PATTERNS).prop_map(|tools| ModelRule { tools, ..ModelRule::default() }),
        1 => some(&PROMPT_PATTERNS).prop_map(|prompts| ModelRule { prompts, ..ModelRule::default() }),
        2 => some(&URI_PATTERNS).prop_map(|resources| ModelRule { resources, ..ModelRule::default() }),
        1 => (some(&TOOL_PATTERNS), some(&PROMPT_PATTERNS))
            .prop_map(|(tools, prompts)| ModelRule { tools, prompts, ..ModelRule::default() }),
        2 => some(&METHOD_PATTERNS).prop_map(|methods| ModelRule { methods, ..ModelRule::default() }),
        1 => (some(&URI_PATTERNS), select(vec!["resources/read", "completion/complete"]))
            .prop_map(|(resources, method)| ModelRule { resources, methods: vec![method], ..ModelRule::default() }),
    ];
    let conditions = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(condition(), 1..=2),
    ];
    (objects, conditions, effect())
        .prop_map(|(objects, conditions, effect)| ModelRule {
            conditions,
            effect,
            ..objects
        })
        .prop_filter("a mistake", |rule| rule.rule().is_some())
}

fn hierarchy() -> impl Strategy<Value = Vec<(&'static str, Vec<&'static str>)>> {
    // A scope implies later ones only, so that there is no circle.
    let implied = prop::collection::vec(scope_set(2), SCOPES.len());
    let edges = implied.prop_map(|implied| {
        let later = |position: usize, implied: BTreeSet<&'static str>| {
            let later = SCOPES.iter().skip(position + 1).copied();
            later
                .filter(|scope| implied.contains(scope))
                .collect::<Vec<_>>()
        };
        let edges = implied.into_iter().enumerate();
        edges
            .map(|(position, implied)| (SCOPES[position], later(position, implied)))
            .filter(|(_, narrow)| !narrow.is_empty())
            .collect()
    });
    prop_oneof![1 => Just(Vec::new()), 1 => edges]
}

pub(crate) fn table() -> impl Strategy<Value = Table> {
    let listed =
        prop::collection::btree_map(select(&TOOLS[..]).prop_map(str::to_owned), demand(), 0..3);
    let unlisted = prop_oneof![
        3 => Just(None),
        1 => Just(Some(None)),
        1 => demand().prop_map(|demand| Some(Some(demand))),
    ];
    (
        prop::collection::vec(rule(), 0..6),
        listed,
        unlisted,
        hierarchy(),
    )
        .prop_map(|(rules, tools, unlisted, hierarchy)| Table {
            rules,
            tools,
            unlisted,
            hierarchy,
        })
        .prop_filter("nothing to decide", |table| table.policy().has_rules())
}

pub(crate) fn person() -> impl Strategy<Value = Person> {
    (
        scope_set(3),
        maybe(&["editor", "admin"], 4),
        prop::bool::weighted(0.2),
        select(vec!["free", "pro"]),
        prop::option::of(select(vec!["acme", "globex"])),
        prop::option::of(select(vec![
            json!("x"),
            json!(["x", "z"]),
            json!(5),
            json!(null),
            json!({"o": 1}),
        ])),
    )
        .prop_map(
            |(scopes, roles, has_more_roles, tier, tenant, department)| Person {
                scopes,
                roles,
                has_more_roles,
                tier,
                tenant,
                department,
            },
        )
}

pub(crate) fn anybody() -> impl Strategy<Value = Option<Person>> {
    prop_oneof![5 => person().prop_map(Some), 1 => Just(None)]
}

fn arguments() -> impl Strategy<Value = Value> {
    (select(environments()), select(paths()))
        .prop_map(|(environment, path)| arguments_of(environment, path))
}

pub(crate) fn deed() -> impl Strategy<Value = Deed> {
    let with =
        |kind: &'static str, names: &'static [&'static str], methods: &'static [&'static str]| {
            (select(names), select(methods), arguments()).prop_map(
                move |(name, method, arguments)| Deed {
                    method: method.to_owned(),
                    object: Some((kind, name.to_owned())),
                    arguments,
                },
            )
        };
    prop_oneof![
        6 => with("tool", &TOOLS, &["tools/call"]),
        2 => with("prompt", &PROMPTS, &["prompts/get", "completion/complete"]),
        3 => with("resource", &URIS, &[
            "resources/read", "resources/subscribe", "resources/unsubscribe", "completion/complete", "subscriptions/listen",
        ]),
        2 => select(&OTHER_METHODS[..]).prop_map(|method| Deed {
            method: method.to_owned(),
            object: None,
            arguments: json!({}),
        }),
        1 => Just(Deed {
            method: "subscriptions/listen".to_owned(),
            object: None,
            arguments: json!({}),
        }),
    ]
}
