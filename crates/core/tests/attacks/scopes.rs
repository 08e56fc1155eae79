//! Scopes: exact members of a set.

use oauthgate_core::{Permit, Profile, Reason, Requirement, ScopeSet, UserContext};
use serde_json::{Value, json};

use crate::support::*;

fn with_scopes(more: &Value) -> Result<UserContext, Reason> {
    verify(&token(&claims_with(&merged(json!({"scope": null}), more))))
        .map_err(|error| error.reason())
}

fn decide(user: &UserContext, needed: &str) -> Result<Permit, Reason> {
    Requirement::scopes(ScopeSet::parse(needed).unwrap())
        .decide(user)
        .map_err(|denial| denial.reason())
}

#[test]
fn c18_only_the_exact_scope_counts() {
    let lookalikes = [
        "files",
        "files:write2",
        "Files:Write",
        "files:write:x",
        "xfiles:write",
        "files:writ",
        "files:*",
        "*",
        "files:write,x",
        "files:read",
        "",
    ];
    for have in lookalikes {
        let user = with_scopes(&json!({ "scope": have })).unwrap();
        assert_eq!(
            decide(&user, "files:write"),
            Err(Reason::InsufficientScope),
            "{have}"
        );
    }
    for have in [
        json!("files:write"),
        json!("a files:write b"),
        json!("a  files:write"),
        json!(["a", "files:write"]),
    ] {
        let user = with_scopes(&json!({ "scope": have })).unwrap();
        assert!(decide(&user, "files:write").is_ok(), "{have}");
    }
    let many: Vec<_> = (0..1_000).map(|number| format!("s{number}")).collect();
    let user = with_scopes(&json!({"scope": many.join(" ")})).unwrap();
    assert_eq!(decide(&user, "files:write"), Err(Reason::InsufficientScope));
    assert!(decide(&user, "s999").is_ok());
}

#[test]
fn c18_refuses_scopes_of_another_form() {
    let odd = [
        json!("a\tfiles:write"),
        json!("a\nfiles:write"),
        json!("a\u{a0}files:write"),
        json!(["a files:write"]),
        json!([["files:write"]]),
        json!({"files:write": true}),
        json!(["files:write", 1]),
        json!(1),
        json!(true),
        json!("a\"b"),
        json!("a\\b"),
        json!([""]),
        json!("é"),
    ];
    for scope in odd {
        assert_eq!(
            with_scopes(&json!({ "scope": scope })),
            Err(Reason::MalformedClaims),
            "{scope}"
        );
    }
}

#[test]
fn r24_takes_the_first_claim_that_is_present() {
    let cases = [
        (json!({"scope": "a b"}), "a b"),
        (json!({"scp": "a b"}), "a b"),
        (json!({"scp": ["a", "b"]}), "a b"),
        (json!({"scopes": ["a", "b"]}), "a b"),
        (json!({"scopes": "a b"}), "a b"),
        (json!({"scope": "a", "scp": ["b"]}), "a"),
        (json!({"scope": "", "scp": ["b"]}), ""),
        (json!({}), ""),
        (json!({"permissions": ["a"], "roles": ["b"]}), ""),
    ];
    for (more, expected) in cases {
        assert_eq!(
            with_scopes(&more).unwrap().scopes().to_string(),
            expected,
            "{more}"
        );
    }
}

#[test]
fn r24_a_profile_may_join_places_and_cut_prefixes() {
    let outcome = |profile: Profile, more: &Value| {
        let token = token(&claims_with(&merged(json!({"scope": null}), more)));
        verify_with(&verifier_with(profile), &keys(), &token, NOW)
            .map(|user| user.scopes().to_string())
            .map_err(|error| error.reason())
    };
    let joined = || Profile::generic().with_scopes_of_all_places();
    assert_eq!(
        outcome(
            joined(),
            &json!({"scope": "a", "scp": ["b"], "scopes": "c a"})
        ),
        Ok("a b c".to_owned())
    );
    assert_eq!(
        outcome(joined(), &json!({"scope": "a", "scp": 1})),
        Err(Reason::MalformedClaims)
    );
    let cut = || Profile::generic().without_scope_prefix("api/");
    assert_eq!(
        outcome(cut(), &json!({"scope": "api/read read2 xapi/write"})),
        Ok("read read2 xapi/write".to_owned())
    );
    assert_eq!(
        outcome(cut(), &json!({"scope": "api/"})),
        Err(Reason::MalformedClaims),
        "nothing is left"
    );
}

#[test]
fn a_refusal_for_scope_names_all_scopes_of_the_operation() {
    let user = with_scopes(&json!({"scope": "a"})).unwrap();
    let route = Requirement::scopes(ScopeSet::parse("a").unwrap());
    let tool = Requirement::scopes(ScopeSet::parse("b,c").unwrap());
    assert_eq!(route.decide(&user).unwrap().requirement(), &route);
    let denial = route.and(&tool).decide(&user).unwrap_err();
    assert_eq!(
        (denial.reason(), denial.scopes().to_string()),
        (Reason::InsufficientScope, "a b c".to_owned())
    );
    assert!(Requirement::authenticated().decide(&user).is_ok());
}

/// An expired token that lacks a scope is expired: 401 comes before 403.
#[test]
fn an_expired_token_without_scope_is_expired() {
    assert_eq!(
        with_scopes(&json!({"exp": NOW - 600})),
        Err(Reason::Expired)
    );
}

#[test]
fn c20_a_caller_of_another_tenant_is_refused_whatever_its_scopes() {
    let tenants = |names: &[&str]| {
        Requirement::scopes(ScopeSet::parse("a").unwrap())
            .in_tenants(names.iter().map(ToString::to_string))
    };
    let user = |tenant: Value| with_scopes(&json!({"scope": "a", "tenant_id": tenant})).unwrap();
    let outcome = |requirement: &Requirement, tenant: Value| {
        requirement
            .decide(&user(tenant))
            .map(|_| ())
            .map_err(|denial| denial.reason())
    };
    assert_eq!(outcome(&tenants(&["acme", "b"]), json!("acme")), Ok(()));
    for tenant in [
        json!("Acme"),
        json!("acme2"),
        json!("acm"),
        json!("other"),
        json!(null),
    ] {
        assert_eq!(
            outcome(&tenants(&["acme", "b"]), tenant.clone()),
            Err(Reason::WrongTenant),
            "{tenant}"
        );
        assert_eq!(
            outcome(&tenants(&[]), tenant.clone()),
            Err(Reason::WrongTenant),
            "nobody: {tenant}"
        );
    }
    let both = tenants(&["acme", "b"]).and(&tenants(&["acme", "c"]));
    assert_eq!(outcome(&both, json!("acme")), Ok(()));
    assert_eq!(outcome(&both, json!("b")), Err(Reason::WrongTenant));
    assert_eq!(
        outcome(
            &Requirement::authenticated().and(&tenants(&["b"])),
            json!("acme")
        ),
        Err(Reason::WrongTenant)
    );
    assert_eq!(
        outcome(
            &tenants(&["b"]).and(&Requirement::authenticated()),
            json!("acme")
        ),
        Err(Reason::WrongTenant)
    );
}
