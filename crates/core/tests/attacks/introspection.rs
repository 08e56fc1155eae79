//! Answers of an introspection endpoint (RFC 7662) in the place of a signature, and signed ones (RFC 9701).

use std::time::Duration;

use oauthgate_core::{
    Answer, Audience, Denial, IntrospectionAnswer, Issuer, PrincipalKind, Profile,
    ProtectedResource, Reason, SigningAlgorithm, TokenError, UnixTime, UserContext, Verifier,
    claims::ClaimPointer,
    token::{IntrospectedClaims, SignedAnswerRules, SignedIntrospection},
};
use serde_json::{Value, json};

use crate::support::*;

const CLIENT: &str = "our-client";
const ASK_AGAIN: UnixTime = UnixTime::from_secs(NOW + 60);

/// The answer about a good token of a user.
fn answer() -> Value {
    let mut answer = claims();
    answer["active"] = true.into();
    answer["token_type"] = "Bearer".into();
    answer
}

fn answer_with(more: &Value) -> Value {
    merged(answer(), more)
}

fn read(text: &str) -> Result<IntrospectionAnswer, TokenError> {
    IntrospectionAnswer::parse(text.as_bytes(), &issuer())
}

fn validate(
    verifier: &Verifier,
    claims: &IntrospectedClaims,
    now: i64,
) -> Result<UserContext, TokenError> {
    let now = UnixTime::from_secs(now);
    let validated = verifier.validate_introspected(claims, ASK_AGAIN, now)?;
    verifier.user_context(&validated)
}

fn judged(answer: &Value) -> Result<UserContext, Reason> {
    judged_by(&verifier(), answer)
}

fn judged_by(verifier: &Verifier, answer: &Value) -> Result<UserContext, Reason> {
    match read(&answer.to_string()).map_err(|error| error.reason())? {
        IntrospectionAnswer::Inactive => Err(Reason::InactiveToken),
        IntrospectionAnswer::Active(claims) => {
            validate(verifier, &claims, NOW).map_err(|error| error.reason())
        }
    }
}

fn status_of(reason: Reason) -> u16 {
    let protected = ProtectedResource::new(resource(), vec![issuer()]);
    Answer::to(&Denial::new(reason), &protected)
        .status()
        .as_u16()
}

#[test]
fn what_the_answer_says_becomes_the_user_context() {
    let user = judged(&answer()).unwrap();
    assert_eq!(user.user_id(), "user-1");
    assert_eq!(user.client_id(), Some("client-1"));
    assert_eq!(user.scopes().to_string(), "tools:read tools:write");
    assert_eq!(user.issuer(), &issuer());
    assert_eq!(user.token_expires_at(), UnixTime::from_secs(NOW + 3600));
}

#[test]
fn row_56_e11_only_the_boolean_true_is_active() {
    let wrong = [
        json!("true"),
        json!(1),
        json!([]),
        json!([true]),
        json!({}),
        json!("false"),
        json!(0),
        json!("TRUE"),
    ];
    for active in &wrong {
        let verdict = judged(&answer_with(&json!({ "active": active })));
        assert_eq!(
            verdict.unwrap_err(),
            Reason::IntrospectionRefused,
            "{active}"
        );
    }
    let absent = judged(&answer_with(&json!({ "active": null })));
    assert_eq!(absent.unwrap_err(), Reason::IntrospectionRefused);
    let null = judged(&with_nulls(answer(), &["active"]));
    assert_eq!(null.unwrap_err(), Reason::IntrospectionRefused);
    let inactive = judged(&answer_with(&json!({ "active": false })));
    assert_eq!(inactive.unwrap_err(), Reason::InactiveToken);
}

#[test]
fn e11_what_is_no_answer_blames_nobodys_token() {
    for text in [
        "",
        "null",
        "true",
        "[]",
        "[{\"active\":true}]",
        "{\"active\":true",
        "{\"active\":true}{\"active\":true}",
        "{\"active\":false,\"active\":true}",
        "{\"active\":true,\"\\u0061ctive\":false}",
        "{\"active\":true,\"aud\":\"a\",\"aud\":\"b\"}",
        "{\"active\":true,\"x\":{\"a\":1,\"a\":2}}",
        "<!doctype html><title>Sign in</title>",
        "\u{feff}{\"active\":true}",
        "{'active':true}",
        "active=true",
    ] {
        assert_eq!(
            read(text).unwrap_err().reason(),
            Reason::IntrospectionRefused,
            "{text:?}"
        );
    }
    assert_eq!(status_of(Reason::IntrospectionRefused), 503);
    assert_eq!(status_of(Reason::IntrospectionUnavailable), 503);
    assert_eq!(status_of(Reason::InactiveToken), 401);
}

