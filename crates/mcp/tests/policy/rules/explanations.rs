//! Why a decision is what it is, for people and for machines.

use oauthgate_core::{Caller, Requirement};
use oauthgate_mcp::{
    Operation,
    policy::{Condition, Explanation, Policy, StepOutcome},
};
use serde_json::json;

use super::support::*;

fn table() -> Policy {
    policy([
        rule().name("prompts").prompts(["*"]),
        rule().methods(["custom/*"]),
        rule()
            .name("dev")
            .tools(["deploy"])
            .arguments([Condition::equals("/env", "dev").unwrap()]),
        rule()
            .name("banned")
            .tools(["*"])
            .roles(["banned"])
            .forbid(true),
        rule().tools(["Wipe*"]),
        rule()
            .name("deployers")
            .tools(["deploy", "release"])
            .any_of([
                Requirement::scopes(set("deploy:prod deploy:read")),
                Requirement::scopes(set("ops")).with_roles(["admin".to_owned()]),
            ]),
    ])
    .scope_hierarchy(hierarchy(&[("deploy:prod", "deploy:read")]))
}

fn explain(operation: &Operation, caller: Option<&Caller<'_>>) -> Explanation {
    table().explain(operation, &Requirement::scopes(set("base")), caller)
}

#[test]
fn tells_every_step() {
    let operation = call_with(&table(), "deploy", &json!({"env": "prod"}));
    let explanation = explain(&operation, Some(&holding("base")));
    assert_eq!(
        explanation.to_string(),
        r#"the tool "deploy"
  prompts    is about something else
  #2         is about other methods
  dev        wants that /env equals "dev"; the argument is another
  banned     forbids it to other callers
  #5         is about something else
  deployers  decides
refused by deployers: needs the scopes "deploy:prod", "deploy:prod" missing
  or: the scopes "deploy:prod" are missing
  or: needs the role admin; the scopes "ops" are missing
challenge: scope="base deploy:prod""#
    );
}

#[test]
fn tells_machines_the_same() {
    let operation = call_with(&table(), "deploy", &json!({}));
    let explanation = explain(&operation, Some(&holding("deploy:prod")));
    let json = serde_json::to_value(&explanation).unwrap();
    assert_eq!(json["is_permitted"], true);
    assert_eq!(json["rule"], "deployers");
    assert_eq!(json["challenge"], json!(null));
    assert_eq!(json["steps"][2]["outcome"], "condition_unmet");
    assert_eq!(json["steps"][3]["outcome"], "for_others");
    assert_eq!(json["steps"][5]["outcome"], "decides");
    assert_eq!(json["steps"].as_array().unwrap().len(), 6);
}

#[test]
fn stops_where_the_walk_stops() {
    let banned = holding("").with_roles(["banned".to_owned()]);
    let explanation = explain(&call("release"), Some(&banned));
    assert_eq!(explanation.steps().len(), 4);
    assert_eq!(explanation.rule(), Some("banned"));
    assert_eq!(explanation.denial().unwrap().code(), "policy_refused");
    assert!(!explanation.is_permitted() && explanation.unmet().is_empty());
}

#[test]
fn tells_of_lookalikes_and_of_arguments_that_nobody_knows() {
    let seen = explain(&call("wipe"), Some(&holding("")));
    assert_eq!(seen.steps()[4].outcome, StepOutcome::LooksAlike);
    let unknown = call("deploy").with(oauthgate_mcp::Arguments::unknown());
    let seen = explain(&unknown, Some(&holding("")));
    assert_eq!(seen.steps()[2].outcome, StepOutcome::MayDecide);
}

#[test]
fn tells_what_happens_behind_the_rules_and_without_a_token() {
    let text = |operation: &Operation, caller: Option<&Caller<'_>>| {
        let text = explain(operation, caller).to_string();
        text.lines()
            .rfind(|line| line.starts_with(['p', 'r']))
            .unwrap()
            .to_owned()
    };
    let nobody = holding("");
    assert_eq!(
        text(&method("ping"), Some(&nobody)),
        "permitted to every caller with a good token"
    );
    assert_eq!(
        text(&call("other"), Some(&nobody)),
        r#"refused: no rule allows the tool "other""#
    );
    assert_eq!(
        text(&call("release"), None),
        "refused without a token; permitted by deployers to whom the rule lets pass"
    );
    assert_eq!(
        text(&call("other"), None),
        "refused because no rule is about it, with any token too"
    );
}

#[test]
fn keeps_a_strangers_text_on_its_line() {
    let explanation = explain(&call("a\r\nb\u{202e}"), Some(&holding("")));
    let text = explanation.to_string();
    assert!(text.contains(r#"the tool "a\r\nb\u{202e}""#), "{text}");
    assert!(!text.contains('\r'));
}
