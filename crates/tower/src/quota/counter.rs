//! Whether one request is within its limits.

use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use bytes::Bytes;
use http::{Response, request::Parts};
use http_body_util::Full;
use oauthgate_core::{Denial, Reason, UserContext, quota::Standing};
use oauthgate_remote::state::quotas::{Charge, Spent};

use super::{Counted, CountedLimit, fields, layer::Counter, plan::Planned};
use crate::{
    ForwardedPreflight, Reference,
    response::{log_refusal, refusal},
};

/// What the request was counted by, if anything; or its answer.
type Outcome = ControlFlow<Response<Full<Bytes>>, Option<Counted>>;

impl Counter {
    /// Charges a request by all limits that are about it, or by none and answers it.
    pub(super) async fn count(&self, parts: &Parts) -> Outcome {
        if parts.extensions.get::<ForwardedPreflight>().is_some() {
            return ControlFlow::Continue(None);
        }
        let planned = self.plan.charges(parts);
        if planned.is_empty() {
            return ControlFlow::Continue(None);
        }
        let charges: Vec<Charge> = planned.iter().map(|planned| planned.charge).collect();
        match self.quotas.spend(&charges).await {
            Ok(Spent::Within(standings)) => {
                let (limits, _) = self.counted(&planned, &standings, None);
                ControlFlow::Continue(Some(Counted::within(limits)))
            }
            Ok(Spent::Over {
                standings,
                which,
                wait,
            }) => ControlFlow::Break(self.over(parts, &planned, (&standings, which, wait))),
            Err(_) => {
                let denial = Denial::new(Reason::QuotaUnavailable);
                ControlFlow::Break(self.refuse(parts, denial))
            }
        }
    }

    fn over(
        &self,
        parts: &Parts,
        planned: &[Planned],
        (standings, which, wait): (&[Standing], usize, Duration),
    ) -> Response<Full<Bytes>> {
        let (limits, place) = self.counted(planned, standings, Some(which));
        let cost = planned.get(which).map_or(0, |over| over.charge.cost);
        let counted = Counted::over(limits, place, wait);
        let detail = counted.refused_by().map(|limit| detail(limit, cost, wait));
        let denial = Denial::new(Reason::QuotaExceeded)
            .with_retry_after(wait)
            .with_detail(detail.unwrap_or_default());
        let mut response = self.refuse(parts, denial);
        fields::tell(&counted, response.headers_mut());
        response.extensions_mut().insert(counted);
        response
    }

    /// Each limit once, with what is left of the count that refused, or else is nearest to its end; and the place
    /// of the limit that refused.
    fn counted(
        &self,
        planned: &[Planned],
        standings: &[Standing],
        which: Option<usize>,
    ) -> (Vec<CountedLimit>, usize) {
        let left = |position: usize| standings.get(position).map(|standing| standing.remaining);
        let mut told: BTreeMap<usize, usize> = BTreeMap::new();
        for (position, planned) in planned.iter().enumerate() {
            let known = told.entry(planned.limit).or_insert(position);
            let is_settled = Some(*known) == which;
            if Some(position) == which || (!is_settled && left(position) < left(*known)) {
                *known = position;
            }
        }
        let place = told.values().position(|position| Some(*position) == which);
        let limits = told.into_iter().filter_map(|(number, position)| {
            let limit = self.plan.limits.get(number)?;
            Some(CountedLimit {
                name: limit.name.clone(),
                by: limit.by.clone(),
                quota: planned.get(position)?.charge.quota,
                standing: *standings.get(position)?,
            })
        });
        (limits.collect(), place.unwrap_or_default())
    }

    fn refuse(&self, parts: &Parts, denial: Denial) -> Response<Full<Bytes>> {
        let reference = Reference::of(parts);
        if self.logs_refusals {
            log_refusal(&denial, &reference);
        }
        let mut response = refusal(&parts.method, denial, &self.plan.resource, reference);
        if let Some(user) = parts.extensions.get::<UserContext>() {
            response.extensions_mut().insert(user.clone());
        }
        response
    }
}

/// What the operator wants to know: which limit, of whom by kind, what was left, and for how long.
fn detail(limit: &CountedLimit, cost: u32, wait: Duration) -> String {
    let CountedLimit { name, standing, .. } = limit;
    let by: Vec<_> = limit.by.iter().map(|by| by.as_str()).collect();
    let whom = match by.is_empty() {
        true => "of all callers together".to_owned(),
        false => format!("by {}", by.join(" and ")),
    };
    if cost > standing.limit {
        return format!(
            "the limit {name} ({whom}) never grants the {cost} that the request costs: its burst is {}",
            standing.limit
        );
    }
    format!(
        "the limit {name} ({whom}) has {} of {} left and the request costs {cost}; it is worth coming back in {:.1} s",
        standing.remaining,
        standing.limit,
        wait.as_secs_f64()
    )
}
