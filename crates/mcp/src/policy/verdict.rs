//! What an operation is worth for a caller.

use oauthgate_core::{Caller, Reason, Requirement, ScopeHierarchy, ScopeSet, text::Printable};

use super::{
    RuleName,
    choice::{self, Unmet},
    walk::{Demand, End, Ruling},
};
use crate::Operation;

/// The decision on one operation, and the rule that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// The decision.
    pub verdict: Verdict,
    /// The rule; none where no rule is about the operation.
    pub rule: Option<RuleName>,
}

/// Whether somebody may do something, and if not, what would help.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Yes.
    Permitted,
    /// With more scopes.
    MissingScopes {
        /// All scopes that the operation needs, by the alternative of which the fewest are missing.
        needed: ScopeSet,
        /// Those of them that are missing.
        missing: ScopeSet,
    },
    /// Not without a token.
    NoToken {
        /// The scopes that a token needs, as far as scopes would do.
        needed: ScopeSet,
        /// Whether there is a token that opens it.
        a_token_helps: bool,
    },
    /// No, and nothing that the caller could ask for helps.
    Refused {
        /// The reason.
        reason: Reason,
        /// A word about it for the operator.
        detail: String,
    },
}

impl Verdict {
    /// Whether the operation may go on.
    #[must_use]
    pub fn is_permitted(&self) -> bool {
        matches!(self, Self::Permitted)
    }

    /// Whether more scopes, or a token, might open what is not permitted now.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        match self {
            Self::Permitted | Self::MissingScopes { .. } => true,
            Self::NoToken { a_token_helps, .. } => *a_token_helps,
            Self::Refused { .. } => false,
        }
    }
}

pub(super) fn examination(
    ruling: &Ruling<'_>,
    operation: &Operation,
    caller: Option<&Caller<'_>>,
    hierarchy: &ScopeHierarchy,
) -> Examination {
    Examination {
        verdict: verdict(ruling, operation, caller, hierarchy),
        rule: ruling.rule.cloned(),
    }
}

fn verdict(
    ruling: &Ruling<'_>,
    operation: &Operation,
    caller: Option<&Caller<'_>>,
    hierarchy: &ScopeHierarchy,
) -> Verdict {
    if let Some((reason, detail)) = refusal(ruling, operation) {
        return match caller {
            None if reason != Reason::MalformedMessage => Verdict::NoToken {
                needed: ScopeSet::empty(),
                a_token_helps: false,
            },
            _ => Verdict::Refused { reason, detail },
        };
    }
    match caller {
        Some(caller) => judged(ruling, caller, hierarchy),
        None => without_token(ruling, hierarchy),
    }
}

/// Why nobody may do it, whatever it has.
pub(super) fn refusal(ruling: &Ruling<'_>, operation: &Operation) -> Option<(Reason, String)> {
    match ruling.end {
        End::Allowed => None,
        End::Malformed(flaw) => Some((Reason::MalformedMessage, flaw.to_owned())),
        End::Forbidden => {
            let rule = ruling.rule.map_or("a rule", RuleName::as_str);
            let detail = format!("the rule {} forbids {}", Printable(rule), shown(operation));
            Some((Reason::PolicyRefused, detail))
        }
        End::NoRule => {
            let detail = format!("no rule allows {}", shown(operation));
            Some((Reason::PolicyRefused, detail))
        }
    }
}

fn judged(ruling: &Ruling<'_>, caller: &Caller<'_>, hierarchy: &ScopeHierarchy) -> Verdict {
    let is_met = |demand: Demand<'_>| match demand {
        Demand::Nothing | Demand::Token => true,
        Demand::OneOf(alternatives) => alternatives.iter().any(|one| one.is_met_by(caller)),
    };
    if ruling.demands.iter().all(is_met) {
        return Verdict::Permitted;
    }
    match choice::cheapest(ruling.demands.iter(), caller, hierarchy) {
        Ok(chosen) => {
            let needed = choice::scopes(&chosen);
            Verdict::MissingScopes {
                missing: hierarchy.missing(caller.scopes(), &needed),
                needed: hierarchy.reduced(&needed),
            }
        }
        Err(Unmet { reason, detail }) => Verdict::Refused { reason, detail },
    }
}

fn without_token(ruling: &Ruling<'_>, hierarchy: &ScopeHierarchy) -> Verdict {
    if ruling
        .demands
        .iter()
        .all(|demand| matches!(demand, Demand::Nothing))
    {
        return Verdict::Permitted;
    }
    let chosen: Vec<&Requirement> = choice::for_anybody(ruling.demands.iter(), hierarchy);
    Verdict::NoToken {
        needed: hierarchy.reduced(&choice::scopes(&chosen)),
        a_token_helps: true,
    }
}

/// `the tool "delete_file"`, or `the method "x/y"`, fit for a log line.
pub(super) fn shown(operation: &Operation) -> String {
    match &operation.object {
        Some(object) if operation.method == Operation::TOOLS_CALL => {
            format!("the tool \"{}\"", Printable(&object.name))
        }
        Some(object) => format!(
            "{} of the {} \"{}\"",
            Printable(&operation.method),
            object.kind.as_str(),
            Printable(&object.name)
        ),
        None => format!("the method \"{}\"", Printable(&operation.method)),
    }
}
