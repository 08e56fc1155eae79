//! Conditions on arguments: they hold, they do not, or nobody knows.

use oauthgate_core::Caller;
use oauthgate_mcp::{
    Arguments,
    policy::{Condition, Policy},
};
use rstest::rstest;
use serde_json::{Value, json};

use super::support::*;

/// `guarded` is allowed under the condition; what is left to the second rule needs `more`.
fn allowing(condition: Condition) -> Policy {
    policy([
        rule().tools(["guarded"]).arguments([condition]),
        needing("more").tools(["guarded"]),
    ])
}

/// `guarded` is forbidden under the condition.
fn forbidding(condition: Condition) -> Policy {
    policy([
        rule()
            .tools(["guarded"])
            .arguments([condition])
            .forbid(true),
        rule().tools(["guarded"]),
    ])
}

fn path() -> Condition {
    Condition::matches("/path", "^/public/").unwrap()
}

fn stage() -> Condition {
    Condition::is_in("/env", [json!("dev"), json!("stage"), json!(1)]).unwrap()
}

fn dry() -> Condition {
    Condition::equals("/options/dry_run", true).unwrap()
}

/// What the arguments are to the condition: `y` it holds, `n` it does not, `-` not there, `?` another type.
#[rstest]
#[case(path(), json!({"path": "/public/a"}), 'y')]
#[case(path(), json!({"path": "/private/public/"}), 'n')]
#[case(path(), json!({"path": ""}), 'n')]
#[case(path(), json!({}), '-')]
#[case(path(), json!({"Path": "/public/a"}), '?')]
#[case(path(), json!({"path": 1}), '?')]
#[case(path(), json!({"path": null}), '?')]
#[case(path(), json!({"path": ["/public/a"]}), '?')]
#[case(path(), json!({"path": {"0": "/public/a"}}), '?')]
#[case(stage(), json!({"env": "dev"}), 'y')]
#[case(stage(), json!({"env": "DEV"}), 'n')]
#[case(stage(), json!({"env": "dev "}), 'n')]
#[case(stage(), json!({"env": 1}), 'y')]
#[case(stage(), json!({"env": 1.0}), 'y')]
#[case(stage(), json!({"env": 1.5}), 'n')]
#[case(stage(), json!({"env": 1e300}), '?')]
#[case(stage(), json!({"env": true}), '?')]
#[case(stage(), json!({"env": ["dev"]}), '?')]
#[case(dry(), json!({"options": {"dry_run": true}}), 'y')]
#[case(dry(), json!({"options": {"dry_run": false}}), 'n')]
#[case(dry(), json!({"options": {"dry_run": "true"}}), '?')]
#[case(dry(), json!({"options": {}}), '-')]
#[case(dry(), json!({"dry_run": true}), '-')]
#[case(dry(), json!({"options": "{\"dry_run\":true}"}), '?')]
fn counts_what_it_cannot_know_against_the_caller(
    #[case] condition: Condition,
    #[case] arguments: Value,
    #[case] is: char,
) {
    let nobody = Caller::hypothetical();
    let allows = allowing(condition.clone());
    let forbids = forbidding(condition);
    let allowed = if is == 'y' { "ok" } else { "needs more" };
    let operation = call_with(&allows, "guarded", &arguments);
    assert_eq!(word(&allows, &operation, &nobody), allowed);
    let forbidden = if matches!(is, 'y' | '?') {
        "policy_refused"
    } else {
        "ok"
    };
    let operation = call_with(&forbids, "guarded", &arguments);
    assert_eq!(word(&forbids, &operation, &nobody), forbidden);
}

#[test]
fn all_conditions_must_hold() {
    let policy = policy([rule().tools(["guarded"]).arguments([path(), stage()])]);
    for (arguments, expected) in [
        (json!({"path": "/public/a", "env": "dev"}), "ok"),
        (
            json!({"path": "/public/a", "env": "prod"}),
            "policy_refused",
        ),
        (json!({"path": "/etc", "env": "dev"}), "policy_refused"),
        (json!({"path": "/public/a"}), "policy_refused"),
    ] {
        let operation = call_with(&policy, "guarded", &arguments);
        assert_eq!(
            word(&policy, &operation, &Caller::hypothetical()),
            expected,
            "{arguments}"
        );
    }
}

