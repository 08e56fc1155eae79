//! Whom a token is for.

use oauthgate_core::{Profile, Reason, SettingError, Verifier, claims::ClaimPointer};
use serde_json::{Value, json};

use super::user_of_preset;
use crate::{builder, judge, support::*};

#[test]
fn trap_10_cognito_binds_by_client_where_there_is_no_audience() {
    let verifier = builder("cognito", ISSUER, &["app"]).build().unwrap();
    let claims = |more: &Value| {
        let cognito =
            json!({"token_use": "access", "client_id": "app", "aud": null, "username": "ana"});
        claims_with(&merged(cognito, more))
    };
    assert!(judge(&verifier, None, &claims(&json!({}))).is_ok());
    assert!(judge(&verifier, None, &claims(&json!({"aud": RESOURCE}))).is_ok());
    for more in [
        json!({"client_id": "other"}),
        json!({"client_id": "other", "aud": RESOURCE}),
        json!({"aud": "https://other.example"}),
    ] {
        assert_eq!(
            judge(&verifier, None, &claims(&more)),
            Err(Reason::WrongAudience),
            "{more}"
        );
    }
}

#[test]
fn trap_11_a_missing_claim_is_never_a_checked_one() {
    for (claim, reason) in [
        ("aud", Reason::MissingAudience),
        ("iss", Reason::UnknownIssuer),
        ("exp", Reason::MissingExpiration),
    ] {
        assert_eq!(refusal_of(&json!({ claim: null })), reason);
    }
    assert_eq!(refusal_of(&json!({"nbf": NOW + 600})), Reason::NotYetValid);
    // One key that cannot be used spoils no set.
    let odd = json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"});
    let set = key_set(&[odd, P256.jwk_with(&json!({"kid": "key-1"}))]);
    assert!(verify_with(&verifier(), &set, &token(&claims()), NOW).is_ok());
}

fn refused(built: Result<Verifier, SettingError>) -> String {
    built.unwrap_err().to_string()
}

#[test]
fn trap_12_keycloaks_account_is_no_audience() {
    let realm = "https://sso.example.com/realms/acme";
    let told = refused(builder("keycloak", realm, &["account"]).build());
    assert!(told.contains("account"), "{told}");
    assert!(builder("keycloak", realm, &[RESOURCE]).build().is_ok());
}

#[test]
fn trap_13_a_client_id_as_audience_is_told_where_it_is_a_slip() {
    let of = |preset: &str| {
        builder(preset, ISSUER, &["web"])
            .allowed_clients(["web".to_owned()])
            .build()
            .unwrap()
            .warnings()
    };
    for preset in ["spring", "fusionauth", "dex", "authentik", "casdoor"] {
        assert!(of(preset).is_empty(), "{preset}");
    }
    let told = of("keycloak");
    assert!(told.len() == 1 && told[0].contains("\"web\""), "{told:?}");
    let without = builder("keycloak", ISSUER, &[RESOURCE]).build().unwrap();
    assert!(without.warnings().is_empty());
}

#[test]
fn trap_14_an_empty_audience_is_a_missing_one() {
    for preset in ["duende", "hydra", "scalekit", "workos"] {
        for aud in [json!([]), Value::Null] {
            let refused = user_of_preset(preset, &json!({ "aud": aud }));
            assert_eq!(refused, Err(Reason::MissingAudience), "{preset} {aud}");
        }
    }
}

#[test]
fn trap_15_supabases_audience_binds_nothing_without_clients() {
    let project = "https://abcd.supabase.co/auth/v1";
    let told = refused(builder("supabase", project, &["authenticated"]).build());
    assert!(told.contains("allowed clients"), "{told}");
    let listed = builder("supabase", project, &["authenticated"]);
    assert!(listed.allowed_clients(["a3f0".to_owned()]).build().is_ok());
    let empty = builder("supabase", project, &["authenticated"]).allowed_clients([]);
    assert!(empty.build().is_err(), "a list that admits nobody");
    // The app's own session names no client.
    let listed =
        builder("supabase", project, &["authenticated"]).allowed_clients(["a3f0".to_owned()]);
    let session = claims_with(&json!({"iss": project, "aud": "authenticated", "client_id": null}));
    assert_eq!(
        judge(&listed.build().unwrap(), None, &session),
        Err(Reason::ClientNotAllowed)
    );
}

/// Rule R19: another claim than `aud` makes the audiences a list of clients, and is warned about.
#[test]
fn r19_the_audience_may_be_another_claim() {
    let mut profile = Profile::generic();
    profile.audience_claim = ClaimPointer::claim("azp");
    let verifier = builder("generic", ISSUER, &["web"])
        .profile(profile)
        .build()
        .unwrap();
    let outcome = |more: &Value| judge(&verifier, None, &claims_with(more)).map(|_| ());
    assert_eq!(outcome(&json!({"azp": "web"})), Ok(()));
    assert_eq!(
        outcome(&json!({"azp": "other"})),
        Err(Reason::WrongAudience)
    );
    assert_eq!(outcome(&json!({"azp": null})), Err(Reason::MissingAudience));
    assert_eq!(outcome(&json!({"azp": 1})), Err(Reason::MalformedClaims));
    assert_eq!(
        outcome(&json!({"azp": "web", "aud": "web", "scope": null, "client_id": null})),
        Err(Reason::IdToken),
        "an ID token of the same client"
    );
    let told = verifier.warnings();
    assert!(told.len() == 1 && told[0].contains("`/azp`"), "{told:?}");
}
