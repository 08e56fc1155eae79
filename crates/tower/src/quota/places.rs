//! How many requests and streams of one key may be under way, by the limits that say so.

use std::collections::BTreeSet;

use http::request::Parts;
use oauthgate_remote::state::quotas::QuotaKey;

use super::{By, Limit, LimitPlan, Operations, caller::Caller};
use crate::concurrency::{Allowance, Claim, Claims, Ledger};

/// What the requests of a resource count against by [`Limit::in_flight`] and [`Limit::streams`], for a
/// [`ConcurrencyLayer`](crate::concurrency::ConcurrencyLayer) in front of the [`super::QuotaLayer`]: a request
/// that finds no place is then charged nothing. [`LimitPlan::places`] makes it.
#[derive(Debug, Clone)]
pub struct LimitPlaces {
    plan: LimitPlan,
    /// One for each limit, in their order.
    ledgers: Vec<Ledger<QuotaKey>>,
}

impl LimitPlan {
    /// Whether any limit says how much may be under way at once.
    #[must_use]
    pub fn limits_places(&self) -> bool {
        let mut allowances = self.limits.iter().map(allowance);
        allowances.any(|allowance| allowance != Allowance::default())
    }

    /// The places of the limits that say how much may be under way at once, all of them free.
    #[must_use]
    pub fn places(&self) -> LimitPlaces {
        LimitPlaces {
            plan: self.clone(),
            ledgers: self.limits.iter().map(|_| Ledger::default()).collect(),
        }
    }
}

impl Claims for LimitPlaces {
    type Key = QuotaKey;

    fn claims(&self, request: &Parts) -> impl IntoIterator<Item = Claim<QuotaKey>> {
        let caller = Caller::of(request);
        let operations = request.extensions.get::<Operations>();
        let limits = self.plan.limits.iter().zip(&self.ledgers);
        let mut claims = Vec::new();
        for (limit, ledger) in limits {
            let allowance = allowance(limit);
            if allowance == Allowance::default() {
                continue;
            }
            for tool in tools(limit, operations) {
                let key = self.plan.key(limit, &caller, tool);
                claims.push(ledger.claim(key, allowance, Some(limit.name.clone())));
            }
        }
        claims
    }
}

fn allowance(limit: &Limit) -> Allowance {
    let number = |number: Option<std::num::NonZeroU32>| {
        number.map(|number| usize::try_from(number.get()).unwrap_or(usize::MAX))
    };
    Allowance {
        in_flight: number(limit.in_flight),
        streams: number(limit.streams),
    }
}

/// For which tools a request takes a place of its own: for none in particular, unless the limit counts each alone.
fn tools<'a>(limit: &Limit, operations: Option<&'a Operations>) -> BTreeSet<Option<&'a str>> {
    if !limit.is_about_tools() {
        return BTreeSet::from([None]);
    }
    let calls = operations.map_or(&[][..], Operations::calls).iter();
    let counted = calls.filter(|call| limit.counts(&call.name));
    counted
        .map(|call| {
            let is_alone = limit.by.contains(&By::Tool);
            is_alone.then_some(call.counted_as.as_str())
        })
        .collect()
}
