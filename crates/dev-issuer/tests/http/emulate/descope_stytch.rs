//! The two whose issuer need not be an URL.

use oauthgate_dev_issuer::{Algorithm, Changes, Kind};
use serde_json::json;

use super::support::{API, emulate, names, sorted};

const DESCOPE: &str = "P2OkfVnJi5Ht7mpCqHjx17nV5epH";
const STYTCH: &str = "project-test-11111111-1111-4111-8111-111111111111";

#[tokio::test]
async fn descopes_session_tokens_name_the_bare_project() {
    let it = emulate("descope").await;
    let token = it.token(Kind::User);
    assert_eq!(it.issuer(), DESCOPE);
    assert_eq!(token.header["kid"], DESCOPE);
    assert_eq!(
        names(&token.claims),
        sorted("amr aud dct drn exp iat iss permissions roles scope sub tenants")
    );
    assert_eq!(token.claims["iss"], DESCOPE);
    assert_eq!(token.claims["drn"], "DS");
    let tenant = token.claims["dct"].as_str().unwrap();
    assert_eq!(
        token.claims["tenants"][tenant]["permissions"],
        json!(["tools:read"])
    );
}

#[tokio::test]
async fn descopes_refresh_token_is_a_jwt_of_the_same_key() {
    let it = emulate("descope").await;
    let (session, refresh) = (it.token(Kind::User), it.token(Kind::Refresh));
    assert_eq!(refresh.claims["drn"], "DSR");
    assert_eq!(refresh.header["kid"], session.header["kid"]);
}

#[tokio::test]
async fn descopes_keys_are_at_two_paths_apart_from_the_issuer() {
    let it = emulate("descope").await;
    let keys = it.keys(&format!("/{DESCOPE}/.well-known/jwks.json")).await;
    assert_eq!(keys, it.keys(&format!("/v2/keys/{DESCOPE}")).await);
    assert_eq!(keys[0]["alg"], "RS256");
    assert_eq!(keys[1]["alg"], "ES384");
    let changes = Changes {
        alg: Some(Algorithm::Es384),
        ..Changes::default()
    };
    assert_eq!(it.changed(Kind::User, changes).header["alg"], "ES384");
}

#[tokio::test]
async fn descopes_agentic_server_is_an_url_and_honours_the_resource() {
    let it = emulate("descope-agentic").await;
    let path = format!("/v1/apps/agentic/{DESCOPE}/MS2abcDEF3ghiJKL4mnoPQR5stu");
    assert_eq!(json!(it.issuer()), it.at(&path));
    assert_eq!(it.token(Kind::User).claims["aud"], API);
    for name in ["openid-configuration", "oauth-authorization-server"] {
        let metadata = it.document(&format!("{path}/.well-known/{name}")).await;
        assert_eq!(metadata["issuer"], it.at(&path));
        assert!(metadata["registration_endpoint"].is_string());
    }
}

#[tokio::test]
async fn stytchs_issuer_has_no_scheme_or_is_the_domain() {
    let project = emulate("stytch").await;
    assert_eq!(
        project.token(Kind::User).claims["iss"],
        format!("stytch.com/{STYTCH}")
    );
    let domain = emulate("stytch-domain").await;
    assert_eq!(domain.token(Kind::User).claims["iss"], domain.at(""));
    for it in [&project, &domain] {
        let metadata = it.document("/.well-known/oauth-authorization-server").await;
        assert_eq!(metadata["issuer"], it.at(""));
        assert_eq!(
            metadata["jwks_uri"],
            it.at(&format!("/v1/sessions/jwks/{STYTCH}"))
        );
    }
}

#[tokio::test]
async fn stytchs_tokens_are_for_client_and_project_in_an_organisation() {
    let it = emulate("stytch").await;
    let claims = it.token(Kind::User).claims;
    assert_eq!(
        names(&claims),
        sorted("aud client_id exp https://stytch.com/organization iat iss jti nbf scope sub")
    );
    assert_eq!(claims["aud"], json!([claims["client_id"], STYTCH]));
    let organization = &claims["https://stytch.com/organization"]["organization_id"];
    assert!(
        organization
            .as_str()
            .unwrap()
            .starts_with("organization-test-")
    );
    let machine = it.token(Kind::Machine).claims;
    assert_eq!(machine["sub"], machine["client_id"]);
    assert_eq!(
        it.token(Kind::Id).claims["aud"],
        json!([claims["client_id"]])
    );
}

#[tokio::test]
async fn stytchs_keys_say_what_they_are_for() {
    let it = emulate("stytch").await;
    for key in it.keys(&format!("/v1/b2b/sessions/jwks/{STYTCH}")).await {
        assert_eq!(key["key_ops"], json!(["verify"]));
        assert!(key["kid"].as_str().unwrap().starts_with("jwk-test-"));
    }
}
