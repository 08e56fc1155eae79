//! The limits of a resource.

use oauthgate_core::SettingError;
use oauthgate_mcp::Costs;
use oauthgate_remote::env::SettingReader;
use oauthgate_tower::quota::Limit;

use super::{compile, low::LimitsGiven, short, shown, words};
use crate::config::{file::setting, reader::Reader, words::one_word};

/// How much the callers of a resource may do.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct QuotaSettings {
    /// Every limit of the resource; a request is charged by all of them, or by none.
    pub limits: Vec<Limit>,
    /// What calls of tools cost.
    pub costs: Costs,
}

impl QuotaSettings {
    /// Whether messages must be read to know what a request costs.
    #[must_use]
    pub fn ask_for_tools(&self) -> bool {
        !self.costs.is_empty() || self.limits.iter().any(Limit::is_about_tools)
    }
}

/// What a resource's section says about how much its callers may do; `None` when there is a mistake.
pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<QuotaSettings> {
    let short = short_form(reader);
    let given = reader.section.limits.clone();
    record(reader, &given);
    let limits = compile::limits(&given.limits, reader.mistakes);
    let costs = compile::costs(&given, reader.mistakes);
    let (short, mut limits, costs) = (short.ok()?, limits?, costs?);
    if short.is_some() && refuse_name_of_short_form(&given, reader) {
        return None;
    }
    limits.extend(short.map(|limit| compile::Compiled { limit, tools: None }));
    if let (true, Some((_, cost))) = (limits.is_empty(), given.costs.first()) {
        compile::refuse_pointless(cost, reader.mistakes);
        return None;
    }
    compile::refuse_unpayable(&limits, &costs, &given, reader.mistakes);
    let limits = limits.into_iter().map(|compiled| compiled.limit).collect();
    (!given.is_broken).then_some(QuotaSettings { limits, costs })
}

/// The limit of one variable, if there is one; an error when there is a mistake, which was reported.
fn short_form(reader: &mut Reader<'_>) -> Result<Option<Limit>, ()> {
    let is_given = |reader: &Reader<'_>, key| reader.section.values.contains_key(key);
    let has_rate = is_given(reader, "rate_limit");
    let has_burst = is_given(reader, "rate_limit_burst");
    let rates = reader.one("rate_limit", short::Rates::parse);
    let burst = reader.one("rate_limit_burst", words::count);
    if has_burst && !has_rate {
        let error = SettingError::new(
            "a burst without a rate",
            "OAUTHGATE_RATE_LIMIT beside it, for example 60/min; in `[[resource.limit]]` it is called `burst`",
        );
        reader.refuse(setting("rate_limit_burst"), None, error);
        return Err(());
    }
    match rates {
        None if has_rate => Err(()),
        None => Ok(None),
        Some(_) if has_burst && burst.is_none() => Err(()),
        Some(rates) => {
            let limit = rates.limit(burst);
            limit.map(Some).map_err(|error| {
                reader.refuse(setting("rate_limit_burst"), None, error);
            })
        }
    }
}

/// Whether a limit has the name of the short form's, which was reported.
fn refuse_name_of_short_form(given: &LimitsGiven, reader: &mut Reader<'_>) -> bool {
    let names = given.limits.iter().filter_map(|limit| limit.name.as_ref());
    let mut same = names.filter(|name| one_word(name) == short::NAME);
    let Some(name) = same.next() else {
        return false;
    };
    reader.mistakes.add_word(
        name,
        short::NAME,
        "the limit of `rate_limit` (OAUTHGATE_RATE_LIMIT) has this name",
        "another `name`, or no `rate_limit`",
    );
    true
}

/// Each limit with its line, and each cost.
fn record(reader: &mut Reader<'_>, given: &LimitsGiven) {
    for limit in &given.limits {
        if let Some(name) = &limit.name {
            let name = format!("limit.{}", one_word(name).escape_debug());
            reader.record_whole(&name, shown::sentence(limit), &limit.origin);
        }
    }
    for (tool, cost) in &given.costs {
        let name = format!("costs.{}", tool.escape_debug());
        reader.record(&name, one_word(cost), &cost.origin);
    }
}
