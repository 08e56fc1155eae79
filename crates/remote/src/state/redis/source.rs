//! The source that stands before an issuer's: what another replica fetched is as good, one replica asks
//! at a time, and strangers cause one fetch per cooldown over all replicas.
//!
//! Whatever goes wrong with Redis, the issuer is asked as if there were none. What Redis holds can delay a
//! fetch by [`Pace::lease`](super::shared::Pace) at most, and only with a claim that a replica made.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use oauthgate_core::UnixTime;

use super::{
    claim,
    commands::{Claim, Entry},
    exchange::Exchange,
    link::NoAnswer,
    memory::{Found, Known, Memory},
    shared::Refusal,
};
use crate::jwks::{
    Ask, Fetched, FetchedSet, JwksSource, KeySourceError, SnapshotKeys, Withdrawals,
    schedule::Demand,
};

const SECOND: Duration = Duration::from_secs(1);

/// A source that asks the other replicas first.
#[derive(Debug)]
pub(super) struct SharedSource {
    memory: Memory,
    exchange: Arc<Exchange>,
    issuer: Arc<dyn JwksSource>,
}

/// What is asked, and what was known then. The look for news goes on meanwhile, and may bring the very
/// answer that this waits for: it is an answer none the less, and the issuer need not give it again.
struct Question {
    ask: Ask,
    known: Known,
}

/// Whose turn it is to ask the issuer.
enum Turn {
    /// Another replica asked it.
    Adopt(Fetched),
    /// Ours; with a lease to give back, if we have one.
    Ask(Option<String>),
    /// Nobody's: strangers caused a fetch a moment ago, and nothing new came of it.
    Nobody,
}

impl JwksSource for SharedSource {
    fn fetch(&self, ask: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>> {
        self.fetch_once(ask).boxed()
    }

    fn news(&self, held: Option<Duration>) -> BoxFuture<'_, Option<Fetched>> {
        async move {
            match self.memory.look_for_news().await {
                Ok(Some(Found::Keys(keys, _))) => self
                    .memory
                    .is_news(&keys, self.memory.known(held))
                    .then(|| self.memory.adopt(keys)),
                Ok(Some(Found::Nothing)) => self.remind().await,
                // Replicas with different secrets would write over each other all the time.
                Ok(Some(Found::Rubbish)) if self.memory.may_write_over() => self.remind().await,
                _ => None,
            }
        }
        .boxed()
    }

    fn withdrawals(&self) -> BoxFuture<'_, Withdrawals> {
        self.exchange.theirs().boxed()
    }

    fn shares_withdrawals(&self) -> bool {
        true
    }
}

impl SharedSource {
    pub(super) fn new(
        memory: Memory,
        exchange: Arc<Exchange>,
        issuer: Arc<dyn JwksSource>,
    ) -> Self {
        Self {
            memory,
            exchange,
            issuer,
        }
    }

    async fn fetch_once(&self, ask: Ask) -> Result<Fetched, KeySourceError> {
        if ask.demand == Demand::Operator {
            return self.ask_issuer(ask).await;
        }
        let known = self.memory.known(ask.age);
        let question = Question { ask, known };
        match self.news_since(&question).await {
            Ok(Some(keys)) if !self.memory.are_due(&keys) => Ok(self.memory.adopt(keys)),
            Ok(Some(keys)) => Ok(self.fresher_than(keys, question).await),
            Ok(None) => self.ask_in_turn(question).await,
            // Without Redis nothing is shared.
            Err(_) => self.ask_issuer(question.ask).await,
        }
    }

    /// Others were away for a while, or are in an outage together: the issuer gets a moment to say more.
    async fn fresher_than(&self, keys: SnapshotKeys, question: Question) -> Fetched {
        let patience = self.memory.shared.pace.patience;
        match tokio::time::timeout(patience, self.ask_in_turn(question)).await {
            Ok(Ok(fetched)) if fetched.set != FetchedSet::Unasked => fetched,
            _ => self.memory.adopt(keys),
        }
    }