#[test]
fn e19_a_huge_or_deep_answer_is_none() {
    let long = answer_with(&json!({ "x": "x".repeat(IntrospectionAnswer::MAX_LENGTH) }));
    assert!(read(&long.to_string()).is_err());
    let deep = format!(
        "{{\"active\":true,\"x\":{}1{}}}",
        "[".repeat(100),
        "]".repeat(100)
    );
    assert!(read(&deep).is_err());
}

#[test]
fn e12_whatever_is_missing_or_wrong_in_the_answer_is_refused() {
    let rows: &[(Value, Result<(), Reason>)] = &[
        // The issuer that was asked stands for a missing one, and for no other.
        (json!({"iss": null}), Ok(())),
        (
            json!({"iss": "https://auth.example.com"}),
            Err(Reason::UnknownIssuer),
        ),
        (
            json!({"iss": "https://evil.test/"}),
            Err(Reason::UnknownIssuer),
        ),
        (json!({"iss": 1}), Err(Reason::MalformedClaims)),
        (json!({"iss": [ISSUER]}), Err(Reason::MalformedClaims)),
        (json!({"iss": ""}), Err(Reason::UnknownIssuer)),
        (json!({"aud": null}), Err(Reason::MissingAudience)),
        (json!({"aud": []}), Err(Reason::MissingAudience)),
        (
            json!({"aud": "https://other.example.com"}),
            Err(Reason::WrongAudience),
        ),
        (
            json!({"aud": ["https://other.example.com", RESOURCE]}),
            Ok(()),
        ),
        (
            json!({"aud": {"0": RESOURCE}}),
            Err(Reason::MalformedClaims),
        ),
        // Who was asked just now need not say until when.
        (json!({"exp": null}), Ok(())),
        (json!({"exp": NOW - 61}), Err(Reason::Expired)),
        (json!({"exp": NOW - 60}), Err(Reason::Expired)),
        (json!({"exp": NOW - 59}), Ok(())),
        (json!({"exp": "9999999999"}), Err(Reason::MalformedClaims)),
        (json!({"exp": []}), Err(Reason::MalformedClaims)),
        (json!({"nbf": NOW + 61}), Err(Reason::NotYetValid)),
        (json!({"iat": NOW + 61}), Err(Reason::IssuedInFuture)),
        (json!({"sub": null}), Ok(())),
        (
            json!({"sub": null, "client_id": null}),
            Err(Reason::MissingSubject),
        ),
        (json!({"sub": ""}), Err(Reason::MalformedClaims)),
        (json!({"sub": ["user-1"]}), Err(Reason::MalformedClaims)),
        (json!({"scope": 7}), Err(Reason::MalformedClaims)),
        (json!({"scope": ["tools:read"]}), Ok(())),
        (
            json!({"cnf": {"jkt": "x"}}),
            Err(Reason::SenderProofMissing),
        ),
        (
            json!({"cnf": {"x5t#S256": "x"}}),
            Err(Reason::SenderProofMissing),
        ),
        (json!({"cnf": {}}), Err(Reason::SenderProofMissing)),
        (
            json!({"resource": "https://other.example.com/mcp"}),
            Err(Reason::WrongResource),
        ),
    ];
    for (more, expected) in rows {
        let verdict = judged(&answer_with(more)).map(|_| ());
        assert_eq!(&verdict, expected, "{more}");
        if let Err(reason) = verdict {
            assert_eq!(status_of(reason), 401, "{more}");
        }
    }
    for name in ["iss", "aud", "exp", "sub"] {
        let verdict = judged(&with_nulls(answer(), &[name]));
        assert_eq!(
            verdict.unwrap_err(),
            Reason::MalformedClaims,
            "{name}: null"
        );
    }
}

