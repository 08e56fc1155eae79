//! What cannot be meant is said at once, and what to change.

use oauthgate_core::{Requirement, Scope, ScopeHierarchy, claims::ClaimPointer};
use oauthgate_mcp::policy::{Condition, Policy, RuleBuilder};
use rstest::rstest;
use serde_json::json;

use super::support::*;

fn env(value: &str) -> Condition {
    Condition::equals("/env", value).unwrap()
}

#[rstest]
#[case(rule(), "tools")]
#[case(rule().tools(Vec::<String>::new()), "tools")]
#[case(rule().tools([""]), "tools")]
#[case(rule().methods(["tools/call "]), "methods")]
#[case(rule().methods(["t\u{f6}\u{f6}ls/*"]), "methods")]
#[case(rule().tools(["x"]).methods(["prompts/get"]), "tools")]
#[case(rule().tools(["x"]).methods(["tools/call", "prompts/get"]), "methods")]
#[case(rule().tools(["x"]).prompts(["y"]).methods(["tools/*"]), "prompts")]
#[case(rule().resources(["*"]).arguments([env("dev")]), "resources")]
#[case(rule().methods(["resources/read"]).arguments([env("dev")]), "methods")]
#[case(rule().prompts(["x"]).methods(["completion/complete"]).arguments([env("dev")]), "prompts")]
#[case(rule().resources(["file:///a/../b"]), "resources")]
#[case(rule().resources(["file:///%61/*"]), "resources")]
#[case(rule().resources(["file:\\\\x"]), "resources")]
#[case(rule().tools(["x"]).arguments([env("dev"), env("stage")]), "arguments")]
#[case(rule().tools(["x"]).arguments([env("dev"), Condition::matches("/env", "^s").unwrap()]), "arguments")]
#[case(rule().tools(["x"]).arguments([env("dev"), Condition::equals("/env/name", "dev").unwrap()]), "arguments")]
#[case(rule().tools(["x"]).scopes(set("")), "scopes")]
#[case(rule().tools(["x"]).scopes(set("read offline_access")), "scopes")]
#[case(rule().tools(["x"]).roles(Vec::<String>::new()), "roles")]
#[case(rule().tools(["x"]).tiers([""]), "tiers")]
#[case(rule().tools(["x"]).tenants(Vec::<String>::new()), "tenants")]
#[case(rule().tools(["x"]).claims([(ClaimPointer::claim("a"), vec![])]), "claims")]
#[case(rule().tools(["x"]).claims([(ClaimPointer::claim("a"), vec![json!(["b"])])]), "claims")]
#[case(rule().tools(["x"]).any_of([]), "any_of")]
#[case(rule().tools(["x"]).any_of([Requirement::default()]), "any_of")]
#[case(rule().tools(["x"]).any_of([Requirement::scopes(set("offline_access"))]), "any_of")]
#[case(rule().tools(["x"]).any_of([Requirement::scopes(set("a"))]).scopes(set("b")), "any_of")]
#[case(rule().tools(["x"]).any_of([Requirement::scopes(set("a"))]).roles(["b"]), "any_of")]
#[case(rule().tools(["x"]).anonymous(true).scopes(set("a")), "anonymous")]
#[case(rule().tools(["x"]).anonymous(true).tenants(["a"]), "anonymous")]
#[case(rule().tools(["x"]).forbid(true).scopes(set("a")), "scopes")]
#[case(rule().tools(["x"]).forbid(true).any_of([Requirement::scopes(set("a"))]), "any_of")]
#[case(rule().tools(["x"]).forbid(true).anonymous(true), "anonymous")]
#[case(rule().tools(["x"]).name(""), "name")]
#[case(rule().tools(["x"]).name("#1"), "name")]
#[case(rule().tools(["x"]).name("a\nb"), "name")]
#[case(rule().tools(["x"]).name("x".repeat(65)), "name")]
fn refuses_a_rule_that_cannot_be_meant(#[case] rule: RuleBuilder, #[case] key: &str) {
    let mistakes = rule.build().unwrap_err();
    let keys: Vec<_> = mistakes.iter().map(|mistake| mistake.key).collect();
    assert_eq!(keys, [key], "{mistakes}");
    let error = &mistakes.iter().next().unwrap().error;
    assert!(!error.problem.is_empty() && !error.expected.is_empty());
}

