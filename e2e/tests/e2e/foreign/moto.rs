//! PyPI `moto`, an emulation of Amazon Cognito. It gives out a pool's documents only under the true name of
//! Cognito's host, so that is what the gate calls it: the harness' proxy leads the name to `moto`, and
//! `OAUTHGATE_CA_FILE` vouches for it. Because `moto` sees no TLS, its metadata names keys at an `http`
//! address; `OAUTHGATE_JWKS_URL` says where they truly lie. Real Cognito needs neither.

use oauthgate_e2e::{GateBuilder, Moto, Names, Recorder, UserPool};

use super::{CLIENT, KIND, SCOPES, Scene, USER, gate, identity};

const GROUPS: &str = "x-auth-request-groups";

/// A gate for these app clients of a pool. The preset is found by the issuer's address.
async fn guard(
    names: &Names,
    pool: &UserPool<'_>,
    clients: &[&str],
    adapt: impl FnOnce(GateBuilder) -> GateBuilder,
) -> Scene {
    let upstream = Recorder::start().await;
    let gate = gate(&upstream, &pool.issuer())
        .set("OAUTH_AUDIENCE", clients.join(" "))
        .set("HTTPS_PROXY", names.proxy())
        .set("OAUTHGATE_CA_FILE", names.authority().display().to_string());
    let gate = adapt(gate).start().await;
    Scene { gate, upstream }
}

#[tokio::test]
async fn a_user_of_the_pool_gets_in_and_only_with_the_access_token() {
    let moto = Moto::start().await;
    let names = Names::leading_to(moto.port()).await;
    let pool = moto.pool().await;
    let client = pool.app_client().await;
    let scene = guard(&names, &pool, &[&client], |gate| {
        gate.set("OAUTHGATE_JWKS_URL", pool.jwks_url())
    })
    .await;
    let tokens = pool.log_in(&client).await;
    let request = scene.passes(&tokens.access).await;
    let [kind, user, from, scopes, groups] =
        identity(&request, [KIND, USER, CLIENT, SCOPES, GROUPS]);
    assert_eq!((kind.as_str(), from), ("user", client));
    assert_eq!(user.split('-').count(), 5, "a UUID: {user}");
    assert_eq!(scopes, "aws.cognito.signin.user.admin");
    assert_eq!(groups, "ops");
    scene.refuses(&tokens.id, "wrong_token_use").await;
    scene.refuses(&tokens.refresh, "opaque_token").await;
    assert_eq!(names.asked(), [UserPool::host()]);
}

#[tokio::test]
async fn another_client_and_another_pool_are_refused_although_one_key_signs_for_all() {
    let moto = Moto::start().await;
    let names = Names::leading_to(moto.port()).await;
    let pool = moto.pool().await;
    let (ours, theirs) = (pool.app_client().await, pool.app_client().await);
    let scene = guard(&names, &pool, &[&ours], |gate| {
        gate.set("OAUTHGATE_JWKS_URL", pool.jwks_url())
    })
    .await;
    let token = pool.log_in(&theirs).await.access;
    scene.refuses(&token, "wrong_audience").await;
    let other = moto.pool().await;
    let client = other.app_client().await;
    let token = other.log_in(&client).await.access;
    scene.refuses(&token, "unknown_issuer").await;
    scene.passes(&pool.log_in(&ours).await.access).await;
}

#[tokio::test]
async fn metadata_that_names_keys_in_the_clear_is_not_followed() {
    let moto = Moto::start().await;
    let names = Names::leading_to(moto.port()).await;
    let pool = moto.pool().await;
    let client = pool.app_client().await;
    let upstream = Recorder::start().await;
    let gate = gate(&upstream, &pool.issuer())
        .set("OAUTH_AUDIENCE", client.as_str())
        .set("HTTPS_PROXY", names.proxy())
        .set("OAUTHGATE_CA_FILE", names.authority().display().to_string());
    let gate = gate.start_unready().await;
    let token = pool.log_in(&client).await.access;
    let (status, reason) = gate.verdict(&token).await;
    assert_eq!((status, reason.as_str()), (503, "metadata_unavailable"));
    assert!(upstream.take().is_empty());
}
