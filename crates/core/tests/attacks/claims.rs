//! Claims that are missing or mistyped: never the same as checked.

use oauthgate_core::{PrincipalKind, Profile, Reason, UserContext, claims::ClaimPointer};
use serde_json::json;

use crate::support::*;

#[test]
fn c1_refuses_mistyped_times() {
    for name in ["exp", "nbf", "iat"] {
        for value in [
            "\"9999999999\"",
            "true",
            "[]",
            "{}",
            "null",
            "[9999999999]",
            "\"\"",
        ] {
            let payload = claims_with(&json!({ name: null })).to_string().replacen(
                '{',
                &format!("{{\"{name}\":{value},"),
                1,
            );
            assert_eq!(
                refusal(&token_of_text(&payload)),
                Reason::MalformedClaims,
                "{name} {value}"
            );
        }
    }
}

#[test]
fn c2_refuses_numbers_that_are_no_time() {
    let numbers = [
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e400",
        "-1e400",
        "-1",
        "-0.5",
        "253402300800",
        "253402300799.5",
        "1e12",
        "1E300",
        "340282366920938463463374607431768211456",
        "-9223372036854775809",
        "1e-400000000000",
    ];
    for number in numbers {
        for name in ["exp", "nbf", "iat"] {
            let payload = claims_with(&json!({ name: null })).to_string().replacen(
                '{',
                &format!("{{\"{name}\":{number},"),
                1,
            );
            // A number that rounds to 0 is a time, and long past.
            if number == "1e-400000000000" && name != "exp" {
                continue;
            }
            let reason = refusal(&token_of_text(&payload));
            assert!(
                matches!(reason, Reason::MalformedClaims | Reason::Expired),
                "{name} {number}: {reason}"
            );
        }
    }
    assert_eq!(
        refusal_of(&json!({"exp": 253_402_300_800_i64})),
        Reason::MalformedClaims
    );
}

#[test]
fn c2_takes_fractions_and_exponents_by_value() {
    let with_exp = |exp: &str| {
        token_of_text(
            &claims_with(&json!({"exp": null, "iat": null}))
                .to_string()
                .replacen('{', &format!("{{\"exp\":{exp},"), 1),
        )
    };
    let at = |token: &str, now: i64| {
        verify_with(&verifier(), &keys(), token, now).map_err(|error| error.reason())
    };
    // 60 s of skew: 1.5 is passed at 62 and not at 61; 1e3 at 1060 and not at 1059.
    assert!(at(&with_exp("1.5"), 61).is_ok());
    assert_eq!(at(&with_exp("1.5"), 62), Err(Reason::Expired));
    assert!(at(&with_exp("1e3"), 1_059).is_ok());
    assert_eq!(at(&with_exp("1e3"), 1_060), Err(Reason::Expired));
    assert_eq!(at(&with_exp("-0"), 60), Err(Reason::Expired));
    assert!(at(&with_exp("253402300799"), NOW).is_ok());
    let user = at(&with_exp("1.5"), 61).unwrap();
    assert_eq!(user.token_expires_at().as_secs(), 2);
    // What is judged later than a request holds the token to the same second.
    assert_eq!(user.accepted_until().as_secs(), 62);
}

#[test]
fn c3_refuses_missing_null_and_empty_claims() {
    assert_eq!(refusal_of(&json!({"exp": null})), Reason::MissingExpiration);
    assert_eq!(refusal_of(&json!({"iss": null})), Reason::UnknownIssuer);
    assert_eq!(refusal_of(&json!({"aud": null})), Reason::MissingAudience);
    for name in ["exp", "iss", "aud", "sub"] {
        let null = claims_with(&json!({ name: null })).to_string().replacen(
            '{',
            &format!("{{\"{name}\":null,"),
            1,
        );
        assert_eq!(
            refusal(&token_of_text(&null)),
            Reason::MalformedClaims,
            "{name} null"
        );
    }
    assert_eq!(refusal_of(&json!({"exp": ""})), Reason::MalformedClaims);
    assert_eq!(refusal_of(&json!({"iss": ""})), Reason::UnknownIssuer);
    assert_eq!(refusal_of(&json!({"aud": ""})), Reason::WrongAudience);
}

