//! Somebody else can write to Redis, or Redis itself goes astray: nobody's keys get in, and no request
//! notices.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use oauthgate_core::{Issuer, UnixTime};
use rstest::rstest;

use super::{
    keys::{ISSUER, Replica, SECRET, brief_lease, pace, redis, serving},
    patient,
    server::RedisServer,
    until,
};
use crate::{
    jwks::{KeySnapshot, Seal, SnapshotKeys},
    state::redis::{Limits, Pace, RedisAddress, RedisKeys, claim},
    testing::{FakeClock, ScriptedSource, TestKey, jwks, token_for, unix_now},
};

/// The name under which the keys of [`ISSUER`] lie.
async fn key_of_keys(server: &RedisServer) -> String {
    let source = serving(&TestKey::new("1"));
    let replica = Replica::over(server, &source);
    replica.gate.warm_up().await;
    drop(replica);
    let key = server.key(":keys:");
    server.command(&[b"FLUSHALL"]);
    key
}

fn snapshot(issuer: &str, place: &str, key: &TestKey, confirmed_at: i64) -> KeySnapshot {
    let confirmed_at = UnixTime::from_secs(confirmed_at);
    let keys = SnapshotKeys::new(&jwks(&[key]), |_| false, confirmed_at).unwrap();
    KeySnapshot {
        keys: Some(keys),
        ..KeySnapshot::new(Issuer::new(issuer).unwrap(), place)
    }
}

fn sealed(snapshot: &KeySnapshot) -> Vec<u8> {
    snapshot.to_bytes(&Seal::secret(SECRET).unwrap())
}

fn without_news() -> Pace {
    Pace {
        period: Duration::from_secs(60),
        ..pace()
    }
}

/// What somebody without the secret can write, and what a replica that is wrong can write with it.
fn entries(evil: &TestKey) -> Vec<(&'static str, Vec<u8>)> {
    let good = snapshot(ISSUER, "metadata", evil, unix_now());
    let other_secret = Seal::secret(b"the secret that somebody else has").unwrap();
    let mut changed = sealed(&snapshot(
        ISSUER,
        "metadata",
        &TestKey::new("1"),
        unix_now(),
    ));
    let at = changed.len() - 40;
    changed[at] ^= 1;
    let old_version = String::from_utf8(sealed(&good)).unwrap().replacen(
        "oauthgate-keys 1 ",
        "oauthgate-keys 0 ",
        1,
    );
    vec![
        ("a bare set", jwks(&[evil])),
        ("no seal", good.to_bytes(&Seal::digest())),
        ("another secret", good.to_bytes(&other_secret)),
        ("a changed bit", changed),
        ("another version", old_version.into_bytes()),
        (
            "the future",
            sealed(&snapshot(ISSUER, "metadata", evil, unix_now() + 3_600)),
        ),
        (
            "another issuer",
            sealed(&snapshot("https://evil.test", "metadata", evil, unix_now())),
        ),
        (
            "another place",
            sealed(&snapshot(
                ISSUER,
                "https://evil.test/keys",
                evil,
                unix_now(),
            )),
        ),
        ("too long", vec![b'x'; 1024 * 1024 + 1]),
        ("rubbish", b"\0\xff\r\n".to_vec()),
        ("a blank", b" ".to_vec()),
    ]
}

#[tokio::test]
async fn e9_a_planted_key_set_is_refused_and_written_over() {
    let server = RedisServer::start();
    let name = key_of_keys(&server).await;
    let (key, evil) = (TestKey::new("1"), TestKey::new("2"));
    for (what, entry) in entries(&evil) {
        server.command(&[b"SET", name.as_bytes(), &entry]);
        let source = serving(&key);
        let replica = Replica::with(redis(&server.url(), SECRET, without_news()), &source);
        replica.gate.warm_up().await;
        assert!(!replica.accepts(&evil).await, "{what}");
        assert!(replica.accepts(&key).await, "{what}");
        let status = replica.status();
        assert!(status.connected, "{what}: {status:?}");
        assert!(status.refused >= 1, "{what}: {status:?}");
        assert_eq!(status.adopted, 0, "{what}");
        assert_ne!(server.text(&name), entry, "{what} stays");
        server.command(&[b"FLUSHALL"]);
    }
}

#[tokio::test]
async fn e9_a_key_set_that_is_planted_while_replicas_run_is_refused() {
    let server = RedisServer::start();
    let (key, evil) = (TestKey::new("1"), TestKey::new("2"));
    let replica = Replica::over(&server, &serving(&key));
    replica.gate.warm_up().await;
    let name = server.key(":keys:");
    for (what, entry) in entries(&evil) {
        server.command(&[b"SET", name.as_bytes(), &entry]);
        let refused = replica.status().refused;
        until(what, || replica.status().refused > refused).await;
        assert!(!replica.accepts(&evil).await, "{what}");
        assert!(replica.accepts(&key).await, "{what}");
    }
}

