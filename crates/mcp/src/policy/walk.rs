//! The walk through the table, to the rule that decides.

use oauthgate_core::{Caller, Requirement};

use super::{
    Condition, Entry, Policy, Rule, RuleName, Unlisted,
    condition::Outcome,
    lookalike,
    rule::Effect,
    subject::{Seen, Standing},
    uri,
};
use crate::{Arguments, ObjectKind, Operation, jsonrpc::same_but_for_case};

/// Where the walk ended.
#[derive(Debug)]
pub(super) struct Ruling<'p> {
    pub(super) rule: Option<&'p RuleName>,
    pub(super) end: End,
    /// What must be met if it ended well. There are several where nobody knows the arguments, so that
    /// several rules may be the one that decides.
    pub(super) demands: Demands<'p>,
}

/// How the walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// At somebody who lets pass whoever meets the demands.
    Allowed,
    /// At a rule that forbids it.
    Forbidden,
    /// Behind the last rule.
    NoRule,
    /// At something that no two readers understand alike.
    Malformed(&'static str),
}

/// What one rule demands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Demand<'p> {
    /// Nothing, not even a token.
    Nothing,
    /// A good token.
    Token,
    /// One of these.
    OneOf(&'p [Requirement]),
}

/// The demands of all rules that may decide: one, nearly always.
#[derive(Debug, Default)]
pub(super) struct Demands<'p> {
    last: Option<Demand<'p>>,
    others: Vec<Demand<'p>>,
}

impl<'p> Demands<'p> {
    pub(super) fn iter(&self) -> impl Iterator<Item = Demand<'p>> {
        self.others.iter().chain(&self.last).copied()
    }
}

/// What the walk saw at one rule.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'p> {
    /// The rule is not about the operation.
    NotAbout(Standing),
    /// A condition is not met.
    Unmet(&'p Condition, Outcome),
    /// It forbids it to others.
    ForOthers,
    /// It decides if the arguments, which nobody knows, are what it wants.
    MayDecide,
    /// It decides.
    Decides,
}

/// How the operation stands to the conditions of a rule.
enum Conditions<'p> {
    Hold,
    MayHold,
    Unmet(&'p Condition, Outcome),
}

/// What every caller with a good token may do, or nothing would work (MCP, Lifecycle and Utilities); beside
/// notifications and a stream that watches no resource. Lists are filtered item by item.
const HOUSEKEEPING: [&str; 8] = [
    "initialize",
    "ping",
    "server/discover",
    Operation::TOOLS_LIST,
    Operation::PROMPTS_LIST,
    Operation::RESOURCES_LIST,
    Operation::RESOURCE_TEMPLATES_LIST,
    "logging/setLevel",
];

const MISLEADING: &str =
    "an earlier rule is about a name or URI that careless readers take for this one";

impl Policy {
    pub(super) fn walk<'p>(
        &'p self,
        operation: &Operation,
        caller: Option<&Caller<'_>>,
        watch: &mut impl FnMut(&'p Entry, Step<'p>),
    ) -> Ruling<'p> {
        let mut demands = Demands::default();
        if let Some(flaw) = self.flaw(operation) {
            return demands.end(None, End::Malformed(flaw));
        }
        let seen = Seen::new(operation);
        let (mut mistakable, mut without_end) = (None, None);
        for entry in &self.rules {
            let step = step(&entry.rule, &seen, caller);
            watch(entry, step);
            match step {
                Step::NotAbout(Standing::Alike) => mistakable = mistakable.or(Some(entry)),
                Step::NotAbout(Standing::AlikeWithoutEnd) => {
                    without_end = without_end.or(Some(entry));
                }
                Step::NotAbout(_) | Step::Unmet(..) | Step::ForOthers => {}
                Step::MayDecide | Step::Decides => {
                    let overlooked =
                        without_end.filter(|_| entry.rule.subject.overlooks_end(operation));
                    let earlier = mistakable.or(overlooked);
                    if let Some(earlier) = earlier.filter(|_| entry.is_misleading(operation)) {
                        return demands.end(Some(&earlier.name), End::Malformed(MISLEADING));
                    }
                    let Some(demand) = entry.rule.effect.demand() else {
                        return demands.end(Some(&entry.name), End::Forbidden);
                    };
                    if matches!(step, Step::Decides) {
                        return demands.allow(Some(&entry.name), demand);
                    }
                    demands.others.push(demand);
                }
            }
        }
        self.behind_the_rules(operation, mistakable, demands)
    }

    /// The short form, and what happens to everything else.
    fn behind_the_rules<'p>(
        &'p self,
        operation: &Operation,
        mistakable: Option<&'p Entry>,
        demands: Demands<'p>,
    ) -> Ruling<'p> {
        let misleading = |demands: Demands<'p>| {
            let rule = mistakable.map(|entry| &entry.name);
            demands.end(rule, End::Malformed(MISLEADING))
        };
        if let Some(tool) = tool(operation) {
            if let Some(listed) = self.tools.get(tool) {
                return demands.allow(Some(&listed.name), Demand::of(&listed.requirement));
            }
            return match &self.unlisted {
                Some((_, Unlisted::Allow(_)))
                    if mistakable.is_some() || self.is_mistakable(tool) =>
                {
                    misleading(demands)
                }
                Some((name, Unlisted::Allow(requirement))) => {
                    demands.allow(Some(name), Demand::of(requirement))
                }
                Some((name, Unlisted::Refuse)) => demands.end(Some(name), End::NoRule),
                None => demands.end(None, End::NoRule),
            };
        }
        if is_housekeeping(operation)
            || (self.rules.is_empty() && operation.method != Operation::TOOLS_CALL)
        {
            return match mistakable {
                Some(_) if !HOUSEKEEPING.contains(&operation.method.as_str()) => {
                    misleading(demands)
                }
                _ => demands.allow(None, Demand::Token),
            };
        }
        demands.end(None, End::NoRule)
    }

    /// Whether a careless server takes this for a tool that is listed.
    fn is_mistakable(&self, tool: &str) -> bool {
        let seen = lookalike::of_name(tool);
        self.tools
            .keys()
            .any(|listed| lookalike::of_name(listed) == seen)
    }

    /// Why nobody could decide on it.
    fn flaw(&self, operation: &Operation) -> Option<&'static str> {
        let method = operation.method.as_str();
        if self.rules.is_empty() {
            let is_misspelt = method != Operation::TOOLS_CALL
                && same_but_for_case(Operation::TOOLS_CALL, lookalike::trimmed(method));
            let is_nameless = method == Operation::TOOLS_CALL && tool(operation).is_none();
            return (is_misspelt || is_nameless)
                .then_some("a tools/call is misspelt or names no tool");
        }
        match &operation.object {
            Some(object) if object.kind == ObjectKind::Resource && self.has_resource_patterns() => {
                uri::flaw(&object.name)
            }
            None if needs_an_object(method) => Some("the method names nothing that it acts on"),
            _ => None,
        }
    }

    fn has_resource_patterns(&self) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|entry| !entry.rule.subject.resources.is_empty())
    }
}

