//! Tokens of another kind (RFC 8725 §3.11, §3.12).

use oauthgate_core::{Audience, CompactJws, Profile, Reason, UnixTime, Verifier};
use serde_json::{Value, json};

use crate::support::*;

fn of_type(token_type: &str) -> String {
    sign(
        &P256,
        "ES256",
        &json!({"kid": "key-1", "typ": token_type}),
        &claims(),
    )
}

#[test]
fn b7_refuses_other_token_types() {
    let kinds = [
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "kb+jwt",
        "oauth-id-jag+jwt",
        "token-introspection+jwt",
        "vp+jwt",
        "vc+jwt",
        "sd-jwt",
        "dc+sd-jwt",
        "client-authentication+jwt",
        "oauth-authz-req+jwt",
        "entity-statement+jwt",
        "JOSE",
        "id+jwt",
        "rt+jwt",
        "application/okta-internal-at+jwt",
        "at+jwt ",
        " at+jwt",
        "at+jwt;x=1",
        "at+jwtx",
        "xat+jwt",
        "application/application/at+jwt",
        "",
        "JWS",
        "text/at+jwt",
        "application/",
    ];
    for kind in kinds {
        for spelling in [
            kind.to_owned(),
            kind.to_uppercase(),
            format!("application/{kind}"),
        ] {
            assert_eq!(
                refusal(&of_type(&spelling)),
                Reason::WrongType,
                "{spelling:?}"
            );
        }
    }
}

#[test]
fn b7_accepts_access_token_types_in_any_case() {
    for kind in [
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "Application/AT+JWT",
        "JWT",
        "jwt",
        "application/jwt",
    ] {
        assert!(verify(&of_type(kind)).is_ok(), "{kind}");
    }
    assert!(
        verify(&sign(&P256, "ES256", &json!({"kid": "key-1"}), &claims())).is_ok(),
        "absent"
    );
}

#[test]
fn row_22_b7_a_strict_profile_takes_at_jwt_only() {
    let verifier = verifier_with(Profile::generic().requiring_at_jwt());
    for (kind, accepted) in [
        ("at+jwt", true),
        ("application/AT+jwt", true),
        ("JWT", false),
        ("application/jwt", false),
    ] {
        assert_eq!(
            verify_with(&verifier, &keys(), &of_type(kind), NOW).is_ok(),
            accepted,
            "{kind}"
        );
    }
    let untyped = sign(&P256, "ES256", &json!({"kid": "key-1"}), &claims());
    assert_eq!(
        verify_with(&verifier, &keys(), &untyped, NOW)
            .unwrap_err()
            .reason(),
        Reason::WrongType
    );
}

/// An ID token of a client whose id is configured as audience, because its access tokens carry it too.
#[test]
fn row_14_b8_refuses_id_tokens() {
    let builder = Verifier::builder()
        .issuer(issuer())
        .audiences(Audience::new("client-1").unwrap(), []);
    let verifier = builder.build().unwrap();
    let refusal = |more: &Value| {
        let id_token = claims_with(&merged(
            json!({"aud": "client-1", "scope": null, "client_id": null}),
            more,
        ));
        let token = sign(&P256, "ES256", &json!({"kid": "key-1"}), &id_token);
        verify_with(&verifier, &keys(), &token, NOW).map_err(|error| error.reason())
    };
    for client in ["azp", "client_id", "cid", "appid"] {
        let own = json!({ client: "client-1" });
        assert_eq!(refusal(&own), Err(Reason::IdToken), "{own}");
        assert_eq!(
            refusal(&merged(own.clone(), &json!({"aud": ["client-1", "x"]}))),
            Err(Reason::IdToken),
            "{own}"
        );
        assert!(
            refusal(&merged(own, &json!({"scope": "tools:read"}))).is_ok(),
            "an access token with that audience"
        );
    }
    for hash in ["nonce", "at_hash", "c_hash", "s_hash"] {
        assert_eq!(
            refusal(&json!({ hash: "x" })),
            Err(Reason::IdToken),
            "{hash}"
        );
    }
    assert!(
        refusal(&json!({"azp": "another-client"})).is_ok(),
        "issued to another client for this one"
    );
}

