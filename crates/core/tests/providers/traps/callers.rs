//! Who is calling, and what they may.

use oauthgate_core::{
    Answer, Denial, PrincipalKind, Profile, ProtectedResource, Reason, ScopeSet,
    claims::ClaimPointer,
};
use serde_json::{Value, json};

use super::{API, TENANT, entra, entra_claims, entra_issuer, user_of_preset};
use crate::{builder, judge, support::*};

#[test]
fn trap_09_groups_that_were_left_out_are_told_to_be() {
    let truncated = |more: &Value| {
        judge(&entra(), None, &entra_claims(more))
            .unwrap()
            .groups_truncated()
    };
    for more in [
        json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph"}}}),
        json!({"_claim_names": {"roles": "src1"}}),
        json!({"hasgroups": true}),
        json!({"hasgroups": "true"}),
    ] {
        assert!(truncated(&more), "{more}");
    }
    for more in [
        json!({}),
        json!({"_claim_names": {"address": "src1"}}),
        json!({"hasgroups": false}),
        json!({"groups": ["a"], "_claim_names": null}),
    ] {
        assert!(!truncated(&more), "{more}");
    }
}

#[test]
fn trap_16_scopes_are_found_in_each_spelling() {
    let cases = [
        ("auth0", json!({"scope": "a b"})),
        ("duende", json!({"scope": ["a", "b"]})),
        ("spring", json!({"scope": ["a", "b"], "nbf": NOW})),
        (
            "entra",
            json!({"scope": null, "scp": "a b", "oid": "1", "azp": "x"}),
        ),
        (
            "okta",
            json!({"scope": null, "scp": ["a", "b"], "uid": "1", "cid": "x"}),
        ),
        ("hydra", json!({"scope": null, "scp": ["a", "b"]})),
        ("scalekit", json!({"scope": null, "scopes": ["a", "b"]})),
        ("clerk", json!({"scope": null, "scopes": "a b"})),
    ];
    for (preset, more) in cases {
        let user = user_of_preset(preset, &more).unwrap();
        assert_eq!(user.scopes().to_string(), "a b", "{preset}");
    }
    let none = json!({"scope": null, "jti": "1", "aud": [RESOURCE, "client-1"]});
    assert!(
        user_of_preset("zitadel", &none)
            .unwrap()
            .scopes()
            .is_empty()
    );
    assert!(
        user_of_preset("dex", &json!({"scope": null}))
            .unwrap()
            .scopes()
            .is_empty()
    );
}

#[test]
fn trap_17_a_scope_may_be_advertised_longer_than_it_is_checked() {
    let mut profile = Profile::entra();
    profile.scope_prefix = Some("api://mcp/".to_owned());
    let verifier = builder("entra", &entra_issuer(TENANT), &[API]).profile(profile);
    let user = judge(
        &verifier.build().unwrap(),
        None,
        &entra_claims(&json!({"scp": "api://mcp/read write"})),
    );
    assert_eq!(
        user.unwrap().scopes(),
        &ScopeSet::parse("read write").unwrap()
    );
}

#[test]
fn trap_17_a_challenge_names_the_scope_as_it_is_requested() {
    let advertised = "api://mcp/read api://mcp/write https://a.example/x/list https://b.example/x/list files/see";
    let resource = ProtectedResource::new(resource(), vec![])
        .with_advertised_scopes(&ScopeSet::parse(advertised).unwrap());
    for (checked, requested) in [
        ("read", "api://mcp/read"),
        ("read write", "api://mcp/read api://mcp/write"),
        ("api://mcp/read", "api://mcp/read"),
        // Two could be meant.
        ("list", "list"),
        ("ad", "ad"),
        // No URI: the same name stands in the token.
        ("see", "see"),
        ("unheard-of", "unheard-of"),
    ] {
        let denial =
            Denial::new(Reason::InsufficientScope).with_scopes(ScopeSet::parse(checked).unwrap());
        let headers = Answer::to(&denial, &resource).headers();
        let challenge = headers["www-authenticate"].to_str().unwrap().to_owned();
        let expected = format!("scope=\"{requested}\"");
        assert!(challenge.ends_with(&expected), "{challenge}");
    }
}

