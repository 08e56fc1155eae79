//! Keys taken away, given back, saved and recalled, in paused time and without a network or a disk.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use oauthgate_core::{Issuer, Reason};
use tokio::time::{Instant, sleep};

use super::{
    KeySnapshot, Saved, Seal, SnapshotError, SnapshotKeeper, WithdrawnName, schedule::STALE_LIMIT,
};
use crate::{
    IssuerSettings, KeySettings, KeyStores, OAuth21Provider, ProviderSettings,
    key_stores::RulingError,
    testing::{AUDIENCE, FakeClock, ScriptedSource, TestKey, claims, document, jwks, token_for},
};

const ISSUER: &str = "https://auth.example.com";

/// Remembers in memory, as a disk would.
#[derive(Debug, Default)]
struct Shelf {
    snapshots: Mutex<HashMap<Issuer, KeySnapshot>>,
    is_full: Mutex<bool>,
}

impl SnapshotKeeper for Shelf {
    fn load<'a>(
        &'a self,
        issuer: &'a Issuer,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<KeySnapshot>, SnapshotError>> {
        let found = self.snapshots.lock().unwrap().get(issuer).cloned();
        async move { Ok(found) }.boxed()
    }

    fn save(&self, snapshot: KeySnapshot) -> BoxFuture<'_, Result<(), SnapshotError>> {
        let saved = if *self.is_full.lock().unwrap() {
            Err(SnapshotError::unavailable("the disk is full"))
        } else {
            let mut snapshots = self.snapshots.lock().unwrap();
            snapshots.insert(snapshot.issuer.clone(), snapshot);
            Ok(())
        };
        async move { saved }.boxed()
    }
}

/// One run of a program.
struct Run {
    source: Arc<ScriptedSource>,
    keys: KeyStores,
    gate: OAuth21Provider,
}

impl Run {
    fn of(source: Arc<ScriptedSource>, shelf: Option<&Arc<Shelf>>) -> Self {
        let mut builder = KeyStores::builder().source(issuer(), source.clone());
        if let Some(shelf) = shelf {
            builder = builder.keeper(shelf.clone());
        }
        Self::over(builder.build(), source)
    }

    fn over(keys: KeyStores, source: Arc<ScriptedSource>) -> Self {
        let audience = oauthgate_core::Audience::new(AUDIENCE).unwrap();
        let settings = IssuerSettings::new(issuer(), vec![audience]);
        let resource = oauthgate_core::ResourceIdentifier::parse(AUDIENCE).unwrap();
        let settings = ProviderSettings::new(resource, settings);
        let gate = OAuth21Provider::with_key_stores(settings, &keys).unwrap();
        Self { source, keys, gate }
    }

    fn down(shelf: &Arc<Shelf>) -> Self {
        let source = Arc::new(ScriptedSource::default());
        source.now_failing();
        Self::of(source, Some(shelf))
    }

    async fn admits(&self, key: &TestKey) -> bool {
        self.gate.validate(&key.token(ISSUER)).await.is_ok()
    }

    async fn refusal(&self, key: &TestKey) -> Reason {
        let denial = self.gate.validate(&key.token(ISSUER)).await.unwrap_err();
        denial.reason()
    }

    async fn withdraw(&self, name: &str) -> super::Ruled {
        let name = WithdrawnName::key(name).unwrap();
        self.keys.withdraw(None, &name).await.unwrap().remove(0)
    }
}

fn issuer() -> Issuer {
    Issuer::new(ISSUER).unwrap()
}

fn serving(keys: &[&TestKey]) -> Arc<ScriptedSource> {
    Arc::new(ScriptedSource::serving(jwks(keys)))
}

