//! Debian's `glewlwyd`, in C.

use oauthgate_e2e::{GateBuilder, Glewlwyd, Recorder};

use super::{ANSWER_TTL, CLIENT, ELSEWHERE, KIND, SCOPES, Scene, USER, gate, identity};

async fn start(algorithm: &str) -> (Glewlwyd, Scene) {
    let mut server = Glewlwyd::start(algorithm).await;
    let scene = guard(&mut server, |gate| {
        gate.set("OAUTHGATE_TOKEN_TYPES", "at+jwt")
            .set("OAUTHGATE_REQUIRED_CLAIMS", "/type=access_token")
    })
    .await;
    (server, scene)
}

async fn guard(server: &mut Glewlwyd, adapt: impl FnOnce(GateBuilder) -> GateBuilder) -> Scene {
    let upstream = Recorder::start().await;
    let gate = gate(&upstream, &server.issuer());
    server.protect(&[gate.resource(), ELSEWHERE]).await;
    let gate = adapt(gate).start().await;
    Scene { gate, upstream }
}

#[tokio::test]
async fn a_person_gets_in_by_the_code_flow_and_only_with_the_access_token() {
    let (server, scene) = start("RS256").await;
    let tokens = server.log_in(&scene.gate.resource).await;
    let request = scene.passes(&tokens.access).await;
    let [kind, user, client, scopes] = identity(&request, [KIND, USER, CLIENT, SCOPES]);
    assert_eq!((kind.as_str(), client.as_str()), ("user", "app"));
    assert_eq!(scopes, "mcp:read openid");
    assert_eq!(
        user.len(),
        32,
        "a subject that is made up for this server: {user}"
    );
    scene.refuses(&tokens.id, "wrong_typ").await;
    scene.refuses(&tokens.refresh, "opaque_token").await;
    let tokens = server.log_in(ELSEWHERE).await;
    scene.refuses(&tokens.access, "wrong_audience").await;
}

#[tokio::test]
async fn a_program_gets_in_by_its_own_name() {
    let (server, scene) = start("ES256").await;
    let token = server.machine_token(&scene.gate.resource).await;
    let request = scene.passes(&token).await;
    let found = identity(&request, [KIND, USER, CLIENT, SCOPES]);
    assert_eq!(found, ["service", "machine", "machine", "mcp:read"]);
    let token = server.machine_token(ELSEWHERE).await;
    scene.refuses(&token, "wrong_audience").await;
}

#[tokio::test]
async fn an_encrypted_access_token_is_called_so() {
    let (server, scene) = start("RS256").await;
    let token = server.encrypted_token(&scene.gate.resource).await;
    scene.refuses(&token, "encrypted_token").await;
}

fn asks(server: &Glewlwyd) -> impl FnOnce(GateBuilder) -> GateBuilder + use<> {
    let (client_id, secret) = server.machine();
    move |gate| {
        gate.set("OAUTHGATE_TOKEN_MODE", "opaque")
            .set("OAUTHGATE_INTROSPECTION_CLIENT_ID", client_id)
            .set("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", secret)
            .set("OAUTHGATE_INTROSPECTION_CACHE_TTL", ANSWER_TTL.to_string())
    }
}

/// Its signed answers follow a draft: their `aud` is the token's, where RFC 9701 §5 wants whoever asked.
#[tokio::test]
async fn a_signed_answer_for_somebody_else_says_nothing() {
    let mut server = Glewlwyd::start("RS256").await;
    let asks = asks(&server);
    let scene = guard(&mut server, |gate| {
        asks(gate).set("OAUTHGATE_INTROSPECTION_FORM", "rfc9701")
    })
    .await;
    let token = server.machine_token(&scene.gate.resource).await;
    let (status, reason) = scene.gate.verdict(&token).await;
    assert_eq!((status, reason.as_str()), (503, "introspection_refused"));
    assert!(scene.upstream.take().is_empty());
}

/// It tells a client about that client's own tokens and no others.
#[tokio::test]
async fn a_revoked_token_is_refused_where_the_server_is_asked_about_each() {
    let mut server = Glewlwyd::start("RS256").await;
    let asks = asks(&server);
    let scene = guard(&mut server, asks).await;
    let token = server.machine_token(&scene.gate.resource).await;
    let request = scene.passes(&token).await;
    let found = identity(&request, [KIND, CLIENT, SCOPES]);
    assert_eq!(found, ["service", "machine", "mcp:read"]);
    server.revoke(&token).await;
    assert_eq!(scene.refuses_at_last(&token).await, "inactive_token");
    let token = server.machine_token(ELSEWHERE).await;
    scene.refuses(&token, "wrong_audience").await;
    let tokens = server.log_in(&scene.gate.resource).await;
    scene.refuses(&tokens.access, "inactive_token").await;
}

/// A key of another algorithm takes over while the gate runs. The old one stays published, or goes.
async fn rotate(from: &str, to: &str, keep_old: bool) {
    let (mut server, scene) = start(from).await;
    let old = server.machine_token(&scene.gate.resource).await;
    scene.passes(&old).await;
    server.rotate(to, keep_old).await;
    let new = server.machine_token(&scene.gate.resource).await;
    scene.passes(&new).await;
    if keep_old {
        scene.passes(&old).await;
    } else {
        scene.refuses(&old, "unknown_kid").await;
    }
}

#[tokio::test]
async fn a_key_for_es256_joins_one_for_rs256() {
    rotate("RS256", "ES256", true).await;
}

#[tokio::test]
async fn a_key_for_eddsa_joins_one_for_ps256() {
    rotate("PS256", "EdDSA", true).await;
}

#[tokio::test]
async fn a_key_for_es384_takes_the_place_of_one_for_eddsa() {
    rotate("EdDSA", "ES384", false).await;
}
