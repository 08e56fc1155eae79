//! Replicas that share keys: several key stores over one Redis and one counting issuer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use oauthgate_core::{Audience, Issuer, Reason, ResourceIdentifier, UnixTime};
use rstest::rstest;

use super::{link::link, patient, server::RedisServer, until};
use crate::{
    IssuerSettings, KeyStores, OAuth21Provider, ProviderSettings,
    clock::SystemClock,
    jwks::{JwksSource, Seal},
    state::{
        SharedStatus,
        redis::{Limits, Pace, RedisAddress, RedisKeys, RedisServers, claim},
    },
    testing::{AUDIENCE, ScriptedSource, TestKey, document, jwks, token_for, unix_now},
};

pub(super) const ISSUER: &str = "https://auth.example.com";
pub(super) const SECRET: &[u8] = b"the secret that all replicas have";

/// One replica: its stores, and a provider over them.
pub(super) struct Replica {
    pub(super) stores: KeyStores,
    pub(super) gate: OAuth21Provider,
}

/// Looks more often than in life, but claims last longer: a replica that is starved of processor time must
/// not lose its turn, or a busy machine would look like a second fetch.
pub(super) fn pace() -> Pace {
    Pace {
        look: Duration::from_millis(20),
        lease: Duration::from_secs(20),
        patience: Duration::from_millis(500),
        cooldown: Duration::from_secs(60),
        period: Duration::from_millis(100),
    }
}

pub(super) fn redis(url: &str, secret: &[u8], pace: Pace) -> Arc<RedisKeys> {
    redis_at(RedisAddress::parse(url).unwrap().into(), secret, pace)
}

pub(super) fn redis_at(servers: RedisServers, secret: &[u8], pace: Pace) -> Arc<RedisKeys> {
    let limits = Limits {
        first_pause: Duration::from_millis(50),
        longest_pause: Duration::from_millis(200),
        ..patient()
    };
    let clock = Arc::new(SystemClock::new());
    Arc::new(RedisKeys::with(servers, secret, clock, limits, pace).unwrap())
}

/// For those who wait for the end of a lease.
pub(super) fn brief_lease() -> Pace {
    Pace {
        lease: Duration::from_secs(1),
        ..pace()
    }
}

impl Replica {
    pub(super) fn over(server: &RedisServer, source: &Arc<ScriptedSource>) -> Self {
        Self::with(redis(&server.url(), SECRET, pace()), source)
    }

    pub(super) fn with(redis: Arc<RedisKeys>, source: &Arc<ScriptedSource>) -> Self {
        let issuer = Issuer::new(ISSUER).unwrap();
        let stores = KeyStores::builder()
            .source(issuer.clone(), Arc::clone(source) as Arc<dyn JwksSource>)
            .shared(redis)
            .build();
        let audience = Audience::new(AUDIENCE).unwrap();
        let resource = ResourceIdentifier::parse(AUDIENCE).unwrap();
        let settings = ProviderSettings::new(resource, IssuerSettings::new(issuer, vec![audience]));
        Self {
            gate: OAuth21Provider::with_key_stores(settings, &stores).unwrap(),
            stores,
        }
    }

    pub(super) async fn accepts(&self, key: &TestKey) -> bool {
        self.gate.validate(&key.token(ISSUER)).await.is_ok()
    }

    /// Whether the first token with this key brings it, though the machine be too slow for the 300 ms that
    /// the token itself waits: a second look would have to wait for the end of a cooldown.
    pub(super) async fn accepts_at_first_sight(&self, key: &TestKey) -> bool {
        if self.accepts(key).await {
            return true;
        }
        self.at_rest().await;
        self.accepts(key).await
    }

    /// Whether a key with this `kid` is held; nothing is fetched because of the question.
    pub(super) fn holds(&self, key_id: &str) -> bool {
        let keys = self.stores.stores()[0].held_keys();
        keys.iter().any(|key| key.key_id.as_deref() == Some(key_id))
    }

    /// Waits until no attempt is under way.
    pub(super) async fn at_rest(&self) {
        until("the end of an attempt", || {
            !self.gate.key_status()[0].fetching
        })
        .await;
    }

    pub(super) fn status(&self) -> SharedStatus {
        self.stores.shared_status().unwrap()
    }
}

pub(super) fn serving(key: &TestKey) -> Arc<ScriptedSource> {
    Arc::new(ScriptedSource::serving(jwks(&[key])))
}

/// Answers after a while, as an issuer does.
fn serving_after(key: &TestKey, after: Duration) -> Arc<ScriptedSource> {
    let source = ScriptedSource::default();
    source.then(after, document(jwks(&[key])));
    Arc::new(source)
}

