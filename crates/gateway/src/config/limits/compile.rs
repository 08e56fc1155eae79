//! From limits as they were written to limits that count.

use std::collections::BTreeMap;

use oauthgate_core::SettingError;
use oauthgate_mcp::{
    limits::{Costs, ToolPatterns},
    policy::Pattern,
};
use oauthgate_tower::quota::{By, Limit};

use super::{
    low::{LimitGiven, LimitsGiven},
    short,
};
use crate::config::{
    given::{Given, Mistakes},
    values,
    words::{WordReader, one_word},
};

/// A limit, and the tools that it is about, for those who compare it with costs.
pub(super) struct Compiled {
    pub(super) limit: Limit,
    pub(super) tools: Option<ToolPatterns>,
}

/// The limits, in order; `None` when there is a mistake in one.
pub(super) fn limits(given: &[LimitGiven], mistakes: &mut Mistakes) -> Option<Vec<Compiled>> {
    let has_names_twice = refuse_names_twice(given, mistakes);
    let limits: Vec<_> = given.iter().map(|given| limit(given, mistakes)).collect();
    let limits: Option<Vec<_>> = limits.into_iter().collect();
    limits.filter(|_| !has_names_twice)
}

/// Two limits of one name would share their counts, and nobody could tell which of them refused.
fn refuse_names_twice(limits: &[LimitGiven], mistakes: &mut Mistakes) -> bool {
    let mut names = BTreeMap::new();
    let mut is_twice = false;
    for given in limits.iter().filter_map(|limit| limit.name.as_ref()) {
        if let Some(first) = names.insert(one_word(given), given) {
            mistakes.add_word(
                given,
                one_word(given),
                format!("{} has the same", first.origin),
                "a `name` of its own for each limit",
            );
            is_twice = true;
        }
    }
    is_twice
}

fn limit(given: &LimitGiven, mistakes: &mut Mistakes) -> Option<Compiled> {
    let is_incomplete = refuse_incomplete(given, mistakes);
    let mut words = WordReader::new(mistakes);
    let limit = named(given, &mut words);
    let limit = with_rates(limit, given, &mut words);
    let limit = with_places(limit, given, &mut words);
    let tools = given.tools.as_ref().map(|tools| {
        let patterns = words.each_if_any(tools, |word| Pattern::parse(word));
        ToolPatterns::from(patterns)
    });
    if given.is_broken || is_incomplete || words.is_broken {
        return None;
    }
    let limit = match tools.clone() {
        Some(tools) => limit?.tools(move |tool| tools.hold(tool)),
        None => limit?,
    };
    Some(Compiled { limit, tools })
}

fn named(given: &LimitGiven, words: &mut WordReader<'_>) -> Option<Limit> {
    let by = given.by.as_ref();
    let by = by.map(|by| words.each_if_any(by, str::parse::<By>));
    let name = given.name.as_ref()?;
    let limit = Limit::new(one_word(name), by.unwrap_or_default());
    words.ok(name, one_word(name), limit)
}

fn with_rates(
    limit: Option<Limit>,
    given: &LimitGiven,
    words: &mut WordReader<'_>,
) -> Option<Limit> {
    let rate = words.quota(&given.rate, None);
    let burst = given.rate.burst.as_ref();
    let tiers = given.tiers.iter();
    let tiers: Vec<_> = tiers
        .filter_map(|(tier, given)| {
            words.tier(tier, given)?;
            Some((tier, words.quota(given, burst)?))
        })
        .collect();
    let mut limit = limit?;
    if let Some(rate) = rate {
        limit = limit.rate(rate);
    }
    let tiers = tiers.into_iter();
    Some(tiers.fold(limit, |limit, (tier, quota)| limit.tier(tier, quota)))
}

fn with_places(
    limit: Option<Limit>,
    given: &LimitGiven,
    words: &mut WordReader<'_>,
) -> Option<Limit> {
    let mut count = |given: &Option<Given>| words.count(given.as_ref()?);
    let (in_flight, streams) = (count(&given.in_flight), count(&given.streams));
    let mut limit = limit?;
    if let Some(in_flight) = in_flight {
        limit = limit.in_flight(in_flight);
    }
    if let Some(streams) = streams {
        limit = limit.streams(streams);
    }
    Some(limit)
}

