//! Which operation needs what of whom: a table of rules, and the one decision on it.
//!
//! ```
//! use oauthgate_core::{Caller, ScopeSet};
//! use oauthgate_mcp::{Object, Operation, policy::{Policy, Rule, Verdict}};
//!
//! let policy = Policy::new()
//!     .rule(Rule::builder().tools(["search"]).anonymous(true).build()?)
//!     .rule(Rule::builder().tools(["delete_*"]).roles(["intern"]).forbid(true).build()?)
//!     .rule(Rule::builder().name("files").tools(["*_file"]).scopes(ScopeSet::parse("files")?).build()?);
//!
//! let delete = Operation::new(Operation::TOOLS_CALL).on(Object::tool("delete_file"));
//! let caller = Caller::hypothetical().with_scopes(ScopeSet::parse("files")?);
//! let examination = policy.examine(&delete, Some(&caller));
//! assert!(examination.verdict.is_permitted());
//! assert_eq!(examination.rule.unwrap().as_str(), "files");
//!
//! let intern = caller.with_roles(["intern".to_owned()]);
//! assert!(matches!(policy.examine(&delete, Some(&intern)).verdict, Verdict::Refused { .. }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The rules of the rules, in order:
//!
//! 1. The first rule that is about the operation decides, and later ones are not looked at. A rule that
//!    *forbids* decides for the callers that it names, and the others go on.
//! 2. What no rule is about is refused, except what every client must do to work at all
//!    (`initialize`, `ping`, notifications, lists, …), which every caller with a good token may.
//! 3. What cannot be known counts against the caller: an argument that is not there meets no condition
//!    of a rule that allows, and one of another JSON type meets each condition of a rule that forbids.
//! 4. A name that an earlier rule's pattern matches only in the eyes of a careless reader is refused
//!    unless the rule that decides spells it out; and so are URIs that two readers take for two
//!    resources, where rules are about resources.
//! 5. Without a token only rules with `anonymous` let anybody pass.
//!
//! Requests, filtered lists and explanations all ask [`Policy::examine`], so they cannot disagree.

mod builder;
mod choice;
mod condition;
mod decision;
mod explanation;
mod list;
mod lookalike;
mod mistakes;
mod pattern;
mod rule;
mod samples;
mod settings;
mod subject;
mod template;
mod uri;
mod verdict;
mod walk;

use std::{collections::BTreeMap, sync::OnceLock};

use oauthgate_core::{Caller, Requirement, ScopeHierarchy};

pub use builder::RuleBuilder;
pub use condition::Condition;
pub use decision::{AnonymousPermit, Decision, Passage};
pub use explanation::{ExplainedStep, Explanation, StepOutcome};
pub use pattern::Pattern;
pub use rule::{Rule, RuleMistake, RuleMistakes, RuleName};
pub use settings::{ListFilter, StepUp, Unlisted};
pub use verdict::{Examination, Verdict};

use crate::{Arguments, Operation, Wanted};

/// What each operation asks of its caller.
///
/// Without any rule a policy decides nothing. From the first [`Policy::rule`] on, whatever no rule is about
/// is refused, so that a tool added to the server later is not open by accident. The short form
/// [`Policy::tool`] alone speaks of tools only: they are refused unless listed, and other methods pass.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Policy {
    rules: Vec<Entry>,
    tools: BTreeMap<String, Listed>,
    unlisted: Option<(RuleName, Unlisted)>,
    hierarchy: ScopeHierarchy,
    list_filter: ListFilter,
    step_up: StepUp,
    derived: OnceLock<Derived>,
}

/// A rule in its place.
#[derive(Debug, Clone)]
struct Entry {
    name: RuleName,
    rule: Rule,
}

/// What follows from all rules together; worked out once, when all are there.
#[derive(Debug, Clone)]
struct Derived {
    wanted: Wanted,
    /// For each rule, arguments that meet all of its conditions.
    witnesses: Vec<Vec<Arguments>>,
}

/// What a tool needs that is listed by its name.
#[derive(Debug, Clone)]
struct Listed {
    name: RuleName,
    requirement: Requirement,
}

/// The name that a tool is counted under: the same for all that a careless reader takes for one.
pub(crate) fn counted_name(tool: &str) -> String {
    lookalike::of_name(tool).into_owned()
}

