//! The store under attack and outage, in paused time and without a network.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use oauthgate_core::{Blame, Issuer, JwkSet, KeyId, Reason, SigningAlgorithm, keys::KeyHint};
use rstest::rstest;
use tokio::{
    task::JoinSet,
    time::{Instant, advance, sleep},
};

use super::{
    Ask, Fetched, FetchedSet, JwksSource, KeySourceError, KeyStore, Surroundings, Validator,
    absent::{AbsentKeys, CAPACITY},
    schedule::{COOLDOWN, RENEWAL, STALE_LIMIT},
    store::{FIRST_WAIT, STRANGER_WAIT, STRANGERS_WAITING},
};
use crate::{
    KeySettings,
    clock::SystemClock,
    testing::{ScriptedSource, TestKey, document, jwks},
};

const HOUR: Duration = Duration::from_secs(3_600);

fn hint(key_id: &str) -> KeyHint {
    KeyHint {
        key_id: KeyId::new(key_id),
        algorithm: SigningAlgorithm::EdDsa,
    }
}

fn store_of(source: Arc<dyn JwksSource>) -> Arc<KeyStore> {
    let issuer = Issuer::new("https://auth.example.com").unwrap();
    let surroundings = Surroundings::new(Arc::new(SystemClock::new()));
    KeyStore::new(issuer, source, &KeySettings::default(), surroundings)
}

/// A source with one key `1`, and a store over it.
fn one_key() -> (Arc<ScriptedSource>, Arc<KeyStore>) {
    let source = Arc::new(ScriptedSource::serving(jwks(&[&TestKey::new("1")])));
    (source.clone(), store_of(source))
}

async fn warm() -> (Arc<ScriptedSource>, Arc<KeyStore>) {
    let (source, store) = one_key();
    store.keys(&hint("1")).await.unwrap();
    (source, store)
}

fn holds(set: &JwkSet, key_id: &str) -> bool {
    set.contains(&KeyId::new(key_id).unwrap())
}

async fn finds(store: &Arc<KeyStore>, key_id: &str) -> bool {
    holds(&store.keys(&hint(key_id)).await.unwrap(), key_id)
}