#[test]
fn trap_18_the_same_name_means_another_thing_elsewhere() {
    let more = json!({"oid": "by-oid", "tid": "by-tid", "uid": "by-uid", "azp": "x", "cid": "x", "scp": "a", "roles": [], "applicationId": "x"});
    let told = |preset: &str| {
        let user = user_of_preset(preset, &more).unwrap();
        (
            user.user_id().to_owned(),
            user.tenant_id().map(str::to_owned),
        )
    };
    let some = |user: &str, tenant: &str| (user.to_owned(), Some(tenant.to_owned()));
    assert_eq!(told("entra"), some("by-oid", "by-tid"));
    assert_eq!(told("scalekit"), some("user-1", "by-oid"));
    assert_eq!(told("fusionauth"), some("user-1", "by-tid"));
    assert_eq!(told("okta"), ("by-uid".to_owned(), None));
}

#[test]
fn trap_19_a_token_without_a_subject_is_a_programs() {
    for preset in ["duende", "pingone", "generic"] {
        let user = user_of_preset(preset, &json!({"sub": null})).unwrap();
        assert_eq!(
            (user.user_id(), user.kind()),
            ("client-1", PrincipalKind::Service),
            "{preset}"
        );
    }
}

#[test]
fn trap_20_claim_names_hold_colons_dots_and_slashes() {
    let cases = [
        ("/cognito:groups", json!({"cognito:groups": "x"})),
        (
            "/https:~1~1stytch.com~1organization/organization_id",
            json!({"https://stytch.com/organization": {"organization_id": "x"}}),
        ),
        (
            "/urn:zitadel:iam:org:project:roles",
            json!({"urn:zitadel:iam:org:project:roles": "x"}),
        ),
        ("/a.b/c~0d", json!({"a.b": {"c~d": "x"}})),
    ];
    for (text, claims) in cases {
        let pointer = ClaimPointer::parse(text).unwrap();
        assert_eq!(
            pointer.find(claims.as_object().unwrap()),
            Some(&json!("x")),
            "{text}"
        );
        assert_eq!(pointer.to_string(), text);
    }
    let dotted = json!({"a": {"b": "x"}});
    let pointer = ClaimPointer::parse("/a.b").unwrap();
    assert_eq!(pointer.find(dotted.as_object().unwrap()), None);
}

#[test]
fn trap_21_roles_may_be_member_names_or_hang_below_the_tenant() {
    let roles = json!({"jti": "1", "aud": [RESOURCE, "client-1"], "urn:zitadel:iam:org:project:roles": {"admin": {"1": "a"}, "dev": {}}});
    assert_eq!(
        user_of_preset("zitadel", &roles).unwrap().groups(),
        ["admin", "dev"]
    );

    let descope = |more: &Value| {
        let claims = json!({"drn": "DS", "tenants": {"T1": {"permissions": ["a"]}, "T2": {"permissions": ["b"]}, "a/b": {"permissions": ["c"]}, "": {"permissions": ["d"]}}});
        user_of_preset("descope", &merged(claims, more)).map(|user| user.groups().to_vec())
    };
    for (tenant, expected) in [
        (json!("T1"), vec!["a"]),
        (json!("T2"), vec!["b"]),
        (json!("T3"), vec![]),
        (json!("T1/permissions"), vec![]),
        (json!("a/b"), vec!["c"]),
        (json!("a~1b"), vec![]),
        (Value::Null, vec![]),
    ] {
        let found = descope(&json!({ "dct": tenant }));
        assert_eq!(found.unwrap(), expected, "{tenant}");
    }
    for tenant in [json!(["T1"]), json!(1), json!({"T1": 1}), json!("")] {
        assert_eq!(
            descope(&json!({ "dct": tenant })),
            Err(Reason::MalformedClaims),
            "{tenant}"
        );
    }
}

