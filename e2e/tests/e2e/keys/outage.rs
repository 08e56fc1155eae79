//! R2 and R4 from outside: keys that are held go on, keys that were removed go, new ones come.

use oauthgate_e2e::Behaviour;

use super::{Scene, assert_unavailable, eventually};

/// The shortest life of a key set: it is renewed every second.
const EVERY_SECOND: (&str, &str) = ("OAUTH_JWKS_CACHE_TTL", "1");

async fn renewing() -> Scene {
    Scene::with(|gate| gate.set(EVERY_SECOND.0, EVERY_SECOND.1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_many_rotations_refuse_no_good_token_and_find_every_new_key() {
    let scene = renewing().await;
    let mut good = vec![scene.token()];
    for _ in 0..8 {
        scene.issuer.rotate(true);
        good.push(scene.token());
        let asked = scene.issuer.keys.requests();
        // The second question after the rotation is put when the first one has been answered.
        eventually("two renewals", async || {
            for token in good.iter().rev().skip(1) {
                assert_eq!(scene.gate.status(token).await, 200, "its key is published");
            }
            scene.issuer.keys.requests() >= asked + 2
        })
        .await;
        assert_eq!(scene.gate.status(&scene.token()).await, 200, "the new key");
    }
    scene
        .assert_refuses_forged(401, "after many rotations")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_a_new_key_is_found_on_first_sight() {
    let scene = Scene::set().await;
    assert_eq!(scene.gate.status(&scene.token()).await, 200);
    scene.issuer.rotate(true);
    assert_eq!(scene.gate.status(&scene.token()).await, 200);
    assert_eq!(scene.gate.fetches().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_d1_a_removed_key_is_refused_after_the_renewal() {
    let scene = renewing().await;
    let removed = scene.token();
    assert_eq!(scene.gate.status(&removed).await, 200);
    scene.issuer.rotate(false);
    eventually("the removed key is refused", async || {
        let status = scene.gate.status(&removed).await;
        assert!(matches!(status, 200 | 401), "{status}");
        status == 401
    })
    .await;
    assert_eq!(scene.gate.status(&scene.token()).await, 200);
    for _ in 0..10 {
        assert_eq!(scene.gate.status(&removed).await, 401, "and stays refused");
    }
}

/// The long outages take place in paused time, next to the schedule; here the binary is seen to go through one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r2_d4_an_outage_after_the_end_of_the_sets_life_refuses_nobody() {
    let outages = [
        Behaviour::Refused,
        Behaviour::Silent,
        Behaviour::Status(500),
        Behaviour::Says("<!doctype html>"),
        Behaviour::Says(r#"{"keys":[]}"#),
    ];
    let outages = outages.map(async |outage| {
        let scene = renewing().await;
        assert_eq!(scene.gate.status(&scene.token()).await, 200);
        scene.issuer.keys.behave(outage.clone()).await;
        scene.issuer.metadata.behave(outage.clone()).await;
        eventually("the outage is noticed", async || {
            assert_eq!(scene.gate.status(&scene.token()).await, 200, "{outage:?}");
            let (status, report) = scene.gate.readiness().await;
            assert_eq!(status, 200, "{outage:?}: {report}");
            !report["issuers"][0]["last_failure"].is_null()
        })
        .await;
        assert_eq!(scene.gate.status(&scene.token()).await, 200, "{outage:?}");
        scene.assert_refuses_forged(401, "an outage").await;
    });
    futures_util::future::join_all(outages).await;
}

/// A stale limit of seconds instead of a day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r2_after_the_stale_limit_the_answer_is_503_until_the_issuer_is_back() {
    let scene = Scene::with(|gate| {
        gate.set(EVERY_SECOND.0, EVERY_SECOND.1)
            .set("OAUTHGATE_JWKS_STALE_LIMIT", "3")
    })
    .await;
    assert_eq!(scene.gate.status(&scene.token()).await, 200);
    scene.issuer.keys.behave(Behaviour::Refused).await;
    scene.issuer.metadata.behave(Behaviour::Refused).await;
    eventually("the limit is over", async || {
        let status = scene.gate.status(&scene.token()).await;
        assert!(matches!(status, 200 | 503), "{status}");
        status == 503
    })
    .await;
    for _ in 0..5 {
        assert_unavailable(&scene.gate.call(&scene.token()).await, "too old");
    }
    scene.assert_refuses_forged(503, "too old").await;
    assert_eq!(scene.gate.readiness().await.0, 503);
    scene.issuer.keys.behave(Behaviour::Well).await;
    scene.issuer.metadata.behave(Behaviour::Well).await;
    eventually("the issuer is back", async || {
        scene.gate.status(&scene.token()).await == 200
    })
    .await;
    scene.assert_refuses_forged(401, "the issuer is back").await;
}
