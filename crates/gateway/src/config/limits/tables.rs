//! `[[limit]]` and `[costs]`, out of TOML. Every key is looked at, whatever is wrong with the others.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::low::{LimitGiven, RateGiven};
use crate::config::{
    document::Document,
    fields::{Fields, Read},
    given::{Given, Mistakes, Words},
};

/// The keys of a limit, in the order of the documentation.
pub(in crate::config) const LIMIT: &[&str] = &[
    "name",
    "by",
    "rate",
    "burst",
    "tiers",
    "tools",
    "in_flight",
    "streams",
];
const RATE: &[&str] = &["rate", "burst"];

const RATE_EXPECTED: &str = "how much in a time, for example \"60/min\"";
const TIERS: &str = "a table of tiers, for example { free = \"60/min\", pro = { rate = \"600/min\", burst = 100 } }";
const COST: &str = "a whole number, for example 10; 0 for nothing";

/// The limits of `[[limit]]`, in order, and whether all could be read.
pub(in crate::config) fn limits(
    document: &Document<'_>,
    value: &Spanned<DeValue<'_>>,
    mistakes: &mut Mistakes,
) -> (Vec<LimitGiven>, bool) {
    let elements = value.get_ref().as_array();
    let Some(elements) = elements.filter(|elements| !elements.is_empty()) else {
        let problem = match value.get_ref() {
            DeValue::Array(_) => "an empty list: nothing would be limited".to_owned(),
            other => format!("`limit` is a TOML {}", other.type_str()),
        };
        let expected = "one table in double brackets for each limit, as `[[resource.limit]]`";
        mistakes.add(document.place(value.span().start), None, problem, expected);
        return (Vec::new(), false);
    };
    let mut limits = Vec::new();
    for element in elements {
        let place = element.span().start;
        match element.get_ref().as_table() {
            Some(table) => limits.push(limit(document, place, table, mistakes)),
            None => mistakes.add(
                document.place(place),
                None,
                "`limit` holds something that is no table",
                "a table with the keys of a limit",
            ),
        }
    }
    let is_whole = limits.len() == elements.len();
    (limits, is_whole)
}

fn limit(
    document: &Document<'_>,
    place: usize,
    table: &DeTable<'_>,
    mistakes: &mut Mistakes,
) -> LimitGiven {
    let fields = Fields {
        document,
        table,
        prefix: "limit.",
    };
    let mut is_broken = !fields.only(LIMIT, mistakes);
    let name = fields.text("name", "a short name, for example \"per-user\"", mistakes);
    let by = fields.any_texts(
        "by",
        "a list of what tells callers apart, for example [\"subject\"]",
        mistakes,
    );
    let tools = fields.texts(
        "tools",
        "a list of tools, for example [\"export_*\"]",
        mistakes,
    );
    let in_flight = whole_number(&fields, "in_flight", "a number of requests", mistakes);
    let streams = whole_number(&fields, "streams", "a number of streams", mistakes);
    LimitGiven {
        origin: document.origin(place),
        name: name.or_break(&mut is_broken),
        by: by.or_break(&mut is_broken),
        rate: rate(&fields, &mut is_broken, mistakes),
        tiers: tiers(&fields, &mut is_broken, mistakes),
        tools: tools.or_break(&mut is_broken),
        in_flight: in_flight.or_break(&mut is_broken),
        streams: streams.or_break(&mut is_broken),
        is_broken,
    }
}

fn rate(fields: &Fields<'_, '_, '_>, is_broken: &mut bool, mistakes: &mut Mistakes) -> RateGiven {
    let rate = fields.text("rate", RATE_EXPECTED, mistakes);
    let burst = whole_number(
        fields,
        "burst",
        "how much at once, for example 20",
        mistakes,
    );
    RateGiven {
        rate: rate.or_break(is_broken),
        burst: burst.or_break(is_broken),
    }
}

fn tiers(
    fields: &Fields<'_, '_, '_>,
    is_broken: &mut bool,
    mistakes: &mut Mistakes,
) -> Vec<(String, RateGiven)> {
    let table = fields.table("tiers", TIERS, mistakes).or_break(is_broken);
    let Some(table) = table else {
        return Vec::new();
    };
    let named = Fields {
        document: fields.document,
        table,
        prefix: "limit.tiers.",
    };
    let mut tiers = Vec::new();
    for (key, value) in table {
        let tier = key.get_ref().to_string();
        let given = match value.get_ref().as_table() {
            Some(table) => {
                let own = Fields {
                    document: fields.document,
                    table,
                    prefix: "limit.tiers.",
                };
                *is_broken |= !own.only(RATE, mistakes);
                if own.entry("rate").is_none() {
                    let label = named.given((key, value), Words::Many(Vec::new())).label();
                    mistakes.add(label, None, "no `rate` stands in it", RATE_EXPECTED);
                    *is_broken = true;
                }
                rate(&own, is_broken, mistakes)
            }
            None => RateGiven {
                rate: named
                    .text(&tier, RATE_EXPECTED, mistakes)
                    .or_break(is_broken),
                burst: None,
            },
        };
        tiers.push((tier, given));
    }
    if tiers.is_empty() {
        let place = fields.entry("tiers").map(|entry| entry.0.span().start);
        let place = fields.document.place(place.unwrap_or_default());
        mistakes.add(
            format!("{place}: limit.tiers"),
            None,
            "an empty table",
            TIERS,
        );
        *is_broken = true;
    }
    tiers
}

fn whole_number(
    fields: &Fields<'_, '_, '_>,
    key: &str,
    expected: &str,
    mistakes: &mut Mistakes,
) -> Read<Given> {
    let is_number = |entry: &(_, &Spanned<DeValue<'_>>)| matches!(entry.1.get_ref(), DeValue::Integer(number) if number.radix() == 10);
    match fields.entry(key) {
        Some(entry) if !is_number(&entry) => {
            let given = fields.given(entry, Words::Many(Vec::new()));
            let problem = format!("a TOML {}", entry.1.get_ref().type_str());
            mistakes.add(
                given.label(),
                None,
                problem,
                format!("{expected}, without quotes"),
            );
            Read::Bad
        }
        _ => fields
            .scalar(key, expected, mistakes)
            .map(|(given, _)| given),
    }
}

/// `[costs]`: patterns of tools, and what a call costs; and whether all could be read.
pub(in crate::config) fn costs(
    document: &Document<'_>,
    value: &Spanned<DeValue<'_>>,
    mistakes: &mut Mistakes,
) -> (Vec<(String, Given)>, bool) {
    let table = value.get_ref().as_table();
    let Some(table) = table.filter(|table| !table.is_empty()) else {
        let problem = match value.get_ref() {
            DeValue::Table(_) => "an empty table".to_owned(),
            other => format!("`costs` is a TOML {}", other.type_str()),
        };
        let expected = "`[resource.costs]` with lines such as \"export_*\" = 10";
        mistakes.add(document.place(value.span().start), None, problem, expected);
        return (Vec::new(), false);
    };
    let fields = Fields {
        document,
        table,
        prefix: "costs.",
    };
    let mut is_broken = false;
    let mut costs = Vec::new();
    for tool in table.keys() {
        let tool = tool.get_ref().to_string();
        let cost = whole_number(&fields, &tool, COST, mistakes).or_break(&mut is_broken);
        costs.extend(cost.map(|cost| (tool, cost)));
    }
    (costs, !is_broken)
}
