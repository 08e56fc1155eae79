//! Why an operation is worth what it is worth.

use std::fmt;

use oauthgate_core::{Caller, Denial, Reason, Requirement, ScopeSet, text::Printable};
use serde::Serialize;

use super::{
    Condition, Policy, Verdict,
    condition::Outcome,
    subject::Standing,
    verdict::{self, shown},
    walk::{Demand, End, Ruling, Step},
};
use crate::Operation;

/// The walk through the rules for one operation, with every step kept; [`Policy::explain`] makes it.
///
/// `Display` is for people, `Serialize` for machines.
///
/// ```
/// use oauthgate_core::{Caller, Requirement, ScopeSet};
/// use oauthgate_mcp::{Object, Operation, policy::{Policy, Rule}};
///
/// let policy = Policy::new()
///     .rule(Rule::builder().name("interns").tools(["delete_*"]).roles(["intern"]).forbid(true).build()?)
///     .rule(Rule::builder().name("files").tools(["*_file"]).scopes(ScopeSet::parse("files")?).build()?);
/// let operation = Operation::new(Operation::TOOLS_CALL).on(Object::tool("delete_file"));
/// let explanation = policy.explain(&operation, &Requirement::default(), Some(&Caller::hypothetical()));
/// assert_eq!(
///     explanation.to_string(),
///     "the tool \"delete_file\"\n\
///     \x20 interns  forbids it to other callers\n\
///     \x20 files    decides\n\
///     refused by files: needs the scopes \"files\", \"files\" missing\n\
///     challenge: scope=\"files\""
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    operation: String,
    steps: Vec<ExplainedStep>,
    /// The rule that decides; none where no rule is about the operation.
    rule: Option<String>,
    is_permitted: bool,
    /// In a sentence.
    conclusion: String,
    /// What of each alternative the caller does not meet.
    unmet: Vec<String>,
    /// The scopes that a challenge names.
    challenge: Option<String>,
    /// The stable code of the reason.
    reason: Option<&'static str>,
    #[serde(skip)]
    denial: Option<Denial>,
}

/// What the walk saw at one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedStep {
    /// The rule.
    pub rule: String,
    /// What became of it.
    pub outcome: StepOutcome,
    /// In a few words.
    pub because: String,
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepOutcome {
    /// It is not about the operation.
    NotAbout,
    /// It would be in the eyes of a reader that ignores case, blanks or encoding.
    LooksAlike,
    /// A condition on the arguments is not met.
    ConditionUnmet,
    /// It forbids the operation to others.
    ForOthers,
    /// It decides if the arguments, which are not known, are what it wants.
    MayDecide,
    /// It decides.
    Decides,
}

impl Explanation {
    /// What is asked for.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The rules that were looked at, in order.
    #[must_use]
    pub fn steps(&self) -> &[ExplainedStep] {
        &self.steps
    }

    /// The rule that decides.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// Whether the operation may go on.
    #[must_use]
    pub fn is_permitted(&self) -> bool {
        self.is_permitted
    }

    /// What of each alternative of the rule the caller does not meet.
    #[must_use]
    pub fn unmet(&self) -> &[String] {
        &self.unmet
    }

    /// What a request would be refused with; [`oauthgate_core::Answer::to`] makes the answer of it.
    #[must_use]
    pub fn denial(&self) -> Option<&Denial> {
        self.denial.as_ref()
    }
}

impl Policy {
    /// Examines the operation and tells every step: [`Policy::examine`] with a pen. `base` is what the
    /// resource itself asks of every caller, which a challenge names too.
    #[must_use]
    pub fn explain(
        &self,
        operation: &Operation,
        base: &Requirement,
        caller: Option<&Caller<'_>>,
    ) -> Explanation {
        let mut steps = Vec::new();
        let ruling = self.walk(operation, caller, &mut |entry, step| {
            steps.push(explained(entry.name.as_str(), entry.rule.forbids(), step));
        });
        let examination = verdict::examination(&ruling, operation, caller, &self.hierarchy);
        let denial = self.denial_of(&ruling, &examination.verdict, base, caller);
        Explanation {
            operation: shown(operation),
            steps,
            rule: examination.rule.map(|rule| rule.to_string()),
            is_permitted: examination.verdict.is_permitted(),
            conclusion: conclusion(&examination.verdict, &ruling),
            unmet: unmet(&ruling, caller),
            challenge: denial.as_ref().and_then(challenge),
            reason: denial.as_ref().map(Denial::code),
            denial,
        }
    }

    fn denial_of(
        &self,
        ruling: &Ruling<'_>,
        verdict: &Verdict,
        base: &Requirement,
        caller: Option<&Caller<'_>>,
    ) -> Option<Denial> {
        let (reason, detail) = match verdict {
            Verdict::Permitted => return None,
            Verdict::Refused { reason, detail } => {
                return Some(Denial::new(*reason).with_detail(detail.clone()));
            }
            Verdict::MissingScopes { missing, .. } => (
                Reason::InsufficientScope,
                format!("\"{missing}\" is missing"),
            ),
            Verdict::NoToken { .. } => (Reason::NoCredentials, "there is no token".to_owned()),
        };
        let scopes = self.asked_for(ruling.demands.iter(), base, caller);
        Some(Denial::new(reason).with_detail(detail).with_scopes(scopes))
    }
}

