//! Two providers over the same keys, one of which remembers: whatever happens, they say the same.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[derive(Debug, Clone)]
enum Event {
    /// A token comes.
    Ask(usize),
    /// Time passes.
    Pass(u64),
    /// The machine's clock is set to so many seconds after the start.
    SetClock(i64),
    Withdraw(usize),
    Restore(usize),
    /// The issuer publishes these of its keys.
    Publish(Vec<usize>),
    /// The issuer is away.
    Fail,
    /// The operator has the keys fetched.
    Refresh,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (0..TOKENS).prop_map(Event::Ask),
        3 => (0_u64..200).prop_map(Event::Pass),
        2 => (-200_i64..4_000).prop_map(Event::SetClock),
        1 => (0_usize..4).prop_map(Event::Withdraw),
        1 => (0_usize..4).prop_map(Event::Restore),
        1 => proptest::sample::subsequence(vec![0, 1, 2], 1..=3).prop_map(Event::Publish),
        1 => Just(Event::Fail),
        1 => Just(Event::Refresh),
    ]
}

const TOKENS: usize = 8;

/// The last two keys have one `kid`.
fn keys() -> [TestKey; 3] {
    [TestKey::new("1"), TestKey::new("2"), TestKey::new("2")]
}

fn tokens(keys: &[TestKey; 3]) -> [String; TOKENS] {
    let in_time = |from: i64, to: i64| claims_with(&json!({"nbf": NOW + from, "exp": NOW + to}));
    [
        keys[0].sign(&claims("ada")),
        keys[1].sign(&claims("ada")),
        keys[2].sign(&claims("ada")),
        keys[0].sign(&in_time(0, 100)),
        keys[0].sign(&in_time(100, 3_600)),
        keys[1].sign(&in_time(50, 150)),
        TestKey::new("1").sign(&claims("eve")),
        TestKey::new("9").sign(&claims("eve")),
    ]
}

fn name(number: usize) -> WithdrawnName {
    match number {
        0 => WithdrawnName::Issuer,
        number => key_named(&number.to_string()),
    }
}

/// What a token came to, as far as its client can tell.
fn outcome(verdict: Result<UserContext, Denial>) -> String {
    match verdict {
        Ok(user) => user.user_id().to_owned(),
        Err(denial) => denial.code().to_owned(),
    }
}

struct Two {
    remembers: Gate,
    forgets: OAuth21Provider,
    keys: [TestKey; 3],
    tokens: [String; TOKENS],
}

impl Two {
    fn new() -> Self {
        let keys = keys();
        let remembers = Gate::new();
        remembers.source.now(jwks(&[&keys[0], &keys[1]]));
        let mut settings = settings(AUDIENCE);
        settings.token_cache = TokenCacheSettings::off();
        Self {
            forgets: remembers.other(settings),
            remembers,
            tokens: tokens(&keys),
            keys,
        }
    }

    async fn happens(&self, event: &Event) {
        let gate = &self.remembers;
        match event {
            Event::Ask(token) => self.ask(&self.tokens[*token]).await,
            Event::Pass(seconds) => gate.clock.pass(Duration::from_secs(*seconds)),
            Event::SetClock(seconds) => gate.clock.set(*seconds),
            Event::Withdraw(number) => {
                gate.keys.withdraw(None, &name(*number)).await.unwrap();
            }
            Event::Restore(number) => {
                gate.keys.restore(None, &name(*number)).await.unwrap();
            }
            Event::Publish(numbers) => {
                let published: Vec<_> = numbers.iter().map(|number| &self.keys[*number]).collect();
                gate.source.now(jwks(&published));
            }
            Event::Fail => gate.source.now_failing(),
            Event::Refresh => drop(gate.keys.refresh(None).await),
        }
        settle().await;
    }

    /// Whoever asks may have keys fetched, so what is said before and after is right as well.
    async fn ask(&self, token: &str) {
        let recalled = self.remembers.recall(token).map(Ok).map(outcome);
        let before = outcome(self.forgets.validate(token).await);
        if let Some(recalled) = recalled {
            assert_eq!(recalled, before, "recalled at once");
        }
        let said = outcome(self.remembers.validate(token).await);
        settle().await;
        let after = outcome(self.forgets.validate(token).await);
        assert!(
            said == before || said == after,
            "{said}, not {before} or {after}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_provider_that_remembers_says_what_one_says_that_does_not(
        events in proptest::collection::vec(event(), 1..80)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let two = Two::new();
            for event in &events {
                two.happens(event).await;
            }
        });
    }
}