#[test]
fn b7_an_answer_about_another_kind_of_token_is_refused() {
    for (more, expected) in [
        (json!({"token_type": "Bearer"}), Ok(())),
        (json!({"token_type": "bearer"}), Ok(())),
        (json!({"token_type": null}), Ok(())),
        (
            json!({"token_type": "DPoP"}),
            Err(Reason::SenderProofMissing),
        ),
        (
            json!({"token_type": "dpop"}),
            Err(Reason::SenderProofMissing),
        ),
        (
            json!({"token_type": "refresh_token"}),
            Err(Reason::WrongType),
        ),
        (json!({"token_type": "N_A"}), Err(Reason::WrongType)),
        (json!({"token_type": "mac"}), Err(Reason::WrongType)),
        (json!({"token_type": ""}), Err(Reason::WrongType)),
        (json!({"token_type": "Bearer "}), Err(Reason::WrongType)),
        (
            json!({"token_type": ["Bearer"]}),
            Err(Reason::MalformedClaims),
        ),
        (json!({"token_use": "access_token"}), Ok(())),
        (json!({"token_use": "access"}), Ok(())),
        (
            json!({"token_use": "refresh_token"}),
            Err(Reason::WrongType),
        ),
        (json!({"token_use": "id"}), Err(Reason::WrongType)),
    ] {
        let verdict = judged(&answer_with(&more)).map(|_| ());
        assert_eq!(verdict, expected, "{more}");
    }
}

#[test]
fn b8_what_a_profile_demands_of_claims_it_demands_of_answers() {
    let profile = Profile::named("keycloak").unwrap();
    let verifier = verifier_with(profile);
    for (kind, expected) in [
        ("Bearer", Ok(())),
        ("Refresh", Err(Reason::WrongTokenUse)),
        ("ID", Err(Reason::WrongTokenUse)),
    ] {
        let verdict = judged_by(&verifier, &answer_with(&json!({ "typ": kind })));
        assert_eq!(verdict.map(|_| ()), expected, "{kind}");
    }
}

#[test]
fn a_list_of_clients_holds_for_answers() {
    let verifier = Verifier::builder()
        .issuer(issuer())
        .audiences(Audience::new(RESOURCE).unwrap(), [])
        .allowed_clients(["client-2".to_owned()])
        .build()
        .unwrap();
    let verdict = judged_by(&verifier, &answer());
    assert_eq!(verdict.unwrap_err(), Reason::ClientNotAllowed);
    let other = answer_with(&json!({"client_id": "client-2"}));
    assert!(judged_by(&verifier, &other).is_ok());
}

#[test]
fn the_names_of_rfc_7662_count_after_the_profiles_own() {
    let profile = Profile::generic().with_scopes(vec![ClaimPointer::claim("scp")]);
    let verifier = verifier_with(profile);
    let user = judged_by(&verifier, &answer()).unwrap();
    assert_eq!(user.scopes().to_string(), "tools:read tools:write");
    let both = answer_with(&json!({"scp": ["own"]}));
    assert_eq!(
        judged_by(&verifier, &both).unwrap().scopes().to_string(),
        "own"
    );
    // In a token, the profile's places are the only ones.
    let token = token(&claims());
    let user = verify_with(&verifier, &keys(), &token, NOW).unwrap();
    assert!(user.scopes().is_empty());
}

#[test]
fn a_token_without_exp_expires_when_its_issuer_must_be_asked_again() {
    let user = judged(&answer_with(&json!({ "exp": null }))).unwrap();
    assert_eq!(user.token_expires_at(), ASK_AGAIN);
}

#[test]
fn c3_a_signed_token_without_exp_is_refused_as_ever() {
    assert_eq!(refusal_of(&json!({"exp": null})), Reason::MissingExpiration);
}

/// What RFC 9701 §5 shows, with our names in it.
fn envelope() -> Value {
    json!({"iss": ISSUER, "aud": CLIENT, "iat": NOW, "token_introspection": answer()})
}

fn signed_with(header: &Value, more: &Value) -> String {
    let header = merged(
        json!({"kid": "key-1", "typ": "token-introspection+jwt"}),
        header,
    );
    sign(&P256, "ES256", &header, &merged(envelope(), more))
}

