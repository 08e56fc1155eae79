//! npm `oidc-provider` with tokens that only it can read: the gate asks it about each (RFC 7662).

use std::time::{Duration, Instant};

use oauthgate_e2e::{Behaviour, Form, GateBuilder, OidcProvider, Outlet, Recorder};
use serde_json::json;

use super::{ANSWER_TTL, CLIENT, ELSEWHERE, KIND, SCOPES, Scene, USER, gate, identity};

async fn start() -> (OidcProvider, Scene) {
    let server = OidcProvider::start("RS256").await;
    let scene = guard(&server, by_secret(&server)).await;
    (server, scene)
}

async fn guard(server: &OidcProvider, adapt: impl FnOnce(GateBuilder) -> GateBuilder) -> Scene {
    let upstream = Recorder::start().await;
    let gate = gate(&upstream, server.issuer())
        .set("OAUTHGATE_PRESET", "oidc-provider")
        .set("OAUTHGATE_TOKEN_MODE", "auto")
        .set("OAUTHGATE_INTROSPECTION_CACHE_TTL", ANSWER_TTL.to_string());
    let gate = adapt(gate).start().await;
    Scene { gate, upstream }
}

fn by_secret(server: &OidcProvider) -> impl FnOnce(GateBuilder) -> GateBuilder {
    let (client_id, secret) = server.resource_server();
    move |gate| {
        gate.set("OAUTHGATE_INTROSPECTION_CLIENT_ID", client_id)
            .set("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", secret)
    }
}

async fn opaque_token(server: &OidcProvider, scene: &Scene) -> String {
    server
        .machine_token(Form::Opaque, &scene.gate.resource, "mcp:read")
        .await
}

#[tokio::test]
async fn a_person_gets_in_with_an_opaque_token_and_only_with_that() {
    let (server, scene) = start().await;
    let tokens = server.log_in(Form::Opaque, &scene.gate.resource).await;
    let request = scene.passes(&tokens.access).await;
    let found = identity(&request, [KIND, USER, CLIENT, SCOPES]);
    assert_eq!(found, ["user", "alice", "opaque-person", "mcp:read"]);
    // The server calls a refresh token active, too. What it does not call it is one for this resource.
    scene.refuses(&tokens.refresh, "missing_audience").await;
    scene.refuses(&tokens.id, "wrong_typ").await;
    scene
        .refuses("2YotnFZFEjr1zCsicMWpAA", "inactive_token")
        .await;
    let tokens = server.log_in(Form::Opaque, ELSEWHERE).await;
    scene.refuses(&tokens.access, "wrong_audience").await;
}

#[tokio::test]
async fn a_program_gets_in_with_either_form_of_token() {
    let (server, scene) = start().await;
    let request = scene.passes(&opaque_token(&server, &scene).await).await;
    let [kind, client, scopes] = identity(&request, [KIND, CLIENT, SCOPES]);
    assert_eq!(
        [kind, client, scopes],
        ["service", "opaque-machine", "mcp:read"]
    );
    // The server refuses to introspect JWTs, so this one was read by the gate itself.
    let token = server
        .machine_token(Form::Jwt, &scene.gate.resource, "mcp:read")
        .await;
    let request = scene.passes(&token).await;
    assert_eq!(identity(&request, [CLIENT]), ["machine"]);
}

#[tokio::test]
async fn a_revoked_token_is_refused_once_its_answer_is_old() {
    let (server, scene) = start().await;
    let [revoked, kept] = [
        opaque_token(&server, &scene).await,
        opaque_token(&server, &scene).await,
    ];
    scene.passes(&revoked).await;
    server.revoke(Form::Opaque, &revoked).await;
    assert_eq!(scene.refuses_at_last(&revoked).await, "inactive_token");
    scene.passes(&kept).await;
}

