//! npm `oidc-provider`, on `jose` and `WebCrypto`.

use oauthgate_e2e::{Form, GateBuilder, OidcProvider, Recorder};

use super::{CLIENT, ELSEWHERE, KIND, SCOPES, Scene, USER, gate, identity};

async fn start(algorithm: &str) -> (OidcProvider, Scene) {
    let server = OidcProvider::start(algorithm).await;
    let scene = guard(&server, |gate| gate).await;
    (server, scene)
}

async fn guard(server: &OidcProvider, adapt: impl FnOnce(GateBuilder) -> GateBuilder) -> Scene {
    let upstream = Recorder::start().await;
    let gate = gate(&upstream, server.issuer()).set("OAUTHGATE_PRESET", "oidc-provider");
    let gate = adapt(gate).start().await;
    Scene { gate, upstream }
}

#[tokio::test]
async fn a_person_gets_in_by_the_code_flow_and_only_with_the_access_token() {
    let (server, scene) = start("RS256").await;
    let tokens = server.log_in(Form::Jwt, &scene.gate.resource).await;
    let request = scene.passes(&tokens.access).await;
    let found = identity(&request, [KIND, USER, CLIENT, SCOPES]);
    assert_eq!(found, ["user", "alice", "person", "mcp:read"]);
    scene.refuses(&tokens.id, "wrong_typ").await;
    scene.refuses(&tokens.refresh, "opaque_token").await;
    let tokens = server.log_in(Form::Jwt, ELSEWHERE).await;
    scene.refuses(&tokens.access, "wrong_audience").await;
}

#[tokio::test]
async fn an_encrypted_access_token_is_called_so() {
    let (server, scene) = start("RS256").await;
    let token = server
        .machine_token(Form::Encrypted, &scene.gate.resource, "mcp:read")
        .await;
    scene.refuses(&token, "encrypted_token").await;
}

/// A key of another algorithm takes over while the gate runs. The old one stays published, or goes.
async fn rotate(from: &str, to: &str, keep_old: bool) {
    let (server, scene) = start(from).await;
    let token = || server.machine_token(Form::Jwt, &scene.gate.resource, "mcp:read");
    let old = token().await;
    scene.passes(&old).await;
    server.rotate(Some(to), keep_old).await;
    let new = token().await;
    scene.passes(&new).await;
    if keep_old {
        scene.passes(&old).await;
    } else {
        scene.refuses(&old, "unknown_kid").await;
    }
}

#[tokio::test]
async fn a_key_for_ps256_joins_one_for_rs256() {
    rotate("RS256", "PS256", true).await;
}

#[tokio::test]
async fn a_key_for_rs256_joins_one_for_eddsa() {
    rotate("EdDSA", "RS256", true).await;
}

#[tokio::test]
async fn a_key_for_eddsa_takes_the_place_of_one_for_es256() {
    rotate("ES256", "EdDSA", false).await;
}

#[tokio::test]
async fn a_token_by_a_shared_secret_gets_in_only_where_that_is_set() {
    let (server, scene) = start("RS256").await;
    let token = server
        .machine_token(Form::Shared, &scene.gate.resource, "mcp:read")
        .await;
    scene.refuses(&token, "alg_not_allowed").await;
    let scene = guard(&server, |gate| {
        gate.set("OAUTHGATE_HS_SECRET", OidcProvider::SHARED_SECRET)
    })
    .await;
    let token = server
        .machine_token(Form::Shared, &scene.gate.resource, "mcp:read")
        .await;
    let request = scene.passes(&token).await;
    assert_eq!(identity(&request, [CLIENT]), ["shared-machine"]);
}
