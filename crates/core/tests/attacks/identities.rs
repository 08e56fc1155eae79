//! Who is calling, and what stands in a header because of it.

use oauthgate_core::{PrincipalKind, Profile, Reason, UserContext, claims::ClaimPointer};
use serde_json::{Value, json};

use crate::support::*;

fn context(profile: Profile, more: &Value) -> Result<UserContext, Reason> {
    user_of(profile, &claims_with(more))
}

fn generic(more: &Value) -> Result<UserContext, Reason> {
    context(Profile::generic(), more)
}

#[test]
fn c14_an_empty_identity_is_nobody() {
    for sub in [
        json!(""),
        json!(" "),
        json!(0),
        json!([]),
        json!({}),
        json!(true),
        json!([""]),
        json!("\t"),
        json!(" a"),
        json!("a "),
        json!("\u{a0}"),
        json!("\u{3000}a"),
    ] {
        assert_eq!(
            generic(&json!({ "sub": sub })),
            Err(Reason::MalformedClaims),
            "{sub}"
        );
        assert_eq!(
            generic(&json!({"sub": sub, "client_id": null})),
            Err(Reason::MalformedClaims),
            "{sub}"
        );
    }
    assert_eq!(
        generic(&json!({"sub": null, "client_id": null})),
        Err(Reason::MissingSubject)
    );
    for client in [json!(""), json!(" "), json!(1), json!([])] {
        assert_eq!(
            generic(&json!({"sub": null, "client_id": client})),
            Err(Reason::MalformedClaims),
            "{client}"
        );
    }
}

/// A registered claim keeps its type, even where a profile reads the identity elsewhere.
#[test]
fn c14_a_mistyped_subject_is_refused_where_it_is_not_the_identity() {
    for sub in [json!(1), json!([]), json!({}), json!(true)] {
        let claims = json!({"sub": sub, "oid": "6902", "azp": "app", "scp": "tools.read"});
        assert_eq!(
            context(Profile::entra(), &claims),
            Err(Reason::MalformedClaims),
            "{sub}"
        );
    }
}

#[test]
fn c16_an_email_address_is_verified_only_by_true() {
    let cases = [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("false"), false),
        (json!("TRUE"), false),
        (json!("True"), false),
        (json!(1), false),
        (json!("1"), false),
        (json!([]), false),
        (json!([true]), false),
        (json!({}), false),
        (json!(null), false),
    ];
    for (verified, expected) in cases {
        let user =
            generic(&json!({"email": "ana@example.com", "email_verified": verified})).unwrap();
        assert_eq!(user.email_verified(), expected, "{verified}");
        assert_eq!(
            (user.email(), user.user_id()),
            (Some("ana@example.com"), "user-1"),
            "an address is never an identity"
        );
    }
    for email in [
        json!("a\r\nb"),
        json!(1),
        json!([]),
        json!(""),
        json!("x".repeat(2_000)),
    ] {
        assert_eq!(
            generic(&json!({ "email": email })).unwrap().email(),
            None,
            "{email}"
        );
    }
}

#[test]
fn f18_no_identity_holds_a_control_character() {
    let hostile = [
        "a\r\nX-Admin: 1",
        "a\nb",
        "a\tb",
        "a\u{1b}[2Jb",
        "\u{7f}",
        "a\u{85}b",
        "a\u{0}",
    ];
    for value in hostile
        .iter()
        .map(|text| json!(text))
        .chain([json!("x".repeat(1_025)), json!("x".repeat(10_000))])
    {
        for name in ["sub", "tenant_id", "client_id", "tier"] {
            assert!(generic(&json!({ name: value })).is_err(), "{name} {value}");
        }
    }
    for value in [
        "auth0|602c0dcab993d10073daf680",
        "user:1/2",
        "CN=Ana Doe,O=Acme",
        "11e0e928-7102-45b2-a966-8a7db1233bf7",
        "a=b+c@d",
        "samlp|adfs|jürgen@x.de",
        "山田",
        "ana🦀",
    ] {
        let user = generic(&json!({"sub": value, "tenant_id": value})).unwrap();
        assert_eq!((user.user_id(), user.tenant_id()), (value, Some(value)));
    }
}

#[test]
fn the_seeds_fields_have_the_seeds_names_and_defaults() {
    let user =
        generic(&json!({"tier": "gold", "tenant_id": "acme", "email": "ana@example.com"})).unwrap();
    assert_eq!(
        (user.tier(), user.tenant_id(), user.email()),
        ("gold", Some("acme"), Some("ana@example.com"))
    );
    assert_eq!(user.token_expires_at().as_secs(), NOW + 3600);
    assert_eq!(user.accepted_until().as_secs(), NOW + 3600 + 60);
    assert_eq!(
        Value::Object(user.metadata().clone()),
        json!({"iss": ISSUER, "aud": RESOURCE, "iat": NOW - 10})
    );
    assert!(
        user.groups().is_empty(),
        "groups are taken only where the profile names a place"
    );
    let plain = generic(&json!({})).unwrap();
    assert_eq!(
        (plain.tier(), plain.tenant_id(), plain.email()),
        ("free", None, None)
    );
}

