//! Cases and explanations; and what people read about them.

use std::{fs, path::Path};

use clap::Parser;
use oauthgate_core::{Caller, ScopeSet};
use proptest::prelude::*;
use rstest::rstest;

use super::{
    cases, explain,
    operation::{call, plain},
    ruling::Court,
    test,
};
use crate::config::{ResourceSettings, Sources};

const RESOURCE: &str = r#"[[resource]]
server_url = "https://mcp.example.com/mcp"
upstream = "http://127.0.0.1:3001/mcp"
issuer_url = "https://auth.example.com"
audience = ["https://mcp.example.com/mcp"]
"#;

/// The resource of a file of settings, beside which there may be a policy file.
fn resource(file: &str, policy: Option<&str>) -> ResourceSettings {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("oauthgate.toml"), file).unwrap();
    if let Some(policy) = policy {
        fs::write(directory.path().join("policy.toml"), policy).unwrap();
    }
    let sources = Sources {
        directory: directory.path().to_owned(),
        ..Sources::default()
    };
    let loaded = sources
        .load()
        .unwrap_or_else(|error| panic!("{file}\n{error}"));
    loaded.settings.resources.into_iter().next().unwrap()
}

/// A resource out of an example: a whole file, what stands below `[[resource]]`, or a policy file.
fn of_example(example: &str) -> ResourceSettings {
    if example.contains("[[resource]]") {
        return resource(example, None);
    }
    if example.contains("[[rule]]") {
        let file = format!("{RESOURCE}policy_file = \"policy.toml\"\n");
        return resource(&file, Some(example));
    }
    resource(&format!("{RESOURCE}{example}"), None)
}

fn report(resource: &ResourceSettings, text: &str) -> (usize, String) {
    let cases = cases::read(Path::new("cases.toml"), text)
        .unwrap_or_else(|error| panic!("{text}\n{error}"));
    test::report(&Court::of(resource), &cases)
}

/// What people copy must work, and do what the page says.
#[rstest]
#[case("guides/authorize-tools.md", 8)]
#[case("reference/policy.md", 1)]
fn the_examples_of_the_pages_hold(#[case] page: &str, #[case] least: usize) {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/");
    let text = fs::read_to_string(format!("{docs}{page}")).unwrap();
    let blocks = text.split("```toml\n").skip(1);
    let blocks: Vec<_> = blocks
        .filter_map(|block| block.split("```").next())
        .collect();
    let mut current = None;
    let mut tried = 0;
    for block in blocks {
        if block.contains("[[case]]") {
            let resource = current.as_ref().expect("cases follow rules");
            let (failed, text) = report(resource, block);
            assert_eq!(failed, 0, "{block}\n{text}");
            tried += 1;
        } else {
            current = Some(of_example(block));
        }
    }
    assert!(tried >= least, "{tried} files of cases");
}

const RULES: &str = r#"required_scopes = ["mcp"]

[[resource.rule]]
name = "interns"
tools = ["delete_*"]
roles = ["intern"]
forbid = true

[[resource.rule]]
name = "public"
tools = ["read_file"]
arguments = [{ pointer = "/path", matches = "^/public/" }]

[[resource.rule]]
tools = ["*_file"]
any_of = [{ scopes = ["files"] }, { roles = ["admin"] }]
"#;

fn holding(scopes: &str) -> Caller<'static> {
    Caller::hypothetical().with_scopes(ScopeSet::parse(scopes).unwrap())
}

#[rstest]
#[case::allowed(
    "allowed",
    Some(holding("mcp")),
    call("tools/call", "read_file", Some("{\"path\":\"/public/a\"}"))
)]
#[case::missing_scope(
    "missing_scope",
    Some(holding("mcp")),
    call("tools/call", "delete_file", None)
)]
#[case::forbidden(
    "forbidden",
    Some(holding("mcp files").with_roles(["intern".to_owned()])),
    call("tools/call", "delete_file", None)
)]
#[case::no_rule("no_rule", Some(holding("mcp files")), plain("files/erase"))]
#[case::housekeeping("housekeeping", Some(holding("mcp")), plain("tools/list"))]
#[case::resource_first(
    "resource_first",
    Some(holding("files")),
    call("tools/call", "read_file", None)
)]
#[case::nobody("nobody", None, plain("tools/list"))]
#[case::unreadable("unreadable", Some(holding("mcp")), "[]".to_owned())]
fn an_explanation_tells_each_step_and_the_answer(
    #[case] name: &str,
    #[case] caller: Option<Caller<'static>>,
    #[case] body: String,
) {
    let resource = of_example(RULES);
    let ruling = Court::of(&resource).rule(&body, caller.as_ref());
    let text = explain::of_person("mcp", caller.as_ref(), &ruling);
    let json = serde_json::to_string_pretty(&explain::of_machine("mcp", &ruling)).unwrap();
    insta::assert_snapshot!(name, format!("{text}\n{json}"));
}

