//! The store and its callers: crowds that come and go, answers that overlap, and who carries an attempt.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use oauthgate_core::{Issuer, KeyId, SigningAlgorithm, keys::KeyHint};
use tokio::{
    sync::oneshot,
    task::{JoinSet, yield_now},
    time::{Instant, advance, sleep},
};

use super::{
    Ask, Fetched, JwksSource, KeySourceError, KeyStore, Surroundings,
    schedule::{ATTEMPT_LIMIT, COOLDOWN, RENEWAL},
    store::{STRANGER_WAIT, STRANGERS_WAITING},
};
use crate::{
    KeySettings,
    clock::{Clock, SystemClock},
    testing::{FakeClock, ScriptedSource, TestKey, document, jwks},
};

fn hint(key_id: &str) -> KeyHint {
    KeyHint {
        key_id: KeyId::new(key_id),
        algorithm: SigningAlgorithm::EdDsa,
    }
}

fn store(source: Arc<dyn JwksSource>, clock: Arc<dyn Clock>, in_background: bool) -> Arc<KeyStore> {
    let surroundings = Surroundings {
        in_background,
        ..Surroundings::new(clock)
    };
    let issuer = Issuer::new("https://auth.example.com").unwrap();
    KeyStore::new(issuer, source, &KeySettings::default(), surroundings)
}

fn one_key() -> Arc<ScriptedSource> {
    Arc::new(ScriptedSource::serving(jwks(&[&TestKey::new("1")])))
}

async fn warm() -> (Arc<ScriptedSource>, Arc<KeyStore>) {
    let source = one_key();
    let store = store(source.clone(), Arc::new(SystemClock::new()), true);
    store.keys(&hint("1")).await.unwrap();
    (source, store)
}

async fn finds(store: &Arc<KeyStore>, key_id: &str) -> bool {
    let set = store.keys(&hint(key_id)).await.unwrap();
    set.contains(&KeyId::new(key_id).unwrap())
}

#[tokio::test(start_paused = true)]
async fn d6_a_thousand_callers_that_leave_a_pending_fetch_leave_nothing_behind() {
    let (source, store) = warm().await;
    source.now_hanging();
    for round in 0..1_000 {
        let caller = tokio::spawn({
            let store = store.clone();
            async move { finds(&store, &format!("junk-{round}")).await }
        });
        yield_now().await;
        advance(Duration::from_millis(round % 290)).await;
        caller.abort();
        let _ = caller.await;
    }
    // Nobody but us holds the store, every seat is free, and the rest of the world goes on.
    assert_eq!(Arc::strong_count(&store), 1);
    source.now(jwks(&[&TestKey::new("2")]));
    sleep(ATTEMPT_LIMIT + COOLDOWN).await;
    let mut crowd = JoinSet::new();
    for _ in 0..STRANGERS_WAITING {
        let store = store.clone();
        crowd.spawn(async move { finds(&store, "2").await });
    }
    assert!(crowd.join_all().await.into_iter().all(|found| found));
}

#[tokio::test(start_paused = true)]
async fn d6_a_store_that_is_dropped_during_a_fetch_strands_nobody() {
    for _ in 0..1_000 {
        let (source, store) = warm().await;
        source.now_hanging();
        let caller = tokio::spawn({
            let store = store.clone();
            async move { finds(&store, "junk").await }
        });
        yield_now().await;
        drop(store);
        assert!(!caller.await.unwrap());
    }
}

/// A source whose answers come when the test sends them, in any order.
#[derive(Debug, Default)]
struct Waiting(Mutex<Vec<oneshot::Sender<Vec<u8>>>>);

impl Waiting {
    async fn started(&self, attempts: usize) {
        while self.0.lock().unwrap().len() < attempts {
            yield_now().await;
        }
    }

    fn answer(&self, attempt: usize, key: &TestKey) {
        let mut asked = self.0.lock().unwrap();
        let (unused, _) = oneshot::channel();
        let asked = std::mem::replace(&mut asked[attempt], unused);
        asked.send(jwks(&[key])).unwrap();
    }
}

impl JwksSource for Waiting {
    fn fetch(&self, _: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>> {
        let (send, receive) = oneshot::channel();
        self.0.lock().unwrap().push(send);
        async { document(receive.await.unwrap()) }.boxed()
    }
}

#[tokio::test]
async fn d7_of_two_overlapping_fetches_the_newer_answer_stays_in_either_order() {
    for late_first in [false, true] {
        let source = Arc::new(Waiting::default());
        let clock = Arc::new(FakeClock::default());
        let store = store(source.clone(), clock.clone(), true);
        let upkeep = || {
            let store = store.clone();
            tokio::spawn(async move { store.upkeep_and_wait().await })
        };
        let (old, new) = (TestKey::new("old"), TestKey::new("new"));
        let first = upkeep();
        source.started(1).await;
        clock.advance(ATTEMPT_LIMIT);
        let second = upkeep();
        source.started(2).await;
        let order = if late_first {
            [(0, &old), (1, &new)]
        } else {
            [(1, &new), (0, &old)]
        };
        for (attempt, key) in order {
            source.answer(attempt, key);
            for _ in 0..100 {
                yield_now().await;
            }
        }
        first.await.unwrap();
        second.await.unwrap();
        assert!(finds(&store, "new").await, "{late_first}");
        assert_eq!(store.held_keys().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn d8_a_known_key_is_found_at_the_first_look_whatever_the_endpoint_does() {
    let (source, store) = warm().await;
    source.now_hanging();
    let started = Instant::now();
    for call in 0..10_000_u32 {
        if call % 1_000 == 0 {
            let _ = store.keys(&hint(&format!("junk-{call}"))).now_or_never();
            store.look_again().await;
        }
        let found = store.keys(&hint("1")).now_or_never();
        assert!(found.is_some_and(|set| set.is_ok()), "call {call} waited");
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    // The same with upkeep overdue.
    advance(2 * RENEWAL).await;
    assert!(store.keys(&hint("1")).now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn r7_ten_thousand_hostile_requests_cost_one_fetch() {
    let (source, store) = warm().await;
    let before = source.fetches();
    for request in 0..10_000 {
        assert!(!finds(&store, &format!("junk-{request}")).await);
        store.look_again().await;
    }
    assert_eq!(source.fetches() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn without_tasks_known_keys_carry_a_slow_upkeep_to_its_end() {
    let source = one_key();
    let store = store(source.clone(), Arc::new(SystemClock::new()), false);
    assert!(finds(&store, "1").await);
    source.now_after(
        Duration::from_secs(2),
        document(jwks(&[&TestKey::new("1")])),
    );
    sleep(RENEWAL).await;
    for _ in 0..10 {
        assert!(finds(&store, "1").await);
        sleep(STRANGER_WAIT).await;
    }
    assert!(
        store.status().age.unwrap() < RENEWAL,
        "{:?}",
        store.status()
    );
}
