//! All limits of a resource, and what a request is charged by them.

use std::{collections::BTreeMap, sync::Arc};

use http::request::Parts;
use oauthgate_core::{ProtectedResource, SettingError, quota::Quota};
use oauthgate_remote::state::quotas::{Charge, QuotaKey};

use super::{By, Limit, Operations, caller::Caller};

/// The limits of a resource. Two resources never share a count, whatever their limits are called.
#[derive(Debug, Clone)]
#[must_use]
pub struct LimitPlan {
    pub(super) resource: ProtectedResource,
    pub(super) limits: Arc<[Limit]>,
}

/// One charge, and the limit that it is for.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// Its place among the limits.
    pub(super) limit: usize,
    pub(super) charge: Charge,
}

impl LimitPlan {
    /// These limits, all of which a request is charged by, or none if one of them is spent.
    ///
    /// # Errors
    /// When two limits have the same name: they would share their counts.
    pub fn new(
        resource: &ProtectedResource,
        limits: impl IntoIterator<Item = Limit>,
    ) -> Result<Self, SettingError> {
        let limits: Arc<[Limit]> = limits.into_iter().collect();
        let mut names: Vec<_> = limits.iter().map(Limit::name).collect();
        names.sort_unstable();
        if let Some(name) = names.windows(2).find(|pair| pair.first() == pair.last()) {
            let name = name.first().copied().unwrap_or_default();
            return Err(SettingError::new(
                format!("two limits are called {name}"),
                "a name of its own for each limit",
            ));
        }
        Ok(Self {
            resource: resource.clone(),
            limits,
        })
    }

    /// Its limits.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Whether any limit asks which tools a request calls.
    #[must_use]
    pub fn asks_for_tools(&self) -> bool {
        self.limits.iter().any(Limit::is_about_tools)
    }

    /// What a request is charged; nothing where no limit is about it, or what it does is for nothing.
    pub(super) fn charges(&self, parts: &Parts) -> Vec<Planned> {
        let one = Operations::default();
        let operations = parts.extensions.get::<Operations>().unwrap_or(&one);
        let caller = Caller::of(parts);
        let limits = self.limits.iter().enumerate();
        limits
            .flat_map(|(number, limit)| {
                let quota = limit.quota_of(caller.tier());
                let costs = quota.map(|quota| (quota, costs(limit, operations)));
                costs
                    .into_iter()
                    .flat_map(|(quota, costs)| costs.into_iter().map(move |cost| (quota, cost)))
                    .map(|(quota, (tool, cost))| {
                        let key = self.key(limit, &caller, tool);
                        Planned {
                            limit: number,
                            charge: charge(key, quota, cost),
                        }
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    pub(super) fn key(&self, limit: &Limit, caller: &Caller<'_>, tool: Option<&str>) -> QuotaKey {
        let caller = caller.key(&limit.by, tool);
        let resource = [self.resource.identifier().as_str(), limit.name()];
        let parts = resource
            .into_iter()
            .chain(caller.iter().map(String::as_str));
        QuotaKey::of(&parts.collect::<Vec<_>>())
    }
}

fn charge(key: QuotaKey, quota: Quota, cost: u32) -> Charge {
    Charge { key, quota, cost }
}

/// What a request costs at a limit: together, or for each tool that is counted on its own.
fn costs<'a>(limit: &Limit, operations: &'a Operations) -> Vec<(Option<&'a str>, u32)> {
    let counted = operations
        .calls()
        .iter()
        .filter(|call| limit.counts(&call.name));
    let mut costs = BTreeMap::new();
    for call in counted {
        let tool = limit
            .by
            .contains(&By::Tool)
            .then_some(call.counted_as.as_str());
        let cost: &mut u32 = costs.entry(tool).or_default();
        *cost = cost.saturating_add(call.cost);
    }
    if !limit.is_about_tools() {
        let cost = costs.entry(None).or_default();
        *cost = cost.saturating_add(operations.others());
    }
    costs.into_iter().filter(|(_, cost)| *cost > 0).collect()
}
