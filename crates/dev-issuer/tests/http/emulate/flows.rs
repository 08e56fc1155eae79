//! The provider's tokens through its own OAuth endpoints.

use oauthgate_dev_issuer::Emulation;
use serde_json::{Value, json};

use super::support::{API, Emulated, Parts, emulate};
use crate::support::{Pkce, REDIRECT, answer, parameters, text};

/// The endpoint that a document names.
async fn endpoint(it: &Emulated, name: &str) -> String {
    let issuer = it.issuer().trim_end_matches('/');
    let url = format!("{issuer}/.well-known/openid-configuration");
    text(&it.server.json(&url).await[name]).to_owned()
}

async fn token(it: &Emulated, form: &[(&str, &str)]) -> (u16, Value) {
    let url = endpoint(it, "token_endpoint").await;
    answer(it.server.http.post(url).form(form).send().await.unwrap()).await
}

/// What comes back to the client, and its PKCE verifier.
async fn authorize(it: &Emulated, client: &str, more: &[(&str, &str)]) -> (Value, Pkce) {
    let pkce = Pkce::new();
    let url = endpoint(it, "authorization_endpoint").await;
    let request = it.server.http.get(url).query(&[
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", REDIRECT),
        ("code_challenge", &pkce.challenge),
        ("code_challenge_method", "S256"),
        ("nonce", "n-1"),
    ]);
    let response = request.query(more).send().await.unwrap();
    assert_eq!(response.status(), 303);
    (parameters(&response), pkce)
}

async fn log_in(it: &Emulated, client: &str, more: &[(&str, &str)]) -> Value {
    let (back, pkce) = authorize(it, client, more).await;
    let (status, tokens) = token(
        it,
        &[
            ("grant_type", "authorization_code"),
            ("code", text(&back["code"])),
            ("code_verifier", &pkce.verifier),
            ("client_id", client),
            ("redirect_uri", REDIRECT),
        ],
    )
    .await;
    assert_eq!(status, 200, "{tokens}");
    tokens
}

fn clients(name: &str) -> [&'static str; 2] {
    Emulation::named(name).unwrap().clients()
}

#[tokio::test]
async fn a_login_at_cognito_binds_the_resource_and_a_refresh_keeps_it() {
    let it = emulate("cognito").await;
    let [client, _] = clients("cognito");
    let more = [("scope", "openid tools/read"), ("resource", API)];
    let tokens = log_in(&it, client, &more).await;
    let access = Parts::of(text(&tokens["access_token"]));
    assert_eq!(access.header.get("typ"), None);
    assert_eq!(access.claims["aud"], API);
    assert_eq!(access.claims["client_id"], client);
    let id = Parts::of(text(&tokens["id_token"]));
    assert_eq!(id.claims["token_use"], "id");
    assert_eq!(id.claims["nonce"], "n-1");
    assert_ne!(id.header["kid"], access.header["kid"]);
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&tokens["refresh_token"])),
        ("client_id", client),
    ];
    let (status, again) = token(&it, &refresh).await;
    assert_eq!(status, 200, "{again}");
    let again = Parts::of(text(&again["access_token"]));
    assert_eq!(again.claims["aud"], API);
    assert_eq!(again.claims["scope"], "openid tools/read");
}

#[tokio::test]
async fn a_login_at_cognito_without_a_resource_has_no_audience() {
    let it = emulate("cognito").await;
    let [client, _] = clients("cognito");
    let tokens = log_in(&it, client, &[("scope", "tools/read")]).await;
    let access = Parts::of(text(&tokens["access_token"]));
    assert_eq!(access.claims.get("aud"), None);
}

#[tokio::test]
async fn a_machine_at_cognito_gets_no_audience_whatever_it_asks() {
    let it = emulate("cognito").await;
    let [_, machine] = clients("cognito");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", machine),
        ("client_secret", Emulation::CLIENT_SECRET),
        ("scope", "tools/read"),
        ("resource", API),
    ];
    let (status, tokens) = token(&it, &form).await;
    assert_eq!(status, 200, "{tokens}");
    let claims = Parts::of(text(&tokens["access_token"])).claims;
    assert_eq!(claims.get("aud"), None);
    assert_eq!(claims["sub"], machine);
}

#[tokio::test]
async fn auth0_takes_audience_before_resource_and_is_opaque_without() {
    let it = emulate("auth0").await;
    let [client, _] = clients("auth0");
    let both = [("audience", API), ("resource", "https://other.example")];
    let tokens = log_in(&it, client, &both).await;
    assert_eq!(Parts::of(text(&tokens["access_token"])).claims["aud"], API);
    let tokens = log_in(&it, client, &[("scope", "openid")]).await;
    assert!(!text(&tokens["access_token"]).contains('.'));
}

#[tokio::test]
async fn entra_refuses_resource_and_reads_the_api_from_the_scope() {
    let it = emulate("entra").await;
    let [client, _] = clients("entra");
    let (refused, _) = authorize(&it, client, &[("resource", API)]).await;
    assert_eq!(refused["error"], "invalid_target");
    assert!(text(&refused["error_description"]).starts_with("AADSTS9010010"));
    let scope = [("scope", "openid api://mcp-example/tools.read")];
    let tokens = log_in(&it, client, &scope).await;
    let claims = Parts::of(text(&tokens["access_token"])).claims;
    assert_eq!(claims["scp"], "tools.read");
    assert_eq!(claims["aud"], "6e74172b-be56-4843-9ff4-e66a39bb12e3");
}

#[tokio::test]
async fn keycloak_names_itself_and_its_refresh_token_is_a_jwt_that_works() {
    let it = emulate("keycloak").await;
    let [client, _] = clients("keycloak");
    let (back, _) = authorize(&it, client, &[]).await;
    assert_eq!(back["iss"], json!(it.issuer()));
    let tokens = log_in(&it, client, &[("resource", API), ("scope", "openid")]).await;
    let refresh = text(&tokens["refresh_token"]);
    assert_eq!(Parts::of(refresh).claims["typ"], "Refresh");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("client_id", client),
    ];
    let (status, again) = token(&it, &form).await;
    assert_eq!(status, 200, "{again}");
    let again = Parts::of(text(&again["access_token"])).claims;
    assert_eq!(again["aud"], json!([API, "account"]));
}

#[tokio::test]
async fn a_client_may_register_even_where_metadata_does_not_say_so() {
    let it = emulate("cognito").await;
    let metadata = json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"});
    let request = it.server.http.post(it.server.root("/register"));
    let (status, client) = answer(request.json(&metadata).send().await.unwrap()).await;
    assert_eq!(status, 201);
    let tokens = log_in(&it, text(&client["client_id"]), &[("scope", "a")]).await;
    let claims = Parts::of(text(&tokens["access_token"])).claims;
    assert_eq!(claims["client_id"], client["client_id"]);
}
