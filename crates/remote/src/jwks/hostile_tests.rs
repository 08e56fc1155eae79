//! What a hostile reader of the key stores suspected: attempts that nobody carries on, savers that hang,
//! sets that are too large, settings at their limits.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, pending},
};
use oauthgate_core::{Audience, Issuer, Reason, ResourceIdentifier};
use tokio::time::{Instant, sleep, timeout};

use super::{
    JwksSource, KeySnapshot, Saved, SnapshotError, SnapshotKeeper, WithdrawnName,
    schedule::COOLDOWN,
};
use crate::{
    IssuerSettings, KeySettings, KeyStores, OAuth21Provider, ProviderSettings,
    key_stores::KeyStoresBuilder,
    testing::{AUDIENCE, ScriptedSource, TestKey, document, jwks},
};

const ISSUER: &str = "https://auth.example.com";

fn issuer() -> Issuer {
    Issuer::new(ISSUER).unwrap()
}

fn over(source: &Arc<ScriptedSource>) -> KeyStoresBuilder {
    KeyStores::builder().source(issuer(), Arc::clone(source) as Arc<dyn JwksSource>)
}

fn gate(keys: &KeyStores, settings: KeySettings) -> OAuth21Provider {
    let mut issuer = IssuerSettings::new(issuer(), vec![Audience::new(AUDIENCE).unwrap()]);
    issuer.keys = settings;
    let settings = ProviderSettings::new(ResourceIdentifier::parse(AUDIENCE).unwrap(), issuer);
    OAuth21Provider::with_key_stores(settings, keys).unwrap()
}

/// A source that answers after some time, always with these keys.
fn slow(after: Duration, keys: &[&TestKey]) -> Arc<ScriptedSource> {
    let source = Arc::new(ScriptedSource::default());
    source.then(after, document(jwks(keys)));
    source
}

/// What a program sees that is frozen between requests.
mod without_background_tasks {
    use super::*;

