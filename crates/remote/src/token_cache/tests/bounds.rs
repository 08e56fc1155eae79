//! How much is remembered.

use serde_json::json;

use super::*;
use crate::{
    jwks::Proof,
    token_cache::{Moment, TokenCache},
};

/// A memory of its own, into which verdicts are put by hand: signing a million tokens would take an hour.
struct Filled {
    gate: Gate,
    memory: TokenCache,
    user: UserContext,
}

impl Filled {
    async fn with(settings: TokenCacheSettings) -> Self {
        let (gate, token) = Gate::that_learnt().await;
        let user = gate.recall(&token).unwrap();
        Self {
            memory: TokenCache::new(settings),
            gate,
            user,
        }
    }

    fn put(&self, token: &str, verdict: &Result<UserContext, Denial>) {
        if let Err(unknown) = self.memory.verdict(token.as_bytes(), &*self.gate.clock) {
            let ground = self.gate.store().ground(Proof::Key);
            let moment = Moment::of(&*self.gate.clock);
            self.memory.keep(unknown, ground, moment, verdict);
        }
    }

    fn put_good(&self, token: &str) {
        self.put(token, &Ok(self.user.clone()));
    }

    fn recalls(&self, token: &str) -> bool {
        self.memory
            .recall(token.as_bytes(), &*self.gate.clock)
            .is_some()
    }

    fn status(&self) -> TokenCacheStatus {
        self.memory.status(&*self.gate.clock)
    }
}

fn most(max_tokens: u64, max_bytes: u64) -> TokenCacheSettings {
    TokenCacheSettings {
        max_tokens,
        max_bytes,
        ..TokenCacheSettings::default()
    }
}

#[tokio::test]
async fn a_million_good_tokens_stay_within_the_count() {
    let filled = Filled::with(most(1_000, 1 << 30)).await;
    for number in 0..1_000_000 {
        filled.put_good(&format!("token {number}"));
        if number % 1_000 == 999 {
            let status = filled.status();
            assert!((900..=1_000).contains(&status.entries), "{status:?}");
        }
    }
    assert!(filled.recalls("token 999999"));
    assert!(!filled.recalls("token 0"));
}

#[tokio::test]
async fn good_tokens_stay_within_the_bytes() {
    let filled = Filled::with(most(10_000, 2 << 20)).await;
    let text = "x".repeat(8 * 1024);
    for number in 0..5_000 {
        filled.put_good(&format!("{number} {text}"));
        let bytes = filled.memory.good.usage().bytes.load(Ordering::SeqCst);
        assert!(bytes <= 2 << 20, "{bytes}");
    }
    assert!(filled.status().entries > 20, "{:?}", filled.status());
}

#[tokio::test]
async fn a_token_in_use_stays_while_others_come_and_go() {
    let filled = Filled::with(most(1_000, 1 << 30)).await;
    filled.put_good("mine");
    let mut forgotten = 0;
    for number in 0..100_000 {
        filled.put_good(&format!("token {number}"));
        if number % 100 == 0 && !filled.recalls("mine") {
            forgotten += 1;
            filled.put_good("mine");
        }
    }
    assert_eq!(forgotten, 0);
}

#[tokio::test]
async fn all_tokens_that_fit_are_remembered() {
    let filled = Filled::with(most(20_000, 1 << 30)).await;
    let tokens: Vec<_> = (0..20_000)
        .map(|number| format!("token {number}"))
        .collect();
    for token in &tokens {
        filled.put_good(token);
    }
    assert!(tokens.iter().all(|token| filled.recalls(token)));
}

#[tokio::test]
async fn a_token_that_comes_again_takes_its_own_place() {
    let filled = Filled::with(most(1_000, 1 << 30)).await;
    let moment = Moment::of(&*filled.gate.clock);
    for _ in 0..100 {
        let unknown = super::super::Unknown {
            token: b"mine",
            place: filled.memory.digests.place(b"mine"),
        };
        let ground = filled.gate.store().ground(Proof::Key);
        filled
            .memory
            .keep(unknown, ground, moment, &Ok(filled.user.clone()));
    }
    assert_eq!(filled.status().entries, 1);
}

/// However tokens meet, no look-up becomes long, and every caller is the token's own.
#[tokio::test]
async fn tokens_that_meet_in_one_place_push_each_other_out() {
    let filled = Filled::with(most(20_000, 1 << 30)).await;
    let moment = Moment::of(&*filled.gate.clock);
    let tokens: Vec<_> = (0..100).map(|number| format!("token {number}")).collect();
    for token in &tokens {
        let unknown = super::super::Unknown {
            token: token.as_bytes(),
            place: 7,
        };
        let ground = filled.gate.store().ground(Proof::Key);
        filled
            .memory
            .keep(unknown, ground, moment, &Ok(filled.user.clone()));
    }
    let held = |token: &&String| {
        let found = filled
            .memory
            .good
            .find(7, token.as_bytes(), |entry| Some(entry.place()));
        found.is_some()
    };
    assert_eq!(tokens.iter().filter(held).count(), 8);
    assert_eq!(filled.status().entries, 8);
}

#[tokio::test]
async fn what_has_ended_takes_no_memory() {
    let filled = Filled::with(TokenCacheSettings::default()).await;
    for number in 0..10_000 {
        filled.put_good(&format!("token {number}"));
    }
    assert_eq!(filled.status().entries, 10_000);
    filled.gate.clock.pass(Duration::from_secs(300));
    let status = filled.status();
    assert_eq!((status.entries, status.bytes), (0, 0));
}

/// Nobody counts, and the dead go all the same: those who come sweep.
#[tokio::test]
async fn tokens_of_a_withdrawn_key_go_while_others_come() {
    let filled = Filled::with(TokenCacheSettings::default()).await;
    for number in 0..10_000 {
        filled.put_good(&format!("token {number}"));
    }
    let name = key_named("another");
    filled.gate.keys.withdraw(None, &name).await.unwrap();
    for number in 0..4_100 {
        filled.put_good(&format!("new token {number}"));
    }
    let entries = filled.memory.good.usage().entries.load(Ordering::SeqCst);
    assert_eq!(entries, 4_100);
}

#[tokio::test]
async fn strangers_with_bad_tokens_push_no_good_one_out() {
    let filled = Filled::with(most(1_000, 1 << 30)).await;
    let good: Vec<_> = (0..1_000).map(|number| format!("good {number}")).collect();
    for token in &good {
        filled.put_good(token);
    }
    let held = good.iter().filter(|token| filled.recalls(token)).count();
    for reason in [Reason::BadSignature, Reason::Expired] {
        for number in 0..50_000 {
            filled.put(&format!("bad {number}"), &Err(Denial::new(reason)));
        }
    }
    assert_eq!(
        good.iter().filter(|token| filled.recalls(token)).count(),
        held
    );
    assert!(held > 900, "{held}");
    assert!(filled.status().refused <= 1_024, "{:?}", filled.status());
}

#[tokio::test]
async fn a_context_that_is_apart_says_the_same_and_is_counted() {
    let (gate, token) = Gate::that_learnt().await;
    let (before, mine) = (gate.status().bytes, gate.recall(&token).unwrap());
    let others = std::thread::scope(|scope| {
        let ask = || {
            let mut user = gate.recall(&token).unwrap();
            for _ in 0..10_000 {
                user = gate.recall(&token).unwrap();
            }
            user
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(others.iter().all(|other| *other == mine));
    let after = gate.status().bytes;
    assert!(after > before, "{after} bytes, {before} before");
    assert_eq!(json!(mine.claims()), claims("ada"));
}
