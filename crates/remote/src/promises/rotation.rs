//! R4: a thousand rotations without a wrong answer.

use std::collections::VecDeque;

use oauthgate_core::Reason;
use tokio::time::sleep;

use super::{ISSUER, MINUTE, Scene, serving};
use crate::{
    jwks::schedule::{COOLDOWN, RENEWAL},
    testing::{TestKey, jwks},
};

const ROTATIONS: usize = 1_000;
/// How many keys are published at a time.
const PUBLISHED: usize = 3;

#[tokio::test(start_paused = true)]
async fn r4_d1_a_thousand_rotations_give_no_wrong_answer() {
    let mut published = VecDeque::from([TestKey::new("k0")]);
    let source = serving(&published[0]);
    let scene = Scene::over(source.clone());
    scene.keys.warm_up().await;
    for rotation in 1..=ROTATIONS {
        sleep(COOLDOWN).await;
        published.push_back(TestKey::new(&format!("k{rotation}")));
        let removed = (published.len() > PUBLISHED).then(|| published.pop_front().unwrap());
        source.now(jwks(&published.iter().collect::<Vec<_>>()));
        // On first sight, and all others that are published.
        for key in published.iter().rev() {
            assert_eq!(scene.status(&key.token(ISSUER)).await, 200, "{rotation}");
        }
        if let Some(removed) = removed {
            let answer = scene.answer(&removed.token(ISSUER)).await;
            assert_eq!(answer, (401, Some(Reason::UnknownKeyId)), "{rotation}");
        }
    }
    let upkeep = COOLDOWN.as_secs() * ROTATIONS as u64 / MINUTE.as_secs();
    let fetches = source.fetches();
    assert!(fetches <= 1 + ROTATIONS as u64 + upkeep, "{fetches}");
}

/// Nobody shows the new key, so nothing but the timer finds out that the old one is gone.
#[tokio::test(start_paused = true)]
async fn r4_d1_a_removed_key_is_refused_within_five_minutes_though_nobody_shows_another() {
    for _ in 0..20 {
        let (old, new) = (TestKey::new("old"), TestKey::new("new"));
        let source = serving(&old);
        let scene = Scene::over(source.clone());
        scene.keys.warm_up().await;
        source.now(jwks(&[&new]));
        sleep(RENEWAL).await;
        assert_eq!(source.fetches(), 2, "without any request");
        assert_eq!(scene.status(&old.token(ISSUER)).await, 401);
        assert_eq!(scene.status(&new.token(ISSUER)).await, 200);
    }
}

/// The new key is signed with before it is published: its tokens pass one cooldown after it is.
#[tokio::test(start_paused = true)]
async fn r4_a_key_that_is_used_before_it_is_published_is_found_one_cooldown_later() {
    let (old, new) = (TestKey::new("old"), TestKey::new("new"));
    let source = serving(&old);
    let scene = Scene::over(source.clone());
    scene.keys.warm_up().await;
    assert_eq!(scene.status(&new.token(ISSUER)).await, 401);
    source.now(jwks(&[&old, &new]));
    sleep(COOLDOWN).await;
    assert_eq!(scene.status(&new.token(ISSUER)).await, 200);
    assert_eq!(scene.status(&old.token(ISSUER)).await, 200);
}
