//! Limits: every key, every mistake.

use std::fs;

use oauthgate_tower::quota::Limit;
use proptest::prelude::*;
use rstest::rstest;

use super::Setup;
use crate::config::{QuotaSettings, effective, limits::LIMIT};

const RESOURCE: &str = r#"[[resource]]
server_url = "https://mcp.example.com/mcp"
upstream = "http://127.0.0.1:3001"
issuer_url = "https://auth.example.com"
audience = "https://mcp.example.com/mcp"
"#;

/// A resource and these lines, the first of which is the 6th.
fn of(lines: &str) -> Setup {
    Setup::of_file(&format!("{RESOURCE}{lines}\n"))
}

/// A resource and a limit of these lines; the limit begins in line 6, its first line is the 7th.
fn limit(lines: &str) -> Setup {
    of(&format!("[[resource.limit]]\n{lines}"))
}

fn quotas(setup: &Setup) -> QuotaSettings {
    let loaded = setup.load();
    loaded.settings.resources[0].quotas.clone()
}

fn granted(limit: &Limit) -> Vec<(String, u32)> {
    let quotas = limit.quotas();
    quotas
        .map(|quota| (quota.to_string(), quota.burst().get()))
        .collect()
}

const GOOD: &str = "name = \"a\"\nby = [\"subject\"]\nrate = \"60/min\"";

