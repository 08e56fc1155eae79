//! What cannot be meant although each rule could be.

use oauthgate_core::{SettingError, text::Printable};

use super::{
    Pattern, Policy, Rule, RuleName,
    rule::Effect,
    subject::{Subject, methods_on},
};
use crate::ObjectKind;

/// Stands for what a star stands for; no name has it in it.
const ANYTHING: &str = "\u{f8ff}";

impl Policy {
    /// Rules that no operation ever gets to, because an earlier one decides on all of theirs, and names
    /// that two rules have; each with the rule to change.
    #[must_use]
    pub fn mistakes(&self) -> Vec<(RuleName, SettingError)> {
        let mut mistakes = Vec::new();
        for (position, later) in self.rules.iter().enumerate() {
            let earlier = self.rules.iter().take(position);
            for entry in earlier.clone().filter(|entry| entry.name == later.name) {
                mistakes.push((entry.name.clone(), namesake()));
            }
            let mut earlier = earlier.filter(|entry| entry.rule.is_the_last_word());
            if let Some(before) =
                earlier.find(|entry| entry.rule.subject.covers(&later.rule.subject))
            {
                mistakes.push((later.name.clone(), hidden_by(&before.name)));
            }
        }
        for (tool, listed) in &self.tools {
            let mut rules = self
                .rules
                .iter()
                .filter(|entry| entry.rule.is_the_last_word());
            if let Some(before) =
                rules.find(|entry| entry.rule.subject.covers(&Subject::of_tool(tool)))
            {
                mistakes.push((listed.name.clone(), hidden_by(&before.name)));
            }
        }
        mistakes
    }
}

fn namesake() -> SettingError {
    SettingError::new(
        "two rules have this name, so that nobody could tell which of them decided",
        "a name of its own for each rule, or none",
    )
}

fn hidden_by(before: &RuleName) -> SettingError {
    let before = Printable(before.as_str());
    SettingError::new(
        format!(
            "the rule can match nothing: {before}, which stands before it, decides on everything that it is about"
        ),
        format!("the narrower rule first: put it before {before}, or remove it"),
    )
}

impl Rule {
    /// Whether nothing that it is about gets past it.
    fn is_the_last_word(&self) -> bool {
        let is_for_everybody = match &self.effect {
            Effect::Allow(_) | Effect::AllowAnonymous => true,
            Effect::Forbid(whom) => whom.demands_nothing(),
        };
        is_for_everybody && self.conditions.is_empty()
    }
}

impl Subject {
    fn of_tool(tool: &str) -> Self {
        Self {
            tools: Pattern::literal(tool).into_iter().collect(),
            ..Self::default()
        }
    }

    /// Whether this is about everything that the other is about.
    fn covers(&self, other: &Self) -> bool {
        match (self.names_objects(), other.names_objects()) {
            (true, false) => false,
            (_, true) => [ObjectKind::Tool, ObjectKind::Prompt, ObjectKind::Resource]
                .into_iter()
                .filter(|kind| !other.patterns(*kind).is_empty())
                .all(|kind| {
                    self.covers_methods_on(other, kind) && self.covers_objects(other, kind)
                }),
            (false, false) => other
                .methods
                .iter()
                .all(|method| any_covers(&self.methods, method)),
        }
    }

    fn covers_objects(&self, other: &Self, kind: ObjectKind) -> bool {
        let all = other.patterns(kind).iter();
        !self.names_objects() || all.clone().all(|one| any_covers(self.patterns(kind), one))
    }

    /// Of the methods that act on such objects those that the other is about.
    fn covers_methods_on(&self, other: &Self, kind: ObjectKind) -> bool {
        let is_of = |patterns: &[Pattern], method: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(method))
        };
        let methods = methods_on(kind).iter();
        methods
            .filter(|method| is_of(&other.methods, method))
            .all(|method| is_of(&self.methods, method))
    }
}

fn any_covers(patterns: &[Pattern], other: &Pattern) -> bool {
    // What matches a text in which nobody knows what the stars are matches whatever they are.
    let unknown = other.sample(ANYTHING);
    patterns.iter().any(|pattern| pattern.matches(&unknown))
}