#[test]
fn trap_32_an_address_is_verified_only_by_its_own_claim() {
    let verified = |more: &Value| user_of_preset("generic", more).unwrap().email_verified();
    assert!(verified(
        &json!({"email": "a@x.example", "email_verified": "true"})
    ));
    assert!(verified(
        &json!({"email": "a@x.example", "email_verified": true})
    ));
    assert!(!verified(&json!({"email": "a@x.example"})));
    assert!(!verified(&json!({"email_verified": true})), "of no address");
    // Anybody may write any address into a user of Entra.
    let of_entra = entra_claims(&json!({"email": "ceo@x.example", "upn": "ceo@x.example"}));
    let user = judge(&entra(), None, &of_entra).unwrap();
    assert_eq!((user.user_id(), user.email_verified()), ("6902", false));
    let mut elsewhere = Profile::generic();
    elsewhere.email = vec![ClaimPointer::claim("upn")];
    let claims =
        claims_with(&json!({"upn": "b@x.example", "email": "a@x.example", "email_verified": true}));
    let user = user_of(elsewhere, &claims).unwrap();
    assert_eq!(
        (user.email(), user.email_verified()),
        (Some("b@x.example"), false)
    );
    let mut nested = Profile::generic();
    nested.email = vec![ClaimPointer::parse("/ext/email").unwrap()];
    let claims = claims_with(&json!({"email_verified": true, "ext": {"email": "a@x.example"}}));
    assert!(
        !user_of(nested.clone(), &claims).unwrap().email_verified(),
        "of another address"
    );
    let claims = claims_with(&json!({"ext": {"email": "a@x.example", "email_verified": true}}));
    assert!(user_of(nested, &claims).unwrap().email_verified());
}

#[test]
fn trap_35_an_actor_is_never_the_caller() {
    let acting =
        json!({"act": {"sub": "agent-1", "act": {"sub": "agent-0", "act": {"client_id": "tool"}}}});
    let user = user_of_preset("auth0", &acting).unwrap();
    assert_eq!(
        (user.user_id(), user.kind()),
        ("user-1", PrincipalKind::User)
    );
    assert_eq!(user.actors(), ["agent-1", "agent-0", "tool"]);
    let mut deep = json!({"sub": "a0"});
    for level in 1..12 {
        deep = json!({"sub": format!("a{level}"), "act": deep});
    }
    let user = user_of_preset("generic", &json!({ "act": deep })).unwrap();
    assert_eq!(user.actors().len(), 8);
    assert_eq!(user.actors()[0], "a11", "who acts now comes first");
    for (act, expected) in [
        (json!({}), Ok(vec![])),
        (json!({"iss": "https://x"}), Ok(vec![])),
        (json!("agent"), Err(Reason::MalformedClaims)),
        (json!(["agent"]), Err(Reason::MalformedClaims)),
        (json!({"sub": "a\nb"}), Err(Reason::MalformedClaims)),
        (json!({"sub": ""}), Err(Reason::MalformedClaims)),
        (json!({"sub": "a", "act": 1}), Err(Reason::MalformedClaims)),
    ] {
        let found = user_of_preset("generic", &json!({ "act": act }));
        assert_eq!(found.map(|user| user.actors().to_vec()), expected, "{act}");
    }
}

/// Rule R28: another tenant's good token is refused for its rights (403), and everything that is wrong
/// with a token comes before.
#[test]
fn r28_a_tenant_that_is_not_served_is_refused_last() {
    let allowing = |tenants: &[&str]| {
        builder("entra", &entra_issuer(TENANT), &[API])
            .allowed_tenants(tenants.iter().map(ToString::to_string))
    };
    let verifier = allowing(&["other", TENANT]).build().unwrap();
    assert!(judge(&verifier, None, &entra_claims(&json!({}))).is_ok());
    let other = allowing(&["other"]).build().unwrap();
    assert_eq!(
        judge(&other, None, &entra_claims(&json!({}))),
        Err(Reason::WrongTenant)
    );
    assert_eq!(
        judge(&other, None, &entra_claims(&json!({"tid": null}))),
        Err(Reason::WrongTenant)
    );
    for (more, reason) in [
        (json!({"exp": NOW - 600}), Reason::Expired),
        (json!({"aud": "x"}), Reason::WrongAudience),
        (json!({"cnf": {}}), Reason::SenderProofMissing),
    ] {
        assert_eq!(
            judge(&other, None, &entra_claims(&more)),
            Err(reason),
            "{more}"
        );
    }
    for tenants in [&[][..], &[""], &[" "]] {
        assert!(allowing(tenants).build().is_err(), "{tenants:?}");
    }
    let without_claim = builder("duende", ISSUER, &["mcp"]);
    let mut profile = Profile::duende();
    profile.tenant = Vec::new();
    let nowhere = without_claim
        .profile(profile)
        .allowed_tenants(["a".to_owned()]);
    assert!(nowhere.build().is_err(), "no claim holds a tenant");
}

