//! R2: an outage refuses nobody for a day, and then says when to come back.

use std::{sync::Arc, time::Duration};

use oauthgate_core::Reason;
use rstest::rstest;
use tokio::time::{Instant, sleep};

use super::{HOUR, ISSUER, MINUTE, Scene, forged_for, serving};
use crate::{
    KeyStores,
    jwks::{KeySourceError, schedule::STALE_LIMIT},
    testing::{FakeClock, ScriptedSource, TestKey, document, jwks},
};

#[derive(Debug, Clone, Copy)]
enum Outage {
    Killed,
    Hanging,
    /// 500, or 503 with a wish for patience.
    InTrouble(Option<Duration>),
    Document(&'static str),
    /// All of them in turn.
    Changing,
}

impl Outage {
    fn begin(self, source: &ScriptedSource) {
        match self {
            Self::Killed => source.now_failing(),
            Self::Hanging => source.now_hanging(),
            Self::InTrouble(retry_after) => {
                let error = KeySourceError::jwks_unavailable("answered 503");
                source.now_after(Duration::ZERO, Err(error.with_retry_after(retry_after)));
            }
            Self::Document(text) => source.now(text.as_bytes().to_vec()),
            Self::Changing => {
                source.now_failing();
                for text in ["", "{}", r#"{"keys":[]}"#, "<!doctype html>"] {
                    source.then(Duration::from_secs(14), document(text.into()));
                }
            }
        }
    }
}

#[rstest]
#[case::killed(Outage::Killed)]
#[case::hanging(Outage::Hanging)]
#[case::error_500(Outage::InTrouble(None))]
#[case::error_503_retry_after(Outage::InTrouble(Some(HOUR)))]
#[case::garbage(Outage::Document("<!doctype html><title>Sign in</title>"))]
#[case::cut(Outage::Document(r#"{"keys":[{"kty":"OKP","#))]
#[case::empty_set(Outage::Document(r#"{"keys":[]}"#))]
#[case::no_usable_key(Outage::Document(r#"{"keys":[{"kty":"oct","k":"AAAA","kid":"1"}]}"#))]
#[case::changing(Outage::Changing)]
#[tokio::test(start_paused = true)]
async fn r2_d4_a_day_of_outage_refuses_no_good_token(#[case] outage: Outage) {
    let key = TestKey::new("1");
    let (source, token, forged) = (serving(&key), key.token(ISSUER), forged_for("1"));
    let stranger = forged_for("stranger");
    let scene = Scene::over(source.clone());
    scene.keys.warm_up().await;
    let confirmed = Instant::now();
    outage.begin(&source);
    let mut good = 0;
    while confirmed.elapsed() + 5 * MINUTE < STALE_LIMIT {
        sleep(5 * MINUTE).await;
        assert_eq!(scene.status(&token).await, 200, "{:?}", confirmed.elapsed());
        assert_eq!(scene.status(&forged).await, 401);
        assert_eq!(scene.status(&stranger).await, 401);
        good += 1;
    }
    assert!(good >= 280, "{good}");
    assert!(
        source.fetches() > 24,
        "upkeep gave up: {}",
        source.fetches()
    );

    sleep(6 * MINUTE).await;
    for token in [&token, &forged, &stranger] {
        let (status, reason) = scene.answer(token).await;
        assert_eq!(status, 503, "after the stale limit: {reason:?}");
    }
    assert!(!scene.keys.status()[0].is_ready());
    source.now(jwks(&[&key]));
    // The longest pause of upkeep that failed, or the longest wish of the issuer that is obeyed.
    sleep(6 * MINUTE).await;
    assert_eq!(scene.status(&token).await, 200, "healed");
    assert_eq!(
        scene.answer(&forged).await,
        (401, Some(Reason::BadSignature))
    );
}

/// A process starts while the issuer is away, with what another one knew two hours before.
#[tokio::test]
async fn r2_r9_a_start_in_an_outage_serves_saved_keys_until_their_limit() {
    let key = TestKey::new("1");
    let (source, token) = (serving(&key), key.token(ISSUER));
    let clock = Arc::new(FakeClock::default());
    let before = Scene::with_clock(source.clone(), clock.clone());
    assert_eq!(before.status(&token).await, 200);
    let [saved] = &before.keys.snapshots()[..] else {
        panic!("one snapshot for one issuer")
    };
    drop(before.authenticator);
    source.now_failing();
    for hours in [2, 21] {
        clock.advance(hours * HOUR);
        clock.shift_time_of_day(i64::from(hours) * 3_600);
        let keys = KeyStores::builder().source(super::issuer(), source.clone());
        let keys = keys.clock(clock.clone()).preload(saved.clone()).build();
        let scene = Scene::of(keys);
        let fresh = key.sign(&later(&clock));
        assert_eq!(scene.status(&fresh).await, 200, "{hours}");
        assert_eq!(scene.status(&forged_for("1")).await, 401);
        assert!(scene.keys.status()[0].stale);
    }
    clock.advance(2 * HOUR);
    clock.shift_time_of_day(2 * 3_600);
    let keys = KeyStores::builder().source(super::issuer(), source.clone());
    let keys = keys.clock(clock.clone()).preload(saved.clone()).build();
    assert_eq!(Scene::of(keys).status(&key.sign(&later(&clock))).await, 503);
}

/// Good claims at the time of day of this clock.
fn later(clock: &FakeClock) -> serde_json::Value {
    use crate::clock::Clock;
    let mut claims = crate::testing::claims(ISSUER);
    let now = clock.now().as_secs();
    claims["iat"] = now.into();
    claims["exp"] = (now + 3_600).into();
    claims
}

#[tokio::test(start_paused = true)]
async fn r2_a_set_whose_issuer_answers_now_and_then_is_never_withheld() {
    let key = TestKey::new("1");
    let (source, token) = (serving(&key), key.token(ISSUER));
    let scene = Scene::over(source.clone());
    scene.keys.warm_up().await;
    for day in 0..7 {
        source.now_failing();
        for _ in 0..23 {
            sleep(HOUR).await;
            assert_eq!(scene.status(&token).await, 200, "day {day}");
        }
        source.now(jwks(&[&key]));
        sleep(2 * MINUTE).await;
        assert!(!scene.keys.status()[0].stale);
    }
}
