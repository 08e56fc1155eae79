//! R4 for operators: what they say about keys holds at once, and everywhere.

use std::time::Duration;

use oauthgate_e2e::{Behaviour, Connection};

use super::{Scene, assert_unavailable, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_a_withdrawn_key_is_refused_from_the_answer_on() {
    let scene = Scene::set().await;
    let withdrawn = (scene.token(), scene.issuer.signer.key_id());
    assert_eq!(scene.gate.status(&withdrawn.0).await, 200);
    scene.issuer.rotate(true);
    let kept = scene.token();
    assert_eq!(scene.gate.status(&kept).await, 200);

    let path = format!("/keys/{}", withdrawn.1);
    let answer = scene.gate.admin("DELETE", &path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(scene.gate.status(&withdrawn.0).await, 401);
    assert_eq!(scene.gate.status(&kept).await, 200);
    // The issuer still publishes it, and that changes nothing.
    let answer = scene.gate.admin("POST", "/keys/refresh").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(scene.gate.status(&withdrawn.0).await, 401);
    assert_eq!(scene.gate.status(&kept).await, 200);
    scene
        .assert_refuses_forged(401, "one key is withdrawn")
        .await;

    let answer = scene.gate.admin("PUT", &path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(scene.gate.status(&withdrawn.0).await, 200);
}

/// What the gate counts of verified tokens under this name.
async fn count(scene: &Scene, name: &str) -> u64 {
    let metrics = scene.gate.metrics().await;
    let start = format!("oauthgate_token_cache_{name}{{");
    let line = metrics.lines().find(|line| line.starts_with(&start));
    let value = line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok());
    value.unwrap_or_else(|| panic!("{name}: {metrics}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e5_a_token_that_the_gate_remembers_ends_with_its_key() {
    let scene = Scene::set().await;
    let (token, key_id) = (scene.token(), scene.issuer.signer.key_id());
    assert_eq!(scene.gate.status(&token).await, 200);
    let (hits, misses) = (
        count(&scene, "hits_total").await,
        count(&scene, "misses_total").await,
    );
    for _ in 0..10 {
        assert_eq!(scene.gate.status(&token).await, 200);
    }
    assert_eq!(count(&scene, "hits_total").await, hits + 10);
    assert_eq!(count(&scene, "misses_total").await, misses);
    assert!(count(&scene, "entries").await > 0);
    assert!(count(&scene, "bytes").await > 0);

    let answer = scene.gate.admin("DELETE", &format!("/keys/{key_id}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for _ in 0..3 {
        assert_eq!(scene.gate.status(&token).await, 401);
    }
    assert_eq!(count(&scene, "hits_total").await, hits + 10);
    assert_eq!(count(&scene, "entries").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_a_suspended_issuer_is_503_until_it_is_resumed() {
    let scene = Scene::set().await;
    let token = scene.token();
    assert_eq!(scene.gate.status(&token).await, 200);
    let about = |call: &str| format!("/keys/{call}?issuer={}", scene.issuer.name());
    assert_eq!(
        scene.gate.admin("POST", &about("suspend")).await.status,
        200
    );
    assert_unavailable(&scene.gate.call(&token).await, "suspended");
    scene.assert_refuses_forged(503, "suspended").await;
    assert_eq!(scene.gate.readiness().await.0, 503);
    assert_eq!(scene.gate.admin("POST", &about("resume")).await.status, 200);
    assert_eq!(scene.gate.status(&token).await, 200);
}

/// In the middle of an attack, when strangers may cause nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_a_hangup_and_a_call_fetch_at_once_whatever_rests() {
    let scene = Scene::set().await;
    let mut removed = scene.token();
    let stranger = scene.issuer.stranger(&scene.gate.resource, "new");
    assert_eq!(scene.gate.status(&stranger).await, 401);
    for by_signal in [true, false] {
        scene.issuer.rotate(false);
        let asked = scene.issuer.keys.requests();
        assert_eq!(scene.gate.status(&removed).await, 200, "not known yet");
        if by_signal {
            scene.gate.process.signal("HUP");
        } else {
            assert_eq!(scene.gate.admin("POST", "/keys/refresh").await.status, 200);
        }
        eventually("the removed key is refused", async || {
            scene.gate.status(&removed).await == 401
        })
        .await;
        assert_eq!(scene.issuer.keys.requests(), asked + 1);
        removed = scene.token();
        assert_eq!(scene.gate.status(&removed).await, 200, "the new one");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_a_call_to_fetch_that_fails_says_so_and_changes_nothing() {
    let scene = Scene::set().await;
    scene.issuer.keys.behave(Behaviour::Status(500)).await;
    for _ in 0..3 {
        let answer = scene.gate.admin("POST", "/keys/refresh").await;
        assert_eq!(answer.status, 502, "{}", answer.text);
        scene.gate.process.signal("HUP");
    }
    assert_eq!(scene.gate.status(&scene.token()).await, 200);
    scene.assert_refuses_forged(401, "a refresh failed").await;
}

/// R9, as far as keys go: a reload is nobody's business but the operator's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r9_a_hundred_hangups_under_load_fail_no_request() {
    let scene = Scene::set().await;
    let token = scene.token();
    let port = scene.gate.port;
    let head = format!(
        "GET /mcp HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let (over, _) = tokio::sync::watch::channel(false);
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (head, over) = (head.clone(), over.subscribe());
        workers.spawn(async move {
            let mut connection = Connection::open(port).await;
            let mut good = 0;
            while !*over.borrow() {
                assert_eq!(connection.send(head.as_bytes()).await, 200);
                good += 1;
            }
            good
        });
    }
    let before = scene.gate.fetches().await;
    for hangup in 0..100 {
        match hangup % 20 {
            0 => scene.issuer.rotate(true),
            5 => scene.issuer.keys.behave(Behaviour::Status(500)).await,
            10 => scene.issuer.keys.behave(Behaviour::Well).await,
            _ => {}
        }
        scene.gate.process.signal("HUP");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    over.send_replace(true);
    let good: Vec<u64> = workers.join_all().await;
    assert!(good.iter().all(|good| *good > 0), "{good:?}");
    eventually("hangups fetch", async || {
        scene.gate.process.signal("HUP");
        scene.gate.fetches().await > before + 10
    })
    .await;
    scene.gate.process.signal("HUP");
    eventually("the newest key", async || {
        scene.gate.status(&scene.token()).await == 200
    })
    .await;
}