#[test]
fn an_expression_is_searched_for_and_a_dollar_is_the_very_end() {
    for (expression, text, expected) in [
        ("public", "/a/public/b", "ok"),
        ("^/public$", "/public", "ok"),
        ("^/public$", "/public\n", "policy_refused"),
        ("^(?:a|b)+$", "abab", "ok"),
        ("^[^/]+$", "a/b", "policy_refused"),
    ] {
        let condition = Condition::matches("/path", expression).unwrap();
        let policy = policy([rule().tools(["guarded"]).arguments([condition])]);
        let operation = call_with(&policy, "guarded", &json!({ "path": text }));
        assert_eq!(
            word(&policy, &operation, &Caller::hypothetical()),
            expected,
            "{expression}"
        );
    }
}

#[test]
fn matching_takes_no_longer_for_a_nasty_expression() {
    let nasty = Condition::matches("/path", "^(a+)+(a|aa)*$").unwrap();
    let policy = policy([rule().tools(["guarded"]).arguments([nasty])]);
    let text = format!("{}b", "a".repeat(1_000_000));
    let operation = call_with(&policy, "guarded", &json!({ "path": text }));
    let begun = std::time::Instant::now();
    assert_eq!(
        word(&policy, &operation, &Caller::hypothetical()),
        "policy_refused"
    );
    assert!(begun.elapsed() < std::time::Duration::from_secs(20));
}

#[test]
fn a_call_of_which_only_the_headers_are_known_must_pass_whatever_its_arguments_are() {
    let unknown = call("guarded").with(Arguments::unknown());
    // Where it is stage, the first rule decides, and else the second: both must let it pass.
    let policy = policy([
        needing("stage").tools(["guarded"]).arguments([stage()]),
        needing("rest").tools(["guarded"]),
    ]);
    assert_eq!(word(&policy, &unknown, &holding("rest")), "needs stage");
    assert_eq!(word(&policy, &unknown, &holding("stage")), "needs rest");
    assert_eq!(word(&policy, &unknown, &holding("stage rest")), "ok");
    assert_eq!(
        word(&forbidding(stage()), &unknown, &holding("")),
        "policy_refused"
    );
}

#[test]
fn arguments_of_other_methods_meet_no_condition() {
    let policy = policy([
        rule().prompts(["greet"]).arguments([stage()]).forbid(true),
        needing("more").prompts(["greet"]),
    ]);
    let arguments = Arguments::read(&json!({"env": "dev"}), policy.wanted()).unwrap();
    let greet = oauthgate_mcp::Object::prompt("greet");
    let get = method("prompts/get")
        .on(greet.clone())
        .with(arguments.clone());
    let complete = method("completion/complete").on(greet).with(arguments);
    assert_eq!(word(&policy, &get, &holding("more")), "policy_refused");
    assert_eq!(word(&policy, &complete, &holding("more")), "ok");
}

#[rstest]
#[case(Condition::equals("path", "x"), "JSON Pointer")]
#[case(Condition::equals("/a~2", "x"), "JSON Pointer")]
#[case(Condition::equals("/path", json!(["x"])), "no argument")]
#[case(Condition::equals("/path", json!(1e300)), "no argument")]
#[case(Condition::equals("/path", "a\0b"), "no argument")]
#[case(Condition::is_in("/path", Vec::<Value>::new()), "no values")]
#[case(Condition::matches("/path", "(a"), "regular expression")]
#[case(Condition::matches("/path", r"(a)\1"), "regular expression")]
#[case(Condition::matches("/path", "(?=a)"), "regular expression")]
#[case(
    Condition::matches("/path", "((a{100}){100}){100}"),
    "regular expression"
)]
fn refuses_a_condition_that_cannot_be_meant(
    #[case] condition: Result<Condition, oauthgate_core::SettingError>,
    #[case] problem: &str,
) {
    let error = condition.unwrap_err();
    assert!(error.problem.contains(problem), "{error}");
    assert!(!error.problem.contains('\n'), "{error}");
}
