//! The decision on a whole request.

use oauthgate_core::{
    Caller, Denial, Permit, Reason, Requirement, ScopeSet, UserContext, text::Printable,
};

use super::{
    Policy, RuleName, StepUp,
    choice::{self, Unmet},
    verdict::refusal,
    walk::{Demand, Ruling},
};
use crate::{Operation, sessions::AnonymousSession};

/// How long the list of scopes of a cumulative challenge may be, in bytes: proxies and clients limit
/// headers.
const MAX_SCOPES: usize = 2 * 1024;

/// A request may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The proof.
    pub permit: Passage,
    /// The rules that decided, each once, in the order of the operations.
    pub rules: Vec<RuleName>,
}

/// What a request may go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    /// The caller meets what the resource and the rules demand together.
    Permit(Permit),
    /// There is no caller, and the rules demand none.
    Anonymous(AnonymousPermit),
}

/// Proof that rules open everything in a request to callers without a token; only a [`Policy`]
/// makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnonymousPermit {
    made_by_policy: (),
}

impl Policy {
    /// Decides on everything that one request does, together: all of it must be permitted, and a refusal
    /// names all scopes in one challenge, those of `base` (what the resource asks for) included.
    ///
    /// # Errors
    /// [`Reason::MalformedMessage`] for what readers may take for something else; [`Reason::NoCredentials`]
    /// without a token, naming the scopes that one needs; [`Reason::PolicyRefused`] or
    /// [`Reason::WrongTenant`] for what no scope opens; [`Reason::InsufficientScope`] with all scopes of the
    /// request.
    pub fn decide<'o>(
        &self,
        operations: impl IntoIterator<Item = &'o Operation>,
        base: &Requirement,
        user: Option<&UserContext>,
    ) -> Result<Decision, Denial> {
        let caller = user.map(Caller::from);
        let (permit, rules) =
            self.judge(operations, base, caller.as_ref(), |sum| match (sum, user) {
                (Some(sum), Some(user)) => sum.decide(user).map(Passage::Permit),
                _ => Ok(Passage::Anonymous(AnonymousPermit { made_by_policy: () })),
            })?;
        Ok(Decision { permit, rules })
    }

    /// What [`Self::decide`] would say to such a caller, who gets no permit for it: the rules that decide.
    ///
    /// # Errors
    /// As [`Self::decide`].
    pub fn would_decide<'o>(
        &self,
        operations: impl IntoIterator<Item = &'o Operation>,
        base: &Requirement,
        caller: Option<&Caller<'_>>,
    ) -> Result<Vec<RuleName>, Denial> {
        let judged = self.judge(operations, base, caller, |sum| match (sum, caller) {
            (Some(sum), Some(caller)) => sum.would_decide(caller),
            (None, None) => Ok(()),
            _ => Err(Denial::new(Reason::PolicyRefused)),
        });
        judged.map(|((), rules)| rules)
    }

    /// The decision. What a caller with a token must meet in sum is given to `grant`, or nothing for one
    /// without a token.
    fn judge<'o, P>(
        &self,
        operations: impl IntoIterator<Item = &'o Operation>,
        base: &Requirement,
        caller: Option<&Caller<'_>>,
        grant: impl FnOnce(Option<&Requirement>) -> Result<P, Denial>,
    ) -> Result<(P, Vec<RuleName>), Denial> {
        let operations = operations.into_iter();
        let rulings: Vec<_> = operations
            .map(|operation| (operation, self.walk(operation, caller, &mut |_, _| {})))
            .collect();
        let refusal = worst(&rulings);
        let permit = match (caller, refusal) {
            (_, Some((Reason::MalformedMessage, detail))) => {
                return Err(Denial::new(Reason::MalformedMessage).with_detail(detail));
            }
            (Some(_), Some((reason, detail))) => {
                return Err(Denial::new(reason).with_detail(detail));
            }
            (None, refusal) => {
                self.without_token(&rulings, base, refusal.is_some())?;
                grant(None)
            }
            (Some(caller), None) => self.with_token(&rulings, base, caller, |sum| grant(Some(sum))),
        };
        permit.map(|permit| (permit, names(&rulings)))
    }

    /// The rules that decide on all of this, each once, in the order of the operations; also where it is
    /// refused, for who logs and counts.
    pub fn deciding_rules<'o>(
        &self,
        operations: impl IntoIterator<Item = &'o Operation>,
        user: Option<&UserContext>,
    ) -> Vec<RuleName> {
        let caller = user.map(Caller::from);
        let operations = operations.into_iter();
        let rulings: Vec<_> = operations
            .map(|operation| {
                (
                    operation,
                    self.walk(operation, caller.as_ref(), &mut |_, _| {}),
                )
            })
            .collect();
        names(&rulings)
    }

    /// What a request that does nothing to decide on goes on with, within a session that was opened without a
    /// token: its stream, its end, a response to what the server asked. Nothing, if nothing is open to such callers.
    #[must_use]
    pub fn permit_in_session(&self, _: AnonymousSession) -> Option<AnonymousPermit> {
        self.allows_anonymous()
            .then_some(AnonymousPermit { made_by_policy: () })
    }

    fn with_token<P>(
        &self,
        rulings: &[(&Operation, Ruling<'_>)],
        base: &Requirement,
        caller: &Caller<'_>,
        grant: impl FnOnce(&Requirement) -> Result<P, Denial>,
    ) -> Result<P, Denial> {
        let chosen = choice::cheapest(demands(rulings), caller, &self.hierarchy)
            .map_err(|Unmet { reason, detail }| Denial::new(reason).with_detail(detail))?;
        let sum = chosen
            .iter()
            .fold(base.clone(), |sum, one| sum.and(one))
            .under(self.hierarchy.clone());
        grant(&sum).map_err(|denial| match denial.reason() {
            Reason::InsufficientScope => {
                let asked = self.asked_for(demands(rulings), base, Some(caller));
                told(denial, rulings).with_scopes(asked)
            }
            _ => denial,
        })
    }

    fn without_token(
        &self,
        rulings: &[(&Operation, Ruling<'_>)],
        base: &Requirement,
        is_refused: bool,
    ) -> Result<(), Denial> {
        let is_open = !rulings.is_empty()
            && !is_refused
            && demands(rulings).all(|demand| matches!(demand, Demand::Nothing));
        if is_open {
            return Ok(());
        }
        let asked = self.asked_for(demands(rulings), base, None);
        let denial = Denial::new(Reason::NoCredentials).with_scopes(asked);
        Err(denial.with_detail("no rule opens all of this to callers without a token"))
    }

    /// The scopes that a challenge names, reduced by the hierarchy. What the resource itself needs stays,
    /// where the resource knows no hierarchy: it was asked first, and would ask again.
    pub(super) fn asked_for<'p>(
        &self,
        demands: impl Iterator<Item = Demand<'p>>,
        base: &Requirement,
        caller: Option<&Caller<'_>>,
    ) -> ScopeSet {
        let chosen = match caller {
            Some(caller) => choice::cheapest(demands, caller, &self.hierarchy).unwrap_or_default(),
            None => choice::for_anybody(demands, &self.hierarchy),
        };
        let sum = choice::scopes(&chosen).union(base.needed_scopes());
        let needed = self.hierarchy.reduced(&sum);
        let of_base = base.hierarchy().missing(&needed, base.needed_scopes());
        let needed = needed.union(&of_base);
        match (self.step_up, caller) {
            (StepUp::Cumulative, Some(caller)) => cumulative(needed, caller.scopes()),
            _ => needed,
        }
    }
}

/// `offline_access` asks for a refresh token, and is none of a resource server's business.
fn cumulative(needed: ScopeSet, held: &ScopeSet) -> ScopeSet {
    let kept = held
        .iter()
        .filter(|scope| scope.as_str() != "offline_access");
    let all = needed.union(&kept.cloned().collect());
    match all.to_string().len() <= MAX_SCOPES {
        true => all,
        false => needed,
    }
}

fn demands<'r, 'p>(
    rulings: &'r [(&Operation, Ruling<'p>)],
) -> impl Iterator<Item = Demand<'p>> + use<'r, 'p> {
    rulings.iter().flat_map(|(_, ruling)| ruling.demands.iter())
}

/// The refusal to answer with: a message that nobody understands alike is no question of rights.
fn worst(rulings: &[(&Operation, Ruling<'_>)]) -> Option<(Reason, String)> {
    let mut refusals = rulings
        .iter()
        .filter_map(|(operation, ruling)| refusal(ruling, operation));
    let first = refusals.next()?;
    if first.0 == Reason::MalformedMessage {
        return Some(first);
    }
    let malformed = refusals.find(|(reason, _)| *reason == Reason::MalformedMessage);
    Some(malformed.unwrap_or(first))
}

fn names(rulings: &[(&Operation, Ruling<'_>)]) -> Vec<RuleName> {
    let mut names: Vec<RuleName> = Vec::new();
    for name in rulings.iter().filter_map(|(_, ruling)| ruling.rule) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The same refusal with the rules that asked for the scopes.
fn told(denial: Denial, rulings: &[(&Operation, Ruling<'_>)]) -> Denial {
    let names: Vec<_> = names(rulings).iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    let detail = denial.detail().unwrap_or_default().to_owned();
    match names.is_empty() {
        true => denial,
        false => denial.with_detail(format!("{detail} (rule {})", Printable(&names))),
    }
}
