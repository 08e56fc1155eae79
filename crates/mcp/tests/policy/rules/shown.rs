//! What a caller is shown of a list: what it can use, and nothing else.

use oauthgate_core::{Caller, Requirement};
use oauthgate_mcp::{
    Object, ObjectKind,
    policy::{Condition, ListFilter, Policy, RuleBuilder},
};
use rstest::rstest;
use serde_json::json;

use super::support::*;

fn shows(policy: &Policy, tool: &str, caller: Option<&Caller<'_>>) -> bool {
    policy.shows(&Object::tool(tool), caller)
}

fn table() -> Policy {
    policy([
        rule().tools(["search"]).anonymous(true),
        rule().tools(["wipe"]).forbid(true),
        needing("files").tools(["*_file"]),
        rule().tools(["staff"]).roles(["editor"]),
    ])
}

#[rstest]
#[case("search", true, true, true)]
#[case("read_file", false, false, true)]
#[case("wipe", false, false, false)]
#[case("staff", false, false, false)]
#[case("unknown", false, false, false)]
fn callable_shows_what_can_be_called_now(
    #[case] tool: &str,
    #[case] nobody: bool,
    #[case] poor: bool,
    #[case] rich: bool,
) {
    let policy = table();
    assert_eq!(shows(&policy, tool, None), nobody);
    assert_eq!(shows(&policy, tool, Some(&holding(""))), poor);
    assert_eq!(shows(&policy, tool, Some(&holding("files"))), rich);
}

#[rstest]
#[case("search", true, true)]
#[case("read_file", true, true)]
#[case("wipe", false, false)]
#[case("staff", true, false)]
#[case("unknown", false, false)]
fn reachable_shows_what_scopes_or_a_login_would_open_too(
    #[case] tool: &str,
    #[case] nobody: bool,
    #[case] somebody: bool,
) {
    let policy = table().list_filter(ListFilter::Reachable);
    assert_eq!(shows(&policy, tool, None), nobody);
    assert_eq!(shows(&policy, tool, Some(&holding(""))), somebody);
}

#[test]
fn off_shows_everything() {
    let policy = table().list_filter(ListFilter::Off);
    assert!(shows(&policy, "wipe", None) && shows(&policy, "unknown", None));
    assert!(!policy.hides(ObjectKind::Tool));
}

fn when(pointer: &str, expression: &str) -> Condition {
    Condition::matches(pointer, expression).unwrap()
}

fn one_of(pointer: &str, values: &[&str]) -> Condition {
    Condition::is_in(pointer, values.iter().copied()).unwrap()
}

fn allow(conditions: impl IntoIterator<Item = Condition>) -> RuleBuilder {
    rule().tools(["t"]).arguments(conditions)
}

fn forbid(conditions: impl IntoIterator<Item = Condition>) -> RuleBuilder {
    allow(conditions).forbid(true)
}

/// Whether some call of `t` passes decides whether it is listed.
#[rstest]
#[case(vec![allow([when("/p", "^/public/")])], true)]
#[case(vec![forbid([]), allow([when("/p", "^/public/")])], false)]
#[case(vec![forbid([when("/p", "^/public/secret")]), allow([when("/p", "^/public/")])], true)]
#[case(vec![forbid([when("/p", "^/public")]), allow([when("/p", "^/public/x")])], false)]
#[case(vec![forbid([when("/p", "")]), allow([when("/p", "^/public/")])], false)]
#[case(vec![forbid([when("/p", "")]), allow([])], true)]
#[case(vec![forbid([one_of("/e", &["dev", "stage"])]), allow([one_of("/e", &["dev"])])], false)]
#[case(vec![forbid([one_of("/e", &["dev"])]), allow([one_of("/e", &["dev", "stage"])])], true)]
#[case(vec![forbid([one_of("/e", &["dev"])]), allow([when("/e", "^[a-z]+$")])], true)]
#[case(vec![forbid([one_of("/e/f", &["dev"])]), allow([one_of("/e", &["dev"])])], false)]
#[case(vec![forbid([one_of("/e", &["dev"])]), allow([one_of("/e/f", &["dev"])])], false)]
#[case(vec![allow([one_of("/e", &["dev"])]).roles(["admin"]), allow([one_of("/e", &["dev"])])], false)]
#[case(vec![allow([one_of("/e", &["dev"])]).roles(["admin"]), allow([])], true)]
#[case(vec![allow([when("/p", r"^v\d{2,}(\.\d+)*-(alpha|beta)$"), one_of("/e", &["x"])])], true)]
#[case(vec![forbid([when("/p", "a"), one_of("/e", &["x"])]), allow([when("/p", "a"), when("/e", "^.$")])], true)]
fn shows_a_tool_if_some_arguments_let_a_call_of_it_pass(
    #[case] rules: Vec<RuleBuilder>,
    #[case] expected: bool,
) {
    assert_eq!(shows(&policy(rules), "t", Some(&holding(""))), expected);
}