#[rstest]
#[case::unknown_key("name = \"a\"\nrates = \"1/s\"", "8: limit.rates", "`rate`")]
#[case::strange_key("name = \"a\"\nwhatever = 1", "8: limit.whatever", "one of name, by")]
#[case::no_name("by = []\nrate = \"1/s\"", "6: limit.name", "per-user")]
#[case::bad_name(
    "name = \"Per User\"\nby = []\nrate = \"1/s\"",
    "7: limit.name = \"Per User\"",
    "small letters"
)]
#[case::no_by(
    "name = \"a\"\nrate = \"1/s\"",
    "6: limit.by",
    "by = [] for all callers"
)]
#[case::unknown_by(
    "name = \"a\"\nby = [\"user\"]\nrate = \"1/s\"",
    "8: limit.by = \"user\"",
    "any of subject, client"
)]
#[case::by_text(
    "name = \"a\"\nby = \"subject\"\nrate = \"1/s\"",
    "8: limit.by = \"subject\"",
    "a list of what tells"
)]
#[case::nothing("name = \"a\"\nby = []", "6: limit.rate", "one of `rate`, `tiers`")]
#[case::rate(
    "name = \"a\"\nby = []\nrate = \"60\"",
    "9: limit.rate = \"60\"",
    "60/min"
)]
#[case::rate_unit(
    "name = \"a\"\nby = []\nrate = \"60/minute\"",
    "9: limit.rate",
    "s, min, h and day"
)]
#[case::rate_zero("name = \"a\"\nby = []\nrate = \"0/s\"", "9: limit.rate", "zero")]
#[case::rate_high(
    "name = \"a\"\nby = []\nrate = \"10001/s\"",
    "9: limit.rate",
    "10,000 per second"
)]
#[case::rate_number("name = \"a\"\nby = []\nrate = 60", "9: limit.rate = \"60\"", "60/min")]
#[case::burst_zero(
    "name = \"a\"\nby = []\nrate = \"1/s\"\nburst = 0",
    "10: limit.burst = \"0\"",
    "from 1 to 1000000"
)]
#[case::burst_text(
    "name = \"a\"\nby = []\nrate = \"1/s\"\nburst = \"20\"",
    "10: limit.burst",
    "without quotes"
)]
#[case::burst_hex(
    "name = \"a\"\nby = []\nrate = \"1/s\"\nburst = 0x10",
    "10: limit.burst",
    "for example 20"
)]
#[case::burst_alone(
    "name = \"a\"\nby = []\nin_flight = 1\nburst = 5",
    "6: limit.burst",
    "or no `burst`"
)]
#[case::tiers(
    "name = \"a\"\nby = []\ntiers = [\"free\"]",
    "9: limit.tiers",
    "a table of tiers"
)]
#[case::no_tiers(
    "name = \"a\"\nby = []\ntiers = {}",
    "9: limit.tiers",
    "an empty table"
)]
#[case::tier_rate(
    "name = \"a\"\nby = []\ntiers = { free = \"x\" }",
    "9: limit.tiers.free = \"x\"",
    "60/min"
)]
#[case::tier_number(
    "name = \"a\"\nby = []\ntiers = { free = 60 }",
    "9: limit.tiers.free = \"60\"",
    "60/min"
)]
#[case::tier_key(
    "name = \"a\"\nby = []\ntiers = { pro = { rate = \"1/s\", brust = 1 } }",
    "9: limit.tiers.brust",
    "`burst`"
)]
#[case::tier_without_rate(
    "name = \"a\"\nby = []\ntiers = { pro = { burst = 1 } }",
    "9: limit.tiers.pro",
    "no `rate`"
)]
#[case::tier_blank(
    "name = \"a\"\nby = []\nrate = \"1/s\"\ntiers = { \" pro\" = \"1/s\" }",
    "10: limit.tiers. pro",
    "no blank"
)]
#[case::tier_empty(
    "name = \"a\"\nby = []\nrate = \"1/s\"\ntiers = { \"\" = { rate = \"1/s\" } }",
    "10: limit.tiers",
    "no blank"
)]
#[case::tier_other(
    "name = \"a\"\nby = []\ntiers = { free = \"1/s\", other = \"2/s\" }",
    "9: limit.tiers.other",
    "`rate`"
)]
#[case::burst_of_years(
    "name = \"a\"\nby = []\nrate = \"1/day\"\nburst = 3651",
    "10: limit.burst = \"3651\"",
    "at most 3650"
)]
#[case::tools_empty(
    "name = \"a\"\nby = []\nrate = \"1/s\"\ntools = []",
    "10: limit.tools",
    "an empty list"
)]
#[case::tools_pattern(
    "name = \"a\"\nby = []\nrate = \"1/s\"\ntools = [\"\"]",
    "10: limit.tools",
    "empty"
)]
#[case::in_flight(
    "name = \"a\"\nby = []\nin_flight = 0",
    "9: limit.in_flight = \"0\"",
    "from 1 to"
)]
#[case::streams(
    "name = \"a\"\nby = []\nstreams = \"5\"",
    "9: limit.streams",
    "without quotes"
)]
fn a_mistake_in_a_limit_says_where_it_is_and_what_would_be_right(
    #[case] lines: &str,
    #[case] place: &str,
    #[case] expected: &str,
) {
    let report = limit(lines).report();
    assert!(
        report.contains(&format!("oauthgate.toml:{place}")),
        "{report}"
    );
    assert!(report.contains(expected), "{report}");
}

#[rstest]
#[case::table("[resource.limit]\nname = \"a\"", "a TOML table", "[[resource.limit]]")]
#[case::empty("limit = []", "an empty list", "[[resource.limit]]")]
#[case::element("limit = [1]", "no table", "the keys of a limit")]
#[case::costs_text("costs = \"x\"", "a TOML string", "[resource.costs]")]
#[case::costs_empty("costs = {}", "an empty table", "[resource.costs]")]
#[case::cost_text("[resource.costs]\na = \"1\"", "7: costs.a", "without quotes")]
#[case::cost_negative("[resource.costs]\na = -1", "7: costs.a = \"-1\"", "from 0 to")]
#[case::cost_pattern("[resource.costs]\n\"\" = 1", "7: costs.", "empty")]
#[case::costs_alone(
    "[resource.costs]\na = 1",
    "7: costs.a = \"1\"",
    "there is no limit that a cost"
)]
#[case::elsewhere("[[limit]]\nname = \"a\"", "6: limit", "below `[[resource]]`")]
fn a_mistake_around_limits_is_told(
    #[case] lines: &str,
    #[case] problem: &str,
    #[case] expected: &str,
) {
    let text = match lines.starts_with("[[limit]]") {
        true => Setup::of_file(&format!("{lines}\n{RESOURCE}")),
        false => of(lines),
    };
    let report = text.report();
    let problem = problem.trim_start_matches("6: ");
    assert!(report.contains(problem), "{report}");
    assert!(report.contains(expected), "{report}");
}

