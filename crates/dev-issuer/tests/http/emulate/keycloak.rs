use oauthgate_dev_issuer::{Changes, Kind};
use serde_json::json;

use super::support::{API, emulate, names, sorted};

const CERTS: &str = "/realms/acme/protocol/openid-connect/certs";

#[tokio::test]
async fn metadata_is_appended_for_openid_and_inserted_for_rfc_8414() {
    let it = emulate("keycloak").await;
    for path in [
        "/realms/acme/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/realms/acme",
    ] {
        let metadata = it.document(path).await;
        assert_eq!(metadata["issuer"], it.at("/realms/acme"));
        assert_eq!(metadata["jwks_uri"], it.at(CERTS));
    }
    assert_eq!(
        it.status("/.well-known/openid-configuration/realms/acme")
            .await,
        404
    );
}

#[tokio::test]
async fn an_encryption_key_lies_beside_the_signing_key() {
    let it = emulate("keycloak").await;
    let keys = it.keys(CERTS).await;
    let of_use = |wanted: &str| keys.iter().find(|key| key["use"] == wanted).unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(of_use("sig")["alg"], "RS256");
    assert_eq!(of_use("enc")["alg"], "RSA-OAEP");
    it.server.issuer.rotate_keys(false);
    let rotated = it.keys(CERTS).await;
    assert!(rotated.contains(of_use("enc")) && !rotated.contains(of_use("sig")));
}

#[tokio::test]
async fn a_users_token_says_bearer_in_its_claims() {
    let it = emulate("keycloak").await;
    let token = it.token(Kind::User);
    assert_eq!(token.header["typ"], "JWT");
    assert_eq!(
        names(&token.claims),
        sorted(
            "acr aud auth_time azp email email_verified exp iat iss jti preferred_username realm_access \
             resource_access scope sid sub typ"
        )
    );
    assert_eq!(token.claims["typ"], "Bearer");
    assert_eq!(token.claims["aud"], json!([API, "account"]));
    assert_eq!(
        token.claims["realm_access"]["roles"],
        json!(["offline_access", "ops"])
    );
}

#[tokio::test]
async fn without_an_audience_mapper_the_token_is_for_account() {
    let it = emulate("keycloak").await;
    let changes = Changes {
        audience: Some(String::new()),
        ..Changes::default()
    };
    assert_eq!(it.changed(Kind::User, changes).claims["aud"], "account");
}

#[tokio::test]
async fn a_machine_is_a_service_account() {
    let it = emulate("keycloak").await;
    let claims = it.token(Kind::Machine).claims;
    assert_eq!(claims["preferred_username"], "service-account-scheduler");
    assert_eq!(claims["client_id"], "scheduler");
    assert_eq!(claims["clientHost"], "10.0.0.8");
}

#[tokio::test]
async fn id_and_refresh_tokens_differ_in_the_claim_typ() {
    let it = emulate("keycloak").await;
    assert_eq!(it.token(Kind::Id).claims["typ"], "ID");
    let refresh = it.token(Kind::Refresh).claims;
    assert_eq!(refresh["typ"], "Refresh");
    assert_eq!(refresh["aud"], json!(it.issuer()));
}

#[tokio::test]
async fn another_realm_is_another_issuer() {
    let it = emulate("keycloak").await;
    let changes = Changes {
        tenant: Some("other".to_owned()),
        ..Changes::default()
    };
    let claims = it.changed(Kind::User, changes).claims;
    assert_eq!(claims["iss"], it.at("/realms/other"));
}