/// Rule R27: a program's and a person's token of each provider.
#[test]
fn r27_programs_and_people_of_each_preset_are_told_apart() {
    let cases = [
        ("generic", json!({"sub": "client-1"}), json!({})),
        (
            "cognito",
            json!({"token_use": "access"}),
            json!({"token_use": "access", "username": "ana"}),
        ),
        (
            "auth0",
            json!({"sub": "client-1@clients"}),
            json!({"gty": "password"}),
        ),
        (
            "auth0",
            json!({"sub_profile": "ai_agent"}),
            json!({"sub_profile": "user"}),
        ),
        (
            "okta",
            json!({"cid": "x", "sub": "x"}),
            json!({"cid": "x", "uid": "00u"}),
        ),
        (
            "okta-org",
            json!({"client_id": RESOURCE, "sub": RESOURCE}),
            json!({"client_id": RESOURCE, "uid": "00u"}),
        ),
        (
            "entra",
            json!({"azp": "x", "oid": "1", "roles": ["a"], "scp": ""}),
            json!({"azp": "x", "oid": "1", "roles": ["a"], "scp": "b"}),
        ),
        (
            "entra-external-id",
            json!({"azp": "x", "roles": ["a"], "oid": "1"}),
            json!({"azp": "x", "scp": "a", "oid": "1"}),
        ),
        (
            "keycloak",
            json!({"typ": "Bearer", "clientHost": "10.0.0.8"}),
            json!({"typ": "Bearer"}),
        ),
        (
            "google",
            json!({"email": "a@b.iam.gserviceaccount.com"}),
            json!({"email": "a@b.example"}),
        ),
        ("hydra", json!({"sub": "client-1"}), json!({})),
        (
            "zitadel",
            json!({"jti": "1"}),
            json!({"jti": "1", "aud": [RESOURCE, "client-1"]}),
        ),
        (
            "zitadel",
            json!({"jti": "1", "client_id": null}),
            json!({"jti": "1", "azp": "p", "client_id": null, "aud": [RESOURCE, "p"]}),
        ),
        (
            "authentik",
            json!({"azp": "x", "uid": "r", "preferred_username": "ak-mcp-client_credentials"}),
            json!({"azp": "x", "uid": "r", "preferred_username": "ak-mcp-client_credentials", "sid": "1"}),
        ),
        (
            "workos",
            json!({"sub": "client_01"}),
            json!({"sub": "user_01"}),
        ),
        (
            "descope",
            json!({"drn": "DS", "sub": "K2x"}),
            json!({"drn": "DS", "sub": "U2x"}),
        ),
        (
            "stytch",
            json!({"sub": "m2m-client-test-1"}),
            json!({"sub": "user-test-1"}),
        ),
        (
            "scalekit",
            json!({"sub": "m2morg_1"}),
            json!({"sub": "usr_1"}),
        ),
        ("duende", json!({"sub": null}), json!({})),
        (
            "fusionauth",
            json!({"permissions": {}}),
            json!({"roles": [], "applicationId": "x"}),
        ),
        ("clerk", json!({"sub": "mch_1"}), json!({"sub": "user_1"})),
        ("supabase", json!({"sub": "client-1"}), json!({})),
        ("logto", json!({"sub": "client-1"}), json!({})),
        (
            "casdoor",
            json!({"tokenType": "access-token", "sub": "admin/app"}),
            json!({"tokenType": "access-token", "sub": "9f2c"}),
        ),
        (
            "casdoor",
            json!({"tokenType": "access-token", "type": "application"}),
            json!({"tokenType": "access-token", "type": "normal-user"}),
        ),
        (
            "spring",
            json!({"nbf": NOW, "aud": ["user-1", RESOURCE]}),
            json!({"nbf": NOW}),
        ),
        ("oidc-provider", json!({"sub": "client-1"}), json!({})),
        ("dex", json!({"aud": ["user-1", RESOURCE]}), json!({})),
        ("pingone", json!({"sub": null}), json!({})),
        ("github", json!({"sub": "client-1"}), json!({})),
    ];
    for (preset, program, person) in cases {
        let kind = |more: &Value| user_of_preset(preset, more).map(|user| user.kind());
        assert_eq!(
            kind(&program),
            Ok(PrincipalKind::Service),
            "{preset} {program}"
        );
        assert_eq!(kind(&person), Ok(PrincipalKind::User), "{preset} {person}");
    }
}