#[test]
fn two_limits_of_one_name_are_a_mistake_at_the_second() {
    let report = limit(&format!("{GOOD}\n[[resource.limit]]\n{GOOD}")).report();
    assert!(
        report.contains("oauthgate.toml:11: limit.name = \"a\""),
        "{report}"
    );
    assert!(report.contains("oauthgate.toml:7 has the same"), "{report}");
}

#[rstest]
#[case::rate("burst = 20", "[resource.costs]\na = 21", Some("a grants 20 at once"))]
#[case::just_enough("burst = 20", "[resource.costs]\na = 20", None)]
#[case::tier(
    "tiers = { free = { rate = \"1/s\", burst = 5 } }",
    "[resource.costs]\n\"x*\" = 6",
    Some("a grants 5 at once")
)]
#[case::other_tools("tools = [\"b*\"]\nburst = 20", "[resource.costs]\na = 99", None)]
#[case::tools_that_meet(
    "tools = [\"a*\"]\nburst = 20",
    "[resource.costs]\n\"*z\" = 99",
    Some("a grants 20 at once")
)]
#[case::default_burst("", "[resource.costs]\na = 61", Some("a grants 60 at once"))]
fn a_call_that_could_never_be_paid_is_a_mistake(
    #[case] more: &str,
    #[case] costs: &str,
    #[case] problem: Option<&str>,
) {
    let setup = limit(&format!("{GOOD}\n{more}\n{costs}"));
    match problem {
        Some(problem) => {
            let report = setup.report();
            assert!(report.contains(problem), "{report}");
            assert!(report.contains("for every rate of a"), "{report}");
        }
        None => drop(quotas(&setup)),
    }
}

#[test]
fn every_mistake_of_every_limit_is_told_at_once() {
    let lines = "name = \"A\"\nby = [\"x\"]\nrate = \"y\"\n[[resource.limit]]\nby = []\ntools = [\"\"]\n[resource.costs]\na = -1";
    let report = limit(lines).report();
    for place in [7, 8, 9, 10, 14] {
        let place = format!("oauthgate.toml:{place}: ");
        assert!(report.contains(&place), "{place} in {report}");
    }
}

#[test]
fn a_burst_is_for_every_rate_that_has_none_of_its_own() {
    let lines = format!(
        "{GOOD}\nburst = 7\ntiers = {{ free = \"30/min\", pro = {{ rate = \"600/min\", burst = 100 }} }}"
    );
    let quotas = quotas(&limit(&lines));
    let granted = granted(&quotas.limits[0]);
    let expected = [("60/min", 7), ("30/min", 7), ("600/min", 100)];
    assert_eq!(
        granted,
        expected.map(|(rate, burst)| (rate.to_owned(), burst))
    );
    assert!(!quotas.ask_for_tools());
}

#[rstest]
#[case("tools = [\"a\"]", "", true)]
#[case("", "[resource.costs]\na = 2", true)]
#[case("streams = 3", "", false)]
fn messages_are_read_only_when_tools_matter(
    #[case] more: &str,
    #[case] costs: &str,
    #[case] expected: bool,
) {
    let quotas = quotas(&limit(&format!("{GOOD}\n{more}\n{costs}")));
    assert_eq!(quotas.ask_for_tools(), expected);
}

