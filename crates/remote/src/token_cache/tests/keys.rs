//! A verdict ends with the keys that it rests on.

use std::{sync::atomic::AtomicBool, thread};

use oauthgate_core::{SharedSecret, keys::KeyId};
use rstest::rstest;

use super::*;
use crate::{
    KeySettings,
    jwks::{KeySnapshot, Proof},
    testing::document,
    token_cache::{Moment, TokenCache},
};

/// What an operator may take away, so that the key is gone.
#[derive(Debug, Clone, Copy)]
enum Taken {
    KeyId,
    Thumbprint,
    Issuer,
}

impl Taken {
    fn name(self, gate: &Gate) -> WithdrawnName {
        match self {
            Self::KeyId => key_named("1"),
            Self::Thumbprint => key_named(&gate.store().held_keys()[0].thumbprint),
            Self::Issuer => WithdrawnName::Issuer,
        }
    }
}

#[rstest]
#[tokio::test]
async fn e5_a_token_ends_with_its_key_before_the_operators_call_returns(
    #[values(Taken::KeyId, Taken::Thumbprint, Taken::Issuer)] taken: Taken,
) {
    let (gate, token) = Gate::that_learnt().await;
    let name = taken.name(&gate);
    gate.keys.withdraw(None, &name).await.unwrap();
    assert!(!gate.recalls(&token));
    let reason = gate.reason(&token).await.unwrap();
    assert!(
        matches!(reason, Reason::KeyWithdrawn | Reason::IssuerSuspended),
        "{reason:?}"
    );
    assert_eq!(gate.status().entries, 0, "and takes no memory any more");
    gate.keys.restore(None, &name).await.unwrap();
    assert!(!gate.recalls(&token), "given back is not remembered");
    gate.learn(&token).await;
}

#[rstest]
#[tokio::test]
async fn e5_a_token_ends_with_its_key_when_another_replica_took_it_away(
    #[values(Taken::KeyId, Taken::Thumbprint, Taken::Issuer)] taken: Taken,
) {
    let (gate, token) = Gate::that_learnt().await;
    let there = Gate::new();
    there.store().hear(&gate.store().withdrawals()).await;
    there.store().withdraw(&taken.name(&gate)).await.unwrap();
    gate.store().hear(&there.store().withdrawals()).await;
    assert!(!gate.recalls(&token));
    assert!(gate.validate(&token).await.is_err());
}

#[tokio::test]
async fn e5_a_token_ends_with_its_key_when_a_snapshot_says_that_it_was_taken_away() {
    let (gate, token) = Gate::that_learnt().await;
    let there = Gate::new();
    there.store().withdraw(&key_named("1")).await.unwrap();
    let mut snapshot = KeySnapshot::new(issuer(), gate.store().place());
    snapshot.withdrawals = there.store().withdrawals();
    gate.store().preload(&snapshot);
    assert!(!gate.recalls(&token));
    assert_eq!(gate.reason(&token).await, Some(Reason::KeyWithdrawn));
}

#[tokio::test]
async fn e5_a_token_ends_with_the_first_set_that_lacks_its_key() {
    let (gate, token) = Gate::that_learnt().await;
    let next = TestKey::new("2");
    gate.source.now(jwks(&[&next]));
    gate.keys.refresh(None).await;
    assert!(!gate.recalls(&token));
    assert_eq!(gate.reason(&token).await, Some(Reason::UnknownKeyId));
    gate.learn(&next.sign(&claims("ada"))).await;
}

#[tokio::test]
async fn e5_a_token_ends_with_a_key_of_the_same_kid() {
    let (gate, token) = Gate::that_learnt().await;
    gate.source.now(jwks(&[&TestKey::new("1")]));
    gate.keys.refresh(None).await;
    assert!(!gate.recalls(&token));
    assert_eq!(gate.reason(&token).await, Some(Reason::BadSignature));
}

/// What another replica fetched counts as if it had been fetched here.
#[tokio::test]
async fn e5_a_token_ends_with_a_set_that_another_replica_fetched() {
    let (gate, token) = Gate::that_learnt().await;
    gate.clock.pass(SECOND);
    let theirs = document(jwks(&[&TestKey::new("2")])).unwrap();
    assert!(gate.store().adopt(theirs));
    assert!(!gate.recalls(&token));
}

#[tokio::test]
async fn a_set_that_is_confirmed_ends_nothing() {
    let (gate, token) = Gate::that_learnt().await;
    gate.keys.refresh(None).await;
    assert!(gate.source.fetches() > 1);
    assert!(gate.recalls(&token));
}

/// A token that a shared secret verifies hangs on the operator's word too.
#[rstest]
#[case::its_kid(key_named("mac"), Reason::KeyWithdrawn)]
#[case::its_issuer(WithdrawnName::Issuer, Reason::IssuerSuspended)]
#[tokio::test]
async fn e5_a_token_with_a_mac_ends_with_the_operators_word(
    #[case] name: WithdrawnName,
    #[case] reason: Reason,
) {
    let secret = "a secret of at least thirty-two bytes, which this one has";
    let gate = Gate::with(
        |settings| settings.issuers[0].hs_secret = SharedSecret::new(secret.as_bytes()).ok(),
        |keys| keys,
    );
    let token = crate::testing::with_mac(secret, "mac", &claims("ada"));
    gate.learn(&token).await;
    gate.keys.withdraw(None, &name).await.unwrap();
    assert!(!gate.recalls(&token));
    assert_eq!(gate.reason(&token).await, Some(reason));
    gate.keys.restore(None, &name).await.unwrap();
    gate.learn(&token).await;
}

