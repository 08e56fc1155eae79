//! What kind of token it is.

use oauthgate_core::{CompactJws, ProtectedResource, Reason};
use serde_json::{Value, json};

use super::{entra, entra_claims, user_of_preset};
use crate::{builder, judge, support::*};

#[test]
fn trap_08_an_entra_token_that_grants_nothing_is_refused_and_so_is_an_id_token() {
    let cases = [
        json!({"scp": null}),
        json!({"scp": null, "idtyp": "app"}),
        // What a user with app roles gets as ID token: roles, and no client.
        json!({"scp": null, "roles": ["Admin"], "azp": null}),
        json!({"scp": null, "roles": ["Admin"], "azp": null, "nonce": "n"}),
    ];
    for more in cases {
        assert_eq!(
            judge(&entra(), Some("JWT"), &entra_claims(&more)),
            Err(Reason::WrongTokenUse),
            "{more}"
        );
    }
}

#[test]
fn trap_28_refresh_tokens_of_the_same_key_are_refused() {
    for (preset, claim, access, refresh) in [
        ("casdoor", "tokenType", "access-token", "refresh-token"),
        ("descope", "drn", "DS", "DSR"),
        ("keycloak", "typ", "Bearer", "Refresh"),
        ("keycloak", "typ", "Bearer", "Offline"),
    ] {
        assert!(
            user_of_preset(preset, &json!({ claim: access })).is_ok(),
            "{preset}"
        );
        for other in [json!(refresh), Value::Null] {
            let refused = user_of_preset(preset, &json!({ claim: other }));
            assert_eq!(refused, Err(Reason::WrongTokenUse), "{preset} {other}");
        }
    }
}

/// An ID token holds what the access token of the same provider holds, or less.
#[test]
fn trap_28_id_tokens_of_the_same_key_are_refused_where_anything_tells_them() {
    let spring = json!({"nbf": NOW});
    let fusionauth = json!({"roles": [], "applicationId": "client-1"});
    for (preset, access, id) in [
        (
            "spring",
            &spring,
            json!({"nbf": null, "scope": null, "azp": "client-1", "nonce": "n"}),
        ),
        ("spring", &spring, json!({"scope": null})),
        (
            "fusionauth",
            &fusionauth,
            json!({"roles": null, "nonce": "n", "at_hash": "h"}),
        ),
        (
            "cognito",
            &json!({"token_use": "access"}),
            json!({"token_use": "id"}),
        ),
        ("keycloak", &json!({"typ": "Bearer"}), json!({"typ": "ID"})),
    ] {
        assert!(user_of_preset(preset, access).is_ok(), "{preset}");
        let verifier = builder(preset, ISSUER, &[RESOURCE]).build().unwrap();
        let refused = judge(&verifier, None, &merged(claims_with(access), &id));
        assert!(
            matches!(refused, Err(Reason::WrongTokenUse | Reason::IdToken)),
            "{preset} {id}: {refused:?}"
        );
    }
}

/// Dex and Casdoor write one set of claims into both, byte for byte. What is left is whom it is for.
#[test]
fn trap_28_where_nothing_tells_an_id_token_only_known_clients_count() {
    for (preset, more) in [
        ("dex", json!({"at_hash": "h"})),
        ("casdoor", json!({"tokenType": "access-token"})),
    ] {
        let of = |client: &str| {
            let listed = builder(preset, ISSUER, &["web"]).build().unwrap();
            let claims = json!({"aud": [client], "azp": client, "client_id": null, "nonce": "n"});
            judge(&listed, Some("JWT"), &claims_with(&merged(claims, &more)))
        };
        assert!(of("web").is_ok(), "{preset}");
        assert_eq!(of("other"), Err(Reason::WrongAudience), "{preset}");
    }
}

#[test]
fn trap_29_nonce_and_at_hash_alone_make_no_id_token() {
    let of_dex = json!({"nonce": "n", "at_hash": "h", "scope": null});
    assert!(user_of_preset("dex", &of_dex).is_ok());
    let old_keycloak = json!({"nonce": "n", "typ": "Bearer"});
    assert!(user_of_preset("keycloak", &old_keycloak).is_ok());
    // authentik writes the claims of both from one set; the access token has `uid` beside them.
    let shared = json!({"nonce": "n", "at_hash": "h", "azp": "client-1", "scope": null});
    let of_authentik = merged(shared.clone(), &json!({"uid": "r", "aud": RESOURCE}));
    assert!(user_of_preset("authentik", &of_authentik).is_ok());
    let refused = user_of_preset("authentik", &shared);
    assert_eq!(refused, Err(Reason::WrongTokenUse));
    // Without any scope beside them they do.
    for hash in ["nonce", "at_hash"] {
        let bare = json!({ hash: "x", "typ": "Bearer", "scope": null });
        assert_eq!(user_of_preset("keycloak", &bare), Err(Reason::IdToken));
    }
}

#[test]
fn trap_30_what_cannot_be_verified_here_is_named() {
    let parse = |token: &str| CompactJws::parse(token).unwrap_err().reason();
    let header = b64(br#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
    assert_eq!(parse(&format!("{header}.a.b.c.d")), Reason::EncryptedToken);
    assert_eq!(parse("ory_at_abcdef"), Reason::OpaqueToken);
    let okta = sign(
        &P256,
        "ES256",
        &json!({"kid": "key-1", "typ": "application/okta-internal-at+jwt"}),
        &claims(),
    );
    assert_eq!(refusal(&okta), Reason::WrongType);
}

#[test]
fn trap_33_a_bound_token_is_no_bearer_token() {
    for cnf in [json!({"jkt": "x"}), json!({"x5t#S256": "x"})] {
        for preset in ["auth0", "okta", "oidc-provider"] {
            let more = json!({"cnf": cnf, "cid": "x", "uid": "1"});
            let refused = user_of_preset(preset, &more);
            assert_eq!(refused, Err(Reason::SenderProofMissing), "{preset} {cnf}");
        }
    }
}

/// What is not enforced is not advertised: a client that binds its tokens would only get useless ones.
#[test]
fn trap_33_no_proof_is_advertised_that_is_not_asked_for() {
    let document = ProtectedResource::new(resource(), vec![]).metadata();
    let document = serde_json::to_value(document).unwrap();
    for member in [
        "dpop_signing_alg_values_supported",
        "dpop_bound_access_tokens_required",
        "tls_client_certificate_bound_access_tokens",
    ] {
        assert_eq!(document.get(member), None, "{member}");
    }
}