    fn frozen(source: &Arc<ScriptedSource>) -> OAuth21Provider {
        gate(
            &over(source).without_background_tasks().build(),
            KeySettings::default(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_longer_than_a_moment_is_carried_on_by_the_next_requests() {
        let key = TestKey::new("1");
        let source = slow(Duration::from_millis(700), &[&key]);
        let gate = frozen(&source);
        gate.warm_up().await;
        sleep(Duration::from_secs(300)).await;
        let token = key.token(ISSUER);
        for _ in 0..10 {
            let started = Instant::now();
            assert!(gate.validate(&token).await.is_ok());
            assert!(started.elapsed() <= Duration::from_millis(300));
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(source.fetches(), 2);
        let status = &gate.key_status()[0];
        assert!(!status.fetching && status.age < Some(Duration::from_secs(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_forged_signature_does_not_stop_the_renewal() {
        let (key, forged) = (TestKey::new("1"), TestKey::new("1"));
        let source = slow(Duration::ZERO, &[&key]);
        let gate = frozen(&source);
        gate.warm_up().await;
        sleep(Duration::from_secs(60)).await;
        assert!(gate.validate(&forged.token(ISSUER)).await.is_err());
        source.now(jwks(&[&TestKey::new("2")]));
        for _ in 0..60 {
            sleep(Duration::from_secs(10)).await;
            let _ = gate.validate(&key.token(ISSUER)).await;
        }
        assert!(gate.validate(&key.token(ISSUER)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn d8_a_known_key_does_not_help_with_what_strangers_began() {
        let key = TestKey::new("1");
        let source = slow(Duration::ZERO, &[&key]);
        let gate = frozen(&source);
        gate.warm_up().await;
        source.now_hanging();
        let junk = TestKey::new("junk").token(ISSUER);
        assert!(gate.validate(&junk).await.is_err());
        let started = Instant::now();
        assert!(gate.validate(&key.token(ISSUER)).await.is_ok());
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_took_the_kid_of_another_is_found() {
        let (old, new) = (TestKey::new("1"), TestKey::new("1"));
        let source = slow(Duration::ZERO, &[&old]);
        let gate = frozen(&source);
        gate.warm_up().await;
        source.now(jwks(&[&new]));
        assert!(gate.validate(&new.token(ISSUER)).await.is_err());
        assert!(gate.validate(&new.token(ISSUER)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_saver_that_is_slow_delays_no_token_longer_than_a_fetch_may() {
        let (old, new) = (TestKey::new("1"), TestKey::new("2"));
        let source = slow(Duration::ZERO, &[&old]);
        let keeper = Arc::new(SlowKeeper::new(2));
        let keys = over(&source)
            .without_background_tasks()
            .keeper(keeper.clone())
            .build();
        let gate = gate(&keys, KeySettings::default());
        gate.warm_up().await;
        source.now(jwks(&[&old, &new]));
        let started = Instant::now();
        assert!(gate.validate(&new.token(ISSUER)).await.is_ok());
        assert_eq!(started.elapsed(), Duration::from_millis(300));
        // What was begun is brought to its end when there is time.
        keys.upkeep().await;
        assert_eq!(keeper.saved.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_operator_does_not_wait_for_a_save_that_nobody_carries_on() {
        let (old, new) = (TestKey::new("1"), TestKey::new("2"));
        let source = slow(Duration::ZERO, &[&old]);
        let keeper = Arc::new(SlowKeeper::new(1));
        let keys = over(&source)
            .without_background_tasks()
            .keeper(keeper)
            .build();
        let gate = gate(&keys, KeySettings::default());
        gate.warm_up().await;
        source.now(jwks(&[&old, &new]));
        assert!(gate.validate(&new.token(ISSUER)).await.is_ok());
        let name = WithdrawnName::key("1").unwrap();
        let ruled = timeout(Duration::from_secs(30), keys.withdraw(None, &name)).await;
        assert_eq!(ruled.unwrap().unwrap()[0].saved, Saved::Saved);
    }
}

/// Knows nothing, and takes its time to save.
#[derive(Debug)]
struct SlowKeeper {
    time: Duration,
    saved: AtomicU64,
}

impl SlowKeeper {
    fn new(seconds: u64) -> Self {
        Self {
            time: Duration::from_secs(seconds),
            saved: AtomicU64::new(0),
        }
    }
}

impl SnapshotKeeper for SlowKeeper {
    fn load<'a>(
        &'a self,
        _: &'a Issuer,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<KeySnapshot>, SnapshotError>> {
        async { Ok(None) }.boxed()
    }

    fn save(&self, _: KeySnapshot) -> BoxFuture<'_, Result<(), SnapshotError>> {
        async {
            sleep(self.time).await;
            self.saved.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
        .boxed()
    }
}

/// Remembers in memory, by issuer and place.
#[derive(Debug, Default)]
struct Memory(Mutex<HashMap<(Issuer, String), KeySnapshot>>);

impl SnapshotKeeper for Memory {
    fn load<'a>(
        &'a self,
        issuer: &'a Issuer,
        place: &'a str,
    ) -> BoxFuture<'a, Result<Option<KeySnapshot>, SnapshotError>> {
        let found = self.0.lock().unwrap();
        let found = found.get(&(issuer.clone(), place.to_owned())).cloned();
        async move { Ok(found) }.boxed()
    }

    fn save(&self, mut snapshot: KeySnapshot) -> BoxFuture<'_, Result<(), SnapshotError>> {
        let key = (snapshot.issuer.clone(), snapshot.place.clone());
        let mut saved = self.0.lock().unwrap();
        if let Some(before) = saved.get(&key) {
            // What was saved before stays saved.
            let _ = snapshot.withdrawals.merge(&before.withdrawals);
        }
        saved.insert(key, snapshot);
        async { Ok(()) }.boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn keys_saved_under_looser_settings_are_not_used_under_stricter_ones() {
    let key = TestKey::new("1");
    let memory = Arc::new(Memory::default());
    let run = |settings: KeySettings| {
        let source = slow(Duration::ZERO, &[&key]);
        let keys = over(&source).keeper(memory.clone()).build();
        (source, gate(&keys, settings))
    };
    run(KeySettings::default()).1.warm_up().await;
    let same_site = KeySettings {
        jwks_same_site: true,
        ..KeySettings::default()
    };
    let other_issuer = KeySettings {
        metadata_issuer: Some(Issuer::new("https://other.example.com").unwrap()),
        ..KeySettings::default()
    };
    for (stricter, expected) in [
        (KeySettings::default(), true),
        (same_site, false),
        (other_issuer, false),
    ] {
        let (source, gate) = run(stricter);
        source.now_failing();
        assert_eq!(gate.validate(&key.token(ISSUER)).await.is_ok(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_who_asks_first_hears_from_the_issuer_and_not_from_memory() {
    let (old, new) = (TestKey::new("old"), TestKey::new("new"));
    let memory = Arc::new(Memory::default());
    let run = |keys: &[&TestKey]| {
        let source = slow(Duration::ZERO, keys);
        let keys = over(&source).keeper(memory.clone()).build();
        (gate(&keys, KeySettings::default()), keys)
    };
    run(&[&old]).1.warm_up().await;
    let (gate, _) = run(&[&old]);
    gate.warm_up().await;
    drop(gate);
    let (gate, keys) = run(&[&new]);
    let status = keys.refresh(None).await;
    assert_eq!(status[0].fetches, 1);
    assert!(gate.validate(&old.token(ISSUER)).await.is_err());
    assert!(gate.validate(&new.token(ISSUER)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_operator_who_asks_during_an_attempt_gets_an_answer_of_now() {
    let (old, new) = (TestKey::new("old"), TestKey::new("new"));
    let source = slow(Duration::from_secs(1), &[&old]);
    let keys = over(&source).build();
    let gate = gate(&keys, KeySettings::default());
    let warming = tokio::spawn(async move { gate.warm_up().await });
    source.started.notified().await;
    source.now(jwks(&[&new]));
    keys.refresh(None).await;
    let held = keys.stores()[0].held_keys();
    assert_eq!(held[0].key_id.as_deref(), Some("new"));
    assert_eq!((held.len(), source.fetches()), (1, 2));
    warming.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_withdrawn_holds_for_stores_that_come_later() {
    let (good, leaked) = (TestKey::new("good"), TestKey::new("leaked"));
    let source = slow(Duration::ZERO, &[&good, &leaked]);
    let keys = over(&source).build();
    gate(&keys, KeySettings::default()).warm_up().await;
    let name = WithdrawnName::key("leaked").unwrap();
    keys.withdraw(None, &name).await.unwrap();
    let later = gate(
        &keys,
        KeySettings::default().with_explicit_ttl(Duration::from_secs(60)),
    );
    later.warm_up().await;
    assert!(later.validate(&good.token(ISSUER)).await.is_ok());
    assert!(later.validate(&leaked.token(ISSUER)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn without_a_stale_limit_no_good_token_waits_for_a_renewal() {
    let key = TestKey::new("1");
    let source = Arc::new(ScriptedSource::default());
    let mut answer = document(jwks(&[&key]));
    answer.as_mut().unwrap().freshness.max_age = Some(Duration::from_secs(15));
    source.then(Duration::from_millis(500), answer);
    let settings = KeySettings {
        stale_limit: Duration::ZERO,
        ..KeySettings::default()
    };
    let gate = gate(&over(&source).build(), settings);
    gate.warm_up().await;
    let token = key.token(ISSUER);
    for _ in 0..3_000 {
        let started = Instant::now();
        assert!(gate.validate(&token).await.is_ok());
        assert_eq!(started.elapsed(), Duration::ZERO);
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_asked_for_before_it_is_published_is_found_within_a_cooldown() {
    let (old, early) = (TestKey::new("old"), TestKey::new("early"));
    let source = slow(Duration::ZERO, &[&old]);
    let gate = gate(&over(&source).build(), KeySettings::default());
    gate.warm_up().await;
    let token = early.token(ISSUER);
    for _ in 0..100 {
        assert!(gate.validate(&token).await.is_err());
        sleep(Duration::from_secs(1)).await;
    }
    source.now(jwks(&[&old, &early]));
    sleep(COOLDOWN).await;
    assert!(gate.validate(&token).await.is_ok());
}

/// A keeper that fails, or hangs, until it is told not to.
#[derive(Debug, Default)]
struct Moody {
    memory: Memory,
    fails: AtomicBool,
    panics: AtomicBool,
    hangs: AtomicBool,
}

impl SnapshotKeeper for Moody {
    fn load<'a>(
        &'a self,
        issuer: &'a Issuer,
        place: &'a str,
    ) -> BoxFuture<'a, Result<Option<KeySnapshot>, SnapshotError>> {
        if self.hangs.load(Ordering::SeqCst) {
            return pending().boxed();
        }
        assert!(!self.panics.load(Ordering::SeqCst), "a careless keeper");
        if self.fails.load(Ordering::SeqCst) {
            return async { Err(SnapshotError::unavailable("a bad moment")) }.boxed();
        }
        self.memory.load(issuer, place)
    }

    fn save(&self, snapshot: KeySnapshot) -> BoxFuture<'_, Result<(), SnapshotError>> {
        if self.hangs.load(Ordering::SeqCst) {
            return pending().boxed();
        }
        self.memory.save(snapshot)
    }
}

async fn withdrawn_in_an_earlier_run(good: &TestKey, leaked: &TestKey) -> Arc<Moody> {
    let keeper = Arc::new(Moody::default());
    let source = slow(Duration::ZERO, &[good, leaked]);
    let keys = over(&source).keeper(keeper.clone()).build();
    gate(&keys, KeySettings::default()).warm_up().await;
    let name = WithdrawnName::key("leaked").unwrap();
    keys.withdraw(None, &name).await.unwrap();
    keeper
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_failed_once_is_asked_again_what_was_withdrawn() {
    let (good, leaked) = (TestKey::new("good"), TestKey::new("leaked"));
    let keeper = withdrawn_in_an_earlier_run(&good, &leaked).await;
    keeper.fails.store(true, Ordering::SeqCst);
    let source = slow(Duration::ZERO, &[&good, &leaked]);
    let keys = over(&source).keeper(keeper.clone()).build();
    let gate = gate(&keys, KeySettings::default());
    gate.warm_up().await;
    keeper.fails.store(false, Ordering::SeqCst);
    sleep(Duration::from_secs(300)).await;
    assert!(gate.validate(&good.token(ISSUER)).await.is_ok());
    assert!(gate.validate(&leaked.token(ISSUER)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_panics_withholds_no_keys() {
    let key = TestKey::new("1");
    let keeper = Arc::new(Moody::default());
    keeper.panics.store(true, Ordering::SeqCst);
    let source = slow(Duration::ZERO, &[&key]);
    let keys = over(&source).keeper(keeper.clone()).build();
    let gate = gate(&keys, KeySettings::default());
    gate.warm_up().await;
    assert!(gate.validate(&key.token(ISSUER)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_hangs_keeps_neither_keys_nor_operators_waiting_for_ever() {
    let (good, leaked) = (TestKey::new("good"), TestKey::new("leaked"));
    let keeper = Arc::new(Moody::default());
    keeper.hangs.store(true, Ordering::SeqCst);
    let source = slow(Duration::ZERO, &[&good, &leaked]);
    let keys = over(&source).keeper(keeper.clone()).build();
    let gate = gate(&keys, KeySettings::default());
    let started = Instant::now();
    gate.warm_up().await;
    assert!(started.elapsed() < Duration::from_secs(15));
    assert!(gate.validate(&good.token(ISSUER)).await.is_ok());
    let name = WithdrawnName::key("leaked").unwrap();
    let ruled = timeout(Duration::from_secs(15), keys.withdraw(None, &name)).await;
    let saved = ruled.unwrap().unwrap().remove(0).saved;
    assert!(matches!(saved, Saved::Failed(why) if why.contains("12 s")));
    assert!(gate.validate(&leaked.token(ISSUER)).await.is_err());
    // Attempts do not pile up behind it.
    sleep(Duration::from_secs(24 * 3_600)).await;
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    assert!(tasks < 5, "{tasks}");
}

/// A thousand tenants' keys, of which sixteen are held prepared.
#[tokio::test(start_paused = true)]
async fn every_rule_holds_for_single_keys_of_a_large_set() {
    let all: Vec<_> = (0..996)
        .map(|kid| TestKey::new(&format!("k{kid}")))
        .collect();
    let (twin, other_twin) = (TestKey::new("twin"), TestKey::new("twin"));
    let (nameless, configured) = (TestKey::without_key_id(), TestKey::new("configured"));
    let rest = [&twin, &other_twin, &nameless, &configured];
    let published: Vec<_> = all.iter().chain(rest).collect();
    let source = slow(Duration::ZERO, &published);
    let keys = over(&source).build();
    let settings = KeySettings {
        withdrawn_kids: vec!["configured".to_owned()],
        ..KeySettings::default()
    };
    let gate = gate(&keys, settings);
    gate.warm_up().await;
    let good = async |key: &TestKey| gate.validate(&key.token(ISSUER)).await.is_ok();
    assert!(good(&all[0]).await && good(&all[995]).await && good(&nameless).await);
    assert!(good(&twin).await && good(&other_twin).await);
    assert!(!good(&configured).await);
    for name in ["k995", "twin"] {
        let name = WithdrawnName::key(name).unwrap();
        assert!(keys.withdraw(None, &name).await.unwrap()[0].held);
    }
    let thumbprint = keys.stores()[0]
        .held_keys()
        .into_iter()
        .find(|key| key.key_id.is_none());
    let nameless_name = WithdrawnName::key(&thumbprint.unwrap().thumbprint).unwrap();
    keys.withdraw(None, &nameless_name).await.unwrap();
    assert!(!good(&all[995]).await && !good(&twin).await && !good(&other_twin).await);
    assert!(!good(&nameless).await && good(&all[0]).await && good(&all[994]).await);
    assert_eq!(keys.status()[0].keys, 995);
    keys.restore(None, &WithdrawnName::key("twin").unwrap())
        .await
        .unwrap();
    assert!(good(&twin).await && good(&other_twin).await && !good(&all[995]).await);
}

#[tokio::test(start_paused = true)]
async fn a16_a_set_with_a_throw_away_key_replaces_no_good_one() {
    let (good, thrown) = (TestKey::new("good"), TestKey::new("oauthgate-dev-1"));
    let source = slow(Duration::ZERO, &[&good]);
    let keys = over(&source).build();
    let settings = KeySettings {
        refuses_dev_keys: true,
        ..KeySettings::default()
    };
    let gate = gate(&keys, settings);
    gate.warm_up().await;
    source.now(jwks(&[&good, &thrown]));
    assert!(gate.validate(&thrown.token(ISSUER)).await.is_err());
    assert!(gate.validate(&good.token(ISSUER)).await.is_ok());
    let status = keys.status().remove(0);
    assert_eq!(
        (status.keys, status.last_failure),
        (1, Some("no_usable_keys"))
    );
    assert!(status.failure_detail.unwrap().contains("dev-issuer"));
}

#[tokio::test(start_paused = true)]
async fn a_key_ruled_about_by_its_thumbprint_is_told_apart_and_leaves_its_kid_to_another() {
    let (good, leaked, next) = (TestKey::new("1"), TestKey::new("2"), TestKey::new("2"));
    let source = slow(Duration::ZERO, &[&good, &leaked]);
    let keys = over(&source).build();
    let gate = gate(&keys, KeySettings::default());
    gate.warm_up().await;
    let thumbprint = keys.stores()[0].held_keys()[1].thumbprint.clone();
    let name = WithdrawnName::key(&thumbprint).unwrap();
    keys.withdraw(None, &name).await.unwrap();
    let refused = gate.validate(&leaked.token(ISSUER)).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::KeyWithdrawn);
    source.now(jwks(&[&good, &next]));
    sleep(COOLDOWN).await;
    assert!(gate.validate(&next.token(ISSUER)).await.is_ok());
    let refused = gate.validate(&leaked.token(ISSUER)).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::BadSignature);
}

/// Two operators, the issuer's answers and snapshots, all at once on several threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r4_a_withdrawal_holds_whatever_happens_at_the_same_time() {
    let (good, leaked, other) = (
        TestKey::new("good"),
        TestKey::new("leaked"),
        TestKey::new("other"),
    );
    let source = Arc::new(ScriptedSource::default());
    for _ in 0..2_000 {
        source.then(Duration::ZERO, document(jwks(&[&good, &leaked])));
        source.then(Duration::ZERO, document(jwks(&[&leaked, &other])));
    }
    let keys = over(&source).keeper(Arc::new(Memory::default())).build();
    let gate = gate(&keys, KeySettings::default());
    gate.warm_up().await;
    let store = keys.stores().remove(0);
    let early = store.snapshot();
    let noise = tokio::spawn({
        let (keys, store) = (keys.clone(), store.clone());
        async move {
            for round in 0..300 {
                keys.refresh(None).await;
                store.preload(&early);
                let unrelated = WithdrawnName::key(&format!("unrelated-{round}")).unwrap();
                keys.withdraw(None, &unrelated).await.unwrap();
            }
        }
    });
    let name = WithdrawnName::key("leaked").unwrap();
    let mut rounds = 0;
    while !noise.is_finished() || rounds < 10 {
        keys.withdraw(None, &name).await.unwrap();
        for _ in 0..5 {
            assert!(gate.validate(&leaked.token(ISSUER)).await.is_err());
            tokio::task::yield_now().await;
        }
        keys.restore(None, &name).await.unwrap();
        assert!(gate.validate(&leaked.token(ISSUER)).await.is_ok());
        rounds += 1;
    }
    noise.await.unwrap();
}
