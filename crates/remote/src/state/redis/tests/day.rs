//! A day in the life of three replicas, on a clock that tests move.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use oauthgate_core::Issuer;

use super::{
    keys::{ISSUER, SECRET, pace, serving},
    patient,
    server::RedisServer,
    until,
};
use crate::{
    KeySettings, KeyStores,
    jwks::{JwksSource, schedule::RENEWAL},
    state::redis::{RedisAddress, RedisKeys},
    testing::{FakeClock, ScriptedSource, TestKey, document, jwks},
};

const MINUTE: Duration = Duration::from_secs(60);

fn replica(
    server: &RedisServer,
    source: &Arc<ScriptedSource>,
    clock: &Arc<FakeClock>,
) -> KeyStores {
    replica_with(&KeySettings::default(), server, source, clock)
}

fn replica_with(
    settings: &KeySettings,
    server: &RedisServer,
    source: &Arc<ScriptedSource>,
    clock: &Arc<FakeClock>,
) -> KeyStores {
    let address = RedisAddress::parse(&server.url()).unwrap();
    let clock = Arc::clone(clock);
    let redis = RedisKeys::with(address, SECRET, clock.clone(), patient(), pace()).unwrap();
    let issuer = Issuer::new(ISSUER).unwrap();
    let stores = KeyStores::builder()
        .clock(clock)
        .source(issuer.clone(), Arc::clone(source) as Arc<dyn JwksSource>)
        .shared(Arc::new(redis))
        .without_background_tasks()
        .build();
    stores.store(&issuer, settings).unwrap();
    stores
}

/// So many minutes pass, and every replica does what is due.
async fn pass(minutes: u32, replicas: &[KeyStores], clock: &FakeClock) {
    clock.advance(minutes * MINUTE);
    clock.shift_time_of_day(i64::from(minutes) * 60);
    join_all(replicas.iter().map(KeyStores::upkeep)).await;
}

/// The fetches of so many replicas in two hours.
async fn fetches_of(count: usize) -> u64 {
    let server = RedisServer::start();
    let source = serving(&TestKey::new("1"));
    let clock = Arc::new(FakeClock::default());
    let replicas: Vec<_> = (0..count)
        .map(|_| replica(&server, &source, &clock))
        .collect();
    for _ in 0..2 * 60 {
        pass(1, &replicas, &clock).await;
        let ages = replicas.iter().map(|replica| replica.status()[0].age);
        assert!(ages.max().unwrap().unwrap() <= RENEWAL);
    }
    source.fetches()
}

#[tokio::test]
async fn upkeep_of_three_replicas_costs_as_many_fetches_as_that_of_one() {
    let (one, three) = tokio::join!(fetches_of(1), fetches_of(3));
    assert!(one > 15, "{one}");
    assert!(three * 10 <= one * 11, "{three} instead of {one}");
}

#[tokio::test]
async fn r2_an_outage_of_a_day_is_survived_by_old_and_new_replicas_and_no_longer() {
    let server = RedisServer::start();
    let key = TestKey::new("1");
    let source = serving(&key);
    let clock = Arc::new(FakeClock::default());
    let mut replicas = vec![replica(&server, &source, &clock)];
    replicas[0].upkeep().await;
    source.now_failing();
    for hour in 1..24 {
        for _ in 0..4 {
            pass(15, &replicas, &clock).await;
        }
        if hour % 6 == 0 {
            replicas.push(replica(&server, &source, &clock));
        }
        join_all(replicas.iter().map(KeyStores::upkeep)).await;
        for replica in &replicas {
            let status = &replica.status()[0];
            assert!(status.servable, "hour {hour}: {status:?}");
            assert!(status.age.unwrap() > (hour - 1) * 60 * MINUTE);
        }
    }
    pass(65, &replicas, &clock).await;
    replicas.push(replica(&server, &source, &clock));
    join_all(replicas.iter().map(KeyStores::upkeep)).await;
    assert!(replicas.iter().all(|replica| !replica.status()[0].servable));
    source.now(jwks(&[&key]));
    for _ in 0..3 {
        pass(1, &replicas, &clock).await;
    }
    assert!(replicas.iter().all(|replica| replica.status()[0].servable));
}

#[tokio::test]
async fn r4_an_old_set_is_served_only_where_the_issuer_says_nothing_newer() {
    let server = RedisServer::start();
    let (old, new) = (TestKey::new("1"), TestKey::new("2"));
    let source = serving(&old);
    let clock = Arc::new(FakeClock::default());
    let first = replica(&server, &source, &clock);
    first.upkeep().await;
    drop(first);
    pass(5 * 60, &[], &clock).await;
    source.now(jwks(&[&new]));
    let fresh = replica(&server, &source, &clock);
    fresh.upkeep().await;
    assert_eq!(
        held(&fresh),
        ["2"],
        "the issuer is asked, though a set is there"
    );
    pass(5 * 60, &[], &clock).await;
    for hangs in [false, true] {
        match hangs {
            true => source.now_hanging(),
            false => source.now_failing(),
        }
        let late = replica(&server, &source, &clock);
        tokio::select! {
            () = late.upkeep() => {},
            () = until("a set", || !held(&late).is_empty()) => {},
        }
        assert_eq!(held(&late), ["2"], "what is there is better than nothing");
        assert!(late.status()[0].age.unwrap() >= 5 * 60 * MINUTE);
    }
}

#[tokio::test]
async fn a_set_that_may_not_be_used_any_more_is_not_taken_over() {
    let server = RedisServer::start();
    let source = serving(&TestKey::new("1"));
    let clock = Arc::new(FakeClock::default());
    let strict = KeySettings {
        stale_limit: Duration::ZERO,
        ..KeySettings::default()
    };
    let with_life = |seconds| {
        let answer = document(jwks(&[&TestKey::new("1")])).map(|mut answer| {
            answer.freshness.max_age = Some(Duration::from_secs(seconds));
            answer
        });
        source.now_after(Duration::ZERO, answer);
    };
    with_life(60);
    replica_with(&strict, &server, &source, &clock)
        .upkeep()
        .await;
    pass(2, &[], &clock).await;
    source.now_failing();
    let late = replica_with(&strict, &server, &source, &clock);
    late.upkeep().await;
    assert!(!late.status()[0].servable);
    assert_eq!(late.shared_status().unwrap().adopted, 0);
    with_life(60);
    pass(1, std::slice::from_ref(&late), &clock).await;
    assert!(late.status()[0].servable);
}

fn held(stores: &KeyStores) -> Vec<String> {
    let keys = stores.stores()[0].held_keys();
    keys.into_iter().filter_map(|key| key.key_id).collect()
}
