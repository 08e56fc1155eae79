//! Bad tokens that come again.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::jwks::schedule::COOLDOWN;

/// A stranger's token: a `kid` that is known, and a signature of another key.
fn forged() -> String {
    TestKey::new("1").sign(&claims("eve"))
}

async fn warm() -> Gate {
    let (gate, _) = Gate::that_learnt().await;
    gate
}

async fn asked_often(gate: &Gate, token: &str, reason: Reason) -> u64 {
    let before = gate.status().misses;
    for _ in 0..1_000 {
        assert_eq!(gate.reason(token).await, Some(reason));
        assert!(!gate.recalls(token));
    }
    gate.status().misses - before
}

#[tokio::test(start_paused = true)]
async fn a_forged_token_that_comes_a_thousand_times_is_verified_once() {
    let gate = warm().await;
    assert_eq!(asked_often(&gate, &forged(), Reason::BadSignature).await, 1);
    assert_eq!(gate.status().refused_again, 999);
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_that_comes_a_thousand_times_is_verified_once() {
    let gate = warm().await;
    let token = gate.token(&claims_with(&json!({"exp": NOW - 61})));
    assert_eq!(asked_often(&gate, &token, Reason::Expired).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_repeated_with_its_detail() {
    let gate = warm().await;
    let token = gate.token(&claims_with(&json!({"exp": NOW - 61})));
    let first = gate.validate(&token).await.unwrap_err();
    assert_eq!(gate.validate(&token).await.unwrap_err(), first);
}

/// Another key may have taken its `kid`: while a look is allowed, a bad signature is looked at, and has the
/// keys fetched.
#[tokio::test(start_paused = true)]
async fn a_forged_token_is_verified_again_when_newer_keys_might_be_found() {
    let gate = warm().await;
    let token = forged();
    asked_often(&gate, &token, Reason::BadSignature).await;
    settle().await;
    let fetches = gate.source.fetches();
    gate.clock.pass(COOLDOWN + SECOND);
    assert_eq!(asked_often(&gate, &token, Reason::BadSignature).await, 1);
    settle().await;
    assert_eq!(gate.source.fetches(), fetches + 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_refused_under_old_keys_is_good_as_soon_as_its_key_is_there() {
    let gate = warm().await;
    let next = TestKey::new("1");
    let token = next.sign(&claims("ada"));
    asked_often(&gate, &token, Reason::BadSignature).await;
    gate.source.now(jwks(&[&next]));
    gate.keys.refresh(None).await;
    gate.learn(&token).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_had_expired_is_good_when_the_clock_is_put_right() {
    let gate = warm().await;
    let token = gate.token(&claims_with(&json!({"exp": NOW + 30})));
    gate.clock.set(3_600);
    asked_often(&gate, &token, Reason::Expired).await;
    gate.clock.set(0);
    gate.learn(&token).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_forgotten_after_a_minute() {
    let gate = warm().await;
    let token = gate.token(&claims_with(&json!({"exp": NOW - 61})));
    asked_often(&gate, &token, Reason::Expired).await;
    gate.clock.pass(60 * SECOND);
    assert_eq!(asked_often(&gate, &token, Reason::Expired).await, 1);
}

/// Time or another look can mend these.
#[rstest]
#[case::not_yet(json!({"nbf": NOW + 61}), Reason::NotYetValid)]
#[case::issued_ahead(json!({"iat": NOW + 61}), Reason::IssuedInFuture)]
#[case::of_another(json!({"aud": "https://other.example.com"}), Reason::WrongAudience)]
#[tokio::test(start_paused = true)]
async fn other_refusals_are_reached_each_time(#[case] claims: Value, #[case] reason: Reason) {
    let gate = warm().await;
    let token = gate.token(&claims_with(&claims));
    assert_eq!(asked_often(&gate, &token, reason).await, 1_000);
    assert_eq!(gate.status().refused, 0);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_is_never_remembered_here() {
    let gate = warm().await;
    let token = TestKey::new("9").sign(&claims("ada"));
    assert_eq!(
        asked_often(&gate, &token, Reason::UnknownKeyId).await,
        1_000
    );
    assert_eq!(gate.status().refused, 0);
}

#[tokio::test(start_paused = true)]
async fn trouble_with_keys_is_never_remembered_here() {
    let gate = Gate::new();
    gate.source.now_failing();
    let token = gate.token(&claims("ada"));
    assert_eq!(gate.reason(&token).await, Some(Reason::JwksUnavailable));
    assert_eq!(gate.status().refused, 0);
}

/// A refusal is no reason to leave the operator's word unsaid.
#[tokio::test(start_paused = true)]
async fn a_remembered_refusal_ends_with_a_suspension() {
    let gate = warm().await;
    let token = gate.token(&claims_with(&json!({"exp": NOW - 61})));
    asked_often(&gate, &token, Reason::Expired).await;
    gate.keys
        .withdraw(None, &WithdrawnName::Issuer)
        .await
        .unwrap();
    assert_eq!(gate.reason(&token).await, Some(Reason::IssuerSuspended));
}