#[test]
fn b8_refuses_tokens_of_another_use_per_profile() {
    let cases = [
        (
            Profile::cognito(),
            "token_use",
            json!("access"),
            vec![
                json!("id"),
                json!("refresh"),
                json!("Access"),
                json!(null),
                json!(""),
            ],
        ),
        (
            Profile::keycloak(),
            "typ",
            json!("Bearer"),
            vec![
                json!("ID"),
                json!("Refresh"),
                json!("Offline"),
                json!("Logout"),
                json!("bearer"),
                json!(null),
            ],
        ),
    ];
    for (profile, claim, good, bad) in cases {
        let builder = Verifier::builder()
            .issuer(issuer())
            .audiences(Audience::new(RESOURCE).unwrap(), []);
        let verifier = builder.profile(profile).build().unwrap();
        let outcome = |value: &Value| {
            let token = sign(
                &P256,
                "ES256",
                &json!({"kid": "key-1"}),
                &claims_with(&json!({ claim: value })),
            );
            verify_with(&verifier, &keys(), &token, NOW).map_err(|error| error.reason())
        };
        assert!(outcome(&good).is_ok(), "{claim}");
        for value in bad {
            assert_eq!(
                outcome(&value),
                Err(Reason::WrongTokenUse),
                "{claim} {value}"
            );
        }
        for value in [json!(1), json!([good]), json!({}), json!(true)] {
            assert_eq!(
                outcome(&value),
                Err(Reason::MalformedClaims),
                "{claim} {value}"
            );
        }
    }
}

/// Neither an ID token nor the token of a program without any right carries `scp` or `roles`.
#[test]
fn b8_refuses_entra_tokens_that_grant_nothing() {
    let verifier = verifier_with(Profile::entra());
    let entra = |more: &Value| {
        let claims = json!({"client_id": null, "scope": null, "oid": "6902", "tid": "72f9"});
        let claims = claims_with(&merged(claims, more));
        sign(&P256, "ES256", &json!({"kid": "key-1"}), &claims)
    };
    let good = [
        json!({"azp": "1111", "scp": "tools.read"}),
        json!({"azp": "1111", "roles": ["Tools.Read.All"]}),
    ];
    for more in good {
        assert!(
            verify_with(&verifier, &keys(), &entra(&more), NOW).is_ok(),
            "{more}"
        );
    }
    let bad = [
        json!({"name": "Ana"}),
        json!({"azp": "1111", "sub": "6902"}),
        json!({"azp": "1111", "sub": "6902", "idtyp": "app"}),
    ];
    for more in bad {
        let token = entra(&more);
        let refused = verify_with(&verifier, &keys(), &token, NOW).unwrap_err();
        assert_eq!(refused.reason(), Reason::WrongTokenUse, "{more}");
        assert!(
            refused.detail().contains("none of /scp, /roles"),
            "{refused}"
        );
        let verified = verifier
            .verify_signature(&CompactJws::parse(&token).unwrap(), &keys())
            .unwrap();
        let outcomes = verifier.explain(&verified, UnixTime::from_secs(NOW));
        let token_use = outcomes.iter().find(|check| check.name == "token_use");
        assert_eq!(token_use.unwrap().result, Err(refused), "{more}");
    }
}

#[test]
fn b14_refuses_nested_tokens() {
    let mut nested = token(&claims());
    for level in 1..=5 {
        let payload = nested.as_bytes().to_vec();
        nested = sign_raw(
            &P256,
            "ES256",
            br#"{"alg":"ES256","kid":"key-1","cty":"JWT"}"#,
            &payload,
        );
        assert_eq!(refusal(&nested), Reason::MalformedToken, "{level} levels");
        let without = sign_raw(
            &P256,
            "ES256",
            br#"{"alg":"ES256","kid":"key-1"}"#,
            &payload,
        );
        assert_eq!(
            refusal(&without),
            Reason::MalformedClaims,
            "{level} levels, without cty"
        );
    }
    for cty in ["JWT", "jwt", "application/JWT"] {
        let token = sign(
            &P256,
            "ES256",
            &json!({"kid": "key-1", "cty": cty}),
            &claims(),
        );
        assert_eq!(
            refusal(&token),
            Reason::MalformedToken,
            "{cty} around plain claims"
        );
    }
}

/// Rule R33: a token bound to a key is no plain bearer token.
#[test]
fn i3_refuses_bound_tokens_without_proof() {
    for cnf in [
        json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        json!({"x5t#S256": "AAAA"}),
        json!({"jwk": {}}),
        json!({}),
        json!("x"),
    ] {
        assert_eq!(
            refusal_of(&json!({ "cnf": cnf })),
            Reason::SenderProofMissing,
            "{cnf}"
        );
    }
    let null = claims()
        .to_string()
        .replace("\"sub\"", "\"cnf\":null,\"sub\"");
    assert_eq!(refusal(&token_of_text(&null)), Reason::SenderProofMissing);
}
