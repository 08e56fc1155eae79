//! Headers and key sets as the providers write them: names of keys in every alphabet, keys without `alg`, keys
//! for encryption among them, marks of Entra's.

use oauthgate_core::{JwkSet, Reason, UserContext, Verifier};
use serde_json::{Value, json};

use crate::support::{NOW, RSA, key_set, merged, sign, verify_with};

/// What a provider's keys are called, and what its JWKs say beside the key.
fn key_of(preset: &str, issuer: &str) -> (&'static str, Value) {
    let signing = json!({"use": "sig", "alg": "RS256"});
    match preset {
        "cognito" => ("9Qd3ExampleAcc=", signing),
        "auth0" => (
            "NjVBRjY5MDlCMUIwNzU4RTA2",
            merged(
                signing,
                &json!({"x5t": "NjVBRjY5MDlCMUIwNzU4RTA2", "x5c": ["MIID"]}),
            ),
        ),
        "okta" => ("XshXpfSHwD2MsSjoI9YNj3X_KtMfrZfaaNRI_6PBV40", signing),
        "entra" | "b2c" => (ENTRA, entra(issuer)),
        "keycloak" => ("C2e0yJcuSRBVsmVj0NrJDqr5oMdM6l8U", signing),
        "hydra" => ("4d5f0b6e-1a2b-4c3d-9e8f-0a1b2c3d4e5f", signing),
        "duende" => ("4A5B6C7D8E9F", json!({"use": "sig", "alg": "RS256"})),
        _ => ("key-1", json!({"use": "sig"})),
    }
}

const ENTRA: &str = "i6lGk3FZzxRcUb2C3nEQ7syHJlY";

/// No `alg`, and the issuers for which the key speaks, of the version that the set is of.
fn entra(issuer: &str) -> Value {
    let mark = match issuer.starts_with("https://sts.windows.net/") {
        true => "https://sts.windows.net/{tenantid}/",
        false => "https://login.microsoftonline.com/{tenantid}/v2.0",
    };
    let members = json!({"use": "sig", "x5t": ENTRA, "x5c": ["MIID"]});
    match issuer.contains("b2clogin") {
        true => members,
        false => merged(members, &json!({"issuer": mark})),
    }
}

/// The provider's key, after one that encrypts.
fn keys_of(kid: &str, members: &Value) -> JwkSet {
    let encrypting = json!({"kid": "enc", "use": "enc", "alg": "RSA-OAEP"});
    key_set(&[
        RSA.jwk_with(&encrypting),
        RSA.jwk_with(&merged(json!({ "kid": kid }), members)),
    ])
}

/// The whole way of a token that a provider signs in its own way.
pub(crate) fn judge(
    verifier: &Verifier,
    preset: &str,
    token_type: Option<&str>,
    claims: &Value,
) -> Result<UserContext, Reason> {
    let (kid, members) = key_of(preset, claims["iss"].as_str().unwrap());
    let mut header = json!({ "kid": kid });
    if let Some(token_type) = token_type {
        header["typ"] = json!(token_type);
    }
    // v1.0 tokens write the name twice.
    if claims["ver"] == "1.0" {
        header["x5t"] = json!(kid);
    }
    let token = sign(&RSA, "RS256", &header, claims);
    verify_with(verifier, &keys_of(kid, &members), &token, NOW).map_err(|error| error.reason())
}

/// Rule R6: the sample of a v2.0 key speaks for no v1.0 issuer, nor for another tenant's than the token's.
#[test]
fn the_sample_of_a_key_speaks_for_the_issuers_of_its_mark_only() {
    let tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    let v2 = format!("https://login.microsoftonline.com/{tenant}/v2.0");
    let verifier = crate::builder("entra", &v2, &["api"]).build().unwrap();
    let claims = json!({"iss": v2, "aud": "api", "exp": NOW + 60, "tid": tenant, "oid": "1", "azp": "2", "scp": "a"});
    let outcome = |mark: &str| {
        let members = merged(entra(&v2), &json!({ "issuer": mark }));
        let token = sign(&RSA, "RS256", &json!({"kid": ENTRA}), &claims);
        verify_with(&verifier, &keys_of(ENTRA, &members), &token, NOW)
            .map(|_| ())
            .map_err(|error| error.reason())
    };
    assert_eq!(
        outcome("https://login.microsoftonline.com/{tenantid}/v2.0"),
        Ok(())
    );
    for mark in [
        "https://sts.windows.net/{tenantid}/",
        "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        "https://login.microsoftonline.us/{tenantid}/v2.0",
    ] {
        assert_eq!(outcome(mark), Err(Reason::UnknownKeyId), "{mark}");
    }
}