#[rstest]
#[case::list(&[&b"RPUSH"[..], b"x"])]
#[case::hash(&[&b"HSET"[..], b"x", b"y"])]
#[case::set(&[&b"SADD"[..], b"x"])]
#[case::stream(&[&b"XADD"[..], b"*", b"x", b"y"])]
#[tokio::test]
async fn e9_an_entry_of_another_type_is_refused_and_written_over(#[case] words: &[&[u8]]) {
    let server = RedisServer::start();
    let name = key_of_keys(&server).await;
    let key = TestKey::new("1");
    for name in [
        name.clone(),
        name.replace("keys", "lease"),
        name.replace("keys", "strangers"),
    ] {
        let mut command = words.to_vec();
        command.insert(1, name.as_bytes());
        server.command(&command);
    }
    let source = serving(&key);
    let replica = Replica::over(&server, &source);
    let begun = Instant::now();
    replica.gate.warm_up().await;
    assert!(replica.accepts(&key).await);
    assert!(
        begun.elapsed() < pace().lease / 2,
        "nobody waits for a false lease"
    );
    let _ = replica.gate.validate(&token_for(ISSUER, "junk")).await;
    replica.at_rest().await;
    assert_eq!(source.fetches(), 2, "false claims hold nobody back");
    assert!(replica.status().refused >= 3, "{:?}", replica.status());
    assert!(
        server
            .text(&name)
            .starts_with(b"oauthgate-keys 1 hmac-sha256 ")
    );
}

#[tokio::test]
async fn e9_an_old_key_set_that_is_played_back_changes_nothing() {
    let server = RedisServer::start();
    let (old, new) = (TestKey::new("1"), TestKey::new("2"));
    let source = serving(&old);
    let replica = Replica::over(&server, &source);
    replica.gate.warm_up().await;
    let name = server.key(":keys:");
    let recorded = server.text(&name);
    source.now(jwks(&[&new]));
    assert!(replica.accepts_at_first_sight(&new).await);
    source.now_failing();
    server.command(&[b"SET", name.as_bytes(), &recorded]);
    until("the replica tells again what it knows", || {
        server.text(&name) != recorded
    })
    .await;
    assert!(
        !replica.accepts(&old).await,
        "a key that the issuer took away"
    );
    assert!(replica.accepts(&new).await);
    assert!(replica.status().refused >= 1);
}

#[tokio::test]
async fn e9_claims_that_no_replica_made_hold_nobody_back() {
    let server = RedisServer::start();
    let name = key_of_keys(&server).await;
    let key = TestKey::new("1");
    let seal = Seal::secret(SECRET).unwrap();
    let other = Seal::secret(b"the secret that somebody else has").unwrap();
    let (lease, strangers) = (
        name.replace("keys", "lease"),
        name.replace("keys", "strangers"),
    );
    let now = UnixTime::from_secs(unix_now());
    let hour_ago = UnixTime::from_secs(unix_now() - 3_600);
    let forged = |key: &str| {
        [
            "1".to_owned(),
            claim::make(&other, key, now, 1),
            claim::make(&seal, key, hour_ago, 1),
            claim::make(&seal, "another key", now, 1),
        ]
    };
    for (lease_text, strangers_text) in forged(&lease).iter().zip(&forged(&strangers)) {
        // Without an end, as nobody but an attacker writes them.
        server.command(&[b"SET", lease.as_bytes(), lease_text.as_bytes()]);
        server.command(&[b"SET", strangers.as_bytes(), strangers_text.as_bytes()]);
        let source = serving(&key);
        let replica = Replica::over(&server, &source);
        let begun = Instant::now();
        replica.gate.warm_up().await;
        assert!(begun.elapsed() < pace().lease / 2);
        let _ = replica.gate.validate(&token_for(ISSUER, "junk")).await;
        replica.at_rest().await;
        assert_eq!(source.fetches(), 2);
        let left = server.command(&[b"PTTL", strangers.as_bytes()]);
        assert!(!left.starts_with(b":-"), "it has an end now: {left:?}");
        server.command(&[b"FLUSHALL"]);
    }
}