/// What a limit needs to limit anything.
fn refuse_incomplete(given: &LimitGiven, mistakes: &mut Mistakes) -> bool {
    // A misspelt key would seem to be missing as well.
    if given.is_broken {
        return true;
    }
    let has_rates = given.rate.rate.is_some() || !given.tiers.is_empty();
    let other = given.tiers.iter().find(|(tier, _)| tier == short::OTHER);
    let other = other.and_then(|(_, rate)| rate.rate.as_ref());
    if let (Some(other), None) = (other, &given.rate.rate) {
        mistakes.add_word(
            other,
            short::OTHER,
            "here it is a tier of this name, and all other tiers are not limited",
            "`rate` for all other tiers, beside `tiers` and not in it",
        );
        return true;
    }
    let has_places = given.in_flight.is_some() || given.streams.is_some();
    let missing = [
        (
            given.name.is_none(),
            "name",
            "no `name` says what clients, logs and metrics call the limit",
            "a short name, for example name = \"per-user\"",
        ),
        (
            given.by.is_none(),
            "by",
            "no `by` says whose requests are counted together",
            "for example by = [\"subject\"]; by = [] for all callers of the resource together",
        ),
        (
            !has_rates && !has_places,
            "rate",
            "nothing says how much",
            "one of `rate`, `tiers`, `in_flight` and `streams`, for example rate = \"60/min\"",
        ),
        (
            !has_rates && given.rate.burst.is_some(),
            "burst",
            "a burst without a rate",
            "a `rate` or `tiers` beside it, or no `burst`",
        ),
    ];
    let mut is_incomplete = false;
    for (_, key, problem, expected) in missing.into_iter().filter(|(is_missing, ..)| *is_missing) {
        let label = format!("{}: limit.{key}", given.origin);
        mistakes.add(label, None, problem, expected);
        is_incomplete = true;
    }
    is_incomplete
}

/// What calls cost; `None` when there is a mistake.
pub(super) fn costs(given: &LimitsGiven, mistakes: &mut Mistakes) -> Option<Costs> {
    let mut words = WordReader::new(mistakes);
    let mut costs = Costs::new();
    for (tool, given) in &given.costs {
        let pattern = words.ok(given, tool, Pattern::parse(tool));
        let word = one_word(given);
        let cost = words.ok(given, word, values::number(word, 0..=1_000_000));
        let cost = cost.and_then(|cost| u32::try_from(cost).ok());
        if let (Some(pattern), Some(cost)) = (pattern, cost) {
            costs = costs.pattern(pattern, cost);
        }
    }
    (!words.is_broken).then_some(costs)
}

/// A call that costs more than a limit ever grants at once could never be made.
pub(super) fn refuse_unpayable(
    limits: &[Compiled],
    costs: &Costs,
    given: &LimitsGiven,
    mistakes: &mut Mistakes,
) {
    for (pattern, cost) in costs.iter() {
        let concerned = limits.iter().filter(|compiled| {
            let tools = compiled.tools.as_ref();
            tools.is_none_or(|tools| tools.meet(pattern))
        });
        let short = concerned
            .filter_map(|compiled| {
                let least = compiled
                    .limit
                    .quotas()
                    .map(|quota| quota.burst().get())
                    .min()?;
                (least < cost).then_some((compiled.limit.name(), least))
            })
            .min_by_key(|(_, least)| *least);
        let written = given
            .costs
            .iter()
            .find(|(tool, _)| tool == pattern.as_str());
        if let (Some((name, least)), Some((_, given))) = (short, written) {
            mistakes.add_word(
                given,
                one_word(given),
                format!(
                    "the limit {name} grants {least} at once, so that such a call could never be made"
                ),
                format!("at most {least}, or a `burst` of {cost} at least for every rate of {name}"),
            );
        }
    }
}

/// A cost that nothing is charged by.
pub(super) fn refuse_pointless(given: &Given, mistakes: &mut Mistakes) {
    let error = SettingError::new(
        "there is no limit that a cost could be charged to",
        "a `[[resource.limit]]` or `rate_limit` (OAUTHGATE_RATE_LIMIT) beside it, or no `[resource.costs]`",
    );
    mistakes.add_error(given, one_word(given), error);
}