#[test]
fn config_show_tells_each_limit_with_its_line() {
    let lines = "name = \"per-user\"\nby = [\"subject\", \"tool\"]\nrate = \"60/min\"\nburst = 20\ntiers = { pro = \"600/min\" }\ntools = [\"export_*\"]\nin_flight = 10\nstreams = 5\n[resource.costs]\n\"export_*\" = 10";
    let shown = effective::table(&limit(lines).load().effective);
    let sentence = "60/min (burst 20), 600/min for pro by subject and tool, calls of export_*, 10 under way at once, 5 streams at once";
    let line = shown.lines().find(|line| line.contains("limit.per-user"));
    assert!(
        line.is_some_and(|line| line.contains(sentence) && line.contains("oauthgate.toml:6")),
        "{shown}"
    );
    assert!(shown.contains("costs.export_*"), "{shown}");
}

#[rstest]
#[case("60/min", &[("60/min", 60)], &[])]
#[case("free=60/min pro=600/min other=30/min", &[("30/min", 30), ("60/min", 60), ("600/min", 600)], &["free", "pro"])]
#[case("pro=600/min", &[("600/min", 600)], &["pro"])]
#[case("free=60/min,pro=600/min", &[("60/min", 60), ("600/min", 600)], &["free", "pro"])]
fn one_variable_limits_each_subject(
    #[case] text: &str,
    #[case] expected: &[(&str, u32)],
    #[case] tiers: &[&str],
) {
    let quotas = quotas(&Setup::new(&[("OAUTHGATE_RATE_LIMIT", text)]));
    let [limit] = &quotas.limits[..] else {
        panic!("one limit")
    };
    assert_eq!((limit.name(), limit.by().len()), ("per-subject", 1));
    let granted = granted(limit);
    let granted: Vec<_> = granted
        .iter()
        .map(|(rate, burst)| (&**rate, *burst))
        .collect();
    assert_eq!(granted, expected);
    assert_eq!(limit.tiers().collect::<Vec<_>>(), tiers);
}

#[test]
fn the_burst_of_the_variable_is_for_all_its_rates() {
    let setup = Setup::new(&[
        ("OAUTHGATE_RATE_LIMIT", "free=60/min other=30/min"),
        ("OAUTHGATE_RATE_LIMIT_BURST", "10"),
    ]);
    let bursts: Vec<_> = granted(&quotas(&setup).limits[0]);
    assert!(bursts.iter().all(|(_, burst)| *burst == 10), "{bursts:?}");
}

#[test]
fn a_burst_of_years_is_a_mistake_of_the_variables_too() {
    let report = Setup::new(&[
        ("OAUTHGATE_RATE_LIMIT", "1/day"),
        ("OAUTHGATE_RATE_LIMIT_BURST", "1000000"),
    ])
    .report();
    assert!(report.contains("OAUTHGATE_RATE_LIMIT_BURST"), "{report}");
    assert!(report.contains("at most 3650"), "{report}");
}

#[rstest]
#[case("OAUTHGATE_RATE_LIMIT", "60", "60/min")]
#[case("OAUTHGATE_RATE_LIMIT", "free=60/min pro", "free=60/min pro=600/min")]
#[case("OAUTHGATE_RATE_LIMIT", "=60/min", "a rate for each tier")]
#[case("OAUTHGATE_RATE_LIMIT", "a=1/s a=2/s", "one rate for each tier")]
#[case(
    "OAUTHGATE_RATE_LIMIT",
    "other=1/s other=2/s",
    "one rate for each tier"
)]
#[case("OAUTHGATE_RATE_LIMIT", "a=0/s", "zero")]
#[case("OAUTHGATE_RATE_LIMIT", "other=1/s \u{a0}pro=1/s", "no blank")]
#[case("OAUTHGATE_RATE_LIMIT_BURST", "10", "OAUTHGATE_RATE_LIMIT beside it")]
#[case("OAUTHGATE_RATE_LIMITS", "10/s", "OAUTHGATE_RATE_LIMIT")]
fn a_mistake_in_the_variables_says_what_would_be_right(
    #[case] name: &str,
    #[case] value: &str,
    #[case] expected: &str,
) {
    let report = Setup::new(&[(name, value)]).report();
    assert!(
        report.contains(name) && report.contains(expected),
        "{report}"
    );
}

