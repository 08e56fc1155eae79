//! Which scopes a refusal names.

use oauthgate_core::{Reason, Requirement};
use oauthgate_mcp::policy::{Passage, Policy, StepUp};
use rstest::rstest;

use super::support::*;

fn files() -> Policy {
    policy([
        needing("files:read").tools(["read"]),
        needing("files:read files:write").tools(["write"]),
        needing("mail:send").tools(["send"]),
    ])
}

fn tiers() -> Policy {
    files().scope_hierarchy(hierarchy(&[
        ("files:admin", "files:write"),
        ("files:write", "files:read"),
    ]))
}

#[rstest]
#[case("read", "files:read", true)]
#[case("read", "files:write", true)]
#[case("read", "files:admin", true)]
#[case("write", "files:write", true)]
#[case("write", "files:admin", true)]
#[case("write", "files:read", false)]
#[case("send", "files:admin", false)]
#[case("read", "files", false)]
#[case("read", "files:admin:more", false)]
fn row_23_takes_a_broad_scope_for_the_narrow_ones(
    #[case] tool: &str,
    #[case] held: &str,
    #[case] is_enough: bool,
) {
    let decided = decide(&tiers(), &[call(tool)], Some(&user(held)));
    assert_eq!(decided.is_ok(), is_enough);
    let verdict = tiers().examine(&call(tool), Some(&holding(held))).verdict;
    assert_eq!(verdict.is_permitted(), is_enough);
}

#[test]
fn row_23_asks_for_no_scope_that_another_one_implies() {
    assert_eq!(asked(&tiers(), &[call("write")], ""), "files:write");
    assert_eq!(
        asked(&tiers(), &[call("write"), call("read"), call("send")], ""),
        "files:write mail:send"
    );
    assert_eq!(
        asked(&files(), &[call("write"), call("read")], ""),
        "files:read files:write"
    );
}

#[test]
fn row_23_holds_whenever_the_hierarchy_was_set() {
    let edges = hierarchy(&[("files:write", "files:read")]);
    let before = Policy::new()
        .scope_hierarchy(edges.clone())
        .rule(needing("files:read").tools(["read"]).build().unwrap());
    let after = Policy::new()
        .rule(needing("files:read").tools(["read"]).build().unwrap())
        .scope_hierarchy(edges);
    for policy in [before, after] {
        assert_eq!(word(&policy, &call("read"), &holding("files:write")), "ok");
    }
}

#[test]
fn row_31_names_all_scopes_of_the_request_in_one_challenge() {
    let both = [call("write"), call("send")];
    assert_eq!(
        asked(&files(), &both, ""),
        "files:read files:write mail:send"
    );
    assert_eq!(
        asked(&files(), &both, "files:read"),
        "files:read files:write mail:send"
    );
    assert_eq!(
        asked(&files(), &both, "mail:send unrelated"),
        "files:read files:write mail:send"
    );
}

#[test]
fn row_31_names_what_the_resource_itself_needs_too() {
    let base = Requirement::scopes(set("base"));
    let ask = |held: &str| files().decide([&call("read")], &base, Some(&user(held)));
    let denial = ask("base").unwrap_err();
    assert_eq!(denial.scopes().to_string(), "base files:read");
    let decision = ask("base files:read").unwrap();
    let Passage::Permit(permit) = decision.permit else {
        panic!()
    };
    assert_eq!(
        permit.requirement().needed_scopes().to_string(),
        "base files:read"
    );
}

#[test]
fn row_31_leaves_out_what_the_resource_needs_only_if_the_resource_knows_the_hierarchy() {
    let literal = Requirement::scopes(set("files:read"));
    let ask = |base: &Requirement| {
        let denial = tiers().decide([&call("write")], base, Some(&user("files:read")));
        denial.unwrap_err().scopes().to_string()
    };
    assert_eq!(ask(&literal), "files:read files:write");
    assert_eq!(
        ask(&literal.under(tiers().hierarchy().clone())),
        "files:write"
    );
}