#[test]
fn a_failed_case_is_told_with_what_came_and_the_rule_that_decided() {
    let cases = r#"
[[case]]
name = "as it is"
caller = { scopes = ["mcp", "files"] }
tool = "delete_file"
expect = "allow"

[[case]]
name = "wrong in every way"
caller = { scopes = ["mcp"] }
tool = "delete_file"
expect = "login"
expect_scopes = ["more"]
expect_rule = "public"

[[case]]
name = "a list that shows too much"
caller = { scopes = ["mcp"] }
list = { tools = ["read_file", "delete_file"] }
shows = []

[[case]]
name = "a list that is refused shows nothing"
caller = { anonymous = true }
list = { tools = ["read_file"] }
expect = "login"
shows = []
"#;
    let (failed, text) = report(&of_example(RULES), cases);
    assert_eq!(failed, 2);
    insta::assert_snapshot!(text);
}

#[rstest]
#[case::no_case("", "cases.toml:1", "no case in it")]
#[case::other_key("[[case]]\nnam = 1", "cases.toml:2: case.nam", "`name`")]
#[case::other_table("[[cases]]\n", "cases.toml:1: cases", "`case`")]
#[case::no_name("[[case]]\n", "cases.toml:1: case.name", "missing")]
#[case::no_caller("[[case]]\n", "cases.toml:1: case.caller", "missing")]
#[case::no_operation("[[case]]\n", "cases.toml:1", "nothing says what is asked for")]
#[case::no_expectation(
    "[[case]]\ntool = \"a\"",
    "cases.toml:1: case.expect",
    "allow, login, step-up, forbid, malformed"
)]
#[case::two_operations(
    "[[case]]\ntool = \"a\"\nread = \"b\"",
    "cases.toml:1",
    "tool, read at once"
)]
#[case::outcome(
    "[[case]]\nexpect = \"deny\"",
    "cases.toml:2: case.expect = \"deny\"",
    "allow, login"
)]
#[case::scopes(
    "[[case]]\nexpect = \"login\"\nexpect_scopes = [\"a b\"]",
    "cases.toml:3: case.expect_scopes = \"a b\"",
    "scope"
)]
#[case::scopes_of_nothing(
    "[[case]]\nexpect = \"allow\"\nexpect_scopes = [\"a\"]",
    "cases.toml:1: case.expect_scopes",
    "names scopes"
)]
#[case::caller(
    "[[case]]\ncaller = \"anonymous\"",
    "cases.toml:2: case.caller = \"anonymous\"",
    "a table"
)]
#[case::caller_key(
    "[[case]]\ncaller = { scope = [\"a\"] }",
    "cases.toml:2: case.caller.scope",
    "`scopes`"
)]
#[case::nobody(
    "[[case]]\ncaller = { anonymous = true, roles = [\"a\"] }",
    "cases.toml:1: case.caller",
    "nothing else"
)]
#[case::date(
    "[[case]]\ncaller = { claims = { a = 1979-05-27 } }",
    "cases.toml:2: case.caller.claims",
    "a date as a text"
)]
#[case::arguments(
    "[[case]]\nread = \"a\"\narguments = { a = 1 }",
    "cases.toml:1: case.arguments",
    "takes no arguments"
)]
#[case::argument_list(
    "[[case]]\ntool = \"a\"\narguments = [1]",
    "cases.toml:3: case.arguments",
    "JSON object"
)]
#[case::list(
    "[[case]]\nlist = [\"a\"]",
    "cases.toml:2: case.list",
    "a table such as"
)]
#[case::two_lists(
    "[[case]]\nname = \"a\"\ncaller = {}\nlist = { tools = [\"a\"], prompts = [\"b\"] }",
    "cases.toml:1: case.list",
    "not one list"
)]
#[case::shows_alone(
    "[[case]]\ntool = \"a\"\nshows = []",
    "cases.toml:1: case.list",
    "missing"
)]
#[case::shows(
    "[[case]]\nlist = { tools = [\"a\"] }\nshows = [1]",
    "cases.toml:3: case.shows",
    "something else in it"
)]
#[case::no_toml("[[case]", "cases.toml:1", "not TOML")]
fn h7_a_mistake_in_a_case_is_told_with_its_line(
    #[case] text: &str,
    #[case] place: &str,
    #[case] expected: &str,
) {
    let error = cases::read(Path::new("cases.toml"), text).unwrap_err();
    let hit = error.mistakes.iter().any(|mistake| {
        let line = format!(
            "{} = {:?}: {} {}",
            mistake.setting, mistake.value, mistake.problem, mistake.expected
        );
        mistake
            .setting
            .starts_with(place.split(" = ").next().unwrap_or_default())
            && line.contains(expected)
    });
    assert!(hit, "{error}");
}

