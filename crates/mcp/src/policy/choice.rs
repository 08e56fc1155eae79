//! Which alternatives to ask a caller for.

use oauthgate_core::{Caller, Reason, Requirement, ScopeHierarchy, ScopeSet, Shortfall};

use super::walk::Demand;

/// How many combinations of alternatives are compared; where there are more, each demand is looked at
/// after the other.
const MAX_COMBINATIONS: usize = 256;

/// Why no choice of scopes helps.
pub(super) struct Unmet {
    pub(super) reason: Reason,
    pub(super) detail: String,
}

/// Of each demand one alternative, so that in sum the fewest scopes are missing; between equals the one
/// that stands first, so that the same question always gets the same answer.
pub(super) fn cheapest<'p>(
    demands: impl Iterator<Item = Demand<'p>>,
    caller: &Caller<'_>,
    hierarchy: &ScopeHierarchy,
) -> Result<Vec<&'p Requirement>, Unmet> {
    let mut chosen = Vec::new();
    let mut open: Vec<Vec<&'p Requirement>> = Vec::new();
    for alternatives in alternatives_of(demands) {
        match alternatives.iter().find(|one| one.is_met_by(caller)) {
            Some(met) => chosen.push(met),
            None => open.push(steps_up(alternatives, caller)?),
        }
    }
    let missing = |scopes: &ScopeSet| hierarchy.missing(caller.scopes(), scopes).len();
    chosen.extend(choose(&open, &missing));
    Ok(chosen)
}

/// The same for a caller of whom nothing is known; alternatives that scopes alone meet come first.
pub(super) fn for_anybody<'p>(
    demands: impl Iterator<Item = Demand<'p>>,
    hierarchy: &ScopeHierarchy,
) -> Vec<&'p Requirement> {
    let open: Vec<Vec<&Requirement>> = alternatives_of(demands)
        .map(|alternatives| {
            let plain = alternatives.iter().filter(|one| one.is_about_scopes_only());
            let plain: Vec<_> = plain.collect();
            match plain.is_empty() {
                true => alternatives.iter().collect(),
                false => plain,
            }
        })
        .collect();
    choose(&open, &|scopes| hierarchy.reduced(scopes).len())
}

/// All their scopes.
pub(super) fn scopes(chosen: &[&Requirement]) -> ScopeSet {
    chosen
        .iter()
        .fold(ScopeSet::empty(), |all, one| all.union(one.needed_scopes()))
}

fn alternatives_of<'p>(
    demands: impl Iterator<Item = Demand<'p>>,
) -> impl Iterator<Item = &'p [Requirement]> {
    let mut seen: Vec<&'p [Requirement]> = Vec::new();
    demands.filter_map(move |demand| match demand {
        Demand::OneOf(alternatives) => {
            if seen.iter().any(|known| std::ptr::eq(*known, alternatives)) {
                return None;
            }
            seen.push(alternatives);
            Some(alternatives)
        }
        Demand::Nothing | Demand::Token => None,
    })
}

/// The alternatives that more scopes would meet.
fn steps_up<'p>(
    alternatives: &'p [Requirement],
    caller: &Caller<'_>,
) -> Result<Vec<&'p Requirement>, Unmet> {
    let mut first = None;
    let mut possible = Vec::new();
    for one in alternatives {
        match one.examine(caller) {
            Ok(()) | Err(Shortfall { refusal: None, .. }) => possible.push(one),
            Err(Shortfall { refusal, .. }) => first = first.or(refusal),
        }
    }
    match (possible.is_empty(), first) {
        (true, Some((reason, detail))) => Err(Unmet { reason, detail }),
        _ => Ok(possible),
    }
}

fn choose<'p>(
    open: &[Vec<&'p Requirement>],
    cost: &impl Fn(&ScopeSet) -> usize,
) -> Vec<&'p Requirement> {
    let combinations = open
        .iter()
        .try_fold(1_usize, |product, one| product.checked_mul(one.len()));
    match combinations.is_some_and(|combinations| combinations <= MAX_COMBINATIONS) {
        true => best_of_all(open, cost),
        false => one_after_the_other(open, cost),
    }
}

fn best_of_all<'p>(
    open: &[Vec<&'p Requirement>],
    cost: &impl Fn(&ScopeSet) -> usize,
) -> Vec<&'p Requirement> {
    let mut all: Vec<Vec<&'p Requirement>> = vec![Vec::new()];
    for alternatives in open {
        let longer = |one: &Vec<&'p Requirement>| {
            let one = one.clone();
            alternatives.iter().map(move |next| {
                let mut longer = one.clone();
                longer.push(*next);
                longer
            })
        };
        all = all.iter().flat_map(longer).collect();
    }
    let best = all.into_iter().min_by_key(|one| cost(&scopes(one)));
    best.unwrap_or_default()
}

fn one_after_the_other<'p>(
    open: &[Vec<&'p Requirement>],
    cost: &impl Fn(&ScopeSet) -> usize,
) -> Vec<&'p Requirement> {
    let mut chosen: Vec<&'p Requirement> = Vec::new();
    let mut sum = ScopeSet::empty();
    for alternatives in open {
        let with = |one: &&&Requirement| cost(&sum.union(one.needed_scopes()));
        if let Some(next) = alternatives.iter().min_by_key(with) {
            sum = sum.union(next.needed_scopes());
            chosen.push(next);
        }
    }
    chosen
}
