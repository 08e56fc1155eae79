//! Several issuers and several resources over one set of stores.

use std::{sync::Arc, time::Duration};

use oauthgate_core::{Audience, Issuer, Reason, ResourceIdentifier, keys::KeyHint};
use tokio::time::{Instant, sleep};

use super::KeyStores;
use crate::{
    IssuerSettings, KeySettings, OAuth21Provider, ProviderSettings,
    jwks::{JwksSource, schedule::COOLDOWN},
    testing::{AUDIENCE, ScriptedSource, TestKey, document, jwks, token_for},
};

const FIRST: &str = "https://first.example.com";
const SECOND: &str = "https://second.example.com";

fn issuer(name: &str) -> Issuer {
    Issuer::new(name).unwrap()
}

fn settings(issuers: &[&str]) -> ProviderSettings {
    let audience = Audience::new(AUDIENCE).unwrap();
    let mut issuers = issuers
        .iter()
        .map(|name| IssuerSettings::new(issuer(name), vec![audience.clone()]));
    let resource = ResourceIdentifier::parse(AUDIENCE).unwrap();
    let mut settings = ProviderSettings::new(resource, issuers.next().unwrap());
    settings.issuers.extend(issuers);
    settings
}

fn over<const N: usize>(sources: [(&str, &Arc<ScriptedSource>); N]) -> KeyStores {
    let with = |builder: super::KeyStoresBuilder, (name, source): (&str, &Arc<ScriptedSource>)| {
        builder.source(issuer(name), Arc::clone(source) as Arc<dyn JwksSource>)
    };
    sources.into_iter().fold(KeyStores::builder(), with).build()
}

fn serving(key: &TestKey) -> Arc<ScriptedSource> {
    Arc::new(ScriptedSource::serving(jwks(&[key])))
}

