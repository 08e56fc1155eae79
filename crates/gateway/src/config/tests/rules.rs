//! Rules: every key, every mistake.

use proptest::prelude::*;
use rstest::rstest;

use super::Setup;
use crate::config::{effective, policy::RULE};

const RESOURCE: &str = r#"[[resource]]
server_url = "https://mcp.example.com/mcp"
upstream = "http://127.0.0.1:3001"
issuer_url = "https://auth.example.com"
audience = "https://mcp.example.com/mcp"
"#;

/// A resource and a rule of these lines; the rule begins in line 6, its first line is the 7th.
fn rule(lines: &str) -> Setup {
    Setup::of_file(&format!("{RESOURCE}[[resource.rule]]\n{lines}\n"))
}

#[rstest]
#[case::unknown_key("tools = [\"a\"]\ntool = [\"b\"]", "8: rule.tool", "`tools`")]
#[case::strange_key(
    "tools = [\"a\"]\nwhatever = 1",
    "8: rule.whatever",
    "one of name, tools"
)]
#[case::text_for_list("tools = \"a\"", "7: rule.tools = \"a\"", "a TOML string")]
#[case::empty_list("tools = []", "7: rule.tools", "an empty list")]
#[case::number_in_list("tools = [\"a\", 1]", "7: rule.tools", "something else in it")]
#[case::empty_tool("tools = [\"\"]", "7: rule.tools", "empty")]
#[case::name("tools = [\"a\"]\nname = 7", "8: rule.name = \"7\"", "a short name")]
#[case::empty_name("tools = [\"a\"]\nname = \"\"", "8: rule.name", "empty")]
#[case::flag(
    "tools = [\"a\"]\nforbid = \"yes\"",
    "8: rule.forbid = \"yes\"",
    "true or false"
)]
#[case::other_flag(
    "tools = [\"a\"]\nanonymous = 1",
    "8: rule.anonymous = \"1\"",
    "true or false"
)]
#[case::scope(
    "tools = [\"a\"]\nscopes = [\"a b\"]",
    "8: rule.scopes = \"a b\"",
    "scope"
)]
#[case::no_role("tools = [\"a\"]\nroles = [\"\"]", "8: rule.roles", "empty")]
#[case::claims(
    "tools = [\"a\"]\nclaims = [\"a\"]",
    "8: rule.claims",
    "a table of JSON Pointers"
)]
#[case::no_claims("tools = [\"a\"]\nclaims = {}", "8: rule.claims", "an empty table")]
#[case::claim_pointer(
    "tools = [\"a\"]\nclaims = { department = [\"a\"] }",
    "8: rule.claims.department",
    "JSON Pointer"
)]
#[case::claim_value(
    "tools = [\"a\"]\nclaims = { \"/a\" = \"b\" }",
    "8: rule.claims./a",
    "a list of texts"
)]
#[case::claim_date(
    "tools = [\"a\"]\nclaims = { \"/a\" = [1979-05-27] }",
    "8: rule.claims./a",
    "something else in it"
)]
#[case::any_of(
    "tools = [\"a\"]\nany_of = { scopes = [\"a\"] }",
    "8: rule.any_of",
    "a list of tables"
)]
#[case::any_of_key(
    "tools = [\"a\"]\nany_of = [{ scope = [\"a\"] }]",
    "8: rule.any_of.scope",
    "`scopes`"
)]
#[case::any_of_type(
    "tools = [\"a\"]\nany_of = [{ scopes = \"a\" }]",
    "8: rule.any_of.scopes",
    "a list of scopes"
)]
#[case::arguments(
    "tools = [\"a\"]\narguments = { pointer = \"/a\" }",
    "8: rule.arguments",
    "a list of tables"
)]
#[case::no_pointer(
    "tools = [\"a\"]\narguments = [{ equals = 1 }]",
    "8: rule.arguments",
    "no `pointer`"
)]
#[case::no_test(
    "tools = [\"a\"]\narguments = [{ pointer = \"/a\" }]",
    "8: rule.arguments",
    "what the argument must be"
)]
#[case::two_tests(
    "tools = [\"a\"]\narguments = [{ pointer = \"/a\", equals = 1, in = [1] }]",
    "8: rule.arguments",
    "several of"
)]
#[case::argument_key(
    "tools = [\"a\"]\narguments = [{ pointer = \"/a\", equal = 1 }]",
    "8: rule.arguments.equal",
    "`equals`"
)]
#[case::argument_list(
    "tools = [\"a\"]\narguments = [{ pointer = \"/a\", equals = [1] }]",
    "8: rule.arguments.equals",
    "one text"
)]
#[case::argument_infinite(
    "tools = [\"a\"]\narguments = [{ pointer = \"/a\", equals = inf }]",
    "8: rule.arguments.equals",
    "a TOML float"
)]
#[case::argument_pointer(
    "tools = [\"a\"]\narguments = [{ pointer = \"a\", equals = 1 }]",
    "8: rule.arguments.pointer = \"a\"",
    "JSON Pointer"
)]
#[case::argument_regex(
    "tools = [\"a\"]\narguments = [{ pointer = \"/a\", matches = \"(\" }]",
    "8: rule.arguments.matches = \"(\"",
    "regular expression"
)]
fn h7_a_mistake_in_a_rule_is_told_with_its_line(
    #[case] lines: &str,
    #[case] place: &str,
    #[case] expected: &str,
) {
    let report = rule(lines).report();
    let place = format!("oauthgate.toml:{place}");
    let hit = report
        .lines()
        .collect::<Vec<_>>()
        .windows(2)
        .any(|pair| pair[0].contains(&place) && pair.concat().contains(expected));
    assert!(hit, "{report}");
    assert!(report.starts_with("1 mistake"), "{report}");
}