/// Many issuers write `null` for what they do not know.
#[test]
fn c3_null_is_absent_where_a_claim_may_be_absent() {
    let profile = || Profile::generic().with_groups(vec![ClaimPointer::claim("groups")]);
    let names = ["tier", "tenant_id", "email", "groups", "scope", "client_id"];
    let absent = merged(claims(), &json!({"scope": null, "client_id": null}));
    let plain = user_of(profile(), &absent).unwrap();
    let user = user_of(profile(), &with_nulls(claims(), &names)).unwrap();
    assert_eq!(who(&user), who(&plain));
    assert_eq!(
        user.claims()["email"],
        json!(null),
        "as the token carries it"
    );
    let mut nested = claims();
    nested["realm_access"] = json!({"roles": null});
    let roles = vec![ClaimPointer::parse("/realm_access/roles").unwrap()];
    let user = user_of(Profile::generic().with_groups(roles), &nested).unwrap();
    assert!(user.groups().is_empty());
}

/// The caller, but for the claims as they stand in the token.
fn who(user: &UserContext) -> impl PartialEq + std::fmt::Debug {
    let names = [user.client_id(), user.email(), user.tenant_id()];
    let names = names.map(|name| name.map(str::to_owned));
    let rights = (user.groups().to_vec(), user.scopes().clone());
    let said = (user.user_id().to_owned(), user.tier().to_owned());
    (said, names, rights, user.kind(), user.metadata().clone())
}

#[test]
fn c3_the_place_after_a_null_counts() {
    let more = json!({"scp": ["a"], "azp": "app"});
    let nulled = with_nulls(claims_with(&more), &["scope", "client_id"]);
    let user = user_of(Profile::generic(), &nulled).unwrap();
    assert_eq!(
        (user.scopes().to_string().as_str(), user.client_id()),
        ("a", Some("app"))
    );
    let places = vec![ClaimPointer::claim("uid"), ClaimPointer::claim("sub")];
    let profile = Profile::generic().with_user(places);
    let user = user_of(profile, &with_nulls(claims(), &["uid"])).unwrap();
    assert_eq!(user.user_id(), "user-1");
}

#[test]
fn c3_null_opens_nothing() {
    let nobody = claims_with(&json!({"sub": null}));
    assert_eq!(
        user_of(Profile::generic(), &with_nulls(nobody, &["client_id"])),
        Err(Reason::MissingSubject)
    );
    let id_token = claims_with(&json!({"nonce": "n"}));
    assert_eq!(
        user_of(Profile::generic(), &with_nulls(id_token, &["scope"])),
        Err(Reason::IdToken)
    );
    let entra = || claims_with(&json!({"client_id": null, "oid": "0222", "azp": "75db"}));
    assert_eq!(
        user_of(Profile::entra(), &with_nulls(entra(), &["scp", "roles"])),
        Err(Reason::WrongTokenUse)
    );
    let program = merged(entra(), &json!({"roles": ["Tools.Read.All"]}));
    assert_eq!(
        user_of(Profile::entra(), &with_nulls(program, &["scp"])).map(|user| user.kind()),
        Ok(PrincipalKind::Service)
    );
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat"] {
        for profile in [Profile::generic(), Profile::okta()] {
            let claims = claims_with(&json!({"uid": "00ui", "cid": "0oas"}));
            assert_eq!(
                user_of(profile, &with_nulls(claims, &[name])),
                Err(Reason::MalformedClaims),
                "{name}"
            );
        }
    }
}

/// The claims are compared as strings, in time that grows with their length and nothing else.
#[test]
fn c8_gives_the_same_answer_a_thousand_times() {
    let (good, bad) = (
        token(&claims()),
        token(&claims_with(&json!({"aud": "a".repeat(8_000)}))),
    );
    let (verifier, keys) = (verifier(), keys());
    for _ in 0..200 {
        assert!(verify_with(&verifier, &keys, &good, NOW).is_ok());
        assert_eq!(
            verify_with(&verifier, &keys, &bad, NOW)
                .unwrap_err()
                .reason(),
            Reason::WrongAudience
        );
    }
}