#[tokio::test(start_paused = true)]
async fn resources_with_one_issuer_fetch_its_keys_once() {
    let key = TestKey::new("1");
    let source = serving(&key);
    let keys = over([(FIRST, &source)]);
    for _ in 0..3 {
        let resource = OAuth21Provider::with_key_stores(settings(&[FIRST]), &keys).unwrap();
        resource.warm_up().await;
        assert!(resource.validate(&key.token(FIRST)).await.is_ok());
    }
    assert_eq!((source.fetches(), keys.status().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn resources_that_ask_for_other_rules_get_a_store_of_their_own() {
    let key = TestKey::new("1");
    let keys = over([(FIRST, &serving(&key))]);
    let strict = KeySettings {
        pinned_kids: vec!["2".to_owned()],
        ..KeySettings::default()
    };
    let usual = keys.store(&issuer(FIRST), &KeySettings::default()).unwrap();
    let pinned = keys.store(&issuer(FIRST), &strict).unwrap();
    assert!(!Arc::ptr_eq(&usual, &pinned));
}

#[tokio::test(start_paused = true)]
async fn d2_keys_are_looked_up_inside_the_issuer_only() {
    let (ours, theirs) = (TestKey::new("1"), TestKey::new("1"));
    let keys = over([(FIRST, &serving(&ours)), (SECOND, &serving(&theirs))]);
    let both = OAuth21Provider::with_key_stores(settings(&[FIRST, SECOND]), &keys).unwrap();
    assert!(both.validate(&ours.token(FIRST)).await.is_ok());
    assert!(both.validate(&theirs.token(SECOND)).await.is_ok());
    for crossed in [ours.token(SECOND), theirs.token(FIRST)] {
        let denial = both.validate(&crossed).await.unwrap_err();
        assert_eq!(denial.reason(), Reason::BadSignature);
    }
}

#[tokio::test(start_paused = true)]
async fn one_slow_issuer_delays_no_other() {
    let key = TestKey::new("1");
    let slow = Arc::new(ScriptedSource::default());
    slow.now_hanging();
    let keys = over([(FIRST, &slow), (SECOND, &serving(&key))]);
    let both = OAuth21Provider::with_key_stores(settings(&[FIRST, SECOND]), &keys).unwrap();
    let warming = tokio::spawn({
        let both = both.clone();
        async move { both.warm_up().await }
    });
    sleep(Duration::from_millis(1)).await;
    let started = Instant::now();
    assert!(both.validate(&key.token(SECOND)).await.is_ok());
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(
        warming.await.unwrap()[0].last_failure,
        Some("jwks_unavailable")
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_with_all_issuers_down_is_allowed_and_reported_and_heals() {
    let key = TestKey::new("1");
    let (first, second) = (serving(&key), serving(&key));
    first.now_failing();
    second.now_failing();
    let keys = over([(FIRST, &first), (SECOND, &second)]);
    let both = OAuth21Provider::with_key_stores(settings(&[FIRST, SECOND]), &keys).unwrap();
    let status = both.warm_up().await;
    assert!(
        status
            .iter()
            .all(|status| !status.is_ready() && status.last_failure.is_some())
    );
    let denial = both.validate(&key.token(FIRST)).await.unwrap_err();
    assert_eq!(denial.reason(), Reason::JwksUnavailable);
    first.now(jwks(&[&key]));
    second.now(jwks(&[&key]));
    sleep(Duration::from_secs(5)).await;
    assert!(keys.status().iter().all(crate::KeyStatus::is_ready));
}

#[tokio::test(start_paused = true)]
async fn strangers_of_all_issuers_together_have_one_budget() {
    let key = TestKey::new("1");
    let names: Vec<String> = (0..50)
        .map(|number| format!("https://issuer-{number}.example.com"))
        .collect();
    let sources: Vec<_> = names.iter().map(|_| serving(&key)).collect();
    let builder =
        names
            .iter()
            .zip(&sources)
            .fold(KeyStores::builder(), |builder, (name, source)| {
                builder.source(issuer(name), Arc::clone(source) as Arc<dyn JwksSource>)
            });
    let keys = builder.build();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let gate = OAuth21Provider::with_key_stores(settings(&names), &keys).unwrap();
    gate.warm_up().await;
    let fetches = || sources.iter().map(|source| source.fetches()).sum::<u64>() - 50;
    assert_eq!(keys.strangers_left(), 20);
    for round in 0..3 {
        for name in &names {
            let junk = token_for(name, &format!("junk-{round}"));
            assert_eq!(
                gate.validate(&junk).await.unwrap_err().reason(),
                Reason::UnknownKeyId
            );
        }
    }
    assert_eq!((fetches(), keys.strangers_left()), (20, 0));
    sleep(COOLDOWN).await;
    assert_eq!(keys.strangers_left(), 10);
}

#[tokio::test(start_paused = true)]
async fn an_operator_has_keys_fetched_at_once_whatever_rests() {
    let (old, new) = (TestKey::new("1"), TestKey::new("2"));
    let source = serving(&old);
    let keys = over([(FIRST, &source)]);
    let gate = OAuth21Provider::with_key_stores(settings(&[FIRST]), &keys).unwrap();
    gate.warm_up().await;
    source.now_failing();
    for _ in 0..3 {
        let status = keys.refresh(Some(&issuer(FIRST))).await;
        assert_eq!(status[0].last_failure, Some("jwks_unavailable"));
    }
    assert!(keys.refresh(Some(&issuer(SECOND))).await.is_empty());
    source.now(jwks(&[&new]));
    assert_eq!(keys.refresh(None).await[0].last_failure, None);
    assert_eq!(source.fetches(), 5);
    assert!(gate.validate(&new.token(FIRST)).await.is_ok());
    assert!(gate.validate(&old.token(FIRST)).await.is_err());
}

/// What a program does that is frozen between requests: no time passes for tasks, and there are none.
mod without_background_tasks {
    use super::*;

    fn gate(source: &Arc<ScriptedSource>) -> OAuth21Provider {
        let keys = KeyStores::builder()
            .source(issuer(FIRST), Arc::clone(source) as Arc<dyn JwksSource>)
            .without_background_tasks()
            .build();
        OAuth21Provider::with_key_stores(settings(&[FIRST]), &keys).unwrap()
    }

    fn tasks() -> usize {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    }

    #[tokio::test(start_paused = true)]
    async fn no_task_is_started_and_tokens_are_validated() {
        let key = TestKey::new("1");
        let source = serving(&key);
        let gate = gate(&source);
        gate.warm_up().await;
        for _ in 0..3 {
            assert!(gate.validate(&key.token(FIRST)).await.is_ok());
            assert_eq!(tasks(), 0);
        }
        assert_eq!(source.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_fetch_for_a_thousand_first_requests() {
        let key = TestKey::new("1");
        let source = Arc::new(ScriptedSource::default());
        source.then(Duration::from_millis(200), document(jwks(&[&key])));
        let gate = gate(&source);
        let token = key.token(FIRST);
        let all = futures_util::future::join_all((0..1_000).map(|_| gate.validate(&token))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(source.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn d6_a_fetch_survives_the_request_that_began_it() {
        let key = TestKey::new("1");
        let source = Arc::new(ScriptedSource::default());
        source.then(Duration::from_secs(3), document(jwks(&[&key])));
        let gate = gate(&source);
        let token = key.token(FIRST);
        let cancelled =
            tokio::time::timeout(Duration::from_millis(100), gate.validate(&token)).await;
        assert!(cancelled.is_err());
        // The second waits its 2 s in vain, and the third finds what it goes on with done.
        assert!(gate.validate(&token).await.is_err());
        sleep(Duration::from_secs(1)).await;
        assert!(gate.validate(&token).await.is_ok());
        assert_eq!(source.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn d3_strangers_have_the_same_budget() {
        let key = TestKey::new("1");
        let source = serving(&key);
        let gate = gate(&source);
        gate.warm_up().await;
        for round in 0..100 {
            let junk = token_for(FIRST, &format!("junk-{round}"));
            assert!(gate.validate(&junk).await.is_err());
        }
        assert_eq!(source.fetches(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_due_set_is_renewed_by_one_request_at_a_time_within_a_bounded_moment() {
        let key = TestKey::new("1");
        let source = serving(&key);
        let gate = gate(&source);
        gate.warm_up().await;
        source.now_hanging();
        sleep(Duration::from_secs(300)).await;
        let token = key.token(FIRST);
        let started = Instant::now();
        let all = futures_util::future::join_all((0..100).map(|_| gate.validate(&token))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(started.elapsed(), Duration::from_millis(300));
        assert_eq!(source.fetches(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn upkeep_in_a_free_moment_spares_requests_the_wait() {
        let (old, new) = (TestKey::new("1"), TestKey::new("2"));
        let source = serving(&old);
        let gate = gate(&source);
        gate.warm_up().await;
        source.now(jwks(&[&old, &new]));
        sleep(Duration::from_secs(300)).await;
        gate.key_stores().upkeep().await;
        let started = Instant::now();
        assert!(gate.validate(&new.token(FIRST)).await.is_ok());
        assert_eq!((started.elapsed(), source.fetches()), (Duration::ZERO, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_nobody_carries_on_keeps_nothing_alive() {
        let source = Arc::new(ScriptedSource::default());
        source.now_hanging();
        let gate = gate(&source);
        assert!(
            gate.validate(&TestKey::new("1").token(FIRST))
                .await
                .is_err()
        );
        drop(gate);
        assert_eq!(Arc::strong_count(&source), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_names_a_barred_key_is_told_apart_and_costs_no_fetch() {
    let (kept, gone) = (TestKey::new("kept"), TestKey::new("gone"));
    let source = Arc::new(ScriptedSource::serving(jwks(&[&kept, &gone])));
    let keys = over([(FIRST, &source)]);
    let mut settings = settings(&[FIRST]);
    settings.issuers[0].keys.withdrawn_kids = vec!["gone".to_owned()];
    let gate = OAuth21Provider::with_key_stores(settings, &keys).unwrap();
    gate.warm_up().await;
    assert!(gate.validate(&kept.token(FIRST)).await.is_ok());
    let denial = gate.validate(&gone.token(FIRST)).await.unwrap_err();
    assert_eq!(denial.reason(), Reason::KeyWithdrawn);
    assert_eq!((source.fetches(), keys.status()[0].skipped), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn trap_27_only_pinned_keys_are_used_by_kid_or_by_thumbprint() {
    let (first, second, other) = (TestKey::new("1"), TestKey::new("2"), TestKey::new("3"));
    let source = Arc::new(ScriptedSource::serving(jwks(&[&first, &second, &other])));
    let keys = over([(FIRST, &source)]);
    let store = keys.store(&issuer(FIRST), &KeySettings::default()).unwrap();
    store.refresh().await;
    let thumbprint = store.held_keys()[1].thumbprint.clone();
    let pinned = KeySettings {
        pinned_kids: vec!["1".to_owned(), thumbprint],
        ..KeySettings::default()
    };
    let store = keys.store(&issuer(FIRST), &pinned).unwrap();
    store.refresh().await;
    let held: Vec<_> = store
        .held_keys()
        .into_iter()
        .filter_map(|key| key.key_id)
        .collect();
    assert_eq!(held, ["1", "2"]);
    let hint = KeyHint {
        key_id: oauthgate_core::KeyId::new("3"),
        algorithm: oauthgate_core::SigningAlgorithm::EdDsa,
    };
    let set = store.keys(&hint).await.unwrap();
    assert_eq!(set.keys().len(), 2);
}
