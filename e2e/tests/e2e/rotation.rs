//! Keys change at the authorization server while the gate runs.

use oauthgate_e2e::{
    AuthorizationServer, Gate, GateBuilder, Kind, RawResponse, Recorder, exchange, request_head,
};

async fn call(gate: &Gate, token: &str) -> RawResponse {
    let authorization = format!("Bearer {token}");
    exchange(
        gate.port,
        &request_head(
            "GET",
            "/mcp",
            gate.port,
            &[("Authorization", &authorization)],
        ),
    )
    .await
}

#[tokio::test]
async fn a_new_key_is_found_and_the_old_one_stays_good_while_it_is_published() {
    let server = AuthorizationServer::start(Kind::OidcProvider).await;
    let upstream = Recorder::start().await;
    let gate = GateBuilder::new(&upstream.url(), &server).start().await;
    let old = server.token(&gate.resource, "mcp:read").await;
    assert_eq!(call(&gate, &old).await.status, 200);
    server.rotate(true).await;
    let new = server.token(&gate.resource, "mcp:read").await;
    assert_eq!(
        call(&gate, &new).await.status,
        200,
        "an unknown kid makes the gate look again"
    );
    assert_eq!(call(&gate, &old).await.status, 200);
}

#[tokio::test]
async fn each_algorithm_of_a_real_provider_is_accepted() {
    for algorithm in ["ES256", "EdDSA", "PS256"] {
        let server = AuthorizationServer::oidc_provider(algorithm).await;
        let upstream = Recorder::start().await;
        let gate = GateBuilder::new(&upstream.url(), &server).start().await;
        let token = server.token(&gate.resource, "mcp:read").await;
        assert_eq!(call(&gate, &token).await.status, 200, "{algorithm}");
    }
}

#[tokio::test]
async fn a_token_of_another_resource_is_refused() {
    let server = AuthorizationServer::start(Kind::OidcProvider).await;
    let upstream = Recorder::start().await;
    let gate = GateBuilder::new(&upstream.url(), &server).start().await;
    let token = server.token("http://localhost:1/other", "mcp:read").await;
    let answer = call(&gate, &token).await;
    assert_eq!(answer.status, 401);
    assert!(
        answer
            .header("www-authenticate")
            .is_some_and(|challenge| challenge.contains("error=\"invalid_token\"")),
        "{}",
        answer.head
    );
    assert!(upstream.take().is_empty());
}

#[tokio::test]
async fn a_missing_scope_is_answered_403_with_all_that_are_needed() {
    let server = AuthorizationServer::start(Kind::OidcProvider).await;
    let upstream = Recorder::start().await;
    let gate = GateBuilder::new(&upstream.url(), &server)
        .set("OAUTHGATE_REQUIRED_SCOPES", "mcp:read mcp:write")
        .start()
        .await;
    let token = server.token(&gate.resource, "mcp:read").await;
    let answer = call(&gate, &token).await;
    assert_eq!(answer.status, 403);
    let challenge = answer.header("www-authenticate").expect("a challenge");
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert!(
        challenge.contains("scope=\"mcp:read mcp:write\""),
        "{challenge}"
    );
    assert!(upstream.take().is_empty());
}