#[test]
fn the_limit_of_the_variable_has_a_name_that_no_other_may_have() {
    let lines = "rate_limit = \"60/min\"\n[[resource.limit]]\nname = \"per-subject\"\nby = []\nrate = \"1/s\"";
    let report = of(lines).report();
    assert!(report.contains("oauthgate.toml:8: limit.name"), "{report}");
    let both = of(&lines.replace("per-subject", "all"));
    assert_eq!(quotas(&both).limits.len(), 2);
}

#[rstest]
#[case("tiers = { pro = \"600/min\" }", true)]
#[case("tiers = { pro = \"600/min\", free = \"60/min\" }", false)]
#[case("tiers = { pro = \"600/min\" }\nrate = \"60/min\"", false)]
#[case("in_flight = 5", false)]
fn callers_that_are_free_of_a_limit_by_accident_are_warned_about(
    #[case] lines: &str,
    #[case] warned: bool,
) {
    let setup = limit(&format!("name = \"a\"\nby = [\"subject\"]\n{lines}"));
    let warnings = setup.load().warnings;
    let about = warnings
        .iter()
        .filter(|line| line.contains("not limited by: a"));
    assert_eq!(about.count(), usize::from(warned), "{warnings:?}");
}

/// What people copy must work.
#[rstest]
#[case("guides/limits.md", 3)]
#[case("reference/limits.md", 1)]
fn the_examples_of_the_pages_are_good(#[case] page: &str, #[case] least: usize) {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/");
    let text = fs::read_to_string(format!("{docs}{page}")).unwrap();
    let blocks = text.split("```toml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let limits: Vec<_> = blocks
        .filter(|block| block.contains("resource.limit"))
        .collect();
    assert!(limits.len() >= least, "{} examples", limits.len());
    for block in limits {
        assert!(!quotas(&of(block)).limits.is_empty(), "{block}");
    }
}

#[test]
fn every_key_is_in_the_reference() {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/limits.md"
    );
    let text = fs::read_to_string(page).unwrap();
    for key in LIMIT {
        assert!(text.contains(&format!("| `{key}` |")), "{key}");
    }
}

proptest! {
    /// Whatever stands in a limit: it is good, or a mistake with a place and advice.
    #[test]
    fn nothing_that_somebody_writes_is_passed_over(
        entries in prop::collection::btree_map(prop::sample::select(LIMIT), prop::sample::select(VALUES), 0..6),
    ) {
        let lines: Vec<_> = entries.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let setup = limit(&lines.join("\n"));
        match setup.sources.load() {
            Ok(loaded) => {
                let quotas = &loaded.settings.resources[0].quotas;
                prop_assert_eq!(quotas.limits.len(), 1);
                prop_assert!(entries.contains_key("name") && entries.contains_key("by"));
            }
            Err(error) => {
                for mistake in error.mistakes {
                    prop_assert!(mistake.setting.contains("oauthgate.toml:"), "{:?}", mistake);
                    prop_assert!(!mistake.expected.is_empty());
                }
            }
        }
    }
}

const VALUES: &[&str] = &[
    "\"a\"",
    "\"60/min\"",
    "[]",
    "[\"subject\"]",
    "[\"export_*\"]",
    "5",
    "0",
    "-1",
    "true",
    "1.5",
    "{ free = \"60/min\" }",
    "{ free = { rate = \"1/s\", burst = 2 } }",
    "\"\"",
    "[1]",
    "{}",
    "1979-05-27",
];
