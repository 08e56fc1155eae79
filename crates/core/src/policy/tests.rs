//! Requirements, callers and hierarchies by themselves.

use serde_json::json;

use crate::{
    Caller, Reason, Requirement, Scope, ScopeHierarchy, ScopeSet, claims::ClaimPointer, danger,
    json::same_scalar,
};

fn set(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

fn hierarchy(edges: &[(&str, &str)]) -> ScopeHierarchy {
    let edges = edges.iter();
    let edges = edges.map(|(broad, narrow)| (Scope::new(*broad).unwrap(), set(narrow)));
    ScopeHierarchy::new(edges).unwrap()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[test]
fn row_23_a_hierarchy_is_transitive_and_never_turned_round() {
    let files = hierarchy(&[("admin", "write"), ("write", "read"), ("admin", "list")]);
    assert_eq!(
        files.closure(&set("admin")).to_string(),
        "admin list read write"
    );
    assert_eq!(files.closure(&set("read x")).to_string(), "read x");
    assert_eq!(
        files.reduced(&set("read list write x")).to_string(),
        "list write x"
    );
    assert_eq!(
        files
            .missing(&set("write"), &set("read list admin"))
            .to_string(),
        "admin"
    );
    assert_eq!(
        files.missing(&set("admin"), &set("read list write")),
        ScopeSet::empty()
    );
}

#[test]
fn row_23_what_is_reduced_amounts_to_what_it_was() {
    let all = ["a", "b", "c", "d"];
    let tree = hierarchy(&[("a", "b c"), ("b", "d"), ("c", "d")]);
    for bits in 0..1_u32 << all.len() {
        let chosen = all
            .iter()
            .enumerate()
            .filter(|(bit, _)| bits & (1 << bit) != 0);
        let chosen: Vec<_> = chosen.map(|(_, scope)| *scope).collect();
        let scopes = set(&chosen.join(" "));
        let reduced = tree.reduced(&scopes);
        assert_eq!(tree.closure(&reduced), tree.closure(&scopes), "{scopes}");
        assert_eq!(tree.reduced(&reduced), reduced);
    }
}

#[test]
fn both_requirements_must_be_met() {
    let one = Requirement::scopes(set("a"))
        .with_roles(texts(&["x", "y"]))
        .in_tiers(texts(&["p", "q"]));
    let other = Requirement::scopes(set("b"))
        .with_roles(texts(&["z"]))
        .in_tiers(texts(&["q", "r"]));
    let both = one.and(&other);
    let caller = Caller::hypothetical().with_scopes(set("a b"));
    let has = |roles: &[&str], tier: &str| {
        let caller = caller.clone().with_roles(texts(roles)).in_tier(tier);
        both.is_met_by(&caller)
    };
    assert!(has(&["x", "z"], "q"));
    assert!(!has(&["x"], "q") && !has(&["z"], "q") && !has(&["x", "z"], "p"));
    assert_eq!(both.and(&one), both);
}

#[test]
fn a_requirement_keeps_its_hierarchy_beside_another() {
    let under = Requirement::scopes(set("read")).under(hierarchy(&[("write", "read")]));
    let plain = Requirement::scopes(set("read"));
    let writer = Caller::hypothetical().with_scopes(set("write"));
    assert!(under.and(&plain).is_met_by(&writer) && plain.and(&under).is_met_by(&writer));
    assert!(!plain.is_met_by(&writer));
}

#[test]
fn examines_a_user_as_it_examines_the_same_caller() {
    let user = danger::caller("alice", set("a"));
    let user = danger::in_groups(user, texts(&["x"]), true);
    let user = danger::placed(user, "pro", Some("acme".to_owned()));
    let claims = json!({ "department": ["finance"] });
    let user = danger::claiming(user, claims.as_object().unwrap().clone());
    let department = ClaimPointer::parse("/department").unwrap();
    let requirement = Requirement::scopes(set("a"))
        .with_roles(texts(&["x"]))
        .in_tiers(texts(&["pro"]))
        .in_tenants(texts(&["acme"]))
        .with_claim(department, [json!("finance")])
        .unwrap();
    assert!(requirement.decide(&user).is_ok());
    let caller = Caller::from(&user);
    assert!(caller.has_more_roles_than_named());
    assert_eq!(requirement.examine(&caller), Ok(()));
    assert!(!format!("{user:?} {caller:?}").contains("finance"));
}

#[test]
fn says_what_is_missing_and_what_no_scope_helps_against() {
    let requirement = Requirement::scopes(set("a b")).in_tenants(texts(&["acme"]));
    let stranger = danger::caller("alice", set("a"));
    let shortfall = requirement.examine(&Caller::from(&stranger)).unwrap_err();
    assert_eq!(shortfall.missing, set("b"));
    assert_eq!(shortfall.refusal.unwrap().0, Reason::WrongTenant);
    let denial = requirement.decide(&stranger).unwrap_err();
    assert_eq!(denial.reason(), Reason::WrongTenant);
    assert!(denial.scopes().is_empty());
}

#[test]
fn numbers_compare_as_numbers_and_nothing_else_does() {
    for (one, other, expected) in [
        (json!(1), json!(1.0), true),
        (json!(-3), json!(-3.0), true),
        (json!(0), json!(-0.0), true),
        (json!(0.1), json!(0.1), true),
        (json!(0.1), json!(1), false),
        (json!(u64::MAX), json!(18_446_744_073_709_551_616.0), false),
        (
            json!(9_007_199_254_740_993_u64),
            json!(9_007_199_254_740_992.0),
            false,
        ),
        (json!(1e300), json!(1e300), true),
        (json!("1"), json!(1), false),
        (json!(true), json!(1), false),
        (json!(null), json!(null), false),
        (json!(["a"]), json!(["a"]), false),
    ] {
        assert_eq!(same_scalar(&one, &other), expected, "{one} {other}");
    }
}
