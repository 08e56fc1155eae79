//! Refresh tokens and revocation.

use serde_json::json;

use crate::support::{RESOURCE, Server, answer, text};

async fn server() -> Server {
    Server::start(|options| options.auto_consent = true).await
}

async fn revoke(server: &Server, client_id: &str, token: &str) -> u16 {
    let form = [("token", token), ("client_id", client_id)];
    server
        .http
        .post(server.url("/revoke"))
        .form(&form)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn each_refresh_gives_a_new_refresh_token() {
    let server = server().await;
    let (client_id, tokens) = server.log_in("notes:read openid").await;
    let old = text(&tokens["refresh_token"]);
    let (status, renewed) = server
        .refresh(&client_id, old, &[("resource", RESOURCE)])
        .await;
    assert_eq!(status, 200, "{renewed}");
    assert_ne!(text(&renewed["refresh_token"]), old);
    assert_eq!(renewed["scope"], "notes:read openid");
    server
        .verify(text(&renewed["access_token"]), RESOURCE)
        .await;
    assert_eq!(
        server
            .refresh(&client_id, text(&renewed["refresh_token"]), &[])
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_refresh_token_used_twice_revokes_the_whole_family() {
    let server = server().await;
    let (client_id, tokens) = server.log_in("notes:read").await;
    let stolen = text(&tokens["refresh_token"]);
    let (_, renewed) = server.refresh(&client_id, stolen, &[]).await;
    let (status, error) = server.refresh(&client_id, stolen, &[]).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_grant")));
    for token in [&tokens["access_token"], &renewed["access_token"]] {
        assert_eq!(server.introspect(text(token)).await["active"], false);
    }
    assert_eq!(
        server
            .refresh(&client_id, text(&renewed["refresh_token"]), &[])
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn a_refresh_may_ask_for_less_but_never_for_more() {
    let server = server().await;
    let (client_id, tokens) = server.log_in("notes:read openid").await;
    let token = text(&tokens["refresh_token"]);
    let (status, error) = server
        .refresh(&client_id, token, &[("scope", "notes:read notes:write")])
        .await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_scope")));
    let (status, less) = server
        .refresh(&client_id, token, &[("scope", "notes:read")])
        .await;
    assert_eq!(
        (status, &less["scope"]),
        (200, &json!("notes:read")),
        "the refused request used nothing up"
    );
    let (_, all) = server
        .refresh(&client_id, text(&less["refresh_token"]), &[])
        .await;
    assert_eq!(
        all["scope"], "notes:read openid",
        "the grant itself did not shrink"
    );
}

#[tokio::test]
async fn a_refresh_cannot_change_the_resource() {
    let server = Server::start(|options| {
        options.auto_consent = true;
        options.accept_any_resource = true;
    })
    .await;
    let (client_id, tokens) = server.log_in("notes:read").await;
    let other = [("resource", "https://other.example/")];
    let (status, error) = server
        .refresh(&client_id, text(&tokens["refresh_token"]), &other)
        .await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_target")));
}

#[tokio::test]
async fn another_clients_refresh_token_is_unknown_and_stays_good() {
    let server = server().await;
    let (client_id, tokens) = server.log_in("notes:read").await;
    let thief = server.register("http://127.0.0.1/callback").await;
    let token = text(&tokens["refresh_token"]);
    assert_eq!(server.refresh(&thief, token, &[]).await.0, 400);
    assert_eq!(server.refresh(&client_id, token, &[]).await.0, 200);
}

#[tokio::test]
async fn a_refresh_token_ends() {
    let server = Server::start(|options| {
        options.auto_consent = true;
        options.refresh_token_lifetime = 0;
    })
    .await;
    let (client_id, tokens) = server.log_in("notes:read").await;
    assert_eq!(
        server
            .refresh(&client_id, text(&tokens["refresh_token"]), &[])
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn revoking_a_refresh_token_revokes_its_family() {
    let server = server().await;
    let (client_id, tokens) = server.log_in("notes:read").await;
    assert_eq!(
        revoke(&server, &client_id, text(&tokens["refresh_token"])).await,
        200
    );
    assert_eq!(
        server.introspect(text(&tokens["access_token"])).await["active"],
        false
    );
    assert_eq!(
        server
            .refresh(&client_id, text(&tokens["refresh_token"]), &[])
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn revoking_an_access_token_leaves_the_refresh_token() {
    let server = server().await;
    let (client_id, tokens) = server.log_in("notes:read").await;
    assert_eq!(
        revoke(&server, &client_id, text(&tokens["access_token"])).await,
        200
    );
    assert_eq!(
        server.introspect(text(&tokens["access_token"])).await["active"],
        false
    );
    assert_eq!(
        server
            .refresh(&client_id, text(&tokens["refresh_token"]), &[])
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn nobody_revokes_the_tokens_of_another_client() {
    let server = server().await;
    let (_, tokens) = server.log_in("notes:read").await;
    let stranger = server.register("http://127.0.0.1/callback").await;
    for token in [&tokens["access_token"], &tokens["refresh_token"]] {
        assert_eq!(
            revoke(&server, &stranger, text(token)).await,
            200,
            "as for an unknown token"
        );
    }
    assert_eq!(
        server.introspect(text(&tokens["access_token"])).await["active"],
        true
    );
}

#[tokio::test]
async fn revocation_needs_a_client_and_a_token() {
    let server = server().await;
    let client_id = server.register("http://127.0.0.1/callback").await;
    for (form, status, code) in [
        (vec![("token", "x")], 401, "invalid_client"),
        (
            vec![("client_id", client_id.as_str())],
            400,
            "invalid_request",
        ),
    ] {
        let response = server
            .http
            .post(server.url("/revoke"))
            .form(&form)
            .send()
            .await
            .unwrap();
        let (got, error) = answer(response).await;
        assert_eq!((got, &error["error"]), (status, &json!(code)));
    }
}
