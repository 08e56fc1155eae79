//! Callers without a token.

use oauthgate_core::{Denial, Reason, Requirement};
use oauthgate_mcp::policy::{Passage, Policy, Verdict};
use rstest::rstest;

use super::support::*;

fn lazy() -> Policy {
    policy([
        rule().tools(["search"]).anonymous(true),
        rule().methods(["initialize", "tools/list"]).anonymous(true),
        rule().tools(["wipe"]).forbid(true),
        rule().tools(["delete_*"]).roles(["intern"]).forbid(true),
        needing("files:read files:write").tools(["*_file"]),
        rule().tools(["plain"]),
    ])
}

fn refused(operations: &[oauthgate_mcp::Operation]) -> Denial {
    decide(&lazy(), operations, None).unwrap_err()
}

#[test]
fn rules_for_anybody_let_anybody_pass() {
    for operation in [call("search"), method("initialize"), method("tools/list")] {
        let decision = decide(&lazy(), std::slice::from_ref(&operation), None).unwrap();
        assert!(matches!(decision.permit, Passage::Anonymous(_)));
        let with_token = decide(&lazy(), &[operation], Some(&user(""))).unwrap();
        assert!(matches!(with_token.permit, Passage::Permit(_)));
    }
}

#[rstest]
#[case(call("read_file"), "files:read files:write")]
#[case(call("delete_file"), "files:read files:write")]
#[case(call("plain"), "")]
#[case(call("wipe"), "")]
#[case(call("unknown"), "")]
#[case(method("ping"), "")]
#[case(method("custom/do"), "")]
fn c22_everything_else_is_asked_for_a_token(
    #[case] operation: oauthgate_mcp::Operation,
    #[case] scopes: &str,
) {
    let denial = refused(&[operation]);
    assert_eq!(denial.reason(), Reason::NoCredentials);
    assert_eq!(denial.scopes().to_string(), scopes);
}

#[test]
fn c22_one_operation_that_needs_a_token_is_enough_to_ask_for_one() {
    let denial = refused(&[call("search"), call("read_file")]);
    assert_eq!(denial.reason(), Reason::NoCredentials);
    assert_eq!(denial.scopes().to_string(), "files:read files:write");
}

#[test]
fn c22_a_request_that_does_nothing_is_asked_for_a_token() {
    assert_eq!(refused(&[]).reason(), Reason::NoCredentials);
}

#[test]
fn names_what_the_resource_itself_needs_too() {
    let base = Requirement::scopes(set("base"));
    let denial = lazy()
        .decide([&call("read_file")], &base, None)
        .unwrap_err();
    assert_eq!(denial.scopes().to_string(), "base files:read files:write");
}

#[test]
fn a_message_that_nobody_understands_alike_is_malformed_for_anybody() {
    let policy = policy([
        rule().tools(["wipe"]).forbid(true),
        rule().tools(["*"]).anonymous(true),
    ]);
    let denial = decide(&policy, &[call("WIPE")], None).unwrap_err();
    assert_eq!(denial.reason(), Reason::MalformedMessage);
}

#[test]
fn knows_what_a_token_would_open() {
    let helps = |tool: &str| match lazy().examine(&call(tool), None).verdict {
        Verdict::NoToken { a_token_helps, .. } => a_token_helps,
        other => panic!("{other:?}"),
    };
    assert!(helps("read_file") && helps("plain") && helps("delete_file"));
    assert!(!helps("wipe") && !helps("unknown"));
}

#[test]
fn prefers_alternatives_that_a_login_alone_meets() {
    let any = [
        Requirement::scopes(set("a")).with_roles(["admin".to_owned()]),
        Requirement::scopes(set("b c")),
        Requirement::scopes(set("d")),
    ];
    let policy = policy([rule().tools(["x"]).any_of(any)]);
    let denial = decide(&policy, &[call("x")], None).unwrap_err();
    assert_eq!(denial.scopes().to_string(), "d");
}

#[test]
fn a_policy_says_whether_it_lets_anybody_in() {
    assert!(lazy().allows_anonymous());
    assert!(!policy([rule().tools(["x"])]).allows_anonymous());
    assert!(!Policy::new().allows_anonymous());
}
