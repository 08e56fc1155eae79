//! Roles, tiers, tenants, claims: what an allow rule demands, and whom a forbid rule names.

use oauthgate_core::{Caller, claims::ClaimPointer};
use oauthgate_mcp::policy::{Policy, RuleBuilder};
use rstest::rstest;
use serde_json::{Value, json};

use super::support::*;

fn roles(names: &[&str]) -> Caller<'static> {
    Caller::hypothetical().with_roles(names.iter().map(ToString::to_string))
}

fn claiming(value: impl Into<Value>) -> Caller<'static> {
    let claims = json!({ "department": value.into() });
    Caller::hypothetical().with_claims(claims.as_object().unwrap().clone())
}

/// The token says where the claim is, and not what (OpenID Connect Core §5.6.2).
fn kept_elsewhere(claim: &str) -> Caller<'static> {
    let claims = json!({ "_claim_names": { claim: "src1" } });
    Caller::hypothetical().with_claims(claims.as_object().unwrap().clone())
}

fn admins(rule: RuleBuilder) -> RuleBuilder {
    rule.roles(["admin", "owner"])
}

fn pro(rule: RuleBuilder) -> RuleBuilder {
    rule.tiers(["pro"])
}

fn acme(rule: RuleBuilder) -> RuleBuilder {
    rule.tenants(["acme"])
}

fn finance(rule: RuleBuilder) -> RuleBuilder {
    let department = ClaimPointer::parse("/department").unwrap();
    rule.claims([(department, vec![json!("finance"), json!(7)])])
}

/// Allowed to those whom it describes / forbidden to those whom it could describe.
#[rstest]
#[case(admins, roles(&["admin"]), true, true)]
#[case(admins, roles(&["x", "owner"]), true, true)]
#[case(admins, roles(&["Admin"]), false, false)]
#[case(admins, roles(&[]), false, false)]
#[case(admins, roles(&["x"]).with_more_roles_than_named(), false, true)]
#[case(pro, Caller::hypothetical().in_tier("pro"), true, true)]
#[case(pro, Caller::hypothetical(), false, false)]
#[case(acme, Caller::hypothetical().in_tenant("acme"), true, true)]
#[case(acme, Caller::hypothetical().in_tenant("globex"), false, false)]
#[case(acme, Caller::hypothetical(), false, false)]
#[case(finance, claiming(json!("finance")), true, true)]
#[case(finance, claiming(json!(["legal", "finance"])), true, true)]
#[case(finance, claiming(json!(7.0)), true, true)]
#[case(finance, claiming(json!("7")), false, false)]
#[case(finance, claiming(json!("Finance")), false, false)]
#[case(finance, claiming(json!([])), false, false)]
#[case(finance, claiming(json!(true)), false, true)]
#[case(finance, claiming(json!(null)), false, true)]
#[case(finance, claiming(json!({"finance": 1})), false, true)]
#[case(finance, claiming(json!(["legal", ["finance"]])), false, true)]
#[case(finance, Caller::hypothetical(), false, false)]
#[case::kept_elsewhere(finance, kept_elsewhere("department"), false, true)]
#[case::another_one_is_kept_elsewhere(finance, kept_elsewhere("groups"), false, false)]
fn what_cannot_be_known_speaks_against_the_caller(
    #[case] with: fn(RuleBuilder) -> RuleBuilder,
    #[case] caller: Caller<'static>,
    #[case] is_allowed: bool,
    #[case] is_forbidden: bool,
) {
    let allows = policy([with(rule().tools(["x"]))]);
    let forbids = policy([with(rule().tools(["x"])).forbid(true), rule().tools(["x"])]);
    let is_ok = |policy: &Policy| {
        policy
            .examine(&call("x"), Some(&caller))
            .verdict
            .is_permitted()
    };
    assert_eq!(
        (is_ok(&allows), !is_ok(&forbids)),
        (is_allowed, is_forbidden)
    );
}

#[test]
fn a_forbid_rule_names_those_who_are_all_that_it_says() {
    let policy = policy([
        acme(admins(rule().tools(["x"]))).forbid(true),
        rule().tools(["x"]),
    ]);
    let admin = roles(&["admin"]);
    assert_eq!(word(&policy, &call("x"), &admin), "ok");
    assert_eq!(
        word(&policy, &call("x"), &admin.in_tenant("acme")),
        "policy_refused"
    );
}

#[test]
fn no_challenge_where_scopes_would_not_help() {
    let policy = policy([acme(admins(needing("a").tools(["x"])))]);
    assert_eq!(word(&policy, &call("x"), &holding("a")), "wrong_tenant");
    assert_eq!(
        word(&policy, &call("x"), &holding("").in_tenant("acme")),
        "policy_refused"
    );
    let admin = roles(&["admin"]).in_tenant("acme");
    assert_eq!(word(&policy, &call("x"), &admin), "needs a");
}

#[test]
fn says_what_is_not_met() {
    for (with, detail) in [
        (
            admins as fn(RuleBuilder) -> RuleBuilder,
            "needs the role admin or owner",
        ),
        (pro, "the tier is free, and must be pro"),
        (acme, "the tenant is none"),
        (finance, r#"the claim /department must be \"finance\" or 7"#),
    ] {
        let policy = policy([with(rule().tools(["x"]))]);
        let denial = decide(&policy, &[call("x")], Some(&user(""))).unwrap_err();
        assert_eq!(denial.detail(), Some(detail));
        assert!(denial.scopes().is_empty());
    }
}
