//! Which items of a list a caller is shown.

use std::collections::BTreeMap;

use oauthgate_core::{Caller, Requirement};
use serde_json::{Map, Value};

use super::{
    Condition, Entry, ListFilter, Policy,
    condition::Outcome,
    rule::Effect,
    samples,
    subject::{Seen, Standing},
    template,
};
use crate::{Arguments, Object, ObjectKind, Operation, Wanted, jsonrpc::Scalar};

/// With how many sets of arguments a rule is tried.
const MAX_WITNESSES: usize = 64;

impl Policy {
    /// Whether the caller, or one without a token, is shown this item of a list: whether
    /// [`Policy::examine`] permits it to use the item with *some* arguments. Where rules have conditions,
    /// arguments that meet them are tried, so an item that is shown can be used; one for whose arguments
    /// nobody found an example is not shown.
    #[must_use]
    pub fn shows(&self, item: &Object, caller: Option<&Caller<'_>>) -> bool {
        if self.list_filter == ListFilter::Off || !self.has_rules() {
            return true;
        }
        let operation = Operation::new(use_of(item.kind)).on(item.clone());
        self.opens(&operation, caller) || self.opens_with_some_arguments(operation, caller)
    }

    /// Whether the caller, or one without a token, is shown this template of resources: whether it may read
    /// the template's own text as a URI, or some URI that the template stands for (RFC 6570).
    #[must_use]
    pub fn shows_template(&self, template: &str, caller: Option<&Caller<'_>>) -> bool {
        let opens = |uri: &str| self.shows(&Object::resource(uri), caller);
        if opens(template) {
            return true;
        }
        let parts = template::parts(template);
        let rules = self.rules.iter().filter(|entry| !entry.rule.forbids());
        let patterns = rules.flat_map(|entry| &entry.rule.subject.resources);
        let mut uris = patterns.filter_map(|pattern| template::common(&parts, pattern));
        uris.any(|uri| opens(&uri))
    }

    /// Whether there may be items of this kind that some caller is not shown. Lists of other kinds need not be
    /// read.
    #[must_use]
    pub fn hides(&self, kind: ObjectKind) -> bool {
        let is_decided_on = !self.rules.is_empty() || kind == ObjectKind::Tool;
        self.has_rules() && self.list_filter != ListFilter::Off && is_decided_on
    }

    fn opens(&self, operation: &Operation, caller: Option<&Caller<'_>>) -> bool {
        let verdict = self.examine(operation, caller).verdict;
        match self.list_filter {
            ListFilter::Reachable => verdict.is_reachable(),
            ListFilter::Callable | ListFilter::Off => verdict.is_permitted(),
        }
    }

    fn opens_with_some_arguments(
        &self,
        mut operation: Operation,
        caller: Option<&Caller<'_>>,
    ) -> bool {
        let entries = self.rules.iter().zip(&self.derived().witnesses);
        // Arguments are made up for the rule to decide on: where its demands are not met, they open nothing.
        let mut entries = entries.filter(|(entry, witnesses)| {
            !witnesses.is_empty() && self.may_open(&entry.rule.effect, caller)
        });
        entries.any(|(entry, witnesses)| {
            let standing = entry.rule.subject.standing(&Seen::new(&operation));
            standing == Standing::Named
                && witnesses.iter().any(|witness| {
                    operation.arguments = witness.clone();
                    self.opens(&operation, caller)
                })
        })
    }
}

impl Policy {
    fn may_open(&self, effect: &Effect, caller: Option<&Caller<'_>>) -> bool {
        let is_met = |alternatives: &[Requirement]| {
            let mut alternatives = alternatives.iter();
            caller.is_some_and(|caller| alternatives.any(|one| one.is_met_by(caller)))
        };
        match effect {
            Effect::AllowAnonymous => true,
            Effect::Allow(alternatives) => {
                self.list_filter == ListFilter::Reachable || is_met(alternatives)
            }
            Effect::Forbid(_) => false,
        }
    }
}

/// What is done with an item of a list.
fn use_of(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Tool => Operation::TOOLS_CALL,
        ObjectKind::Prompt => Operation::PROMPTS_GET,
        ObjectKind::Resource => Operation::RESOURCES_READ,
    }
}

/// For each rule, if it allows under conditions, some arguments that meet them.
pub(super) fn witnesses(rules: &[Entry], wanted: &Wanted) -> Vec<Vec<Arguments>> {
    let mut listed: BTreeMap<&str, Vec<Scalar>> = BTreeMap::new();
    for condition in rules.iter().flat_map(|entry| &entry.rule.conditions) {
        let values = listed.entry(condition.pointer()).or_default();
        values.extend_from_slice(condition.values());
    }
    let witnesses = |entry: &Entry| match entry.rule.forbids() || entry.rule.conditions.is_empty() {
        true => Vec::new(),
        false => meeting(&entry.rule.conditions, &listed, wanted),
    };
    rules.iter().map(witnesses).collect()
}

fn meeting(
    conditions: &[Condition],
    listed: &BTreeMap<&str, Vec<Scalar>>,
    wanted: &Wanted,
) -> Vec<Arguments> {
    let mut pointers: Vec<&str> = conditions.iter().map(Condition::pointer).collect();
    pointers.sort_unstable();
    pointers.dedup();
    let mut all = vec![Value::Object(Map::new())];
    for pointer in pointers {
        let here: Vec<_> = conditions
            .iter()
            .filter(|one| one.pointer() == pointer)
            .collect();
        let values = candidates(&here, listed.get(pointer).map_or(&[], Vec::as_slice));
        let longer = |arguments: &Value| {
            let arguments = arguments.clone();
            values
                .iter()
                .filter_map(move |value| placed(arguments.clone(), pointer, value))
        };
        all = evenly(all.iter().flat_map(longer).collect());
    }
    let read = all
        .iter()
        .filter_map(|arguments| Arguments::read(arguments, wanted).ok());
    let meets = |arguments: &Arguments| {
        conditions
            .iter()
            .all(|one| one.judge(arguments) == Outcome::Holds)
    };
    read.filter(meets).collect()
}

/// Not too many, from the whole range.
fn evenly(all: Vec<Value>) -> Vec<Value> {
    let step = all.len().div_ceil(MAX_WITNESSES).max(1);
    all.into_iter().step_by(step).collect()
}

/// What may stand at one pointer, as far as its conditions list it or let it be made up.
pub(super) fn candidates(conditions: &[&Condition], listed: &[Scalar]) -> Vec<Scalar> {
    let samples = conditions
        .iter()
        .filter_map(|one| one.expression())
        .flat_map(samples::of);
    let values = conditions.iter().flat_map(|one| one.values());
    let mut all: Vec<Scalar> = Vec::new();
    for value in samples
        .map(Scalar::String)
        .chain(values.chain(listed).cloned())
    {
        if !all.contains(&value) && conditions.iter().all(|one| one.holds_for(&value)) {
            all.push(value);
        }
    }
    all
}

/// The arguments with this value at this pointer, unless something else is in the way.
fn placed(mut arguments: Value, pointer: &str, value: &Scalar) -> Option<Value> {
    let mut place = &mut arguments;
    for segment in pointer.split('/').skip(1) {
        let name = segment.replace("~1", "/").replace("~0", "~");
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        place = place.as_object_mut()?.entry(name).or_insert(Value::Null);
    }
    if !place.is_null() {
        return None;
    }
    *place = value.to_json();
    Some(arguments)
}
