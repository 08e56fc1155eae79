//! Key stores in touch with each other over a board in memory.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, pending, ready},
};
use oauthgate_core::{Audience, Issuer, Reason, ResourceIdentifier, keys::KeyId};
use tokio::time::{Instant, sleep};

use super::{KeyStores, KeyStoresBuilder};
use crate::{
    IssuerSettings, OAuth21Provider, ProviderSettings,
    jwks::{
        Ask, Fetched, FetchedSet, JwksSource, KeySnapshot, KeySourceError, SnapshotError,
        SnapshotKeeper, Withdrawals, WithdrawnName,
        schedule::{COOLDOWN, Freshness},
    },
    state::{SharedKeys, SharedSet, SharedStatus},
    testing::{AUDIENCE, ScriptedSource, TestKey, jwks, token_for},
};

const ISSUER: &str = "https://auth.example.com";

/// What replicas share, without anything in between.
#[derive(Debug, Default)]
struct Board {
    withdrawals: Mutex<Withdrawals>,
    news: Mutex<Option<Fetched>>,
    /// Whether strangers had their turn elsewhere.
    strangers_rest: AtomicBool,
    exchanges: AtomicU64,
}

#[derive(Debug)]
struct Neighbour {
    board: Arc<Board>,
    source: Arc<dyn JwksSource>,
}

impl JwksSource for Neighbour {
    fn fetch(&self, ask: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>> {
        if self.board.strangers_rest.load(Ordering::SeqCst) {
            return ready(Ok(Fetched::unasked())).boxed();
        }
        self.source.fetch(ask)
    }

    fn news(&self, _: Option<Duration>) -> BoxFuture<'_, Option<Fetched>> {
        ready(self.board.news.lock().unwrap().clone()).boxed()
    }

    fn withdrawals(&self) -> BoxFuture<'_, Withdrawals> {
        ready(self.board.withdrawals.lock().unwrap().clone()).boxed()
    }
}

/// One replica's view of the board.
#[derive(Debug)]
struct View(Arc<Board>);

impl SharedKeys for View {
    fn before(&self, _: SharedSet, source: Arc<dyn JwksSource>) -> Arc<dyn JwksSource> {
        let board = Arc::clone(&self.0);
        Arc::new(Neighbour { board, source })
    }

    fn exchange<'a>(&'a self, _: &'a Issuer, ours: &'a Withdrawals) -> BoxFuture<'a, Withdrawals> {
        self.0.exchanges.fetch_add(1, Ordering::SeqCst);
        let mut theirs = self.0.withdrawals.lock().unwrap();
        let _ = theirs.merge(ours);
        ready(theirs.clone()).boxed()
    }

    fn period(&self) -> Duration {
        Duration::from_millis(500)
    }

    fn status(&self) -> SharedStatus {
        unreachable!("nobody asks")
    }
}

fn builder(board: &Arc<Board>, source: &Arc<ScriptedSource>) -> KeyStoresBuilder {
    KeyStores::builder()
        .source(
            Issuer::new(ISSUER).unwrap(),
            Arc::clone(source) as Arc<dyn JwksSource>,
        )
        .shared(Arc::new(View(Arc::clone(board))))
}

fn gate(keys: &KeyStores) -> OAuth21Provider {
    let audience = Audience::new(AUDIENCE).unwrap();
    let issuer = IssuerSettings::new(Issuer::new(ISSUER).unwrap(), vec![audience]);
    let resource = ResourceIdentifier::parse(AUDIENCE).unwrap();
    OAuth21Provider::with_key_stores(ProviderSettings::new(resource, issuer), keys).unwrap()
}

async fn warm(board: &Arc<Board>, source: &Arc<ScriptedSource>) -> (KeyStores, OAuth21Provider) {
    let keys = builder(board, source).build();
    let gate = gate(&keys);
    gate.warm_up().await;
    (keys, gate)
}

async fn accepts(gate: &OAuth21Provider, key: &TestKey) -> bool {
    gate.validate(&key.token(ISSUER)).await.is_ok()
}

fn serving(keys: &[&TestKey]) -> Arc<ScriptedSource> {
    Arc::new(ScriptedSource::serving(jwks(keys)))
}

fn name(key_id: &str) -> WithdrawnName {
    WithdrawnName::Key(KeyId::new(key_id).unwrap())
}

fn news(body: Vec<u8>, age: Duration) -> Fetched {
    let validator = None;
    Fetched {
        set: FetchedSet::Document { body, validator },
        freshness: Freshness { age, max_age: None },
    }
}

/// A disk that takes for ever.
#[derive(Debug)]
struct Stuck;