fn alternatives() -> Policy {
    let any = [
        Requirement::scopes(set("a b c")),
        Requirement::scopes(set("d e")),
        Requirement::scopes(set("f g")),
        Requirement::scopes(set("h")).with_roles(["admin".to_owned()]),
    ];
    policy([rule().tools(["x"]).any_of(any), needing("f g").tools(["y"])])
}

#[rstest]
#[case("", "d e")]
#[case("a", "a b c")]
#[case("a b", "a b c")]
#[case("e", "d e")]
#[case("g", "f g")]
#[case("h", "d e")]
fn row_31_asks_for_the_alternative_of_which_the_fewest_scopes_are_missing(
    #[case] held: &str,
    #[case] expected: &str,
) {
    assert_eq!(asked(&alternatives(), &[call("x")], held), expected);
}

#[test]
fn row_31_chooses_alternatives_for_the_whole_request() {
    // On its own `x` would ask for `d e`; with `y` in the same message `f g` does for both.
    assert_eq!(asked(&alternatives(), &[call("x"), call("y")], ""), "f g");
    assert_eq!(asked(&alternatives(), &[call("y"), call("x")], ""), "f g");
}

#[test]
fn one_alternative_is_enough() {
    for held in ["a b c", "d e", "f g"] {
        assert_eq!(word(&alternatives(), &call("x"), &holding(held)), "ok");
    }
    let admin = holding("h").with_roles(["admin".to_owned()]);
    assert_eq!(word(&alternatives(), &call("x"), &admin), "ok");
    let any = [
        Requirement::default().with_roles(["admin".to_owned()]),
        Requirement::default().in_tiers(["pro".to_owned()]),
    ];
    let rights = policy([rule().tools(["x"]).any_of(any)]);
    assert_eq!(word(&rights, &call("x"), &holding("a")), "policy_refused");
    assert_eq!(word(&rights, &call("x"), &holding("").in_tier("pro")), "ok");
}

#[test]
fn a_request_with_one_forbidden_operation_is_refused_without_a_challenge() {
    let all = [call("write"), call("unknown")];
    let denial = decide(&files(), &all, Some(&user(""))).unwrap_err();
    assert_eq!(denial.reason(), Reason::PolicyRefused);
    assert!(denial.scopes().is_empty());
}

#[test]
fn row_31_cumulative_keeps_what_the_caller_holds() {
    let policy = files().step_up(StepUp::Cumulative);
    assert_eq!(
        asked(&policy, &[call("read")], "mail:send profile"),
        "files:read mail:send profile"
    );
    assert_eq!(
        asked(&policy, &[call("read")], "offline_access profile"),
        "files:read profile"
    );
    assert_eq!(
        asked(&files(), &[call("read")], "mail:send profile"),
        "files:read"
    );
}

#[test]
fn row_31_cumulative_stays_within_two_kibibytes() {
    let policy = files().step_up(StepUp::Cumulative);
    let many = |count: usize| {
        (0..count)
            .map(|n| format!("scope:{n:04}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    // 186 scopes of 10 bytes and a blank each, and one more scope of 10 bytes.
    assert_eq!(
        asked(&policy, &[call("read")], &many(185)).len(),
        185 * 11 + 10
    );
    assert_eq!(asked(&policy, &[call("read")], &many(186)), "files:read");
}

#[test]
fn a_request_with_very_many_alternatives_is_decided_all_the_same() {
    let any = |n: usize| {
        let of = |letter: char| Requirement::scopes(set(&format!("{letter}{n}")));
        [of('a'), of('b'), of('c')]
    };
    let rules = (0..40).map(|n| rule().tools([format!("t{n}")]).any_of(any(n)));
    let policy = policy(rules);
    let calls: Vec<_> = (0..40).map(|n| call(&format!("t{n}"))).collect();
    let named = asked(&policy, &calls, "b3 c7");
    assert_eq!(named.split(' ').count(), 40);
    assert!(named.contains("b3") && named.contains("c7"));
    assert!(decide(&policy, &calls, Some(&user(&named))).is_ok());
}
