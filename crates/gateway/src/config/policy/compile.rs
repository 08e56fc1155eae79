//! From rules as they were written to rules that decide.

use std::collections::BTreeMap;

use oauthgate_core::claims::ClaimPointer;
use oauthgate_mcp::{
    Wanted,
    policy::{Condition, Policy, Rule, RuleBuilder},
};
use oauthgate_remote::env::plain;
use serde_json::Value;

use super::{
    TablesGiven,
    low::{ConditionGiven, DemandsGiven, RuleGiven, TestGiven},
    shown,
};
use crate::config::{
    given::{Given, Mistakes, Words},
    words::{WordReader, one_word},
};

/// The rules, in order; `None` when there is a mistake in one.
pub(super) fn rules(given: &[RuleGiven], mistakes: &mut Mistakes) -> Option<Vec<Rule>> {
    let has_names_twice = refuse_names_twice(given, mistakes);
    let rules: Vec<_> = given.iter().map(|given| rule(given, mistakes)).collect();
    let rules: Option<Vec<_>> = rules.into_iter().collect();
    rules.filter(|_| !has_names_twice)
}

/// Adds what cannot be meant although each rule could be.
pub(super) fn refuse_together(policy: &Policy, given: &TablesGiven, mistakes: &mut Mistakes) {
    for (name, error) in policy.mistakes() {
        let rules = given.rules.iter().enumerate();
        let rule = rules
            .clone()
            .find(|(position, rule)| shown::name(rule, position + 1) == name.as_str());
        let tools = given.tools.iter();
        let tool = tools
            .clone()
            .find(|(tool, _)| name.as_str().strip_prefix("tools.") == Some(tool));
        let label = match (rule, tool) {
            (Some((_, rule)), _) => format!("{}: rule {name}", rule.origin),
            (None, Some((_, tool))) => tool.label(),
            (None, None) => name.to_string(),
        };
        mistakes.add(label, None, error.problem, error.expected);
    }
}

/// Tests and log lines call a rule by its name.
fn refuse_names_twice(rules: &[RuleGiven], mistakes: &mut Mistakes) -> bool {
    let mut names = BTreeMap::new();
    let mut is_twice = false;
    for given in rules.iter().filter_map(|rule| rule.name.as_ref()) {
        if let Some(first) = names.insert(one_word(given), given) {
            mistakes.add_word(
                given,
                one_word(given),
                format!("{} has the same", first.origin),
                "a `name` of its own for each rule, or none",
            );
            is_twice = true;
        }
    }
    is_twice
}

fn rule(given: &RuleGiven, mistakes: &mut Mistakes) -> Option<Rule> {
    let mut words = WordReader::new(mistakes);
    let builder = about(given, &mut words);
    let builder = demanding(given, &mut words, builder);
    let is_broken = given.is_broken || words.is_broken;
    if given.has_broken_subject {
        return None;
    }
    match builder.build() {
        Ok(rule) => (!is_broken).then_some(rule),
        Err(found) => {
            for mistake in found {
                let (label, whole) = given.entry(mistake.key);
                let value = mistake.word.or(whole);
                let error = mistake.error;
                mistakes.add(label, value.as_deref(), error.problem, error.expected);
            }
            None
        }
    }
}

/// What the rule is about.
fn about(given: &RuleGiven, words: &mut WordReader<'_>) -> RuleBuilder {
    let mut rule = Rule::builder();
    if let Some(name) = &given.name {
        let name = words.ok(name, one_word(name), plain(one_word(name)));
        rule = rule.name(name.unwrap_or("rule"));
    }
    if let Some(tools) = &given.tools {
        rule = rule.tools(list(tools));
    }
    if let Some(prompts) = &given.prompts {
        rule = rule.prompts(list(prompts));
    }
    if let Some(resources) = &given.resources {
        rule = rule.resources(list(resources));
    }
    if let Some(methods) = &given.methods {
        rule = rule.methods(list(methods));
    }
    let conditions = given.arguments.iter();
    let conditions: Vec<_> = conditions
        .filter_map(|given| condition(given, words))
        .collect();
    rule.arguments(conditions)
}

