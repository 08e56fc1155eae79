//! The two that sign no access tokens.

use oauthgate_dev_issuer::{Changes, Emulation, Kind};
use serde_json::{Value, json};

use super::support::{Emulated, emulate, names, sorted};
use crate::support::{answer, text};

fn opaque(it: &Emulated, changes: Changes) -> String {
    it.server.issuer.emulated_token(Kind::User, changes)
}

async fn token_info(it: &Emulated, token: &str) -> (u16, Value) {
    let request = it.server.http.get(it.server.root("/tokeninfo"));
    answer(
        request
            .query(&[("access_token", token)])
            .send()
            .await
            .unwrap(),
    )
    .await
}

#[tokio::test]
async fn google_tells_about_its_opaque_tokens_in_strings() {
    let it = emulate("google").await;
    let token = opaque(&it, Changes::default());
    assert!(token.starts_with("ya29."));
    let (status, info) = token_info(&it, &token).await;
    assert_eq!(status, 200);
    assert_eq!(
        names(&info),
        sorted("access_type aud azp email email_verified exp expires_in scope sub")
    );
    assert_eq!(info["aud"], "407408718192.apps.googleusercontent.com");
    assert_eq!(info["email_verified"], "true");
    assert!(info["exp"].is_string());
}

#[tokio::test]
async fn google_calls_an_unknown_token_a_bad_request() {
    let it = emulate("google").await;
    let expired = Changes {
        expires_in: Some(-1),
        ..Changes::default()
    };
    for token in ["ya29.unknown".to_owned(), opaque(&it, expired)] {
        let (status, error) = token_info(&it, &token).await;
        assert_eq!((status, text(&error["error"])), (400, "invalid_token"));
    }
}

#[tokio::test]
async fn googles_id_token_is_a_jwt_of_the_bare_host() {
    let it = emulate("google").await;
    let claims = it.token(Kind::Id).claims;
    assert_eq!(claims["iss"], it.at(""));
    assert_eq!(claims["aud"], claims["azp"]);
    let metadata = it.document("/.well-known/openid-configuration").await;
    assert_eq!(metadata["jwks_uri"], it.at("/oauth2/v3/certs"));
}

async fn check(it: &Emulated, client: &str, secret: &str, token: &str) -> (u16, Value) {
    let url = it.server.root(&format!("/applications/{client}/token"));
    let request = it.server.http.post(url).basic_auth(client, Some(secret));
    let request = request.json(&json!({"access_token": token}));
    answer(request.send().await.unwrap()).await
}

#[tokio::test]
async fn github_tells_the_application_about_its_own_tokens_only() {
    let it = emulate("github").await;
    let [client, other] = Emulation::named("github").unwrap().clients();
    let token = opaque(&it, Changes::default());
    assert!(token.starts_with("gho_") && token.len() == 40);
    let secret = Emulation::CLIENT_SECRET;
    let (status, known) = check(&it, client, secret, &token).await;
    assert_eq!(status, 200);
    assert_eq!(known["app"]["client_id"], client);
    assert_eq!(known["scopes"], json!(["read:user", "repo"]));
    assert_eq!(known["user"]["id"], 583_231);
    assert_eq!(known["token"], json!(token));
    assert_eq!(check(&it, other, secret, &token).await.0, 404);
    assert_eq!(check(&it, client, "wrong", &token).await.0, 401);
    assert_eq!(check(&it, client, secret, "gho_unknown").await.0, 404);
}

#[tokio::test]
async fn githubs_metadata_names_another_issuer() {
    let it = emulate("github").await;
    let metadata = it
        .document("/login/oauth/.well-known/openid-configuration")
        .await;
    assert_eq!(metadata["issuer"], it.at(""));
    assert_eq!(json!(it.issuer()), it.at("/login/oauth"));
}
