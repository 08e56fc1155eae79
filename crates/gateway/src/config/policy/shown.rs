//! Rules in one line each, for `config show`.

use serde_json::Value;

use super::{
    compile::text_of,
    low::{ConditionGiven, DemandsGiven, Flag, RuleGiven, TestGiven},
};
use crate::config::{
    given::{Given, Origin},
    words::one_word,
};

/// What becomes of everything that no rule is about.
pub(super) const OTHERWISE: (&str, Origin) = (
    "refuses; initialize, ping, notifications and lists pass with a good token",
    Origin::Derived,
);

/// What logs, metrics and explanations call the rule at this place, counted from one.
pub(super) fn name(rule: &RuleGiven, number: usize) -> String {
    match &rule.name {
        Some(name) => one_word(name).to_owned(),
        None => format!("#{number}"),
    }
}

/// What the rule does.
pub(super) fn sentence(rule: &RuleGiven) -> String {
    let verb = match (is_set(&rule.forbid), is_set(&rule.anonymous)) {
        (true, _) => "forbids",
        (false, true) => "opens to everybody",
        (false, false) => "allows",
    };
    let mut words = vec![verb.to_owned()];
    let subject = [
        ("tools", &rule.tools),
        ("prompts", &rule.prompts),
        ("resources", &rule.resources),
        ("methods", &rule.methods),
    ];
    words.extend(lists(&subject));
    let conditions: Vec<_> = rule.arguments.iter().map(condition).collect();
    if !conditions.is_empty() {
        words.push(format!("where {}", conditions.join(" and ")));
    }
    match &rule.any_of {
        Some((_, alternatives)) => {
            let alternatives: Vec<_> = alternatives.iter().map(demands).collect();
            words.push(format!(
                "to callers with {}",
                alternatives.join(" or with ")
            ));
        }
        None if demands(&rule.demands).is_empty() => {}
        None => words.push(format!("to callers with {}", demands(&rule.demands))),
    }
    words
        .join(" ")
        .escape_debug()
        .to_string()
        .replace("\\\"", "\"")
        .replace("\\'", "'")
}

fn is_set(flag: &Flag) -> bool {
    flag.as_ref().is_some_and(|(flag, _)| *flag)
}

fn lists(lists: &[(&str, &Option<Given>)]) -> Vec<String> {
    let written = |(key, given): &(&str, &Option<Given>)| {
        let words = text_of(given.as_ref()?);
        Some(format!("{key} {words}"))
    };
    lists.iter().filter_map(written).collect()
}

fn condition(given: &ConditionGiven) -> String {
    let pointer = one_word(&given.pointer);
    match &given.test {
        TestGiven::OneOf(_, values) => format!("{pointer} is {}", one_of(values)),
        TestGiven::Matches(expression) => format!("{pointer} matches {}", one_word(expression)),
    }
}

fn demands(given: &DemandsGiven) -> String {
    let mut demands = lists(&[
        ("scopes", &given.scopes),
        ("one of the roles", &given.roles),
        ("one of the tiers", &given.tiers),
        ("one of the tenants", &given.tenants),
    ]);
    for (pointer, values) in &given.claims {
        demands.push(format!("{} being {}", one_word(pointer), one_of(values)));
    }
    demands.join(", ")
}

fn one_of(values: &[Value]) -> String {
    let values: Vec<_> = values.iter().map(Value::to_string).collect();
    values.join(" or ")
}