#[rstest]
#[case(rule().methods(["*"]))]
#[case(rule().methods(["*"]).arguments([env("dev")]))]
#[case(rule().tools(["x"]).methods(["*"]))]
#[case(rule().tools(["x"]).prompts(["y"]).arguments([env("dev")]))]
#[case(rule().resources(["file:///a/.hidden/*", "memo://caf%C3%A9"]))]
#[case(rule().resources(["*"]).methods(["resources/*", "completion/complete"]))]
#[case(rule().tools(["x"]).arguments([env("dev"), Condition::matches("/env", "^d").unwrap()]))]
#[case(rule().tools(["x"]).forbid(true).roles(["a"]).tiers(["b"]).tenants(["c"]))]
fn takes_a_rule_that_can_be_meant(#[case] rule: RuleBuilder) {
    rule.build().unwrap();
}

#[test]
fn finds_every_mistake_at_once() {
    let rule = rule()
        .name("#")
        .tools([""])
        .resources(["a/../b"])
        .roles([""])
        .forbid(true)
        .anonymous(true);
    let mistakes = rule.build().unwrap_err();
    let keys: Vec<_> = mistakes.into_iter().map(|mistake| mistake.key).collect();
    assert_eq!(keys, ["name", "tools", "resources", "anonymous", "roles"]);
}

#[rstest]
#[case(&[("a", "a")])]
#[case(&[("a", "b"), ("b", "a")])]
#[case(&[("a", "b"), ("b", "c d"), ("d", "a")])]
fn row_23_refuses_a_circle_of_scopes(#[case] edges: &[(&str, &str)]) {
    let edges = edges
        .iter()
        .map(|(broad, narrow)| (Scope::new(*broad).unwrap(), set(narrow)));
    let error = ScopeHierarchy::new(edges).unwrap_err();
    assert!(error.problem.contains("implies itself"), "{error}");
}

fn hidden(rules: impl IntoIterator<Item = RuleBuilder>) -> Vec<String> {
    let mistakes = policy(rules).mistakes();
    mistakes
        .into_iter()
        .map(|(rule, _)| rule.to_string())
        .collect()
}

#[rstest]
#[case(vec![rule().tools(["*"]), needing("a").tools(["x"])], &["#2"])]
#[case(vec![rule().tools(["read_*"]), needing("a").tools(["read_x", "read_*_all"])], &["#2"])]
#[case(vec![rule().tools(["read_*"]), needing("a").tools(["read_x", "write"])], &[])]
#[case(vec![rule().tools(["read_x"]), needing("a").tools(["read_*"])], &[])]
#[case(vec![rule().tools(["*a*"]), needing("a").tools(["*ab*"])], &["#2"])]
#[case(vec![rule().tools([r"\*"]), needing("a").tools(["*"])], &[])]
#[case(vec![rule().tools(["*"]).arguments([env("dev")]), needing("a").tools(["x"])], &[])]
#[case(vec![rule().tools(["*"]), needing("a").tools(["x"]).arguments([env("dev")])], &["#2"])]
#[case(vec![rule().tools(["*"]).forbid(true), needing("a").tools(["x"])], &["#2"])]
#[case(vec![rule().tools(["*"]).roles(["b"]).forbid(true), needing("a").tools(["x"])], &[])]
#[case(vec![rule().methods(["*"]), rule().tools(["x"]), rule().resources(["*"])], &["#2", "#3"])]
#[case(vec![rule().methods(["tools/*"]), rule().tools(["x"]), rule().methods(["*"])], &["#2"])]
#[case(vec![rule().resources(["*"]).methods(["resources/read"]), rule().resources(["a:*"])], &[])]
#[case(vec![rule().resources(["*"]), rule().resources(["a:*"]).methods(["resources/read"])], &["#2"])]
#[case(vec![rule().tools(["x"]), rule().prompts(["x"])], &[])]
#[case(vec![rule().tools(["*"]), rule().methods(["tools/call"])], &[])]
fn finds_rules_that_no_operation_gets_to(
    #[case] rules: Vec<RuleBuilder>,
    #[case] expected: &[&str],
) {
    assert_eq!(hidden(rules), expected);
}

#[test]
fn finds_two_rules_of_one_name_and_listed_tools_that_are_never_asked_for() {
    let named = [rule().name("a").tools(["x"]), rule().name("a").tools(["y"])];
    assert_eq!(hidden(named), ["a"]);
    let policy: Policy = policy([rule().tools(["re*"])]);
    let policy = policy
        .tool("read*", Requirement::default())
        .tool("write", Requirement::default());
    let mistakes = policy.mistakes();
    assert_eq!(mistakes.len(), 1);
    assert_eq!(mistakes[0].0.as_str(), "tools.read*");
    assert!(mistakes[0].1.problem.contains("#1"), "{}", mistakes[0].1);
}