impl Entry {
    /// Whether a name that an earlier rule's pattern nearly matches may be taken for that one here: unless
    /// this rule forbids, or spells the name out.
    fn is_misleading(&self, operation: &Operation) -> bool {
        !self.rule.forbids() && !self.rule.subject.is_literally(operation)
    }
}

impl<'p> Demands<'p> {
    fn allow(mut self, rule: Option<&'p RuleName>, demand: Demand<'p>) -> Ruling<'p> {
        self.last = Some(demand);
        self.end(rule, End::Allowed)
    }

    fn end(self, rule: Option<&'p RuleName>, end: End) -> Ruling<'p> {
        Ruling {
            rule,
            end,
            demands: self,
        }
    }
}

impl<'p> Demand<'p> {
    fn of(requirement: &'p Requirement) -> Self {
        Self::OneOf(std::slice::from_ref(requirement))
    }
}

impl Effect {
    /// What a rule that allows demands.
    fn demand(&self) -> Option<Demand<'_>> {
        match self {
            Self::Allow(alternatives) => Some(Demand::OneOf(alternatives)),
            Self::AllowAnonymous => Some(Demand::Nothing),
            Self::Forbid(_) => None,
        }
    }
}

fn step<'p>(rule: &'p Rule, seen: &Seen<'_>, caller: Option<&Caller<'_>>) -> Step<'p> {
    match rule.subject.standing(seen) {
        Standing::Named => {}
        other => return Step::NotAbout(other),
    }
    let may_decide = match rule.conditions_on(seen.operation) {
        Conditions::Unmet(condition, outcome) => return Step::Unmet(condition, outcome),
        Conditions::MayHold => true,
        Conditions::Hold => false,
    };
    match &rule.effect {
        Effect::Forbid(whom) if !describes(whom, caller) => Step::ForOthers,
        Effect::Forbid(_) => Step::Decides,
        _ if may_decide => Step::MayDecide,
        _ => Step::Decides,
    }
}

/// Whether a rule that forbids means this caller. One without a token has no role, tier, tenant or claim.
fn describes(whom: &Requirement, caller: Option<&Caller<'_>>) -> bool {
    match caller {
        Some(caller) => whom.could_describe(caller),
        None => whom.demands_nothing(),
    }
}

impl Rule {
    /// What cannot be known speaks for a rule that forbids, and against one that allows.
    fn conditions_on(&self, operation: &Operation) -> Conditions<'_> {
        let has_arguments = super::subject::WITH_ARGUMENTS.contains(&operation.method.as_str());
        let nothing = Arguments::default();
        let arguments = if has_arguments {
            &operation.arguments
        } else {
            &nothing
        };
        let mut all = Conditions::Hold;
        for condition in &self.conditions {
            match (condition.judge(arguments), self.forbids()) {
                (Outcome::Holds, _) | (Outcome::OtherType | Outcome::Unknown, true) => {}
                (Outcome::Unknown, false) => all = Conditions::MayHold,
                (unmet, _) => return Conditions::Unmet(condition, unmet),
            }
        }
        all
    }
}

fn tool(operation: &Operation) -> Option<&str> {
    let object = operation.object.as_ref()?;
    let is_call = operation.method == Operation::TOOLS_CALL && object.kind == ObjectKind::Tool;
    is_call.then_some(object.name.as_str())
}

fn is_housekeeping(operation: &Operation) -> bool {
    let method = operation.method.as_str();
    let is_stream = method == Operation::SUBSCRIPTIONS_LISTEN && operation.object.is_none();
    HOUSEKEEPING.contains(&method) || method.starts_with("notifications/") || is_stream
}

fn needs_an_object(method: &str) -> bool {
    [ObjectKind::Tool, ObjectKind::Prompt, ObjectKind::Resource]
        .into_iter()
        .any(|kind| super::subject::methods_on(kind).contains(&method))
        && !MAY_NAME_NOTHING.contains(&method)
}

/// A `subscriptions/listen` may watch no resource. The other two are gone since 2026-07-28: that they name
/// nothing is for the server to say, which knows the method no more (404, -32601).
const MAY_NAME_NOTHING: [&str; 3] = [
    Operation::SUBSCRIPTIONS_LISTEN,
    Operation::RESOURCES_SUBSCRIBE,
    Operation::RESOURCES_UNSUBSCRIBE,
];
