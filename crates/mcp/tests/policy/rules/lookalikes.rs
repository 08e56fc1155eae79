//! Names and URIs that a careless reader takes for others.

use oauthgate_core::{Caller, Requirement};
use oauthgate_mcp::{Object, Unlisted, policy::Policy};
use rstest::rstest;

use super::support::*;

fn guarded() -> Policy {
    policy([
        rule().tools(["delete_*"]).forbid(true),
        rule().tools(["DELETE_ME"]),
        rule().tools(["*"]),
    ])
}

#[rstest]
#[case("delete_file", "policy_refused")]
#[case("Delete_file", "malformed_message")]
#[case("DELETE_FILE", "malformed_message")]
#[case(" delete_file", "malformed_message")]
#[case("delete_file\t", "policy_refused")]
#[case("\u{feff}delete_file", "malformed_message")]
#[case("\u{200b}delete_", "malformed_message")]
#[case("DELETE_ME", "ok")]
#[case("undelete_file", "ok")]
#[case("read_file", "ok")]
fn refuses_a_name_that_an_earlier_rule_nearly_matches(#[case] tool: &str, #[case] expected: &str) {
    assert_eq!(
        word(&guarded(), &call(tool), &Caller::hypothetical()),
        expected
    );
}

#[rstest]
#[case("tool\u{17f}", "tools")]
#[case("\u{212a}ey", "key")]
#[case("wr\u{130}te", "write")]
#[case("wr\u{131}te", "WRITE")]
#[case("stra\u{df}e", "STRASSE")]
#[case("\u{c9}t\u{e9}", "\u{e9}t\u{e9}")]
fn knows_the_letters_that_fold_into_others(#[case] name: &str, #[case] guarded: &str) {
    let policy = policy([rule().tools([guarded]).forbid(true), rule().tools(["*"])]);
    assert_eq!(
        word(&policy, &call(name), &Caller::hypothetical()),
        "malformed_message"
    );
}

#[test]
fn a_lookalike_of_an_allow_rule_is_one_too() {
    let policy = policy([
        needing("admin").tools(["wipe"]),
        rule().methods(["tools/call"]),
    ]);
    assert_eq!(
        word(&policy, &call("Wipe"), &holding("")),
        "malformed_message"
    );
    assert_eq!(
        word(&policy, &call("Wipe"), &holding("admin")),
        "malformed_message"
    );
}

#[test]
fn a_lookalike_of_a_later_rule_is_none() {
    let policy = policy([
        rule().tools(["READ*"]),
        needing("admin").tools(["read_all"]),
    ]);
    assert_eq!(word(&policy, &call("READ_ALL"), &holding("")), "ok");
}

#[test]
fn what_is_refused_anyway_stays_a_question_of_rights() {
    let policy = policy([
        needing("read").tools(["read"]),
        rule().tools(["RE*"]).forbid(true),
    ]);
    assert_eq!(word(&policy, &call("READ"), &holding("")), "policy_refused");
    assert_eq!(word(&policy, &call("Read"), &holding("")), "policy_refused");
}

#[test]
fn methods_have_lookalikes() {
    let policy = policy([
        rule()
            .methods(["custom/*", "notifications/Secret"])
            .forbid(true),
        rule().methods(["*"]),
    ]);
    for name in ["Custom/do", "CUSTOM/", "notifications/secret"] {
        assert_eq!(
            word(&policy, &method(name), &holding("")),
            "malformed_message",
            "{name}"
        );
    }
    assert_eq!(word(&policy, &method("customs/do"), &holding("")), "ok");
}

#[test]
fn unlisted_tools_that_look_like_listed_ones_are_refused() {
    let policy = Policy::new()
        .tool("wipe", Requirement::scopes(set("admin")))
        .unlisted(Unlisted::Allow(Requirement::authenticated()));
    assert_eq!(
        word(&policy, &call("Wipe "), &holding("")),
        "malformed_message"
    );
    assert_eq!(word(&policy, &call("other"), &holding("")), "ok");
}

fn resources() -> Policy {
    policy([
        rule()
            .resources(["file:///private/*", "file:///caf%C3%A9/*"])
            .forbid(true),
        rule().resources(["*"]),
    ])
}