#[tokio::test]
async fn an_answer_is_not_believed_beyond_the_tokens_end() {
    let server = OidcProvider::start("RS256").await;
    let secret = by_secret(&server);
    let scene = guard(&server, |gate| {
        secret(gate)
            .set("OAUTHGATE_INTROSPECTION_CACHE_TTL", "600")
            .set("OAUTHGATE_CLOCK_SKEW", "0")
    })
    .await;
    let token = server
        .machine_token(Form::Brief, &scene.gate.resource, "mcp:read")
        .await;
    scene.passes(&token).await;
    let reason = scene.refuses_at_last(&token).await;
    assert!(
        ["expired", "inactive_token"].contains(&reason.as_str()),
        "{reason}"
    );
}

#[tokio::test]
async fn signed_answers_are_verified_through_a_rotation() {
    let server = OidcProvider::start("EdDSA").await;
    let secret = by_secret(&server);
    let scene = guard(&server, |gate| {
        secret(gate).set("OAUTHGATE_INTROSPECTION_FORM", "rfc9701")
    })
    .await;
    scene.passes(&opaque_token(&server, &scene).await).await;
    server.rotate(Some("ES256"), false).await;
    scene.passes(&opaque_token(&server, &scene).await).await;
}

#[tokio::test]
async fn the_gate_proves_itself_with_a_key_of_its_own() {
    let server = OidcProvider::start("RS256").await;
    let (client_id, key) = server.resource_server_by_key();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("gate.jwk");
    std::fs::write(&path, key.to_string()).expect("a file");
    let scene = guard(&server, |gate| {
        gate.set("OAUTHGATE_INTROSPECTION_AUTH", "private_key_jwt")
            .set("OAUTHGATE_INTROSPECTION_CLIENT_ID", client_id)
            .set(
                "OAUTHGATE_INTROSPECTION_PRIVATE_KEY_FILE",
                path.display().to_string(),
            )
    })
    .await;
    scene.passes(&opaque_token(&server, &scene).await).await;
}

#[tokio::test]
async fn nobody_gets_in_while_the_server_refuses_us_or_is_away() {
    let server = OidcProvider::start("RS256").await;
    let (client_id, _) = server.resource_server();
    let stranger = guard(&server, |gate| {
        gate.set("OAUTHGATE_INTROSPECTION_CLIENT_ID", client_id)
            .set("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", "another secret")
    })
    .await;
    let known = guard(&server, by_secret(&server)).await;
    let token = opaque_token(&server, &stranger).await;
    let (status, reason) = stranger.gate.verdict(&token).await;
    assert_eq!((status, reason.as_str()), (503, "introspection_refused"));
    let token = opaque_token(&server, &known).await;
    drop(server);
    let (status, reason) = known.gate.verdict(&token).await;
    assert_eq!(
        (status, reason.as_str()),
        (503, "introspection_unavailable")
    );
    for scene in [stranger, known] {
        assert!(scene.upstream.take().is_empty());
    }
}

/// Nobody sends requests to a gate that is not ready, so it has to look by itself.
#[tokio::test]
async fn a_gate_that_starts_before_its_server_gets_ready_by_itself() {
    let server = Outlet::start(Vec::new()).await;
    server.behave(Behaviour::Refused).await;
    let issuer = format!("http://127.0.0.1:{}", server.port());
    let upstream = Recorder::start().await;
    let gate = gate(&upstream, &issuer)
        .set("OAUTHGATE_TOKEN_MODE", "opaque")
        .set("OAUTHGATE_INTROSPECTION_CLIENT_ID", "gate")
        .set("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", "any");
    let gate = gate.start_unready().await;
    let (status, report) = gate.readiness().await;
    assert_eq!(
        (status, &report["introspection"][0]["endpoint"]),
        (503, &json!(null))
    );
    let endpoint = format!("{issuer}/introspect");
    server.publish(json!({ "issuer": issuer, "introspection_endpoint": endpoint }).to_string());
    server.behave(Behaviour::Well).await;
    let begin = Instant::now();
    while gate.readiness().await.0 != 200 {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "{}",
            gate.process.output()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (_, report) = gate.readiness().await;
    assert_eq!(report["introspection"][0]["endpoint"], endpoint);
}