#[tokio::test]
async fn a_genuine_lease_that_never_ends_delays_a_fetch_by_its_length_at_most() {
    let server = RedisServer::start();
    let name = key_of_keys(&server).await;
    let lease = name.replace("keys", "lease");
    let seal = Seal::secret(SECRET).unwrap();
    let text = claim::make(&seal, &lease, UnixTime::from_secs(unix_now()), 1);
    server.command(&[b"SET", lease.as_bytes(), text.as_bytes()]);
    let key = TestKey::new("1");
    let redis = redis(&server.url(), SECRET, brief_lease());
    let replica = Replica::with(redis, &serving(&key));
    let begun = Instant::now();
    replica.gate.warm_up().await;
    let waited = begun.elapsed();
    assert!(replica.accepts(&key).await);
    assert!(waited >= brief_lease().lease, "{waited:?}");
    assert!(waited < 10 * brief_lease().lease, "{waited:?}");
}

/// Validates good tokens until the end, and a hundred at least; counts the refusals.
fn traffic(
    replica: &Replica,
    key: &Arc<TestKey>,
    end: &Arc<AtomicBool>,
) -> tokio::task::JoinHandle<u64> {
    let (gate, key, end) = (replica.gate.clone(), Arc::clone(key), Arc::clone(end));
    tokio::spawn(async move {
        let (mut good, mut refused) = (0, 0);
        let token = key.token(ISSUER);
        while !end.load(Ordering::Relaxed) || good + refused < 100 {
            match gate.validate(&token).await {
                Ok(_) => good += 1,
                Err(_) => refused += 1,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        refused
    })
}

#[tokio::test]
async fn no_request_fails_while_redis_is_killed_started_again_and_emptied() {
    let mut server = RedisServer::start();
    let key = Arc::new(TestKey::new("1"));
    let source = serving(&key);
    let replicas = [
        Replica::over(&server, &source),
        Replica::over(&server, &source),
    ];
    for replica in &replicas {
        replica.gate.warm_up().await;
    }
    let name = server.key(":keys:");
    let end = Arc::default();
    let running = replicas
        .each_ref()
        .map(|replica| traffic(replica, &key, &end));
    let connected = |replica: &Replica| replica.status().connected;
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.kill();
    until("all notice", || !replicas.iter().any(connected)).await;
    for replica in &replicas {
        assert_eq!(replica.status().trouble.unwrap().0, "unreachable");
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.restart();
    until("all are back", || replicas.iter().all(connected)).await;
    until("what Redis forgot is told again", || {
        server.keys() == [name.as_str()]
    })
    .await;
    server.command(&[b"FLUSHALL"]);
    until("again", || server.keys() == [name.as_str()]).await;
    end.store(true, Ordering::Relaxed);
    for task in running {
        assert_eq!(task.await.unwrap(), 0, "refusals");
    }
    assert_eq!(source.fetches(), 1);
}

/// Timers are rounded up to whole milliseconds.
const FIFTH: Duration = Duration::from_millis(200 + 5);

#[tokio::test]
async fn r3_a_redis_that_hangs_delays_no_known_key_and_a_fetch_by_a_fifth_of_a_second() {
    let server = RedisServer::start();
    let (key, new) = (TestKey::new("1"), TestKey::new("2"));
    let source = serving(&key);
    let address = RedisAddress::parse(&server.url()).unwrap();
    let clock = Arc::new(FakeClock::default());
    let limits = Limits::default();
    let redis = RedisKeys::with(address, SECRET, clock.clone(), limits, pace()).unwrap();
    let replica = Replica::with(Arc::new(redis), &source);
    replica.gate.warm_up().await;
    server.hang();
    source.now(jwks(&[&key, &new]));
    // From here on only timers make time pass: what is measured is what was waited for.
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    assert!(replica.accepts(&new).await, "at first sight");
    assert!(begun.elapsed() <= FIFTH, "{:?}", begun.elapsed());
    for _ in 0..200 {
        let begun = tokio::time::Instant::now();
        assert!(replica.accepts(&key).await);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // Redis is tried again.
    clock.advance(limits.first_pause);
    let begun = tokio::time::Instant::now();
    replica.stores.refresh(None).await;
    assert!(begun.elapsed() <= FIFTH, "{:?}", begun.elapsed());
    assert_eq!(replica.status().trouble.unwrap().0, "too_slow");
    tokio::time::resume();
    server.go_on();
    until("it is back", || {
        clock.advance(limits.longest_pause);
        replica.status().connected
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_is_away_from_the_start_changes_nothing_but_the_status() {
    let mut server = RedisServer::start();
    server.kill();
    let key = TestKey::new("1");
    let source: Arc<ScriptedSource> = serving(&key);
    let replica = Replica::over(&server, &source);
    let begun = Instant::now();
    replica.gate.warm_up().await;
    let waited = begun.elapsed();
    assert!(waited < patient().command, "not for Redis: {waited:?}");
    assert!(replica.accepts(&key).await);
    assert!(!replica.status().connected);
    server.restart();
    until("it is found", || replica.status().connected).await;
    until("it is told what is known", || !server.keys().is_empty()).await;
    assert!(server.key(":keys:").len() > 64);
}
