//! The first rule that is about an operation decides.

use oauthgate_core::{Caller, Requirement};
use oauthgate_mcp::{Unlisted, policy::Policy};
use rstest::rstest;

use super::support::*;

fn table() -> Policy {
    policy([
        rule().name("no_drop").tools(["drop_*"]).forbid(true),
        rule()
            .name("interns")
            .tools(["delete_*"])
            .roles(["intern"])
            .forbid(true),
        needing("read").name("readers").tools(["read_*", "search"]),
        needing("write").tools(["*"]),
    ])
}

#[rstest]
#[case("drop_table", Some("no_drop"))]
#[case("delete_file", Some("#4"))]
#[case("read_file", Some("readers"))]
#[case("search", Some("readers"))]
#[case("searching", Some("#4"))]
fn names_the_rule_that_decides(#[case] tool: &str, #[case] rule: Option<&str>) {
    assert_eq!(decided_by(&table(), &call(tool)).as_deref(), rule);
}

#[test]
fn an_allow_rule_is_the_last_word_even_when_it_refuses() {
    let policy = policy([needing("admin").tools(["wipe"]), rule().tools(["*"])]);
    assert_eq!(
        word(&policy, &call("wipe"), &holding("read")),
        "needs admin"
    );
    assert_eq!(word(&policy, &call("other"), &holding("read")), "ok");
}

#[test]
fn a_forbid_rule_is_the_last_word_on_those_whom_it_names_only() {
    let intern = holding("write").with_roles(["intern".to_owned()]);
    assert_eq!(
        word(&table(), &call("delete_file"), &intern),
        "policy_refused"
    );
    assert_eq!(
        word(&table(), &call("delete_file"), &holding("write")),
        "ok"
    );
}

#[test]
fn no_scope_helps_against_a_forbid_rule() {
    let everything = holding("read write admin");
    assert_eq!(
        word(&table(), &call("drop_table"), &everything),
        "policy_refused"
    );
}

#[test]
fn refuses_what_no_rule_is_about() {
    let policy = policy([rule().tools(["read_*"])]);
    for operation in [
        call("write_file"),
        read("file:///a"),
        method("custom/do"),
        method("tools/frobnicate"),
    ] {
        assert_eq!(
            word(&policy, &operation, &holding("read")),
            "policy_refused"
        );
    }
}

#[rstest]
#[case("initialize")]
#[case("ping")]
#[case("server/discover")]
#[case("notifications/initialized")]
#[case("notifications/cancelled")]
#[case("tools/list")]
#[case("prompts/list")]
#[case("resources/list")]
#[case("resources/templates/list")]
#[case("logging/setLevel")]
#[case("subscriptions/listen")]
fn lets_every_caller_keep_house(#[case] name: &str) {
    let policy = policy([needing("read").tools(["read_*"])]);
    assert_eq!(word(&policy, &method(name), &Caller::hypothetical()), "ok");
}

#[test]
fn a_rule_may_be_stricter_about_housekeeping() {
    let policy = policy([
        needing("list").methods(["tools/list", "notifications/*"]),
        rule().tools(["*"]),
    ]);
    let nobody = Caller::hypothetical();
    assert_eq!(word(&policy, &method("tools/list"), &nobody), "needs list");
    assert_eq!(
        word(&policy, &method("notifications/initialized"), &nobody),
        "needs list"
    );
    assert_eq!(word(&policy, &method("prompts/list"), &nobody), "ok");
}

#[test]
fn listed_tools_come_behind_the_rules() {
    let policy = policy([rule().tools(["open"]).roles(["banned"]).forbid(true)])
        .tool("open", Requirement::scopes(set("read")))
        .unlisted(Unlisted::Allow(Requirement::scopes(set("any"))));
    assert_eq!(word(&policy, &call("open"), &holding("")), "needs read");
    assert_eq!(decided_by(&policy, &call("open")).unwrap(), "tools.open");
    assert_eq!(word(&policy, &call("other"), &holding("")), "needs any");
    assert_eq!(
        decided_by(&policy, &call("other")).unwrap(),
        "unlisted_tools"
    );
    let banned = holding("read").with_roles(["banned".to_owned()]);
    assert_eq!(word(&policy, &call("open"), &banned), "policy_refused");
}

#[test]
fn listed_tools_alone_leave_other_methods_alone() {
    let policy = Policy::new().tool("open", Requirement::scopes(set("read")));
    for operation in [
        read("file:///a"),
        method("custom/do"),
        method("prompts/list"),
    ] {
        assert_eq!(word(&policy, &operation, &holding("")), "ok");
    }
    assert_eq!(
        word(&policy, &call("other"), &holding("read")),
        "policy_refused"
    );
}

#[test]
fn methods_narrow_objects() {
    let policy = policy([
        needing("watch")
            .methods(["resources/subscribe", "subscriptions/listen"])
            .resources(["*"]),
        needing("read").resources(["file:///public/*"]),
    ]);
    let uri = oauthgate_mcp::Object::resource("file:///public/a");
    for (name, expected) in [
        ("resources/read", "needs read"),
        ("resources/subscribe", "needs watch"),
        ("resources/unsubscribe", "needs read"),
        ("subscriptions/listen", "needs watch"),
        ("completion/complete", "needs read"),
    ] {
        let operation = method(name).on(uri.clone());
        assert_eq!(word(&policy, &operation, &holding("")), expected, "{name}");
    }
}
