//! What one replica withdraws, all refuse.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use oauthgate_core::{Issuer, Reason, keys::KeyId};
use rstest::rstest;

use super::{
    PATIENCE,
    keys::{ISSUER, Replica, SECRET, pace, redis, redis_at, serving},
    patient,
    server::RedisServer,
};
use crate::{
    jwks::{KeySnapshot, Seal, Withdrawals, WithdrawnName},
    state::redis::{Pace, RedisServers},
    testing::{ScriptedSource, TestKey, jwks},
};

/// The period of real life.
fn real_pace() -> Pace {
    Pace {
        period: Pace::default().period,
        ..pace()
    }
}

fn replicas<const N: usize>(server: &RedisServer, source: &Arc<ScriptedSource>) -> [Replica; N] {
    std::array::from_fn(|_| Replica::with(redis(&server.url(), SECRET, real_pace()), source))
}

fn name(key_id: &str) -> WithdrawnName {
    WithdrawnName::Key(KeyId::new(key_id).unwrap())
}

async fn withdraw(replica: &Replica, name: &WithdrawnName) {
    let issuer = Issuer::new(ISSUER).unwrap();
    replica.stores.withdraw(Some(&issuer), name).await.unwrap();
}

/// Waits until a replica refuses, or accepts, the key.
async fn until(replica: &Replica, key: &TestKey, accepted: bool) {
    let begun = Instant::now();
    while replica.accepts(key).await != accepted {
        assert!(begun.elapsed() < PATIENCE, "never");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One fetch serves two replicas, and what one withdraws the other refuses.
pub(super) async fn replicas_share_all_through(servers: &RedisServers) {
    let key = TestKey::new("1");
    let source = serving(&key);
    let replica = || Replica::with(redis_at(servers.clone(), SECRET, real_pace()), &source);
    let (one, two) = (replica(), replica());
    until(&one, &key, true).await;
    until(&two, &key, true).await;
    assert_eq!(source.fetches(), 1);
    withdraw(&one, &name("1")).await;
    until(&two, &key, false).await;
    assert!(!one.accepts(&key).await);
    super::until("all is connected", || one.status().connected).await;
}

#[rstest]
#[case::a_key(name("1"))]
#[case::the_issuer(WithdrawnName::Issuer)]
#[tokio::test]
async fn r4_what_one_replica_withdraws_all_refuse_within_a_second(#[case] name: WithdrawnName) {
    let server = RedisServer::start();
    let key = TestKey::new("1");
    let source = serving(&key);
    let [first, second, third] = replicas(&server, &source);
    for replica in [&first, &second, &third] {
        replica.gate.warm_up().await;
        assert!(replica.accepts(&key).await);
    }
    // The others hear of it when they listen next.
    assert!(real_pace().period <= Duration::from_millis(500));
    withdraw(&first, &name).await;
    assert!(!first.accepts(&key).await, "at once where it was said");
    for replica in [&second, &third] {
        until(replica, &key, false).await;
    }
    third.stores.restore(None, &name).await.unwrap();
    assert!(third.accepts(&key).await);
    for replica in [&first, &second] {
        until(replica, &key, true).await;
    }
}

#[tokio::test]
async fn a_replica_that_starts_later_never_accepts_what_was_withdrawn() {
    let server = RedisServer::start();
    let (key, other) = (TestKey::new("1"), TestKey::new("2"));
    let source = Arc::new(ScriptedSource::serving(jwks(&[&key, &other])));
    let [first] = replicas(&server, &source);
    first.gate.warm_up().await;
    withdraw(&first, &name("1")).await;
    drop(first);
    for warms_up in [true, false] {
        let [late] = replicas(&server, &source);
        if warms_up {
            late.gate.warm_up().await;
        }
        let denied = async || late.gate.validate(&key.token(ISSUER)).await.unwrap_err();
        // Whoever does not warm up may be too slow for the first request.
        if denied().await.reason() == Reason::JwksUnavailable {
            assert!(!warms_up);
            late.at_rest().await;
        }
        let reason = denied().await.reason();
        assert_eq!(reason, Reason::KeyWithdrawn, "warms up: {warms_up}");
        assert!(late.accepts(&other).await);
    }
}

#[tokio::test]
async fn e9_nobody_gives_a_withdrawn_key_back_by_deleting_or_planting() {
    let server = RedisServer::start();
    let key = TestKey::new("1");
    let source = serving(&key);
    let [first, second] = replicas(&server, &source);
    for replica in [&first, &second] {
        replica.gate.warm_up().await;
    }
    withdraw(&first, &name("1")).await;
    until(&second, &key, false).await;
    let entry = server.key(":withdrawn:");
    let recorded = server.text(&entry);
    let issuer = Issuer::new(ISSUER).unwrap();
    let sealed = |issuer: &Issuer, seal: &Seal| {
        let mut snapshot = KeySnapshot::new(issuer.clone(), "withdrawals");
        let mut rulings = Withdrawals::new();
        rulings.restore(&name("1"), Withdrawals::LATEST).unwrap();
        snapshot.withdrawals = rulings;
        snapshot.to_bytes(seal)
    };
    let ours = Seal::secret(SECRET).unwrap();
    let other = Seal::secret(b"the secret that somebody else has").unwrap();
    let elsewhere = Issuer::new("https://evil.test").unwrap();
    let attacks: [(&str, Vec<Vec<u8>>); 6] = [
        ("deleted", vec![b"DEL".to_vec()]),
        ("emptied", vec![b"SET".to_vec(), Vec::new()]),
        ("another type", vec![b"RPUSH".to_vec(), b"x".to_vec()]),
        (
            "another secret",
            vec![b"SET".to_vec(), sealed(&issuer, &other)],
        ),
        (
            "no secret",
            vec![b"SET".to_vec(), sealed(&issuer, &Seal::digest())],
        ),
        (
            "another issuer",
            vec![b"SET".to_vec(), sealed(&elsewhere, &ours)],
        ),
    ];
    for (what, words) in attacks {
        server.command(&[b"DEL", entry.as_bytes()]);
        let mut words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        words.insert(1, entry.as_bytes());
        server.command(&words);
        let begun = Instant::now();
        while !server
            .command(&[b"TYPE", entry.as_bytes()])
            .starts_with(b"+string")
            || server.text(&entry) != recorded
        {
            assert!(begun.elapsed() < PATIENCE, "{what}: never told again");
            assert!(
                !first.accepts(&key).await && !second.accepts(&key).await,
                "{what}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(
            !first.accepts(&key).await && !second.accepts(&key).await,
            "{what}"
        );
    }
    let refused = first.status().refused + second.status().refused;
    assert!(refused >= 4, "{refused}");
}

#[tokio::test]
async fn withdrawals_at_many_replicas_at_once_all_arrive() {
    let server = RedisServer::start();
    let keys: Vec<_> = (0..6)
        .map(|number| TestKey::new(&number.to_string()))
        .collect();
    let source = Arc::new(ScriptedSource::serving(jwks(
        &keys.iter().collect::<Vec<_>>(),
    )));
    let all: [Replica; 5] = replicas(&server, &source);
    for replica in &all {
        replica.gate.warm_up().await;
    }
    let names: Vec<_> = (0..5).map(|number| name(&number.to_string())).collect();
    let saying = all
        .iter()
        .zip(&names)
        .map(|(replica, name)| withdraw(replica, name));
    futures_util::future::join_all(saying).await;
    for (number, key) in keys.iter().enumerate() {
        for replica in &all {
            until(replica, key, number == 5).await;
        }
    }
}

#[tokio::test]
async fn what_is_withdrawn_while_redis_is_away_reaches_the_others_afterwards() {
    let mut server = RedisServer::start();
    let key = TestKey::new("1");
    let source = serving(&key);
    let [first, second] = replicas(&server, &source);
    for replica in [&first, &second] {
        replica.gate.warm_up().await;
    }
    server.kill();
    let begun = Instant::now();
    withdraw(&first, &name("1")).await;
    let waited = begun.elapsed();
    assert!(waited < patient().command, "not for Redis: {waited:?}");
    assert!(!first.accepts(&key).await);
    assert!(second.accepts(&key).await);
    server.restart();
    until(&second, &key, false).await;
}
