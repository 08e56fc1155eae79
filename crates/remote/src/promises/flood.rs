//! R1 and R8: what strangers' kids cost, in fetches and in memory.

use std::time::Duration;

use oauthgate_core::{KeyId, SigningAlgorithm, keys::KeyHint};
use rstest::rstest;
use tokio::time::{Instant, sleep};

use super::{ISSUER, MINUTE, Scene, serving};
use crate::{
    jwks::{KeySourceError, schedule::COOLDOWN},
    testing::{ScriptedSource, TestKey, document, jwks},
};

/// Kids that nobody has, in memory of a fixed size.
const KIDS: u64 = 1_000_000;
/// In bytes; a map with an entry for each would need several times as much.
const MOST_GROWTH: u64 = 32 * 1024 * 1024;

fn slow(source: &ScriptedSource, key: &TestKey) {
    source.now_after(Duration::from_secs(2), document(jwks(&[key])));
}

/// In trouble, and asking to be asked again at once.
fn impatient(source: &ScriptedSource, _: &TestKey) {
    let error = KeySourceError::jwks_unavailable("answered 429");
    let error = error.with_retry_after(Some(Duration::ZERO));
    source.now_after(Duration::ZERO, Err(error));
}

#[rstest]
#[case::fast(|_: &ScriptedSource, _: &TestKey| ())]
#[case::slow(slow)]
#[case::dead(|source: &ScriptedSource, _: &TestKey| source.now_failing())]
#[case::hanging(|source: &ScriptedSource, _: &TestKey| source.now_hanging())]
#[case::empty(|source: &ScriptedSource, _: &TestKey| source.now(br#"{"keys":[]}"#.to_vec()))]
#[case::impatient(impatient)]
#[tokio::test(start_paused = true)]
async fn r1_d3_ten_minutes_of_flood_cost_one_fetch_per_cooldown_and_no_good_token(
    #[case] turn: fn(&ScriptedSource, &TestKey),
) {
    let key = TestKey::new("1");
    let (source, token) = (serving(&key), key.token(ISSUER));
    let scene = Scene::over(source.clone());
    scene.keys.warm_up().await;
    turn(&source, &key);
    let begin = Instant::now();
    let mut kids = 0;
    while begin.elapsed() < 10 * MINUTE {
        for _ in 0..5 {
            kids += 1;
            let stranger = super::forged_for(&format!("stranger-{kids}"));
            assert_eq!(scene.status(&stranger).await, 401);
        }
        let before = Instant::now();
        assert_eq!(scene.status(&token).await, 200);
        assert_eq!(
            before.elapsed(),
            Duration::ZERO,
            "a known kid waits for nothing"
        );
        sleep(Duration::from_secs(1)).await;
    }
    let cooldowns = begin.elapsed().as_secs() / COOLDOWN.as_secs();
    // Beside the strangers' attempts, upkeep renews after five minutes and backs off up to a minute.
    let upkeep = 1 + begin.elapsed().as_secs() / MINUTE.as_secs();
    let fetches = source.fetches();
    assert!(
        fetches <= 1 + cooldowns + 1 + upkeep,
        "{fetches} for {kids} kids"
    );
}

#[tokio::test(start_paused = true)]
async fn r8_h3_a_million_kids_leave_memory_as_it_was() {
    let key = TestKey::new("1");
    let source = serving(&key);
    let scene = Scene::over(source.clone());
    scene.keys.warm_up().await;
    let [store] = scene.authenticator.stores() else {
        panic!("one store for one issuer")
    };
    let before = resident();
    for kid in 0..KIDS {
        let key_id = KeyId::new(&format!("a-kid-of-some-length-that-nobody-has-{kid}"));
        let hint = KeyHint {
            key_id,
            algorithm: SigningAlgorithm::EdDsa,
        };
        let set = store.keys(&hint).await.unwrap();
        assert!(!set.contains(&hint.key_id.unwrap()));
        if kid.is_multiple_of(100) {
            sleep(COOLDOWN / 100).await;
        }
    }
    let after = resident();
    eprintln!("{KIDS} kids: {before} bytes resident before, {after} after");
    assert!(
        after.saturating_sub(before) < MOST_GROWTH,
        "{before}, then {after}"
    );
    assert!(source.fetches() > 50, "some of them were looked for");
}

/// Bytes of this process that are in memory now.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}