#[test]
fn h7_mistakes_of_several_cases_come_at_once() {
    let text = "[[case]]\nexpect = 1\n[[case]]\nname = \"a\"\ncaller = { tier = [] }\ntool = \"a\"\nexpect = \"alow\"\n";
    let error = cases::read(Path::new("cases.toml"), text).unwrap_err();
    insta::assert_snapshot!(error.to_string());
}

#[derive(Debug, Parser)]
struct Flags {
    #[command(flatten)]
    options: explain::Options,
}

#[rstest]
#[case::whole("--scopes a --tool b --arguments {}", true)]
#[case::roles("--roles a b --tier c --tenant d --prompt e", true)]
#[case::anonymous("--anonymous --read file:///a", true)]
#[case::nobody_says_who("--tool a", false)]
#[case::nobody_says_what("--anonymous", false)]
#[case::two_operations("--anonymous --tool a --method b", false)]
#[case::nobody_with_scopes("--anonymous --scopes a --tool b", false)]
#[case::arguments_of_a_method("--anonymous --method a --arguments {}", false)]
fn a_question_says_who_wants_to_do_what(#[case] flags: &str, #[case] is_good: bool) {
    let parsed = Flags::try_parse_from(["explain"].into_iter().chain(flags.split(' ')));
    assert_eq!(parsed.is_ok(), is_good, "{parsed:?}");
    if let Err(error) = parsed {
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn with_several_resources_one_must_be_named() {
    let file = format!(
        "{RESOURCE}name = \"a\"\n{}",
        RESOURCE.replace("/mcp", "/other")
    );
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("oauthgate.toml"), file).unwrap();
    let sources = Sources {
        directory: directory.path().to_owned(),
        ..Sources::default()
    };
    let loaded = sources.load().unwrap_or_else(|error| panic!("{error}"));
    let chosen = |name| super::chosen(loaded.clone(), name).map(|resource| resource.name);
    assert_eq!(chosen(Some("a")).unwrap(), "a");
    for name in [None, Some("b")] {
        let problem = chosen(name).unwrap_err().to_string();
        assert!(problem.ends_with("a, other"), "{problem}");
    }
}

#[test]
fn every_kind_of_list_shows_what_may_be_used() {
    let rules = "[[resource.rule]]\ntools = [\"a\"]\nprompts = [\"b\"]\nresources = [\"file:///c/*\"]\nscopes = [\"x\"]\n";
    let case = |list: &str, shows: &str, scopes: &str| {
        format!(
            "[[case]]\nname = '{list}'\ncaller = {{ scopes = [{scopes}] }}\nlist = {{ {list} }}\nshows = [{shows}]\n"
        )
    };
    let lists = [
        ("tools = [\"a\", \"z\"]", "\"a\""),
        ("prompts = [\"b\", \"z\"]", "\"b\""),
        (
            "resources = [\"file:///c/d\", \"file:///z\"]",
            "\"file:///c/d\"",
        ),
        (
            "templates = [\"file:///c/{name}\", \"file:///z/{name}\"]",
            "\"file:///c/{name}\"",
        ),
    ];
    let cases: String = lists
        .iter()
        .flat_map(|(list, shows)| [case(list, shows, "\"x\""), case(list, "", "")])
        .collect();
    let (failed, text) = report(&of_example(rules), &cases);
    assert_eq!(failed, 0, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever stands in a file of cases, the answer is cases or a report that names what is wrong.
    #[test]
    fn no_text_breaks_the_reading_of_cases(
        entries in prop::collection::vec((prop::sample::select(KEYS), prop::sample::select(VALUES)), 0..6),
    ) {
        let entries: String = entries.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        match cases::read(Path::new("cases.toml"), &format!("[[case]]\n{entries}")) {
            Ok(cases) => {
                report(&of_example(RULES), &format!("[[case]]\n{entries}"));
                prop_assert_eq!(cases.len(), 1);
            }
            Err(error) => {
                prop_assert!(!error.mistakes.is_empty());
                prop_assert!(error.mistakes.iter().all(|mistake| !mistake.expected.is_empty() && !mistake.problem.is_empty()));
            }
        }
    }
}

const KEYS: &[&str] = &[
    "name",
    "caller",
    "tool",
    "prompt",
    "read",
    "method",
    "message",
    "list",
    "arguments",
    "expect",
    "expect_scopes",
    "expect_rule",
    "shows",
    "other",
];
const VALUES: &[&str] = &[
    "\"\"",
    "\"a\"",
    "\"allow\"",
    "\"login\"",
    "1",
    "true",
    "[]",
    "[\"a\"]",
    "[1]",
    "{}",
    "{ scopes = [\"a\"] }",
    "{ anonymous = true }",
    "{ tools = [\"a\"] }",
    "{ claims = { a = [1.5, inf] } }",
    "1979-05-27",
    "\"\\u0000\"",
];