#[tokio::test]
async fn r5_one_fetch_serves_all_replicas_that_start_together() {
    let server = RedisServer::start();
    let key = TestKey::new("1");
    let source = serving_after(&key, Duration::from_millis(150));
    let replicas: Vec<_> = (0..3).map(|_| Replica::over(&server, &source)).collect();
    join_all(replicas.iter().map(|replica| replica.gate.warm_up())).await;
    for replica in &replicas {
        assert!(replica.accepts(&key).await);
    }
    assert_eq!(source.fetches(), 1);
    let status: Vec<_> = replicas.iter().map(Replica::status).collect();
    assert!(status.iter().all(|status| status.connected));
    assert_eq!(status.iter().map(|status| status.published).sum::<u64>(), 1);
    assert_eq!(status.iter().map(|status| status.adopted).sum::<u64>(), 2);
    assert_eq!(status.iter().map(|status| status.refused).sum::<u64>(), 0);
}

/// The look for news and the wait for a turn are two tasks: the first may find what the second waits for.
#[tokio::test]
async fn r5_news_that_come_during_the_wait_for_a_turn_are_the_answer() {
    let server = RedisServer::start();
    let key = TestKey::new("1");
    let source = serving_after(&key, Duration::from_millis(300));
    let first = Replica::over(&server, &source);
    let looking_seldom = Pace {
        look: Duration::from_secs(1),
        ..pace()
    };
    let second = Replica::with(redis(&server.url(), SECRET, looking_seldom), &source);
    let looking_for_news = async {
        loop {
            second.stores.keep_in_touch().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let asking_later = async {
        while source.fetches() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::select! {
            _ = second.gate.warm_up() => {},
            () = looking_for_news => {},
        }
    };
    tokio::join!(first.gate.warm_up(), asking_later);
    assert!(second.accepts(&key).await);
    assert_eq!(source.fetches(), 1);
    assert_eq!(second.status().adopted, 1);
}

/// Takes the turn to ask and gives it back, all the time, as many replicas do that hear of an answer at
/// once.
async fn take_turns(url: String, lease: String) {
    let link = link(&url);
    let seal = Seal::secret(SECRET).unwrap();
    let text = claim::make(&seal, &lease, UnixTime::from_secs(unix_now()), 1);
    loop {
        let _ = link.put(&lease, text.as_bytes(), None).await;
        let _ = link.give_back(&lease, text.as_bytes()).await;
    }
}

#[tokio::test]
async fn r5_turns_that_come_and_go_are_no_reason_to_distrust_redis() {
    let server = RedisServer::start();
    let key = TestKey::new("1");
    Replica::over(&server, &serving(&key)).gate.warm_up().await;
    let lease = server.key(":keys:").replace("keys", "lease");
    let others = tokio::spawn(take_turns(server.url(), lease));
    for _ in 0..100 {
        server.command(&[b"FLUSHALL"]);
        let replica = Replica::over(&server, &serving(&key));
        replica.gate.warm_up().await;
        let status = replica.status();
        assert!(status.connected, "{status:?}");
        assert_eq!(status.published, 1);
    }
    others.abort();
}

/// Fetches that 500 strangers cause at each of three replicas.
async fn caused_by_strangers(source: &Arc<ScriptedSource>, replicas: &[Replica]) -> u64 {
    let before = source.fetches();
    let junk: Vec<_> = (0..500)
        .map(|number| token_for(ISSUER, &format!("junk-{number}")))
        .collect();
    let everywhere = junk
        .iter()
        .flat_map(|token| replicas.iter().map(move |replica| (replica, token)));
    let answers = everywhere.map(|(replica, token)| replica.gate.validate(token));
    for answer in join_all(answers).await {
        assert_eq!(answer.unwrap_err().reason(), Reason::UnknownKeyId);
    }
    join_all(replicas.iter().map(Replica::at_rest)).await;
    source.fetches() - before
}

#[rstest]
#[case::up(false)]
#[case::down(true)]
#[tokio::test]
async fn r1_strangers_of_all_replicas_together_cause_one_fetch(#[case] down: bool) {
    let server = RedisServer::start();
    let key = TestKey::new("1");
    let source = serving(&key);
    let replicas: Vec<_> = (0..3).map(|_| Replica::over(&server, &source)).collect();
    join_all(replicas.iter().map(|replica| replica.gate.warm_up())).await;
    if down {
        source.now_failing();
    }
    assert_eq!(caused_by_strangers(&source, &replicas).await, 1);
    // A replica that starts now has a budget of its own; what holds it back is that of all.
    let late = [Replica::over(&server, &source)];
    late[0].gate.warm_up().await;
    assert_eq!(caused_by_strangers(&source, &late).await, 0);
    for replica in replicas.iter().chain(&late) {
        assert!(replica.accepts(&key).await);
    }
}

#[tokio::test]
async fn r2_a_replica_that_starts_in_an_outage_serves_what_the_others_fetched() {
    let server = RedisServer::start();
    let key = TestKey::new("1");
    let source = serving(&key);
    let first = Replica::over(&server, &source);
    first.gate.warm_up().await;
    source.now_failing();
    let second = Replica::over(&server, &source);
    assert!(
        second.accepts_at_first_sight(&key).await,
        "without a warm-up"
    );
    let status = &second.gate.key_status()[0];
    assert!(status.servable && status.age.unwrap() < Duration::from_secs(60));
    assert_eq!(source.fetches(), 1);
}

#[tokio::test]
async fn r4_a_new_key_that_one_replica_saw_is_known_to_all_within_a_second() {
    let server = RedisServer::start();
    let (old, new) = (TestKey::new("1"), TestKey::new("2"));
    let source = serving(&old);
    let replicas: Vec<_> = (0..3).map(|_| Replica::over(&server, &source)).collect();
    join_all(replicas.iter().map(|replica| replica.gate.warm_up())).await;
    source.now(jwks(&[&new]));
    assert!(replicas[0].accepts_at_first_sight(&new).await);
    // Nobody shows them the new key: they look for themselves, twice a second in life.
    assert!(Pace::default().period <= Duration::from_millis(500));
    until("all have the new key", || {
        replicas.iter().all(|replica| replica.holds("2"))
    })
    .await;
    for replica in &replicas {
        assert!(replica.accepts(&new).await);
        assert!(!replica.accepts(&old).await, "the removed key");
    }
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn a_stranger_to_two_replicas_at_once_is_known_to_both() {
    let server = RedisServer::start();
    let (old, new) = (TestKey::new("1"), TestKey::new("2"));
    let source = serving(&old);
    let slow = Pace {
        period: Duration::from_secs(60),
        ..pace()
    };
    let replicas: Vec<_> = (0..2)
        .map(|_| Replica::with(redis(&server.url(), SECRET, slow), &source))
        .collect();
    join_all(replicas.iter().map(|replica| replica.gate.warm_up())).await;
    source.now_after(Duration::from_millis(100), document(jwks(&[&old, &new])));
    let both = replicas
        .iter()
        .map(|replica| replica.accepts_at_first_sight(&new));
    let accepted = join_all(both).await;
    assert_eq!(accepted, [true, true]);
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn when_the_replica_that_asks_dies_another_one_asks() {
    let server = RedisServer::start();
    let key = TestKey::new("1");
    let stuck = Arc::new(ScriptedSource::default());
    stuck.now_hanging();
    let replica = |source| Replica::with(redis(&server.url(), SECRET, brief_lease()), source);
    let dying = replica(&stuck);
    let begun = Instant::now();
    let warming = tokio::spawn({
        let gate = dying.gate.clone();
        async move { gate.warm_up().await }
    });
    while stuck.fetches() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    warming.abort();
    drop(dying);
    let source = serving(&key);
    let next = replica(&source);
    next.gate.warm_up().await;
    assert!(next.accepts(&key).await);
    assert_eq!(source.fetches(), 1);
    let waited = begun.elapsed();
    assert!(
        waited >= brief_lease().lease,
        "the lease was respected: {waited:?}"
    );
}

#[tokio::test]
async fn e8_issuers_with_odd_names_share_with_themselves_only() {
    let server = RedisServer::start();
    let names = [
        "https://auth.example.com/*",
        "https://auth.example.com/x",
        "https://auth.example.com/%s%n",
        "https://auth.example.com/[a-z]?",
        "https://auth.example.com/{x}:keys:1",
    ];
    let keys: Vec<_> = names.iter().map(|_| TestKey::new("1")).collect();
    let sources: Vec<_> = keys.iter().map(serving).collect();
    let replica = || {
        let shared = redis(&server.url(), SECRET, pace());
        let builder = KeyStores::builder().shared(shared);
        let builder = names
            .iter()
            .zip(&sources)
            .fold(builder, |builder, (name, source)| {
                let source = Arc::clone(source) as Arc<dyn JwksSource>;
                builder.source(Issuer::new(*name).unwrap(), source)
            });
        let stores = builder.build();
        let audience = || vec![Audience::new(AUDIENCE).unwrap()];
        let mut issuers = names
            .iter()
            .map(|name| IssuerSettings::new(Issuer::new(*name).unwrap(), audience()));
        let resource = ResourceIdentifier::parse(AUDIENCE).unwrap();
        let mut settings = ProviderSettings::new(resource, issuers.next().unwrap());
        settings.issuers.extend(issuers);
        for issuer in &mut settings.issuers {
            issuer.keys.jwks_url = Some("https://keys.example.com/".parse().unwrap());
        }
        OAuth21Provider::with_key_stores(settings, &stores).unwrap()
    };
    replica().warm_up().await;
    sources.iter().for_each(|source| source.now_failing());
    let second = replica();
    for (name, key) in names.iter().zip(&keys) {
        let servable = || second.key_status().iter().all(|status| status.servable);
        if second.validate(&key.token(name)).await.is_err() {
            until("the keys of all", servable).await;
        }
        assert!(second.validate(&key.token(name)).await.is_ok(), "{name}");
        for other in names.iter().filter(|other| *other != name) {
            assert!(second.validate(&key.token(other)).await.is_err());
        }
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b':';
    for name in server.keys() {
        assert!(name.bytes().all(plain), "{name}");
    }
}