async fn two_keys() -> (TestKey, TestKey, Run) {
    let (good, leaked) = (TestKey::new("good"), TestKey::new("leaked"));
    let run = Run::of(serving(&[&good, &leaked]), None);
    run.keys.warm_up().await;
    assert!(run.admits(&leaked).await);
    (good, leaked, run)
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_refused_at_once_and_stays_so() {
    let (good, leaked, run) = two_keys().await;
    let started = Instant::now();
    let ruled = run.withdraw("leaked").await;
    assert_eq!((ruled.held, ruled.saved), (true, Saved::Nowhere));
    assert_eq!(run.refusal(&leaked).await, Reason::KeyWithdrawn);
    assert!(run.admits(&good).await);
    assert_eq!(
        (started.elapsed(), run.source.fetches()),
        (Duration::ZERO, 1)
    );
    // The issuer still publishes it.
    run.keys.refresh(None).await;
    assert_eq!(run.refusal(&leaked).await, Reason::KeyWithdrawn);
    assert_eq!(run.gate.key_status()[0].withdrawn.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn neither_another_name_nor_no_name_helps_a_withdrawn_key() {
    let (good, leaked, run) = two_keys().await;
    run.withdraw("leaked").await;
    let mut renamed = leaked.jwk();
    renamed["kid"] = "renamed".into();
    let set = serde_json::json!({ "keys": [good.jwk(), renamed] });
    run.source.now(set.to_string().into_bytes());
    run.keys.refresh(None).await;
    for header in [
        serde_json::json!({ "kid": "renamed" }),
        serde_json::json!({ "kid": "good" }),
    ] {
        let token = leaked.sign_with(&claims(ISSUER), &header);
        assert!(run.gate.validate(&token).await.is_err(), "{header}");
    }
    let unnamed = TestKey::without_key_id();
    assert!(run.gate.validate(&unnamed.token(ISSUER)).await.is_err());
    assert_eq!(run.gate.key_status()[0].keys, 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_can_be_withdrawn_before_it_is_published_and_by_its_thumbprint() {
    let (good, leaked, run) = two_keys().await;
    let ruled = run.withdraw("future").await;
    assert!(!ruled.held);
    let future = TestKey::new("future");
    run.source.now(jwks(&[&good, &leaked, &future]));
    run.keys.refresh(None).await;
    assert_eq!(run.refusal(&future).await, Reason::KeyWithdrawn);
    let store = &run.keys.stores()[0];
    let thumbprint = store.held_keys()[1].thumbprint.clone();
    assert!(run.withdraw(&thumbprint).await.held);
    assert!(!run.admits(&leaked).await);
    assert!(run.admits(&good).await);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_under_way_brings_no_withdrawn_key_back() {
    let (good, leaked, run) = two_keys().await;
    run.source
        .now(jwks(&[&good, &leaked, &TestKey::new("new")]));
    let body = jwks(&[&leaked, &good]);
    run.source.then(Duration::from_secs(1), document(body));
    run.keys.refresh(None).await;
    let refresh = tokio::spawn({
        let keys = run.keys.clone();
        async move { keys.refresh(None).await }
    });
    sleep(Duration::from_millis(500)).await;
    run.withdraw("leaked").await;
    refresh.await.unwrap();
    assert_eq!(run.refusal(&leaked).await, Reason::KeyWithdrawn);
    assert!(run.admits(&good).await);
}

#[tokio::test(start_paused = true)]
async fn a_key_given_back_is_good_again() {
    let (_, leaked, run) = two_keys().await;
    run.withdraw("leaked").await;
    assert!(!run.admits(&leaked).await);
    let name = WithdrawnName::key("leaked").unwrap();
    let ruled = run.keys.restore(Some(&issuer()), &name).await.unwrap();
    assert!(ruled[0].held);
    assert!(run.admits(&leaked).await);
    assert!(run.gate.key_status()[0].withdrawn.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_operator_waits_for_an_answer_to_a_question_asked_after_the_demand() {
    let (good, leaked, run) = two_keys().await;
    let rotated = TestKey::new("rotated");
    let slow = Duration::from_secs(1);
    run.source.only(slow, document(jwks(&[&good, &leaked])));
    run.source.then(slow, document(jwks(&[&rotated])));
    let early = tokio::spawn({
        let keys = run.keys.clone();
        async move { keys.refresh(None).await }
    });
    sleep(slow / 2).await;
    run.keys.refresh(None).await;
    early.await.unwrap();
    assert_eq!(run.source.fetches(), 3);
    assert!(run.admits(&rotated).await && !run.admits(&good).await);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_issuer_is_answered_503_until_it_is_resumed() {
    let (good, leaked, run) = two_keys().await;
    run.keys
        .withdraw(None, &WithdrawnName::Issuer)
        .await
        .unwrap();
    for key in [&good, &leaked, &TestKey::new("unknown")] {
        assert_eq!(run.refusal(key).await, Reason::IssuerSuspended);
    }
    let status = &run.gate.key_status()[0];
    assert!(status.suspended && !status.servable);
    run.keys
        .restore(None, &WithdrawnName::Issuer)
        .await
        .unwrap();
    assert!(run.admits(&good).await);
}

#[tokio::test]
async fn an_issuer_that_nobody_trusts_cannot_be_ruled_about() {
    let (_, _, run) = two_keys().await;
    let other = Issuer::new("https://other.example.com").unwrap();
    let name = WithdrawnName::key("leaked").unwrap();
    let error = run.keys.withdraw(Some(&other), &name).await.unwrap_err();
    assert_eq!(error, RulingError::UnknownIssuer(other));
}

#[tokio::test(start_paused = true)]
async fn r2_a_start_during_an_outage_serves_at_once_what_was_saved() {
    let shelf = Arc::new(Shelf::default());
    let key = TestKey::new("1");
    let first = Run::of(serving(&[&key]), Some(&shelf));
    first.keys.warm_up().await;
    drop(first);
    let second = Run::down(&shelf);
    let started = Instant::now();
    assert!(second.admits(&key).await);
    assert_eq!(started.elapsed(), Duration::ZERO);
    second.keys.warm_up().await;
    assert!(second.admits(&key).await);
    let status = &second.gate.key_status()[0];
    assert_eq!(status.last_failure, Some("jwks_unavailable"));
    assert!(status.servable && status.fetches > 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_saved_is_a_stopgap_until_the_issuer_answers() {
    let shelf = Arc::new(Shelf::default());
    let (old, new) = (TestKey::new("old"), TestKey::new("new"));
    Run::of(serving(&[&old]), Some(&shelf)).keys.warm_up().await;
    let second = Run::of(serving(&[&new]), Some(&shelf));
    second.keys.warm_up().await;
    assert!(second.admits(&new).await);
    assert!(!second.admits(&old).await);
}

#[tokio::test(start_paused = true)]
async fn a_key_missing_in_what_was_saved_is_looked_for_at_once() {
    let shelf = Arc::new(Shelf::default());
    let (old, new) = (TestKey::new("old"), TestKey::new("new"));
    Run::of(serving(&[&old]), Some(&shelf)).keys.warm_up().await;
    let second = Run::of(serving(&[&old, &new]), Some(&shelf));
    assert!(second.admits(&new).await);
    assert_eq!(second.source.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a16_throw_away_keys_that_an_earlier_run_saved_are_refused() {
    let shelf = Arc::new(Shelf::default());
    let key = TestKey::new("oauthgate-dev-1");
    Run::of(serving(&[&key]), Some(&shelf)).keys.warm_up().await;
    let saved = shelf.snapshots.lock().unwrap()[&issuer()].clone();
    assert!(saved.keys.is_some());
    let source = Arc::new(ScriptedSource::default());
    source.now_failing();
    let builder = || KeyStores::builder().source(issuer(), source.clone());
    for keys in [
        builder().keeper(shelf.clone()).build(),
        builder().preload(saved).build(),
    ] {
        let settings = KeySettings {
            refuses_dev_keys: true,
            ..KeySettings::default()
        };
        let store = keys.store(&issuer(), &settings).unwrap();
        keys.warm_up().await;
        assert_eq!((store.status().keys, store.status().servable), (0, false));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_saved_too_long_ago_is_not_used() {
    let shelf = Arc::new(Shelf::default());
    let key = TestKey::new("1");
    Run::of(serving(&[&key]), Some(&shelf)).keys.warm_up().await;
    let clock = Arc::new(FakeClock::default());
    let source = Arc::new(ScriptedSource::default());
    source.now_failing();
    let late = |seconds: i64| {
        clock.shift_time_of_day(seconds);
        let keys = KeyStores::builder()
            .source(issuer(), source.clone())
            .clock(clock.clone())
            .keeper(shelf.clone());
        Run::over(keys.build(), source.clone())
    };
    let limit = i64::try_from(STALE_LIMIT.as_secs()).unwrap();
    let just_in_time = late(limit - 60);
    just_in_time.keys.warm_up().await;
    assert!(just_in_time.keys.status()[0].servable);
    let too_late = late(120);
    too_late.keys.warm_up().await;
    assert_eq!(too_late.refusal(&key).await, Reason::JwksUnavailable);
}

#[tokio::test(start_paused = true)]
async fn r4_a_withdrawal_outlives_the_process_and_the_issuers_insistence() {
    let shelf = Arc::new(Shelf::default());
    let (good, leaked) = (TestKey::new("good"), TestKey::new("leaked"));
    let first = Run::of(serving(&[&good, &leaked]), Some(&shelf));
    first.keys.warm_up().await;
    assert_eq!(first.withdraw("leaked").await.saved, Saved::Saved);
    let saved = shelf.snapshots.lock().unwrap()[&issuer()].clone();
    let document = String::from_utf8(saved.keys.unwrap().document().to_vec()).unwrap();
    assert!(document.contains("good") && !document.contains("leaked"));
    for second in [
        Run::down(&shelf),
        Run::of(serving(&[&good, &leaked]), Some(&shelf)),
    ] {
        assert!(second.admits(&good).await);
        assert_eq!(second.refusal(&leaked).await, Reason::KeyWithdrawn);
        second.keys.warm_up().await;
        assert_eq!(second.refusal(&leaked).await, Reason::KeyWithdrawn);
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_full_changes_nothing_for_tokens_and_is_told() {
    let shelf = Arc::new(Shelf::default());
    *shelf.is_full.lock().unwrap() = true;
    let (good, leaked) = (TestKey::new("good"), TestKey::new("leaked"));
    let run = Run::of(serving(&[&good, &leaked]), Some(&shelf));
    run.keys.warm_up().await;
    let ruled = run.withdraw("leaked").await;
    assert!(matches!(ruled.saved, Saved::Failed(why) if why.contains("full")));
    assert!(run.admits(&good).await);
    assert!(!run.admits(&leaked).await);
}

#[tokio::test(start_paused = true)]
async fn a_program_can_take_a_snapshot_along_and_begin_with_it() {
    let key = TestKey::new("1");
    let first = Run::of(serving(&[&key]), None);
    first.keys.warm_up().await;
    let baked = first.keys.snapshots().remove(0).to_bytes(&Seal::digest());
    let snapshot = KeySnapshot::from_bytes(&baked, &Seal::digest()).unwrap();
    let source = Arc::new(ScriptedSource::default());
    source.now_failing();
    let keys = KeyStores::builder()
        .source(issuer(), source.clone())
        .preload(snapshot)
        .without_background_tasks()
        .build();
    let second = Run::over(keys, source.clone());
    assert!(second.admits(&key).await);
    assert_eq!(source.fetches(), 0);
    // Keys of one place are no keys of another.
    let elsewhere = KeySettings {
        jwks_url: Some("https://keys.example.com/jwks".parse().unwrap()),
        ..KeySettings::default()
    };
    let store = second.keys.store(&issuer(), &elsewhere).unwrap();
    assert_eq!(store.status().keys, 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_brought_along_is_barred_by_what_an_earlier_run_withdrew() {
    let shelf = Arc::new(Shelf::default());
    let (good, leaked) = (TestKey::new("good"), TestKey::new("leaked"));
    let first = Run::of(serving(&[&good, &leaked]), Some(&shelf));
    first.keys.warm_up().await;
    let baked = first.keys.snapshots().remove(0);
    first.withdraw("leaked").await;
    let source = Arc::new(ScriptedSource::default());
    source.now_failing();
    let builder = || KeyStores::builder().source(issuer(), source.clone());
    let second = Run::over(
        builder().preload(baked.clone()).keeper(shelf).build(),
        source.clone(),
    );
    let started = Instant::now();
    assert_eq!(second.refusal(&leaked).await, Reason::KeyWithdrawn);
    assert!(second.admits(&good).await);
    // A keeper that knows nothing delays the keys by its own time only.
    let empty = builder().preload(baked).keeper(Arc::new(Shelf::default()));
    let third = Run::over(empty.build(), source.clone());
    assert!(third.admits(&leaked).await);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_other_replicas_withdrew_is_obeyed_and_saved() {
    let shelf = Arc::new(Shelf::default());
    let (good, leaked) = (TestKey::new("good"), TestKey::new("leaked"));
    let (here, there) = (
        Run::of(serving(&[&good, &leaked]), Some(&shelf)),
        Run::of(serving(&[&good, &leaked]), None),
    );
    here.keys.warm_up().await;
    there.keys.warm_up().await;
    there.withdraw("leaked").await;
    let theirs = there.keys.stores()[0].withdrawals();
    let store = here.keys.stores().remove(0);
    assert!(store.hear(&theirs).await);
    assert!(!store.hear(&theirs).await);
    assert_eq!(here.refusal(&leaked).await, Reason::KeyWithdrawn);
    assert!(here.admits(&good).await);
    assert_eq!(
        Run::down(&shelf).refusal(&leaked).await,
        Reason::KeyWithdrawn
    );
}

#[tokio::test(start_paused = true)]
async fn d3_a_flood_of_withdrawn_names_costs_no_fetch() {
    let (_, _, run) = two_keys().await;
    run.withdraw("junk").await;
    for _ in 0..100 {
        let junk = token_for(ISSUER, "junk");
        let denial = run.gate.validate(&junk).await.unwrap_err();
        assert_eq!(denial.reason(), Reason::KeyWithdrawn);
    }
    assert_eq!(run.source.fetches(), 1);
}
