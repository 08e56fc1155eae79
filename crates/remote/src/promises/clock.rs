//! R6, the row of clocks: wrong time refuses, and passes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use oauthgate_core::{Reason, UnixTime};
use rstest::rstest;

use super::{HOUR, ISSUER, Scene, forged_for, serving};
use crate::{
    clock::Clock,
    testing::{TestKey, unix_now},
};

const DAY: i64 = 24 * 60 * 60;

/// Two clocks, each of which shows what it is told to.
#[derive(Debug)]
struct Bent(Mutex<(i64, Duration)>);

impl Bent {
    fn right() -> Arc<Self> {
        Arc::new(Self(Mutex::new((unix_now(), 8_784 * HOUR))))
    }

    fn of_day(&self, seconds: i64) {
        self.0.lock().unwrap().0 = seconds;
    }

    fn elapsed_to(&self, elapsed: Duration) {
        self.0.lock().unwrap().1 = elapsed;
    }
}

impl Clock for Bent {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.lock().unwrap().0)
    }

    fn elapsed(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

#[rstest]
#[case::reads_1970(0, Reason::IssuedInFuture)]
#[case::reads_before_1970(-DAY, Reason::IssuedInFuture)]
#[case::jumps_back_a_day(unix_now() - DAY, Reason::IssuedInFuture)]
#[case::jumps_ahead_a_day(unix_now() + DAY, Reason::Expired)]
#[case::reads_the_end_of_time(i64::MAX, Reason::Expired)]
#[case::reads_the_beginning_of_time(i64::MIN, Reason::IssuedInFuture)]
#[tokio::test]
async fn r6_clock_a_wrong_time_of_day_refuses_and_costs_no_keys(
    #[case] wrong: i64,
    #[case] reason: Reason,
) {
    let key = TestKey::new("1");
    let (source, clock, token) = (serving(&key), Bent::right(), key.token(ISSUER));
    let scene = Scene::with_clock(source.clone(), clock.clone());
    clock.of_day(wrong);
    for _ in 0..2 {
        assert_eq!(scene.answer(&token).await, (401, Some(reason)));
        assert_eq!(scene.status(&forged_for("1")).await, 401);
    }
    clock.of_day(unix_now());
    assert_eq!(scene.status(&token).await, 200, "right again");
    assert_eq!(scene.status(&forged_for("1")).await, 401);
    assert!(source.fetches() <= 2, "{}", source.fetches());
}

#[rstest]
#[case::stands_still(8_784 * HOUR)]
#[case::jumps_back(8_783 * HOUR)]
#[case::reads_zero(Duration::ZERO)]
#[case::jumps_ahead_a_day(8_808 * HOUR)]
#[case::jumps_ahead_a_century(900_000 * HOUR)]
#[case::reads_the_end_of_time(Duration::MAX)]
#[tokio::test]
async fn r6_clock_wrong_elapsed_time_neither_accepts_nor_ends(#[case] wrong: Duration) {
    let key = TestKey::new("1");
    let (source, clock, token) = (serving(&key), Bent::right(), key.token(ISSUER));
    let scene = Scene::with_clock(source.clone(), clock.clone());
    assert_eq!(scene.status(&token).await, 200);
    clock.elapsed_to(wrong);
    for _ in 0..3 {
        assert_eq!(scene.status(&forged_for("1")).await, 401);
        assert_eq!(scene.status(&forged_for("stranger")).await, 401);
        assert_eq!(scene.status(&token).await, 200, "the issuer is well");
    }
    // And with the issuer away: served or 503, never a wrong answer.
    source.now_failing();
    for _ in 0..3 {
        assert!(matches!(scene.status(&token).await, 200 | 503));
        assert!(matches!(scene.status(&forged_for("1")).await, 401 | 503));
    }
    source.now(crate::testing::jwks(&[&key]));
    clock.elapsed_to(9_000 * HOUR);
    scene.keys.refresh(None).await;
    assert_eq!(scene.status(&token).await, 200, "right again");
    assert_eq!(scene.status(&forged_for("1")).await, 401);
}

/// The elapsed time of day went on while the process slept: keys that nobody confirmed in between are not
/// served on trust.
#[tokio::test]
async fn r6_clock_keys_from_before_a_long_sleep_are_confirmed_or_503() {
    let key = TestKey::new("1");
    let (source, clock, token) = (serving(&key), Bent::right(), key.token(ISSUER));
    let scene = Scene::with_clock(source.clone(), clock.clone());
    assert_eq!(scene.status(&token).await, 200);
    source.now_failing();
    clock.elapsed_to(8_784 * HOUR + 30 * HOUR);
    assert_eq!(scene.status(&token).await, 503);
    assert_eq!(scene.status(&forged_for("1")).await, 503);
}