    async fn ask_in_turn(&self, question: Question) -> Result<Fetched, KeySourceError> {
        // Without Redis nothing is shared, and the turn is ours.
        let turn = self.turn(&question).await.unwrap_or(Turn::Ask(None));
        match turn {
            Turn::Adopt(fetched) => Ok(fetched),
            Turn::Nobody => Ok(Fetched::unasked()),
            Turn::Ask(lease) => {
                let answer = self.ask_issuer(question.ask).await;
                if let Some(lease) = lease {
                    self.give_back(&lease).await;
                }
                answer
            }
        }
    }

    /// Redis forgot what it was told, or was started anew: a replica that comes in an outage needs it.
    async fn remind(&self) -> Option<Fetched> {
        let keys = self.memory.last_keys()?;
        let _ = self.memory.publish(&keys).await;
        None
    }

    /// The lease comes first: whoever is refused the strangers' turn has seen then what those brought who
    /// had it.
    async fn turn(&self, question: &Question) -> Result<Turn, NoAnswer> {
        let turn = self.lease(question).await?;
        let Turn::Ask(lease) = turn else {
            return Ok(turn);
        };
        if question.ask.demand != Demand::Stranger || self.strangers_may_ask().await? {
            return Ok(Turn::Ask(lease));
        }
        if let Some(lease) = lease {
            self.give_back(&lease).await;
        }
        Ok(Turn::Nobody)
    }

    /// What another replica told since the question, or before it and this one did not know.
    async fn news_since(&self, question: &Question) -> Result<Option<SnapshotKeys>, NoAnswer> {
        let is_news = |keys: &SnapshotKeys| self.memory.is_news(keys, question.known);
        Ok(match self.memory.look().await? {
            Found::Keys(keys, _) => Some(keys).filter(is_news),
            Found::Nothing | Found::Rubbish => None,
        })
    }

    /// As [`Self::news_since`], if it is good enough to go on with.
    async fn newer(&self, question: &Question) -> Result<Option<Fetched>, NoAnswer> {
        let news = self.news_since(question).await?;
        Ok(news
            .filter(|keys| !self.memory.are_due(keys))
            .map(|keys| self.memory.adopt(keys)))
    }

    /// Takes the strangers' turn of all replicas. It is not given back: what counts is the attempt.
    async fn strangers_may_ask(&self) -> Result<bool, NoAnswer> {
        let cooldown = self.memory.shared.pace.cooldown;
        let claimed = self.claim(&self.memory.names.strangers, cooldown).await?;
        Ok(claimed.is_some())
    }

    /// Waits for the lease, for the answer of whoever has it, or for the end of our patience.
    async fn lease(&self, question: &Question) -> Result<Turn, NoAnswer> {
        let pace = self.memory.shared.pace;
        let begun = self.memory.shared.clock.elapsed();
        while self.since(begun) < pace.lease {
            let claimed = self.claim(&self.memory.names.lease, pace.lease).await?;
            if let Some(lease) = claimed {
                return self.ask_or_adopt(question, lease).await;
            }
            tokio::time::sleep(pace.look).await;
            if let Some(fetched) = self.newer(question).await? {
                return Ok(Turn::Adopt(fetched));
            }
        }
        Ok(Turn::Ask(None))
    }

    /// Between the last look and the lease, another replica may have asked and told.
    async fn ask_or_adopt(&self, question: &Question, lease: String) -> Result<Turn, NoAnswer> {
        match self.newer(question).await? {
            Some(fetched) => {
                self.give_back(&lease).await;
                Ok(Turn::Adopt(fetched))
            }
            None => Ok(Turn::Ask(Some(lease))),
        }
    }

    /// A lease that cannot be given back ends by itself.
    async fn give_back(&self, lease: &str) {
        let key = &self.memory.names.lease;
        let _ = self.link().give_back(key, lease.as_bytes()).await;
    }