impl SnapshotKeeper for Stuck {
    fn load<'a>(
        &'a self,
        _: &'a Issuer,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<KeySnapshot>, SnapshotError>> {
        ready(Ok(None)).boxed()
    }

    fn save(&self, _: KeySnapshot) -> BoxFuture<'_, Result<(), SnapshotError>> {
        pending().boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn r4_withdrawals_arrive_within_a_second_each_though_the_disk_is_stuck() {
    let board = Arc::new(Board::default());
    let keys: Vec<_> = (0..4)
        .map(|number| TestKey::new(&number.to_string()))
        .collect();
    let source = serving(&keys.iter().collect::<Vec<_>>());
    let (first, _) = warm(&board, &source).await;
    let stuck = builder(&board, &source).keeper(Arc::new(Stuck)).build();
    let second = gate(&stuck);
    second.warm_up().await;
    for (number, key) in keys.iter().enumerate() {
        assert!(accepts(&second, key).await);
        first
            .withdraw(None, &name(&number.to_string()))
            .await
            .unwrap();
        sleep(Duration::from_millis(999)).await;
        let denial = second.validate(&key.token(ISSUER)).await.unwrap_err();
        assert_eq!(denial.reason(), Reason::KeyWithdrawn, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_asked_nobody_changes_nothing_and_is_no_failure() {
    let board = Arc::new(Board::default());
    let (key, new) = (TestKey::new("1"), TestKey::new("2"));
    let source = serving(&[&key]);
    let (_, gate) = warm(&board, &source).await;
    board.strangers_rest.store(true, Ordering::SeqCst);
    source.now(jwks(&[&key, &new]));
    let started = Instant::now();
    let denial = gate.validate(&token_for(ISSUER, "junk")).await.unwrap_err();
    assert_eq!(denial.reason(), Reason::UnknownKeyId);
    assert_eq!(started.elapsed(), Duration::ZERO, "nobody is waited for");
    let status = &gate.key_status()[0];
    assert_eq!((status.last_failure, status.fetching), (None, false));
    assert_eq!(status.next_attempt, COOLDOWN, "upkeep is due later");
    assert!(accepts(&gate, &key).await);
    assert_eq!(source.fetches(), 1);
    board.strangers_rest.store(false, Ordering::SeqCst);
    sleep(COOLDOWN).await;
    assert!(accepts(&gate, &new).await, "the next stranger may look");
}

#[tokio::test(start_paused = true)]
async fn without_keys_an_attempt_that_asked_nobody_is_503_and_nobody_is_stuck() {
    let board = Arc::new(Board::default());
    board.strangers_rest.store(true, Ordering::SeqCst);
    let key = TestKey::new("1");
    let source = serving(&[&key]);
    let (_, gate) = warm(&board, &source).await;
    let started = Instant::now();
    let denial = gate.validate(&key.token(ISSUER)).await.unwrap_err();
    assert_eq!(denial.reason(), Reason::JwksUnavailable);
    assert!(started.elapsed() <= Duration::from_secs(2));
    board.strangers_rest.store(false, Ordering::SeqCst);
    sleep(Duration::from_secs(1)).await;
    assert!(accepts(&gate, &key).await);
}

#[tokio::test(start_paused = true)]
async fn news_are_taken_over_if_they_are_good_and_new() {
    let board = Arc::new(Board::default());
    let (old, new) = (TestKey::new("1"), TestKey::new("2"));
    let source = serving(&[&old]);
    let (_, gate) = warm(&board, &source).await;
    sleep(Duration::from_secs(30)).await;
    let hour = Duration::from_secs(3_600);
    for nothing_new in [
        news(jwks(&[&new]), hour),
        news(jwks(&[]), Duration::ZERO),
        news(b"<html>".to_vec(), Duration::ZERO),
        Fetched::unasked(),
    ] {
        *board.news.lock().unwrap() = Some(nothing_new);
        sleep(Duration::from_secs(1)).await;
        assert!(accepts(&gate, &old).await);
        assert!(gate.key_status()[0].age >= Some(Duration::from_secs(30)));
    }
    *board.news.lock().unwrap() = Some(news(jwks(&[&new]), Duration::from_secs(10)));
    sleep(Duration::from_secs(1)).await;
    assert!(accepts(&gate, &new).await);
    let age = gate.key_status()[0].age.unwrap();
    assert!(age < Duration::from_secs(12), "{age:?}");
    assert_eq!(source.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_store_takes_the_listening_along() {
    let board = Arc::new(Board::default());
    let (keys, gate) = warm(&board, &serving(&[&TestKey::new("1")])).await;
    sleep(Duration::from_secs(5)).await;
    let exchanges = board.exchanges.load(Ordering::SeqCst);
    assert!((9..=13).contains(&exchanges), "{exchanges}");
    drop((keys, gate));
    sleep(Duration::from_secs(5)).await;
    assert!(board.exchanges.load(Ordering::SeqCst) <= exchanges + 1);
}