fn open(text: &str) -> Result<IntrospectionAnswer, TokenError> {
    let signed = SignedIntrospection::parse(text)?;
    let issuer = issuer();
    let rules = SignedAnswerRules {
        issuer: &issuer,
        client_id: CLIENT,
        algorithms: SigningAlgorithm::ALL,
        skew: Duration::from_secs(60),
    };
    signed.verify(&keys(), &rules, UnixTime::from_secs(NOW))
}

#[test]
fn a_signed_answer_is_opened() {
    for header in [
        json!({}),
        json!({"typ": "application/token-introspection+jwt"}),
        json!({"typ": "Token-Introspection+JWT"}),
    ] {
        let Ok(IntrospectionAnswer::Active(claims)) = open(&signed_with(&header, &json!({})))
        else {
            panic!("refused: {header}");
        };
        assert_eq!(
            validate(&verifier(), &claims, NOW).unwrap().user_id(),
            "user-1"
        );
    }
    let list = signed_with(&json!({}), &json!({"aud": ["other", CLIENT]}));
    assert!(open(&list).is_ok());
    let inactive = json!({"token_introspection": {"active": false}});
    let inactive = open(&signed_with(&json!({}), &inactive));
    assert!(matches!(inactive, Ok(IntrospectionAnswer::Inactive)));
}

#[test]
fn whatever_is_wrong_with_a_signed_answer_blames_nobodys_token() {
    let of_another_key = sign(
        &P384,
        "ES384",
        &json!({"kid": "key-1", "typ": "token-introspection+jwt"}),
        &envelope(),
    );
    let unknown_key = json!({"kid": "key-2"});
    let mut rows = vec![of_another_key, signed_with(&unknown_key, &json!({}))];
    for token_type in ["at+jwt", "JWT", "", "introspection+jwt"] {
        rows.push(signed_with(&json!({ "typ": token_type }), &json!({})));
    }
    rows.push(sign(&P256, "ES256", &json!({"kid": "key-1"}), &envelope()));
    for more in [
        json!({"iss": null}),
        json!({"iss": "https://evil.test/"}),
        json!({"iss": [ISSUER]}),
        json!({"aud": null}),
        json!({"aud": "other-client"}),
        json!({"aud": [["our-client"]]}),
        json!({"iat": null}),
        json!({"iat": "now"}),
        json!({"iat": NOW + 61}),
        json!({"iat": NOW - 361}),
        json!({"token_introspection": null}),
        json!({"token_introspection": true}),
        json!({"token_introspection": [answer()]}),
        json!({"token_introspection": answer().to_string()}),
        json!({"token_introspection": {"active": "true"}}),
        // The answer beside the claim that it belongs into.
        json!({"token_introspection": null, "active": true}),
    ] {
        rows.push(signed_with(&json!({}), &more));
    }
    let good = signed_with(&json!({}), &json!({}));
    let (start, signature) = good.rsplit_once('.').unwrap();
    rows.push(format!("{start}."));
    rows.push(format!(
        "{start}.{}",
        signature.chars().rev().collect::<String>()
    ));
    rows.push(answer().to_string());
    rows.push(String::new());
    for row in rows {
        let refused = open(&row).unwrap_err();
        assert_eq!(refused.reason(), Reason::IntrospectionRefused, "{row}");
    }
}

#[test]
fn the_age_of_a_signed_answer_counts_to_the_second() {
    for (issued_at, is_taken) in [(NOW + 60, true), (NOW - 360, true), (NOW - 361, false)] {
        let answer = open(&signed_with(&json!({}), &json!({ "iat": issued_at })));
        assert_eq!(answer.is_ok(), is_taken, "{}", issued_at - NOW);
    }
}

fn google(answer: &Value) -> Result<UserContext, Reason> {
    let asked = issuer();
    let answer = IntrospectionAnswer::of_google_tokeninfo(answer.to_string().as_bytes(), &asked)
        .map_err(|error| error.reason())?;
    adapted(&answer)
}

fn github(answer: &Value) -> Result<UserContext, Reason> {
    let asked = issuer();
    let answer = IntrospectionAnswer::of_github_application(answer.to_string().as_bytes(), &asked)
        .map_err(|error| error.reason())?;
    adapted(&answer)
}