#[test]
fn an_argument_that_another_rule_lists_is_tried_too() {
    // Nobody makes this up from the expression alone.
    let policy = policy([
        allow([when("/p", "^.{3}-.{9}$"), when("/p", "^[f-o]{3}-[a-z]{9}$")]),
        rule()
            .tools(["other"])
            .arguments([one_of("/p", &["ghi-undefinedx", "foo-undefined"])]),
    ]);
    assert!(shows(&policy, "t", Some(&holding(""))));
}

#[test]
fn prompts_and_resources_are_shown_alike() {
    let policy = policy([
        needing("p").prompts(["greet"]),
        needing("r").resources(["file:///public/*"]),
    ]);
    let both = holding("p r");
    for item in [
        Object::prompt("greet"),
        Object::resource("file:///public/a"),
    ] {
        assert!(policy.shows(&item, Some(&both)));
        assert!(!policy.shows(&item, Some(&holding(""))));
    }
    assert!(!policy.shows(&Object::prompt("other"), Some(&both)));
    assert!(!policy.shows(&Object::resource("file:///private/a"), Some(&both)));
}

#[test]
fn a_resource_that_may_be_watched_but_not_read_is_not_shown() {
    let policy = policy([rule().resources(["*"]).methods(["resources/subscribe"])]);
    assert!(!policy.shows(&Object::resource("memo://x"), Some(&holding(""))));
}

#[rstest]
#[case("file:///public/{name}", true)]
#[case("file:///public/{+path}", true)]
#[case("file:///{+path}", true)]
#[case("file:///{name}", false)]
#[case("file:///private/{name}", false)]
#[case("{+anything}", true)]
#[case("memo://{name}", false)]
fn a_template_is_shown_if_a_uri_of_it_may_be_read(#[case] template: &str, #[case] expected: bool) {
    let policy = policy([
        rule().resources(["file:///public/secret/*"]).forbid(true),
        needing("r").resources(["file:///public/*"]),
    ]);
    assert_eq!(
        policy.shows_template(template, Some(&holding("r"))),
        expected
    );
    assert!(!policy.shows_template(template, Some(&holding(""))));
}

#[test]
fn listed_tools_alone_show_every_prompt_and_resource() {
    let policy = Policy::new().tool("open", Requirement::authenticated());
    assert!(policy.shows(&Object::prompt("greet"), Some(&holding(""))));
    assert!(policy.shows_template("file:///{x}", Some(&holding(""))));
    assert!(!policy.hides(ObjectKind::Prompt) && policy.hides(ObjectKind::Tool));
}

#[test]
fn what_a_list_shows_a_call_of_it_passes() {
    let policy = policy([allow([when("/p", "^/public/[a-z]+$")])]);
    assert!(shows(&policy, "t", Some(&holding(""))));
    let operation = call_with(&policy, "t", &json!({ "p": "/public/x" }));
    assert_eq!(word(&policy, &operation, &holding("")), "ok");
}
