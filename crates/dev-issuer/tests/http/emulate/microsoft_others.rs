//! Azure AD B2C and Entra External ID.

use oauthgate_dev_issuer::Kind;
use serde_json::json;

use super::support::{emulate, emulate_by_name, names, sorted};

const B2C_TENANT: &str = "775527ff-9a37-4307-8b3d-cc311f58d925";
const B2C_API: &str = "90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6";
const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

#[tokio::test]
async fn b2cs_issuer_is_no_prefix_of_its_documents() {
    let it = emulate("b2c").await;
    let base = "/acme.onmicrosoft.com/b2c_1_signin";
    let metadata = it
        .document(&format!("{base}/v2.0/.well-known/openid-configuration"))
        .await;
    let issuer = it.at(&format!("/{B2C_TENANT}/v2.0/"));
    assert_eq!(metadata["issuer"], issuer);
    assert_eq!(it.token(Kind::User).claims["iss"], issuer);
    assert_eq!(
        metadata["jwks_uri"],
        it.at(&format!("{base}/discovery/v2.0/keys"))
    );
    let path = format!("/{B2C_TENANT}/v2.0/.well-known/openid-configuration");
    assert_eq!(it.status(&path).await, 404);
}

#[tokio::test]
async fn b2c_can_write_the_policy_into_the_issuer() {
    let it = emulate("b2c-tfp").await;
    let base = format!("/tfp/{B2C_TENANT}/b2c_1_signin/v2.0/");
    assert_eq!(it.token(Kind::User).claims["iss"], it.at(&base));
    let metadata = it
        .document(&format!("{base}.well-known/openid-configuration"))
        .await;
    assert_eq!(metadata["issuer"], it.at(&base));
}

#[tokio::test]
async fn b2cs_tokens_are_for_the_application_and_name_the_policy() {
    let it = emulate("b2c").await;
    let claims = it.token(Kind::User).claims;
    assert_eq!(
        names(&claims),
        sorted("aud azp exp iat iss name nbf oid scp sub tfp ver")
    );
    assert_eq!(claims["aud"], B2C_API);
    assert_eq!(claims["scp"], "tools.read");
    assert_eq!(claims["tfp"], "b2c_1_signin");
    let machine = it.token(Kind::Machine).claims;
    assert_eq!(
        names(&machine),
        sorted("aud azp exp iat iss nbf oid roles sub ver")
    );
    assert_eq!(
        it.token(Kind::Id).claims["aud"],
        json!("33333333-4444-5555-6666-777777777777")
    );
}

#[tokio::test]
async fn external_id_names_the_tenant_twice() {
    let it = emulate_by_name("entra-external-id").await;
    let issuer = format!("https://{TENANT}.ciamlogin.com/{TENANT}/v2.0");
    assert_eq!(it.issuer(), issuer);
    let claims = it.token(Kind::User).claims;
    assert_eq!(claims["iss"], json!(issuer));
    assert_eq!(
        (&claims["ver"], &claims["tid"]),
        (&json!("2.0"), &json!(TENANT))
    );
    let metadata = it
        .document(&format!("/{TENANT}/v2.0/.well-known/openid-configuration"))
        .await;
    assert_eq!(metadata["issuer"], json!(issuer));
    assert_eq!(
        metadata["jwks_uri"],
        json!(format!(
            "https://acme.ciamlogin.com/{TENANT}/discovery/v2.0/keys"
        ))
    );
    for key in it.keys(&format!("/{TENANT}/discovery/v2.0/keys")).await {
        assert_eq!(
            names(&key),
            sorted("e kid kty n oauthgate_dev_key use x5c x5t")
        );
    }
}