/// Judged where the audience is a client id, as the two providers write it.
fn adapted(answer: &IntrospectionAnswer) -> Result<UserContext, Reason> {
    let verifier = Verifier::builder()
        .issuer(issuer())
        .audiences(Audience::new("app-1").unwrap(), [])
        .build()
        .unwrap();
    let IntrospectionAnswer::Active(claims) = answer else {
        return Err(Reason::InactiveToken);
    };
    validate(&verifier, claims, NOW).map_err(|error| error.reason())
}

#[test]
fn e13_google_vouches_for_a_client_and_for_nothing_else() {
    let good = json!({
        "azp": "app-1", "aud": "app-1", "sub": "1077", "scope": "openid email",
        "exp": (NOW + 3599).to_string(), "expires_in": "3599", "email": "ana@example.com",
        "email_verified": "true", "access_type": "online",
    });
    let user = google(&good).unwrap();
    assert_eq!((user.user_id(), user.client_id()), ("1077", Some("app-1")));
    assert_eq!(user.token_expires_at(), UnixTime::from_secs(NOW + 3599));
    assert!(user.email_verified());
    for (more, reason) in [
        (json!({"aud": "app-2"}), Reason::WrongAudience),
        (json!({"aud": null}), Reason::IntrospectionRefused),
        (json!({"aud": ["app-1"]}), Reason::IntrospectionRefused),
        (json!({"exp": (NOW - 61).to_string()}), Reason::Expired),
        (json!({"exp": "soon"}), Reason::MalformedClaims),
        (json!({"exp": "-1"}), Reason::MalformedClaims),
        (json!({"iss": "https://evil.test/"}), Reason::UnknownIssuer),
    ] {
        assert_eq!(
            google(&merged(good.clone(), &more)).unwrap_err(),
            reason,
            "{more}"
        );
    }
}

#[test]
fn e13_github_vouches_for_an_app_and_for_nothing_else() {
    let good = json!({
        "id": 1, "url": "https://api.github.com/authorizations/1", "scopes": ["repo", "read:org"],
        "token": "gho_16C7e42F292c6912E7710c838347Ae178B4a", "app": {"name": "x", "client_id": "app-1"},
        "expires_at": "2030-09-08T17:26:27Z", "created_at": "2011-09-06T17:26:27Z",
        "user": {"login": "octocat", "id": 583_231, "type": "User"},
    });
    let user = github(&good).unwrap();
    assert_eq!(
        (user.user_id(), user.client_id()),
        ("583231", Some("app-1"))
    );
    assert_eq!(user.scopes().to_string(), "read:org repo");
    assert!(!format!("{user:?}").contains("gho_"));
    for (more, expected) in [
        (json!({"expires_at": null}), Ok(())),
        (
            json!({"expires_at": "2011-09-08T17:26:27Z"}),
            Err(Reason::Expired),
        ),
        (
            json!({"expires_at": "never"}),
            Err(Reason::IntrospectionRefused),
        ),
        (
            json!({"app": {"client_id": "app-2"}}),
            Err(Reason::WrongAudience),
        ),
        (json!({"app": null}), Err(Reason::IntrospectionRefused)),
        (json!({"user": null}), Err(Reason::IntrospectionRefused)),
        (
            json!({"user": {"login": "octocat"}}),
            Err(Reason::IntrospectionRefused),
        ),
        (
            json!({"user": {"id": "583231"}}),
            Err(Reason::IntrospectionRefused),
        ),
        (json!({"scopes": "repo"}), Err(Reason::IntrospectionRefused)),
        (json!({"scopes": null}), Ok(())),
    ] {
        let verdict = github(&merged(good.clone(), &more)).map(|_| ());
        assert_eq!(verdict, expected, "{more}");
    }
}