#[rstest]
#[case("file:///private/a", "policy_refused")]
#[case("file:///public/a", "ok")]
#[case("file:///public/a%20b", "ok")]
#[case("file:///public/100%25", "ok")]
#[case("file:///public/%zz", "ok")]
#[case("file:///public/...", "ok")]
#[case("file:///public/a..b/.hidden", "ok")]
#[case("FILE:///private/a", "malformed_message")]
#[case("file:///PRIVATE/a", "malformed_message")]
#[case("file:///caf\u{e9}/a", "malformed_message")]
#[case("file:///CAF%c3%a9/a", "malformed_message")]
#[case("file:///public/../private/a", "malformed_message")]
#[case("file:///public/./a", "malformed_message")]
#[case("file:///public/..", "malformed_message")]
#[case("file:///public/..;x/private", "malformed_message")]
#[case("file:..", "malformed_message")]
#[case("file:///public/%2e%2e/private/a", "malformed_message")]
#[case("file:///public/%2E./private/a", "malformed_message")]
#[case("file:///public/%252e%252e/private/a", "malformed_message")]
#[case("file:///public%2f..%2fprivate/a", "malformed_message")]
#[case("file:///public%2Fa", "malformed_message")]
#[case("file:///public%252Fa", "malformed_message")]
#[case("file:///public\\..\\private", "malformed_message")]
#[case("file:///public%5c..%5cprivate", "malformed_message")]
#[case("file:///%70rivate/a", "malformed_message")]
#[case("file:///public/a\nb", "malformed_message")]
#[case("file:///public/%0a", "malformed_message")]
#[case("file:///public/%00", "malformed_message")]
#[case("file:///public/%25252525252e", "malformed_message")]
fn refuses_a_uri_that_two_readers_take_for_two_resources(
    #[case] uri: &str,
    #[case] expected: &str,
) {
    for name in [
        "resources/read",
        "resources/subscribe",
        "completion/complete",
        "subscriptions/listen",
    ] {
        let operation = method(name).on(Object::resource(uri));
        assert_eq!(
            word(&resources(), &operation, &holding("")),
            expected,
            "{name} {uri}"
        );
    }
    assert_eq!(
        resources().shows(&Object::resource(uri), Some(&holding(""))),
        expected == "ok"
    );
}

#[rstest]
#[case("file:////private/a")]
#[case("file://///private//a")]
#[case("file:/private/a")]
#[case("file://localhost/private/a")]
#[case("file://LOCALHOST//private/a")]
#[case("file://elsewhere/private/a")]
#[case("file:///private//secret.txt")]
#[case("https://user@intranet/admin/a")]
#[case("https://user:word@Intranet/admin/a")]
#[case("https://intranet:443/admin/a")]
#[case("https://intranet:/admin/a")]
#[case("https://intranet.//admin/a")]
#[case("https:/intranet/admin/a")]
#[case("file:private/a")]
#[case("file:private/secret.txt")]
#[case("https:intranet/admin/a")]
#[case("https:///intranet/admin/a")]
#[case("https:user@intranet/admin/a")]
#[case("http://intranet:80/admin")]
fn refuses_a_uri_that_servers_tidy_up_into_another_one(#[case] uri: &str) {
    let policy = policy([
        rule()
            .resources(["file:///private/*", "https://intranet/admin/*"])
            .forbid(true),
        needing("admin").resources(["file:///private/secret.txt", "http://intranet/admin"]),
        rule().resources(["*"]),
    ]);
    let said = word(&policy, &read(uri), &holding("admin"));
    assert!(said != "ok", "{uri}: {said}");
}

#[rstest]
#[case("file:///public//a")]
#[case("file:///data/private/a")]
#[case("https://proxy/https://elsewhere/a")]
#[case("https://intranet:8443/a")]
#[case("https://intranet/public/@user")]
#[case("db://")]
#[case("a:b")]
fn a_uri_that_no_earlier_rule_means_is_none(#[case] uri: &str) {
    let policy = policy([
        rule()
            .resources(["file:///private/*", "https://intranet/admin/*"])
            .forbid(true),
        rule().resources(["*"]),
    ]);
    assert_eq!(word(&policy, &read(uri), &holding("")), "ok", "{uri}");
}

/// A server that looks at the path only reads the same resource.
#[rstest]
#[case("file:///secret.txt?x", "malformed_message")]
#[case("file:///secret.txt#x", "malformed_message")]
#[case("FILE:///Secret.txt?#", "malformed_message")]
#[case("file:///secret.txt/", "malformed_message")]
#[case("file:///secret.txt//?x", "malformed_message")]
#[case("file:///other.txt/", "ok")]
#[case("db://orders/", "malformed_message")]
#[case("file:///secret.txt", "needs admin")]
#[case("file:///other.txt?x", "ok")]
#[case("db://orders", "needs admin")]
#[case("db://orders?own=1", "ok")]
#[case("db://orders?all=1", "malformed_message")]
fn a_query_or_a_last_slash_makes_another_resource_only_where_a_rule_says_so(
    #[case] uri: &str,
    #[case] expected: &str,
) {
    let policy = policy([
        needing("admin").resources(["file:///secret.txt", "db://orders"]),
        rule().resources(["db://orders?own=*"]),
        rule().resources(["*"]),
    ]);
    assert_eq!(word(&policy, &read(uri), &holding("")), expected, "{uri}");
}

#[test]
fn uris_are_the_servers_business_where_no_rule_is_about_them() {
    let policy = policy([rule().methods(["resources/read"])]);
    assert_eq!(word(&policy, &read("file:///a/../b"), &holding("")), "ok");
}