#[rstest]
#[case::about_nothing("scopes = [\"a\"]", "6: rule.tools", "about nothing")]
#[case::forbidden_scopes(
    "tools = [\"a\"]\nforbid = true\nscopes = [\"a\"]",
    "9: rule.scopes",
    "demands no scopes"
)]
#[case::forbidden_for_all(
    "tools = [\"a\"]\nforbid = true\nanonymous = true",
    "9: rule.anonymous",
    "lets nobody in"
)]
#[case::anonymous_demands(
    "tools = [\"a\"]\nanonymous = true\nroles = [\"a\"]",
    "8: rule.anonymous",
    "meet no demand"
)]
#[case::beside_alternatives(
    "tools = [\"a\"]\nscopes = [\"a\"]\nany_of = [{ scopes = [\"b\"] }]",
    "9: rule.any_of",
    "beside its alternatives"
)]
#[case::free_alternative(
    "tools = [\"a\"]\nany_of = [{ scopes = [\"b\"] }, {}]",
    "8: rule.any_of",
    "demands nothing"
)]
#[case::other_method(
    "tools = [\"a\"]\nmethods = [\"prompts/get\"]",
    "7: rule.tools",
    "can match nothing"
)]
#[case::number_as_name("tools = [\"a\"]\nname = \"#1\"", "8: rule.name", "called that")]
#[case::refresh(
    "tools = [\"a\"]\nscopes = [\"offline_access\"]",
    "8: rule.scopes",
    "no right"
)]
#[case::untidy_uri(
    "resources = [\"file:///a/../*\"]",
    "7: rule.resources",
    "can match nothing"
)]
fn h7_what_cannot_be_meant_is_told_with_its_line(
    #[case] lines: &str,
    #[case] place: &str,
    #[case] expected: &str,
) {
    let report = rule(lines).report();
    let place = format!("oauthgate.toml:{place}");
    assert!(
        report.contains(&place) && report.contains(expected),
        "{report}"
    );
}

#[test]
fn h7_of_several_patterns_the_wrong_one_is_told() {
    let report = rule("tools = [\"read_file\", \"\", \"write_file\"]\n").report();
    assert!(
        report.contains("rule.tools = \"\": the pattern is empty"),
        "{report}"
    );
}

#[test]
fn h7_all_mistakes_of_all_rules_come_at_once() {
    let report = rule(
        "tools = [\"a\"]\nscopes = [\"b c\"]\nroles = [\"\"]\nclaims = { department = [\"d\"] }\n\
         [[resource.rule]]\ntool = 1\n[[resource.rule]]\nforbid = true\nscopes = [\"a\"]\n\
         [resource.scope_hierarchy]\n\"a b\" = [\"c\"]\n\"d\" = \"e\"",
    )
    .report();
    insta::assert_snapshot!(report);
}

#[test]
fn two_rules_of_one_name_are_a_mistake() {
    let report =
        rule("name = \"a\"\ntools = [\"a\"]\n[[resource.rule]]\nname = \"a\"\ntools = [\"b\"]")
            .report();
    assert!(
        report.contains("oauthgate.toml:10: rule.name") && report.contains("oauthgate.toml:7"),
        "{report}"
    );
}

#[rstest]
#[case("x = [\"x\"]", "7: scope_hierarchy.x")]
#[case("x = [\"y\"]\ny = [\"z\"]\nz = [\"x\"]", "9: scope_hierarchy.z")]
fn scopes_that_imply_each_other_are_a_mistake(#[case] lines: &str, #[case] place: &str) {
    let setup = Setup::of_file(&format!("{RESOURCE}[resource.scope_hierarchy]\n{lines}\n"));
    let report = setup.report();
    assert!(
        report.contains(&format!("oauthgate.toml:{place}")) && report.contains("implies itself"),
        "{report}"
    );
}

#[test]
fn rules_need_brackets_twice() {
    let report = Setup::of_file(&format!("{RESOURCE}[resource.rule]\ntools = [\"a\"]\n")).report();
    assert!(report.contains("double brackets"), "{report}");
}

