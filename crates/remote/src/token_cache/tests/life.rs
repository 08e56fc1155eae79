//! How long a verdict holds.

use rstest::rstest;
use serde_json::json;

use super::*;

#[rstest]
#[case::no_skew(0)]
#[case::usual(SKEW)]
#[case::longest(300)]
#[tokio::test]
async fn e4_a_remembered_token_ends_to_the_second_as_one_that_is_verified(#[case] skew: i64) {
    let skewed = Duration::from_secs(u64::try_from(skew).unwrap());
    let gate = Gate::with(|settings| settings.issuers[0].skew = skewed, |keys| keys);
    let token = gate.token(&claims_with(&json!({"exp": NOW + 3})));
    gate.learn(&token).await;
    gate.clock.set(3 + skew - 1);
    assert!(gate.recalls(&token), "the last second");
    gate.clock.set(3 + skew);
    assert!(!gate.recalls(&token), "over");
    assert_eq!(gate.reason(&token).await, Some(Reason::Expired));
    gate.clock.set(3 + skew - 1);
    assert_eq!(gate.reason(&token).await, None, "the clock was set back");
}

#[tokio::test]
async fn a_verdict_is_repeated_for_so_long_and_then_reached_anew() {
    let (gate, token) = Gate::that_learnt().await;
    gate.clock.elapse(Duration::from_secs(120));
    gate.learn(&token).await;
    gate.clock.elapse(Duration::from_secs(120));
    assert!(gate.recalls(&token));
    gate.clock.elapse(Duration::from_secs(59));
    settle().await;
    // Upkeep may be due by now, which is no end: the token is verified, and remembered again.
    gate.learn(&token).await;
    let before = gate.status().misses;
    gate.clock.elapse(Duration::from_secs(301));
    assert!(!gate.recalls(&token));
    gate.learn(&token).await;
    assert_eq!(gate.status().misses, before + 1);
}

#[tokio::test]
async fn nothing_is_remembered_when_the_life_is_zero() {
    let gate = Gate::with(
        |settings| settings.token_cache = TokenCacheSettings::off(),
        |keys| keys,
    );
    let token = gate.token(&claims("ada"));
    for _ in 0..3 {
        assert_eq!(gate.reason(&token).await, None);
        assert!(!gate.recalls(&token));
    }
    let forged = TestKey::new("1").sign(&claims("ada"));
    for _ in 0..3 {
        assert_eq!(gate.reason(&forged).await, Some(Reason::BadSignature));
    }
    let status = gate.status();
    assert_eq!((status.hits, status.misses), (0, 6));
    assert_eq!((status.entries, status.refused), (0, 0));
}

/// `nbf` and `iat` were past when the token was verified; they lie ahead again when the clock is set back.
#[rstest]
#[case("nbf", Reason::NotYetValid)]
#[case("iat", Reason::IssuedInFuture)]
#[tokio::test]
async fn a_clock_that_is_set_back_lets_no_token_in_before_its_time(
    #[case] claim: &str,
    #[case] reason: Reason,
) {
    let gate = Gate::new();
    let token = gate.token(&claims_with(&json!({ claim: NOW + SKEW })));
    gate.learn(&token).await;
    for back in [-1, -3_600] {
        gate.clock.set(back);
        assert!(!gate.recalls(&token), "{back}");
        assert_eq!(gate.reason(&token).await, Some(reason), "{back}");
    }
    gate.clock.set(0);
    assert!(gate.recalls(&token), "what was verified then holds then");
}

#[tokio::test]
async fn a_clock_that_jumps_an_hour_changes_no_verdict_of_the_verifier() {
    let (gate, token) = Gate::that_learnt().await;
    for (at, reason) in [
        (3_600, None),
        (3_600 + SKEW, Some(Reason::Expired)),
        (-3_600, Some(Reason::IssuedInFuture)),
        (-SKEW, None),
        (0, None),
    ] {
        gate.clock.set(at);
        assert!(!(gate.recalls(&token) && reason.is_some()), "{at}");
        assert_eq!(gate.reason(&token).await, reason, "{at}");
    }
}