/// Every answer names the client `client_id` (RFC 7662 §2.2), so beside a name that a person may choose it
/// shows nothing.
#[test]
fn c15_a_keycloak_user_is_no_service_account_by_a_name_it_chose_in_an_answer_either() {
    let keycloak = verifier_with(Profile::keycloak());
    let kind = |more: &Value| {
        let named = json!({
            "sub": "5a2f", "typ": "Bearer", "azp": "scheduler", "client_id": "scheduler",
            "preferred_username": "service-account-scheduler", "username": "service-account-scheduler",
        });
        let user = judged_by(&keycloak, &answer_with(&merged(named, more))).unwrap();
        (user.user_id().to_owned(), user.kind())
    };
    let person = ("5a2f".to_owned(), PrincipalKind::User);
    let program = ("scheduler".to_owned(), PrincipalKind::Service);
    assert_eq!(kind(&json!({})), person);
    for sign in ["clientId", "clientHost", "clientAddress"] {
        assert_eq!(kind(&json!({ sign: "scheduler" })), program, "{sign}");
    }
}

/// Okta answers for refresh and ID tokens too, and calls all of them `Bearer`; only a user's access token
/// has `uid`, and only a program is its own client.
#[test]
fn b7_c15_other_tokens_of_an_okta_organization_are_neither_its_users_nor_its_programs() {
    let okta = Verifier::builder()
        .issuer(issuer())
        .audiences(Audience::new("0oas").unwrap(), [])
        .resource(resource())
        .profile(Profile::okta_org())
        .build()
        .unwrap();
    let judge = |more: &Value| {
        let common = json!({
            "active": true, "token_type": "Bearer", "scope": "openid tools:read", "client_id": "0oas",
            "username": "ana@example.com", "exp": NOW + 3600, "sub": "ana@example.com",
        });
        judged_by(&okta, &merged(common, more)).map(|user| (user.user_id().to_owned(), user.kind()))
    };
    let refresh = json!({"device_id": "q4SZ"});
    let id = json!({"aud": "0oas", "sub": "00u1", "jti": "ID.x", "nonce": "n"});
    for other in [refresh, id] {
        assert_eq!(judge(&other), Err(Reason::MissingSubject), "{other}");
    }
    let access = json!({"aud": ISSUER, "jti": "AT.x", "uid": "00u1"});
    assert_eq!(judge(&access), Ok(("00u1".to_owned(), PrincipalKind::User)));
    let program = json!({"aud": ISSUER, "jti": "AT.x", "sub": "0oas", "username": "0oas"});
    let service = ("0oas".to_owned(), PrincipalKind::Service);
    assert_eq!(judge(&program), Ok(service));
}

/// RFC 7662 §2.2: both `sub` and `username` are optional. Who has a name is no program for want of an id.
#[test]
fn c15_a_named_user_without_a_subject_is_not_taken_for_the_client() {
    for login in [json!(null), json!("client-1")] {
        let program = answer_with(&json!({"sub": null, "username": login}));
        let kind = judged(&program).map(|user| user.kind());
        assert_eq!(kind, Ok(PrincipalKind::Service), "{login}");
    }
    let named = answer_with(&json!({"sub": null, "username": "ana"}));
    assert_eq!(judged(&named).map(|_| ()), Err(Reason::MissingSubject));
}

/// Google tells who it is only to clients that asked for it (`openid`); a user's token without that scope
/// has a client and nothing else.
#[test]
fn c15_a_token_of_google_that_names_nobody_is_not_taken_for_the_client() {
    let google = Issuer::new("https://accounts.google.com").unwrap();
    let verifier = Verifier::builder()
        .issuer(google.clone())
        .audiences(Audience::new("app.apps.googleusercontent.com").unwrap(), [])
        .profile(Profile::google())
        .build()
        .unwrap();
    let judge = |more: &Value| {
        let common = json!({
            "azp": "app.apps.googleusercontent.com", "aud": "app.apps.googleusercontent.com",
            "scope": "https://www.googleapis.com/auth/drive", "exp": (NOW + 3600).to_string(),
            "expires_in": "3600", "access_type": "online",
        });
        let text = merged(common, more).to_string();
        let answer = IntrospectionAnswer::of_google_tokeninfo(text.as_bytes(), &google);
        let Ok(IntrospectionAnswer::Active(claims)) = answer else {
            panic!("{text}");
        };
        let user = validate(&verifier, &claims, NOW).map_err(|error| error.reason());
        user.map(|user| (user.user_id().to_owned(), user.kind()))
    };
    assert_eq!(judge(&json!({})), Err(Reason::WrongTokenUse));
    let known = judge(&json!({"sub": "1041"}));
    assert_eq!(known, Ok(("1041".to_owned(), PrincipalKind::User)));
}