fn challenge(denial: &Denial) -> Option<String> {
    let names_scopes = matches!(
        denial.reason(),
        Reason::InsufficientScope | Reason::NoCredentials
    );
    let scopes = Some(denial.scopes()).filter(|scopes| names_scopes && !scopes.is_empty());
    scopes.map(ScopeSet::to_string)
}

fn explained(rule: &str, forbids: bool, step: Step<'_>) -> ExplainedStep {
    let (outcome, because) = match step {
        Step::NotAbout(Standing::Alike) => (
            StepOutcome::LooksAlike,
            "is about a name or URI that careless readers take for this one".to_owned(),
        ),
        Step::NotAbout(Standing::AlikeWithoutEnd) => (
            StepOutcome::LooksAlike,
            "is about the URI without its query or its last slash".to_owned(),
        ),
        Step::NotAbout(Standing::OtherMethod) => {
            (StepOutcome::NotAbout, "is about other methods".to_owned())
        }
        Step::NotAbout(_) => (StepOutcome::NotAbout, "is about something else".to_owned()),
        Step::Unmet(condition, outcome) => {
            (StepOutcome::ConditionUnmet, why_unmet(condition, outcome))
        }
        Step::ForOthers => (
            StepOutcome::ForOthers,
            "forbids it to other callers".to_owned(),
        ),
        Step::MayDecide => (
            StepOutcome::MayDecide,
            "decides, if the arguments are what it wants".to_owned(),
        ),
        Step::Decides if forbids => (StepOutcome::Decides, "forbids it".to_owned()),
        Step::Decides => (StepOutcome::Decides, "decides".to_owned()),
    };
    ExplainedStep {
        rule: rule.to_owned(),
        outcome,
        because,
    }
}

fn why_unmet(condition: &Condition, outcome: Outcome) -> String {
    let found = match outcome {
        Outcome::Absent => "the argument is not there",
        Outcome::OtherType => "the argument is of another type",
        Outcome::Unknown => "the arguments are not known",
        Outcome::Fails | Outcome::Holds => "the argument is another",
    };
    format!("wants that {condition}; {found}")
}

fn conclusion(verdict: &Verdict, ruling: &Ruling<'_>) -> String {
    let by = match (ruling.rule, ruling.end) {
        (Some(rule), _) => format!("by {}", Printable(rule.as_str())),
        (None, End::Allowed) => "to every caller with a good token".to_owned(),
        (None, _) => "because no rule is about it".to_owned(),
    };
    match verdict {
        Verdict::Permitted => format!("permitted {by}"),
        Verdict::MissingScopes { needed, missing } => {
            format!("refused {by}: needs the scopes \"{needed}\", \"{missing}\" missing")
        }
        Verdict::NoToken { a_token_helps, .. } => match a_token_helps {
            true => format!("refused without a token; permitted {by} to whom the rule lets pass"),
            false => format!("refused {by}, with any token too"),
        },
        Verdict::Refused { detail, .. } => match ruling.rule {
            Some(_) => format!("refused {by}: {detail}"),
            None => format!("refused: {detail}"),
        },
    }
}

/// For each alternative that is not met, what of it.
fn unmet(ruling: &Ruling<'_>, caller: Option<&Caller<'_>>) -> Vec<String> {
    let Some(caller) = caller else {
        return Vec::new();
    };
    let demands = ruling.demands.iter();
    let open = demands.filter_map(|demand| match demand {
        Demand::OneOf(alternatives) => Some(alternatives),
        Demand::Nothing | Demand::Token => None,
    });
    let open = open.filter(|alternatives| !alternatives.iter().any(|one| one.is_met_by(caller)));
    open.flatten()
        .filter_map(|one| one.examine(caller).err())
        .map(|shortfall| {
            let scopes = Some(&shortfall.missing).filter(|missing| !missing.is_empty());
            let scopes = scopes.map(|missing| format!("the scopes \"{missing}\" are missing"));
            let rest = shortfall.refusal.map(|(_, detail)| detail);
            let all: Vec<_> = rest.into_iter().chain(scopes).collect();
            all.join("; ")
        })
        .collect()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.operation)?;
        let names = self.steps.iter().map(|step| step.rule.chars().count());
        let width = names.max().unwrap_or_default();
        for step in &self.steps {
            writeln!(f, "  {:width$}  {}", step.rule, step.because)?;
        }
        write!(f, "{}", self.conclusion)?;
        for unmet in self.unmet.iter().filter(|_| self.unmet.len() > 1) {
            write!(f, "\n  or: {unmet}")?;
        }
        match &self.challenge {
            Some(scopes) => write!(f, "\nchallenge: scope=\"{scopes}\""),
            None => Ok(()),
        }
    }
}
