use oauthgate_dev_issuer::{Changes, Kind};
use serde_json::{Value, json};

use super::support::{API, Emulated, emulate, names, sorted};

const SERVER: &str = "/oauth2/aus9o8wzkhckw9TLa0h7";

async fn introspect(it: &Emulated, path: &str, token: &str) -> Value {
    let request = it.server.http.post(it.server.root(path));
    let request = request.basic_auth("service", Some("service-secret"));
    let response = request.form(&[("token", token)]).send().await.unwrap();
    response.json().await.unwrap()
}

#[tokio::test]
async fn the_custom_server_has_both_documents_and_its_own_keys() {
    let it = emulate("okta").await;
    for path in [
        format!("{SERVER}/.well-known/openid-configuration"),
        format!("/.well-known/oauth-authorization-server{SERVER}"),
    ] {
        let metadata = it.document(&path).await;
        assert_eq!(metadata["issuer"], it.at(SERVER));
        assert_eq!(metadata["jwks_uri"], it.at(&format!("{SERVER}/v1/keys")));
    }
    for key in it.keys(&format!("{SERVER}/v1/keys")).await {
        assert_eq!(names(&key), sorted("alg e kid kty n oauthgate_dev_key use"));
    }
}

#[tokio::test]
async fn a_users_token_has_an_array_of_scopes_and_uid_beside_the_login() {
    let it = emulate("okta").await;
    let token = it.token(Kind::User);
    assert_eq!(names(&token.header), sorted("alg kid"));
    assert_eq!(
        names(&token.claims),
        sorted("aud auth_time cid exp groups iat iss jti scp sub uid ver")
    );
    assert_eq!(token.claims["scp"], json!(["openid", "tools.read"]));
    assert_eq!(token.claims["sub"], "joe.smith@example.com");
    assert_eq!(token.claims["uid"], "00uixa271s6x7qt8I0h7");
    assert_eq!(token.claims["aud"], API);
    assert!(token.claims["jti"].as_str().unwrap().starts_with("AT."));
}

#[tokio::test]
async fn without_a_resource_the_audience_is_the_servers() {
    let it = emulate("okta").await;
    let changes = Changes {
        audience: Some(String::new()),
        ..Changes::default()
    };
    assert_eq!(
        it.changed(Kind::User, changes).claims["aud"],
        "api://default"
    );
}

#[tokio::test]
async fn a_machines_token_has_no_uid() {
    let it = emulate("okta").await;
    let claims = it.token(Kind::Machine).claims;
    assert_eq!(
        names(&claims),
        sorted("aud cid exp iat iss jti scp sub ver")
    );
    assert_eq!(claims["sub"], claims["cid"]);
}

#[tokio::test]
async fn an_id_tokens_subject_is_the_user() {
    let it = emulate("okta").await;
    let claims = it.token(Kind::Id).claims;
    assert_eq!(claims["sub"], "00uixa271s6x7qt8I0h7");
    assert_eq!(claims["aud"], "0oas6ywyq7cwyKUfF0h7");
}

#[tokio::test]
async fn the_org_servers_tokens_only_look_like_jwts() {
    let it = emulate("okta-org").await;
    let token = it.token(Kind::User);
    assert_eq!(token.header["typ"], "application/okta-internal-at+jwt");
    assert_eq!(token.claims["aud"], json!(it.issuer()));
    assert_eq!(json!(it.issuer()), it.at(""));
    for name in ["openid-configuration", "oauth-authorization-server"] {
        let metadata = it.document(&format!("/.well-known/{name}")).await;
        assert_eq!(metadata["jwks_uri"], it.at("/oauth2/v1/keys"));
    }
}

#[tokio::test]
async fn introspection_speaks_rfc_7662() {
    let it = emulate("okta-org").await;
    let token = it
        .server
        .issuer
        .emulated_token(Kind::User, Changes::default());
    let answer = introspect(&it, "/oauth2/v1/introspect", &token).await;
    assert_eq!(answer["active"], true);
    assert_eq!(answer["scope"], "openid tools.read");
    assert_eq!(answer["client_id"], "0oas6ywyq7cwyKUfF0h7");
    assert_eq!(answer["username"], "joe.smith@example.com");
    assert_eq!(answer["uid"], "00uixa271s6x7qt8I0h7");
    assert_eq!(answer.get("scp"), None);
}
