//! A day in the life of three replicas, on a clock that tests move.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use oauthgate_core::Issuer;

use super::{
    keys::{ISSUER, SECRET, pace, serving},
    server::RedisServer,
};
use crate::{
    KeySettings, KeyStores,
    jwks::{JwksSource, schedule::RENEWAL},
    state::redis::{Limits, RedisAddress, RedisKeys},
    testing::{FakeClock, ScriptedSource, TestKey, jwks},
};

const MINUTE: Duration = Duration::from_secs(60);

fn replica(
    server: &RedisServer,
    source: &Arc<ScriptedSource>,
    clock: &Arc<FakeClock>,
) -> KeyStores {
    let limits = Limits {
        command: Duration::from_millis(500),
        ..Limits::default()
    };
    let address = RedisAddress::parse(&server.url()).unwrap();
    let clock = Arc::clone(clock);
    let redis = RedisKeys::with(address, SECRET, clock.clone(), limits, pace()).unwrap();
    let issuer = Issuer::new(ISSUER).unwrap();
    let stores = KeyStores::builder()
        .clock(clock)
        .source(issuer.clone(), Arc::clone(source) as Arc<dyn JwksSource>)
        .shared(Arc::new(redis))
        .without_background_tasks()
        .build();
    stores.store(&issuer, &KeySettings::default()).unwrap();
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