fn condition(given: &ConditionGiven, words: &mut WordReader<'_>) -> Option<Condition> {
    let pointer = one_word(&given.pointer);
    words.ok(&given.pointer, pointer, Wanted::at([pointer]))?;
    match &given.test {
        TestGiven::OneOf(given, values) => {
            let condition = Condition::is_in(pointer, values.iter().cloned());
            words.ok(given, &text_of(given), condition)
        }
        TestGiven::Matches(given) => {
            let expression = one_word(given);
            words.ok(given, expression, Condition::matches(pointer, expression))
        }
    }
}

/// What it demands, and of whom.
fn demanding(given: &RuleGiven, words: &mut WordReader<'_>, rule: RuleBuilder) -> RuleBuilder {
    let demands = &given.demands;
    let mut rule = with_lists(demands, words, rule).claims(claims(demands, words));
    if let Some((_, alternatives)) = &given.any_of {
        let alternatives = alternatives.iter();
        let alternatives: Vec<_> = alternatives
            .map(|demands| words.requirement(demands))
            .collect();
        // One that could not be read would seem to demand nothing.
        if !given.is_broken && !words.is_broken {
            rule = rule.any_of(alternatives);
        }
    }
    let is_set = |flag: &Option<(bool, Given)>| flag.as_ref().is_some_and(|(flag, _)| *flag);
    rule.anonymous(is_set(&given.anonymous))
        .forbid(is_set(&given.forbid))
}

fn with_lists(
    demands: &DemandsGiven,
    words: &mut WordReader<'_>,
    mut rule: RuleBuilder,
) -> RuleBuilder {
    // A list of which no word is good was reported already.
    let scopes = demands.scopes.as_ref().map(|given| words.scopes(given));
    if let Some(scopes) = scopes.filter(|scopes| !scopes.is_empty()) {
        rule = rule.scopes(scopes);
    }
    let mut texts = |given: &Option<Given>| {
        let texts = words.texts(given.as_ref()?);
        Some(texts).filter(|texts| !texts.is_empty())
    };
    if let Some(roles) = texts(&demands.roles) {
        rule = rule.roles(roles);
    }
    if let Some(tiers) = texts(&demands.tiers) {
        rule = rule.tiers(tiers);
    }
    if let Some(tenants) = texts(&demands.tenants) {
        rule = rule.tenants(tenants);
    }
    rule
}

fn claims(demands: &DemandsGiven, words: &mut WordReader<'_>) -> Vec<(ClaimPointer, Vec<Value>)> {
    let mut claims = Vec::new();
    for (given, values) in &demands.claims {
        let pointer = words.ok(given, one_word(given), ClaimPointer::parse(one_word(given)));
        claims.extend(pointer.map(|pointer| (pointer, values.clone())));
    }
    claims
}

fn list(given: &Given) -> Vec<String> {
    match &given.words {
        Words::One(word) => vec![word.clone()],
        Words::Many(words) => words.clone(),
    }
}

/// The words for a report.
pub(super) fn text_of(given: &Given) -> String {
    list(given).join(" ")
}

impl RuleGiven {
    /// What a report calls one of its keys, and what stands there.
    fn entry(&self, key: &str) -> (String, Option<String>) {
        let demands = &self.demands;
        let given = match key {
            "name" => self.name.as_ref(),
            "tools" => self.tools.as_ref(),
            "prompts" => self.prompts.as_ref(),
            "resources" => self.resources.as_ref(),
            "methods" => self.methods.as_ref(),
            "scopes" => demands.scopes.as_ref(),
            "roles" => demands.roles.as_ref(),
            "tiers" => demands.tiers.as_ref(),
            "tenants" => demands.tenants.as_ref(),
            "any_of" => self.any_of.as_ref().map(|(given, _)| given),
            "anonymous" => self.anonymous.as_ref().map(|(_, given)| given),
            "forbid" => self.forbid.as_ref().map(|(_, given)| given),
            _ => None,
        };
        match given {
            Some(given) => (
                given.label(),
                Some(text_of(given)).filter(|text| !text.is_empty()),
            ),
            None => (format!("{}: rule.{key}", self.origin), None),
        }
    }
}