#[tokio::test(start_paused = true)]
async fn serves_known_keys_while_the_endpoint_hangs() {
    let (source, store) = warm().await;
    source.now_hanging();
    advance(2 * HOUR).await;
    for _ in 0..1_000 {
        let started = Instant::now();
        assert!(finds(&store, "1").await);
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn d8_a_known_key_does_not_wait_behind_a_strangers_fetch() {
    let (source, store) = warm().await;
    source.now_hanging();
    let stranger = tokio::spawn({
        let store = store.clone();
        async move { finds(&store, "junk").await }
    });
    source.started.notified().await;
    let started = Instant::now();
    assert!(finds(&store, "1").await);
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert!(!stranger.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn one_fetch_for_a_thousand_first_requests() {
    let source = Arc::new(ScriptedSource::default());
    source.then(
        Duration::from_millis(500),
        document(jwks(&[&TestKey::new("1")])),
    );
    let store = store_of(source.clone());
    let mut requests = JoinSet::new();
    for _ in 0..1_000 {
        let store = store.clone();
        requests.spawn(async move { finds(&store, "1").await });
    }
    assert!(requests.join_all().await.into_iter().all(|found| found));
    assert_eq!(source.fetches(), 1);
}

/// A minute of ten new junk `kid`s every tenth of a second.
async fn flood(store: &Arc<KeyStore>) {
    for tick in 0..600 {
        for kid in 0..10 {
            let _ = store.keys(&hint(&format!("junk-{tick}-{kid}"))).await;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn d3_unknown_kids_cost_one_fetch_per_cooldown() {
    let (source, store) = warm().await;
    flood(&store).await;
    assert!((6..=8).contains(&source.fetches()), "{}", source.fetches());
    assert!(finds(&store, "1").await);
}

#[tokio::test(start_paused = true)]
async fn d3_unknown_kids_cost_one_fetch_per_cooldown_while_the_issuer_is_down() {
    let (source, store) = warm().await;
    source.now_failing();
    flood(&store).await;
    assert!(source.fetches() <= 8, "{}", source.fetches());
    assert!(finds(&store, "1").await);
}

#[rstest]
#[case(br#"{"keys":[]}"#)]
#[case(b"{}")]
#[case(b"<!doctype html>")]
#[case(b"")]
#[tokio::test(start_paused = true)]
async fn d3_an_empty_set_does_not_switch_off_the_cooldown(#[case] body: &[u8]) {
    let source = Arc::new(ScriptedSource::serving(body.to_vec()));
    let store = store_of(source.clone());
    flood(&store).await;
    // Six cooldowns, and upkeep that backs off: about 0, 1, 3, 7 and 15 s.
    assert!(source.fetches() <= 11, "{}", source.fetches());
}

#[tokio::test(start_paused = true)]
async fn one_junk_kid_repeated_costs_less_and_less() {
    let (source, store) = warm().await;
    for _ in 0..3_600 {
        assert!(!finds(&store, "junk").await);
        sleep(Duration::from_secs(1)).await;
    }
    // An hour holds 360 cooldowns; the memory leaves 30 looks in the first five minutes, a few more, and
    // one every five minutes then. Upkeep looks as often.
    assert!(
        source.fetches() <= 1 + 30 + 5 + 11 + 12,
        "{}",
        source.fetches()
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_waits_no_longer_than_its_limit() {
    let (source, store) = warm().await;
    source.now_hanging();
    let started = Instant::now();
    assert!(!finds(&store, "new").await);
    assert_eq!(started.elapsed(), STRANGER_WAIT);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_is_answered_at_once_within_a_cooldown() {
    let (source, store) = warm().await;
    assert!(!finds(&store, "junk").await);
    source.now_hanging();
    let started = Instant::now();
    assert!(!finds(&store, "other junk").await);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn only_so_many_unknown_kids_wait_at_a_time() {
    let (source, store) = warm().await;
    source.now_hanging();
    let mut waiting = JoinSet::new();
    for kid in 0..STRANGERS_WAITING {
        let store = store.clone();
        waiting.spawn(async move { finds(&store, &format!("junk-{kid}")).await });
    }
    sleep(Duration::from_millis(10)).await;
    let started = Instant::now();
    assert!(!finds(&store, "one too many").await);
    assert_eq!(started.elapsed(), Duration::ZERO);
    waiting.join_all().await;
}

#[tokio::test(start_paused = true)]
async fn r4_a_rotated_key_is_used_within_its_own_first_request() {
    let (source, store) = warm().await;
    source.now(jwks(&[&TestKey::new("1"), &TestKey::new("2")]));
    assert!(finds(&store, "2").await);
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_is_found_after_one_cooldown_in_the_middle_of_an_attack() {
    let (source, store) = warm().await;
    assert!(!finds(&store, "junk").await);
    source.now(jwks(&[&TestKey::new("2")]));
    assert!(!finds(&store, "2").await);
    sleep(COOLDOWN).await;
    assert!(finds(&store, "2").await);
}

#[tokio::test(start_paused = true)]
async fn d1_a_removed_key_is_refused_after_the_next_refresh() {
    let (source, store) = warm().await;
    source.now(jwks(&[&TestKey::new("2")]));
    advance(HOUR).await;
    store.upkeep_and_wait().await;
    assert!(!finds(&store, "1").await);
}

#[tokio::test(start_paused = true)]
async fn r2_an_outage_after_ttl_refuses_nobody() {
    let (source, store) = warm().await;
    let loaded = Instant::now();
    source.now_failing();
    while loaded.elapsed() + HOUR / 2 < STALE_LIMIT {
        assert!(finds(&store, "1").await);
        sleep(HOUR / 2).await;
    }
    let status = store.status();
    assert!(
        status.is_ready() && status.last_failure == Some("jwks_unavailable"),
        "{status:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn after_the_stale_limit_the_answer_is_503_until_the_issuer_is_back() {
    let (source, store) = warm().await;
    source.now_failing();
    sleep(STALE_LIMIT + Duration::from_secs(1)).await;
    let refused = store.keys(&hint("1")).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::JwksUnavailable);
    assert!(!store.status().is_ready());
    source.now(jwks(&[&TestKey::new("1")]));
    sleep(COOLDOWN).await;
    assert!(finds(&store, "1").await);
}

#[rstest]
#[case(br#"{"keys":[]}"#.to_vec(), Reason::NoUsableKeys)]
#[case(br#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#.to_vec(), Reason::NoUsableKeys)]
#[case(b"{}".to_vec(), Reason::NoUsableKeys)]
#[case(b"<!doctype html>".to_vec(), Reason::JwksUnavailable)]
#[case(vec![b' '; 600 * 1024], Reason::JwksUnavailable)]
#[tokio::test(start_paused = true)]
async fn d4_a_bad_document_never_replaces_a_good_set(
    #[case] body: Vec<u8>,
    #[case] reason: Reason,
) {
    let (source, store) = warm().await;
    source.now(body);
    for _ in 0..60 {
        assert!(finds(&store, "1").await);
        sleep(Duration::from_secs(120)).await;
    }
    assert!(source.fetches() > 10);
    assert_eq!(store.status().last_failure, Some(reason.code()));
}

#[tokio::test(start_paused = true)]
async fn restart_during_outage_answers_503_not_401() {
    let source = Arc::new(ScriptedSource::default());
    source.now_failing();
    let store = store_of(source);
    for _ in 0..3 {
        let refused = store.keys(&hint("1")).await.unwrap_err();
        assert_eq!(refused.reason().blame(), Blame::Surroundings);
        assert!(
            refused
                .retry_after()
                .is_some_and(|after| after >= Duration::from_secs(1) && after <= COOLDOWN)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_first_fetch_is_tried_again_when_retry_after_says_so() {
    let (source, store) = one_key();
    source.now_failing();
    let refused = store.keys(&hint("1")).await.unwrap_err();
    let after = refused.retry_after().unwrap();
    assert!(after < Duration::from_secs(2), "{after:?}");
    source.now(jwks(&[&TestKey::new("1")]));
    sleep(after).await;
    assert!(finds(&store, "1").await);
}

#[tokio::test(start_paused = true)]
async fn a_first_request_waits_for_a_bounded_time() {
    let source = Arc::new(ScriptedSource::default());
    source.now_hanging();
    let store = store_of(source);
    let started = Instant::now();
    assert_eq!(
        store.keys(&hint("1")).await.unwrap_err().reason(),
        Reason::JwksUnavailable
    );
    assert_eq!(started.elapsed(), FIRST_WAIT);
}

#[tokio::test(start_paused = true)]
async fn d6_a_cancelled_request_does_not_cancel_the_refresh() {
    let source = Arc::new(ScriptedSource::default());
    source.then(
        Duration::from_millis(400),
        document(jwks(&[&TestKey::new("1")])),
    );
    let store = store_of(source.clone());
    let mut requests = JoinSet::new();
    for _ in 0..1_000 {
        let store = store.clone();
        requests.spawn(async move { store.keys(&hint("1")).await });
    }
    sleep(Duration::from_millis(200)).await;
    requests.shutdown().await;
    sleep(Duration::from_millis(300)).await;
    let started = Instant::now();
    assert!(finds(&store, "1").await);
    assert_eq!((started.elapsed(), source.fetches()), (Duration::ZERO, 1));
}

#[derive(Debug)]
struct Panicking;

impl JwksSource for Panicking {
    fn fetch(
        &self,
        _: Ask,
    ) -> futures_util::future::BoxFuture<'_, Result<Fetched, KeySourceError>> {
        Box::pin(async { panic!("a source may have bugs") })
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_source_is_a_failed_attempt_and_no_stuck_request() {
    let store = store_of(Arc::new(Panicking));
    let refused = store.keys(&hint("1")).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::JwksUnavailable);
    assert!(!store.status().fetching);
    sleep(COOLDOWN).await;
    assert!(store.keys(&hint("1")).await.is_err());
    assert_eq!(store.status().fetches, 2);
}

#[test]
fn without_a_runtime_the_attempt_fails_and_nothing_panics() {
    let (_, store) = one_key();
    assert!(store.upkeep_and_wait().now_or_never().is_some());
    let status = store.status();
    assert_eq!(
        (status.fetches, status.fetching, status.last_failure),
        (0, false, Some("jwks_unavailable"))
    );
}

#[tokio::test(start_paused = true)]
async fn an_idle_service_stays_warm() {
    let (source, store) = one_key();
    let upkeep = tokio::spawn(store.clone().keep_warm());
    sleep(24 * HOUR).await;
    assert!(
        (320..=361).contains(&source.fetches()),
        "{}",
        source.fetches()
    );
    assert!(store.status().age.unwrap() < RENEWAL);
    upkeep.abort();
}

#[tokio::test(start_paused = true)]
async fn upkeep_notices_within_a_minute_that_an_issuer_came_up() {
    let source = Arc::new(ScriptedSource::default());
    source.now_failing();
    let store = store_of(source.clone());
    let upkeep = tokio::spawn(store.clone().keep_warm());
    sleep(HOUR).await;
    assert!(source.fetches() < 70, "{}", source.fetches());
    source.now(jwks(&[&TestKey::new("1")]));
    sleep(Duration::from_secs(67)).await;
    assert!(store.status().is_ready());
    upkeep.abort();
}

#[tokio::test(start_paused = true)]
async fn not_modified_confirms_the_set_and_only_a_held_one() {
    let source = Arc::new(ScriptedSource::default());
    let not_modified = || Ok(Fetched::now(FetchedSet::NotModified, None));
    source.then(Duration::ZERO, not_modified());
    source.then(
        Duration::ZERO,
        Ok(Fetched::now(
            FetchedSet::Document {
                body: jwks(&[&TestKey::new("1")]),
                validator: Some(Validator {
                    location: "here".into(),
                    entity_tag: "\"v1\"".into(),
                }),
            },
            None,
        )),
    );
    source.then(Duration::ZERO, not_modified());
    let store = store_of(source.clone());
    assert_eq!(
        store.keys(&hint("1")).await.unwrap_err().reason(),
        Reason::JwksUnavailable
    );
    sleep(COOLDOWN).await;
    let first = store.keys(&hint("1")).await.unwrap();
    sleep(HOUR).await;
    store.upkeep_and_wait().await;
    assert_eq!(store.status().age, Some(Duration::ZERO));
    assert!(Arc::ptr_eq(&first, &store.keys(&hint("1")).await.unwrap()));
    let sent: Vec<_> = source
        .validators
        .lock()
        .unwrap()
        .iter()
        .map(|known| known.as_ref().map(|known| known.entity_tag.clone()))
        .collect();
    assert_eq!(sent, [None, None, Some("\"v1\"".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn d10_odd_keys_are_skipped_and_the_rest_is_used() {
    let mut set: serde_json::Value =
        serde_json::from_slice(&jwks(&[&TestKey::new("1"), &TestKey::new("2")])).unwrap();
    let odd = serde_json::json!([{"kty": "XYZ", "kid": "a"}, {"kty": "oct", "k": "AAAA"}, 7]);
    set["keys"]
        .as_array_mut()
        .unwrap()
        .extend(odd.as_array().unwrap().clone());
    let store = store_of(Arc::new(ScriptedSource::serving(
        set.to_string().into_bytes(),
    )));
    assert!(finds(&store, "2").await);
    let status = store.status();
    assert_eq!((status.keys, status.skipped), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn tokens_without_a_kid_find_a_rotated_key_at_the_strangers_price() {
    let source = Arc::new(ScriptedSource::serving(jwks(&[&TestKey::without_key_id()])));
    let store = store_of(source.clone());
    let no_kid = KeyHint {
        key_id: None,
        algorithm: SigningAlgorithm::EdDsa,
    };
    let old = store.keys(&no_kid).await.unwrap();
    sleep(COOLDOWN).await;
    source.now(jwks(&[&TestKey::without_key_id()]));
    let new = store.newer_than(&old, &no_kid).await.unwrap();
    assert!(store.newer_than(&new, &no_kid).await.is_none());
    assert!(Arc::ptr_eq(
        &new,
        &store.newer_than(&old, &no_kid).await.unwrap()
    ));
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_kid_found_absent_again_and_again_is_looked_for_at_once_in_a_changed_set() {
    let (source, store) = warm().await;
    for _ in 0..400 {
        assert!(!finds(&store, "2").await);
        sleep(Duration::from_secs(1)).await;
    }
    source.now(jwks(&[&TestKey::new("3")]));
    assert!(finds(&store, "3").await);
    source.now(jwks(&[&TestKey::new("2"), &TestKey::new("3")]));
    sleep(COOLDOWN).await;
    assert!(finds(&store, "2").await);
}

#[test]
fn h3_the_memory_of_absent_kids_is_bounded() {
    let absent = AbsentKeys::new();
    for kid in 0..100_000 {
        absent.note(&KeyId::new(&format!("junk-{kid}")).unwrap(), Duration::ZERO);
    }
    assert!(absent.len() <= CAPACITY, "{}", absent.len());
}

#[test]
fn a_changed_set_clears_the_memory_of_absent_kids() {
    let absent = AbsentKeys::new();
    let kid = KeyId::new("2").unwrap();
    let moment = Duration::from_millis(1);
    for _ in 0..30 {
        absent.note(&kid, Duration::ZERO);
        assert!(absent.remembers(&kid, COOLDOWN - moment));
        assert!(!absent.remembers(&kid, COOLDOWN));
    }
    absent.note(&kid, Duration::ZERO);
    assert!(absent.remembers(&kid, 2 * COOLDOWN - moment));
    assert!(!absent.remembers(&kid, 2 * COOLDOWN));
    absent.clear();
    assert!(!absent.remembers(&kid, Duration::ZERO));
}