/// A tier decorates, and the default is the least that there is.
#[test]
fn a_mistyped_tier_is_the_default_tier() {
    for tier in [
        json!(3),
        json!(true),
        json!(["gold"]),
        json!({"name": "gold"}),
    ] {
        let user = generic(&json!({ "tier": tier })).unwrap();
        assert_eq!(user.tier(), "free", "{tier}");
    }
}

#[test]
fn the_client_is_found_under_its_four_names() {
    for name in ["client_id", "azp", "cid", "appid"] {
        let user = generic(&merged(json!({"client_id": null}), &json!({ name: "app" }))).unwrap();
        assert_eq!(user.client_id(), Some("app"), "{name}");
    }
}

#[test]
fn groups_come_from_the_place_that_the_profile_names() {
    let roles = || {
        Profile::generic().with_groups(vec![ClaimPointer::parse("/realm_access/roles").unwrap()])
    };
    let groups = |value: Value| {
        context(roles(), &json!({"realm_access": {"roles": value}}))
            .map(|user| user.groups().to_vec())
    };
    assert_eq!(groups(json!(["ops", "dev"])).unwrap(), ["ops", "dev"]);
    assert_eq!(groups(json!("ops")).unwrap(), ["ops"]);
    assert!(
        context(roles(), &json!({"realm_access": "x"}))
            .unwrap()
            .groups()
            .is_empty()
    );
    for odd in [
        json!({"a": 1}),
        json!([1]),
        json!(["a\nb"]),
        json!([""]),
        json!(1),
    ] {
        assert_eq!(groups(odd.clone()), Err(Reason::MalformedClaims), "{odd}");
    }
}

#[test]
fn groups_may_be_the_member_names_of_an_object() {
    let roles = || {
        Profile::generic()
            .with_groups(vec![ClaimPointer::claim(
                "urn:zitadel:iam:org:project:roles",
            )])
            .with_groups_as_member_names()
    };
    let groups = |value: Value| {
        context(
            roles(),
            &json!({"urn:zitadel:iam:org:project:roles": value}),
        )
        .map(|user| user.groups().to_vec())
    };
    assert_eq!(
        groups(json!({"admin": {"3589": "acme"}})).unwrap(),
        ["admin"]
    );
    for odd in [
        json!(["admin"]),
        json!("admin"),
        json!({"": 1}),
        json!({"a\nb": 1}),
    ] {
        assert_eq!(groups(odd.clone()), Err(Reason::MalformedClaims), "{odd}");
    }
}

/// Sample tokens of the providers, with invented values.
#[test]
fn presets_read_identities_where_their_providers_write_them() {
    type Expected<'a> = (
        &'a str,
        PrincipalKind,
        Option<&'a str>,
        Option<&'a str>,
        &'a str,
    );
    let cases: [(Profile, Value, Expected<'_>); 7] = [
        (
            Profile::auth0(),
            json!({"sub": "auth0|602c", "client_id": null, "azp": "ENDm", "org_id": "org_9", "scope": "tools:read"}),
            (
                "auth0|602c",
                PrincipalKind::User,
                Some("ENDm"),
                Some("org_9"),
                "tools:read",
            ),
        ),
        (
            Profile::auth0(),
            json!({"sub": "CS2M@clients", "client_id": null, "azp": "CS2M", "gty": "client-credentials", "scope": "tools:read"}),
            (
                "CS2M",
                PrincipalKind::Service,
                Some("CS2M"),
                None,
                "tools:read",
            ),
        ),
        (
            Profile::okta(),
            json!({"sub": "joe@example.com", "uid": "00ui", "cid": "0oas", "client_id": null, "scope": null, "scp": ["openid", "tools.read"]}),
            (
                "00ui",
                PrincipalKind::User,
                Some("0oas"),
                None,
                "openid tools.read",
            ),
        ),
        (
            Profile::okta(),
            json!({"sub": "0oas", "cid": "0oas", "client_id": null, "scope": null, "scp": ["tools.read"]}),
            (
                "0oas",
                PrincipalKind::Service,
                Some("0oas"),
                None,
                "tools.read",
            ),
        ),
        (
            Profile::entra(),
            json!({"sub": "HKZp", "oid": "6902", "tid": "72f9", "azp": "1111", "client_id": null, "scope": null, "scp": "tools.read"}),
            (
                "6902",
                PrincipalKind::User,
                Some("1111"),
                Some("72f9"),
                "tools.read",
            ),
        ),
        (
            Profile::entra(),
            json!({"sub": "0222", "oid": "0222", "tid": "72f9", "appid": "75db", "client_id": null, "scope": null, "idtyp": "app", "roles": ["Tools.Read.All"]}),
            (
                "75db",
                PrincipalKind::Service,
                Some("75db"),
                Some("72f9"),
                "",
            ),
        ),
        (
            Profile::keycloak(),
            json!({"sub": "5a2f", "typ": "Bearer", "azp": "scheduler", "client_id": "scheduler", "preferred_username": "service-account-scheduler", "scope": "mcp:tools"}),
            (
                "scheduler",
                PrincipalKind::Service,
                Some("scheduler"),
                None,
                "mcp:tools",
            ),
        ),
    ];
    for (profile, more, expected) in cases {
        let user = context(profile, &more).unwrap();
        let scopes = user.scopes().to_string();
        assert_eq!(
            (
                user.user_id(),
                user.kind(),
                user.client_id(),
                user.tenant_id(),
                scopes.as_str()
            ),
            expected,
            "{more}"
        );
    }
}