#[test]
fn a_rule_at_the_top_is_told_where_it_belongs() {
    let report = Setup::of_file(&format!("[[rule]]\ntools = [\"a\"]\n{RESOURCE}")).report();
    assert!(report.contains("`rule`, below `[[resource]]`"), "{report}");
}

#[test]
fn rules_are_shown_in_order_with_their_lines() {
    let setup = rule(
        "name = \"readers\"\ntools = [\"read_*\", \"search\"]\narguments = [{ pointer = \"/path\", matches = \"^/public/\" }, { pointer = \"/n\", in = [1, \"a\"] }]\nscopes = [\"files:read\"]\nclaims = { \"/department\" = [\"finance\", 7] }\n\
         [[resource.rule]]\nmethods = [\"tools/*\"]\nforbid = true\nroles = [\"intern\", \"guest\"]\n\
         [[resource.rule]]\nprompts = [\"greet\"]\nanonymous = true\n\
         [[resource.rule]]\nresources = [\"file:///a\"]\nany_of = [{ scopes = [\"a\"], tiers = [\"pro\"] }, { tenants = [\"acme\"] }]\n\
         [resource.scope_hierarchy]\n\"files:write\" = [\"files:read\"]\n[resource.tools]\nold = [\"b\"]",
    );
    let loaded = setup.load();
    let shown: Vec<_> = loaded
        .effective
        .iter()
        .filter(|setting| {
            ["rule", "scope_hierarchy", "tools"]
                .iter()
                .any(|key| setting.name.starts_with(&format!("resource[0].{key}")))
        })
        .cloned()
        .collect();
    let table =
        effective::table(&shown).replace(&format!("{}/", setup.directory.path().display()), "");
    insta::assert_snapshot!(table);
}

/// `serve` says so when it starts, and `config check` before that.
#[test]
fn what_is_open_to_everybody_is_said_by_the_names_of_its_rules() {
    let open = "name = \"looking around\"\nmethods = [\"initialize\"]\nanonymous = true\n[[resource.rule]]\ntools = [\"search\"]\nanonymous = true";
    let loaded = rule(open).load();
    let said: Vec<_> = loaded
        .warnings
        .iter()
        .filter(|line| line.contains("open to everybody"))
        .collect();
    assert_eq!(
        said,
        [
            "mcp: what these rules are about is open to everybody, callers without a token included: \"looking around\", \"#2\""
        ]
    );
    let closed = rule("tools = [\"search\"]\nscopes = [\"read\"]").load();
    let said = closed
        .warnings
        .iter()
        .any(|line| line.contains("open to everybody"));
    assert!(!said, "{:?}", closed.warnings);
}

#[test]
fn a_rule_that_no_operation_gets_to_is_a_mistake() {
    let report = rule(
        "tools = [\"a*\"]\n[[resource.rule]]\nname = \"late\"\ntools = [\"ab\"]\n[resource.tools]\nac = [\"x\"]",
    )
    .report();
    assert!(report.starts_with("2 mistake"), "{report}");
    for part in ["oauthgate.toml:8: rule late", "oauthgate.toml:12: tools.ac"] {
        assert!(report.contains(part), "no {part} in {report}");
    }
}

const VALUES: &[&str] = &[
    "\"\"",
    "\"a\"",
    "1",
    "true",
    "false",
    "[]",
    "[\"a\"]",
    "[\"*\", \"\\\\*\"]",
    "[1]",
    "{}",
    "{ \"/a\" = [\"b\", 1, true] }",
    "[{}]",
    "[{ scopes = [\"a\"] }, { roles = [\"b\"] }]",
    "[{ pointer = \"/a\", equals = 1 }]",
    "[{ pointer = \"/a\", matches = \"(\" }]",
    "1979-05-27",
    "\"\\u0000\"",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever stands in rules, the answer is a policy or a report that names what is wrong, and where.
    #[test]
    fn no_text_breaks_the_reading_of_rules(
        entries in prop::collection::vec((prop::sample::select(RULE), prop::sample::select(VALUES)), 0..6),
        more in prop::collection::vec((prop::sample::select(RULE), prop::sample::select(VALUES)), 0..3),
    ) {
        let lines = |entries: &[(&str, &str)]| -> String {
            entries.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
        };
        let setup = rule(&format!("{}[[resource.rule]]\n{}", lines(&entries), lines(&more)));
        match setup.sources.load() {
            Ok(loaded) => prop_assert_eq!(loaded.settings.resources[0].policy.rules.len(), 2),
            Err(error) => {
                for mistake in &error.mistakes {
                    prop_assert!(mistake.setting.contains("oauthgate.toml:"), "{}", mistake.setting);
                    prop_assert!(!mistake.expected.is_empty() && !mistake.problem.is_empty());
                }
            }
        }
    }
}