    /// Claims a key; `None` when another replica has it. What no replica wrote is no claim, and is
    /// overwritten.
    async fn claim(&self, key: &str, life: Duration) -> Result<Option<String>, NoAnswer> {
        let shared = &self.memory.shared;
        let ours = claim::make(&shared.seal, key, self.now(), shared.nonce());
        let claimed = self
            .link()
            .claim(key, ours.as_bytes(), life, claim::LONGEST);
        match claimed.await? {
            Claim::Ours => return Ok(Some(ours)),
            Claim::Held(Entry::Text(text))
                if claim::is_genuine(&shared.seal, key, self.now(), &text) =>
            {
                return Ok(None);
            }
            Claim::Held(_) => {}
        }
        let problem = "no replica made this claim, or not now";
        shared.refuse(key, &Refusal::new("claim", problem));
        self.link().put(key, ours.as_bytes(), Some(life)).await?;
        Ok(Some(ours))
    }

    /// Asks the issuer and tells the others. The answer counts from the moment of the question: of two
    /// answers that overtake each other, the later question's is the newer.
    async fn ask_issuer(&self, mut ask: Ask) -> Result<Fetched, KeySourceError> {
        let last = self.memory.last_keys();
        // The word that a set is unchanged helps the others only if we know the set.
        let last = last.filter(|last| last.validator() == ask.known.as_ref());
        ask.known = last.as_ref().and_then(SnapshotKeys::validator).cloned();
        let asked_at = self.later_than_all_seen();
        let fetched = self.issuer.fetch(ask).await?;
        match told(&fetched, last.as_ref(), asked_at) {
            Some((keys, body)) => Ok(self.tell(keys, body).await),
            // No key set: whoever wanted it refuses it.
            None => Ok(fetched),
        }
    }

    /// Now, or later than what was seen already, if the clock of the replica that told it is ahead, or it
    /// told it within this second: ages are counted in whole seconds, and the newer set must win.
    fn later_than_all_seen(&self) -> UnixTime {
        let now = self.now();
        let after = self.memory.newest().saturating_add(SECOND);
        now.max(after.min(now.saturating_add(claim::MOST_SKEW)))
    }

    async fn tell(&self, keys: SnapshotKeys, body: Option<Vec<u8>>) -> Fetched {
        match self.memory.publish(&keys).await {
            Ok(Some(newer)) => self.memory.bring(newer, None),
            _ => self.memory.bring(keys, body),
        }
    }

    fn since(&self, begun: Duration) -> Duration {
        self.memory.shared.clock.elapsed().saturating_sub(begun)
    }

    fn now(&self) -> UnixTime {
        self.memory.shared.clock.now()
    }

    fn link(&self) -> &Arc<super::link::Link> {
        &self.memory.shared.link
    }
}

/// The keys of an answer, and the document they were taken out of.
fn told(
    fetched: &Fetched,
    last: Option<&SnapshotKeys>,
    asked_at: UnixTime,
) -> Option<(SnapshotKeys, Option<Vec<u8>>)> {
    let (body, validator) = match (&fetched.set, last) {
        (FetchedSet::Document { body, validator }, _) => (&body[..], validator.clone()),
        (FetchedSet::NotModified, Some(last)) => (last.document(), last.validator().cloned()),
        (FetchedSet::NotModified | FetchedSet::Unasked, _) => return None,
    };
    // Withdrawn keys stay in: each replica bars them by itself, and may have to give them back.
    let keys = SnapshotKeys::new(body, |_| false, asked_at)
        .ok()?
        .with_validator(validator)
        .with_max_age(fetched.freshness.max_age);
    let document = match &fetched.set {
        FetchedSet::Document { body, .. } => Some(body.clone()),
        FetchedSet::NotModified | FetchedSet::Unasked => None,
    };
    Some((keys, document))
}