impl Policy {
    /// A policy without rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more rule, behind those that are there.
    pub fn rule(mut self, mut rule: Rule) -> Self {
        for requirement in rule.effect.requirements_mut() {
            *requirement = requirement.clone().under(self.hierarchy.clone());
        }
        let number = self.rules.len().saturating_add(1);
        let name = rule
            .name()
            .map_or_else(|| format!("#{number}"), str::to_owned);
        let name = RuleName::new(name);
        self.rules.push(Entry { name, rule });
        self.derived = OnceLock::new();
        self
    }

    /// The tool of this name needs all of this, if no rule is about it; said again for the same name, it
    /// replaces what was said. Names compare byte for byte.
    pub fn tool(mut self, name: impl Into<String>, requirement: Requirement) -> Self {
        let tool = name.into();
        let name = RuleName::new(format!("tools.{tool}"));
        let requirement = requirement.under(self.hierarchy.clone());
        self.tools.insert(tool, Listed { name, requirement });
        self
    }

    /// What happens to all other tools that no rule is about; setting it is a rule in itself.
    pub fn unlisted(mut self, unlisted: Unlisted) -> Self {
        let unlisted = unlisted.under(&self.hierarchy);
        self.unlisted = Some((RuleName::new("unlisted_tools"), unlisted));
        self
    }

    /// Which scopes imply which, for all rules, whatever hierarchy their requirements came with. The
    /// resource's own requirement is to be put [`Requirement::under`] it too.
    pub fn scope_hierarchy(mut self, hierarchy: ScopeHierarchy) -> Self {
        let rules = self.rules.iter_mut();
        let requirements = rules.flat_map(|entry| entry.rule.effect.requirements_mut());
        let listed = self
            .tools
            .values_mut()
            .map(|listed| &mut listed.requirement);
        for requirement in requirements.chain(listed) {
            *requirement = requirement.clone().under(hierarchy.clone());
        }
        self.unlisted = self
            .unlisted
            .map(|(name, unlisted)| (name, unlisted.under(&hierarchy)));
        self.hierarchy = hierarchy;
        self
    }

    /// Which items of a list are shown.
    pub fn list_filter(mut self, filter: ListFilter) -> Self {
        self.list_filter = filter;
        self
    }

    /// Which scopes a challenge names.
    pub fn step_up(mut self, step_up: StepUp) -> Self {
        self.step_up = step_up;
        self
    }

    /// Whether there is anything to decide.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty() || !self.tools.is_empty() || self.unlisted.is_some()
    }

    /// Whether there is anything that a caller without a token may do.
    #[must_use]
    pub fn allows_anonymous(&self) -> bool {
        self.open_rules().next().is_some()
    }

    /// The rules that let callers without a token pass, by name.
    pub fn open_rules(&self) -> impl Iterator<Item = &RuleName> {
        let open = self.rules.iter().filter(|entry| entry.rule.is_anonymous());
        open.map(|entry| &entry.name)
    }

    /// The arguments that its rules ask for; a message is to be read with them.
    #[must_use]
    pub fn wanted(&self) -> &Wanted {
        &self.derived().wanted
    }

    /// Which items of a list are shown.
    #[must_use]
    pub fn filters_lists_by(&self) -> ListFilter {
        self.list_filter
    }

    /// Which scopes imply which.
    #[must_use]
    pub fn hierarchy(&self) -> &ScopeHierarchy {
        &self.hierarchy
    }

    /// The rules' names, in order.
    pub fn rule_names(&self) -> impl Iterator<Item = &RuleName> {
        self.rules.iter().map(|entry| &entry.name)
    }

    /// What this operation is worth for this caller, or for one without a token: the decision that
    /// everything else here asks for. Where it is permitted, nothing is copied but, to find look-alikes, a
    /// URI, or a name that is not in plain small letters.
    ///
    /// Of [`Arguments::unknown`] it permits only what it would permit with any arguments.
    #[must_use]
    pub fn examine(&self, operation: &Operation, caller: Option<&Caller<'_>>) -> Examination {
        let ruling = self.walk(operation, caller, &mut |_, _| {});
        verdict::examination(&ruling, operation, caller, &self.hierarchy)
    }

    fn derived(&self) -> &Derived {
        self.derived.get_or_init(|| {
            let conditions = self.rules.iter().flat_map(|entry| &entry.rule.conditions);
            // Each condition checked its own pointer.
            let wanted = Wanted::at(conditions.map(Condition::pointer)).unwrap_or_default();
            let witnesses = list::witnesses(&self.rules, &wanted);
            Derived { wanted, witnesses }
        })
    }
}