/// The verdict was reached on keys that are gone when it is remembered.
#[tokio::test]
async fn a_verdict_that_a_withdrawal_overtakes_is_not_remembered() {
    let (gate, token) = Gate::that_learnt().await;
    let memory = TokenCache::new(TokenCacheSettings::default());
    let verdict = gate.validate(&token).await;
    for overtaken in [false, true] {
        let unknown = memory.verdict(token.as_bytes(), &*gate.clock).unwrap_err();
        let ground = gate.store().ground(Proof::Key);
        if overtaken {
            gate.keys.withdraw(None, &key_named("1")).await.unwrap();
        }
        memory.keep(unknown, ground, Moment::of(&*gate.clock), &verdict);
        let is_known = memory.recall(token.as_bytes(), &*gate.clock).is_some();
        assert_eq!(is_known, !overtaken);
        gate.keys.withdraw(None, &key_named("other")).await.unwrap();
        assert_eq!(memory.recall(token.as_bytes(), &*gate.clock), None);
    }
}

/// As before, with real threads and the whole way of a token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_thread_recalls_a_token_whose_key_was_withdrawn() {
    let (gate, token) = Gate::that_learnt().await;
    let stop = AtomicBool::new(false);
    let handle = tokio::runtime::Handle::current();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let _ = handle.block_on(gate.validate(&token));
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..200 {
                handle.block_on(async {
                    gate.keys.withdraw(None, &key_named("1")).await.unwrap();
                    for _ in 0..20 {
                        assert!(!gate.recalls(&token));
                        assert!(gate.validate(&token).await.is_err());
                    }
                    gate.keys.restore(None, &key_named("1")).await.unwrap();
                });
            }
            stop.store(true, Ordering::SeqCst);
        });
    });
}

/// Fail closed, as without a memory: keys that nobody confirmed for too long verify nothing.
#[tokio::test(start_paused = true)]
async fn a_token_is_not_recalled_when_its_keys_may_not_be_served() {
    let minute = Duration::from_secs(60);
    let gate = Gate::with(
        |settings| {
            let mut keys = KeySettings::default().with_explicit_ttl(minute);
            keys.stale_limit = Duration::ZERO;
            settings.issuers[0].keys = keys;
        },
        |keys| keys,
    );
    let token = gate.token(&claims("ada"));
    gate.learn(&token).await;
    gate.source.now_failing();
    let mut recalled_late = 0;
    for second in 1..=120 {
        gate.clock.pass(SECOND);
        let (is_recalled, reason) = (gate.recalls(&token), gate.reason(&token).await);
        settle().await;
        if second > 60 {
            assert!(!is_recalled, "{second}");
            assert_eq!(reason, Some(Reason::JwksUnavailable), "{second}");
        }
        recalled_late += u32::from(is_recalled && second > 50);
    }
    assert!(recalled_late > 0, "until then it is");
}

/// A token that is asked for again and again renews the keys as if it were verified each time.
#[rstest]
#[tokio::test(start_paused = true)]
async fn hits_do_not_keep_keys_from_being_renewed(#[values(true, false)] in_background: bool) {
    let gate = Gate::with(
        |_| (),
        |keys| match in_background {
            true => keys,
            false => keys.without_background_tasks(),
        },
    );
    let token = gate.token(&claims("ada"));
    gate.learn(&token).await;
    let mut hits = 0;
    for _ in 0..180 {
        gate.clock.pass(10 * SECOND);
        match gate.recalls(&token) {
            true => hits += 1,
            false => gate.validate(&token).await.map(drop).unwrap(),
        }
        settle().await;
    }
    // Half an hour, a renewal every five minutes at the latest.
    assert!(gate.source.fetches() >= 6, "{}", gate.source.fetches());
    assert!(hits > 140, "{hits}");
    gate.source.now(jwks(&[&TestKey::new("2")]));
    for _ in 0..31 {
        gate.clock.pass(10 * SECOND);
        if !gate.recalls(&token) {
            drop(gate.validate(&token).await);
        }
        settle().await;
    }
    assert!(!gate.recalls(&token), "its key is gone for five minutes");
}

#[tokio::test]
async fn each_issuer_ends_its_own_tokens() {
    let (one, other) = (TestKey::new("1"), TestKey::new("1"));
    let second = "https://second.example.com";
    let gate = Gate::with(
        |settings| {
            let mut issuer = settings.issuers[0].clone();
            issuer.issuer = Issuer::new(second).unwrap();
            settings.issuers.push(issuer);
        },
        |keys| {
            let source = ScriptedSource::serving(jwks(&[&other]));
            keys.source(Issuer::new(second).unwrap(), Arc::new(source))
        },
    );
    gate.source.now(jwks(&[&one]));
    let first = one.sign(&claims("ada"));
    let theirs = other.sign(&claims_with(&serde_json::json!({"iss": second})));
    gate.learn(&first).await;
    gate.learn(&theirs).await;
    let name = WithdrawnName::Key(KeyId::new("1").unwrap());
    gate.keys.withdraw(Some(&issuer()), &name).await.unwrap();
    assert!(!gate.recalls(&first));
    assert!(gate.recalls(&theirs));
}
