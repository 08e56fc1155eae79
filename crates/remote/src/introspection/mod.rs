//! Tokens that only their authorization server can read: it is asked about them (RFC 7662).
//!
//! What this room promises, whatever strangers send and whatever the authorization server does:
//!
//! 1. A token is shown to its own authorization server only, and only to one place of it: no redirect is
//!    followed, and metadata cannot send our credentials to another origin.
//! 2. No answer, no entry: unreachable, slow, in trouble, refusing us or talking nonsense is 503, and is
//!    never remembered as an answer. A token that is not active is 401.
//! 3. An answer is believed for the configured time at most, and never beyond the token's `exp`.
//! 4. One question for a token at a time, a bounded number in all, and a bounded wait. Made-up tokens
//!    have a lane and a memory of their own: they keep nobody waiting who was served before, and push no
//!    good token out of memory. One address gets a share of that lane only.
//! 5. A question belongs to nobody: a request that is cancelled cancels nothing.

mod assertion;
mod client;
mod endpoint;
mod flights;
mod memory;
mod plan;
pub(crate) mod routing;
mod secret;
mod settings;
mod status;
mod trouble;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod promise_tests;
#[cfg(test)]
mod testing;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::FutureExt;
use oauthgate_core::{Denial, Issuer, Reason, token::IntrospectionAnswer};

pub use self::{
    assertion::AssertionKey,
    secret::Secret,
    settings::{IntrospectionCredentials, IntrospectionSettings, LONGEST_ANSWER_TTL},
    status::IntrospectionStatus,
};
use self::{
    client::Ask,
    flights::{Flight, Flights, Joined, Lane, Slot},
    memory::{Digest, Memory, Recalled},
    status::Tally,
    trouble::Trouble,
};
pub(crate) use self::{
    flights::Bearer,
    memory::Answered,
    plan::{Ground, Plan},
};
use crate::clock::Clock;

/// How long a question waits for its turn.
const WAIT_FOR_TURN: Duration = Duration::from_secs(2);
/// How long a request waits for its answer, turn and metadata included.
const PATIENCE: Duration = Duration::from_secs(8);

/// Between two looks for the endpoint, while nothing is known of it.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// What is known about a token, for all who asked.
#[derive(Debug, Clone)]
pub(crate) enum Known {
    Good(Arc<Answered>),
    Inactive,
}

/// Asks one authorization server about tokens, and remembers what it said. Shared by the resources that
/// trust it under the same settings.
#[derive(Debug, Clone)]
pub struct Introspector {
    engine: Arc<Engine>,
}

#[derive(Debug)]
struct Engine {
    issuer: Issuer,
    server: Box<dyn Ask>,
    memory: Memory,
    flights: Arc<Flights<Known>>,
    tally: Tally,
    clock: Arc<dyn Clock>,
    in_background: bool,
}

impl Introspector {
    fn new(
        issuer: Issuer,
        server: Box<dyn Ask>,
        memory: Memory,
        clock: Arc<dyn Clock>,
        in_background: bool,
    ) -> Self {
        let engine = Engine {
            issuer,
            server,
            memory,
            flights: Arc::new(Flights::new()),
            tally: Tally::default(),
            clock,
            in_background,
        };
        Self {
            engine: Arc::new(engine),
        }
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> IntrospectionStatus {
        let engine = &self.engine;
        let (remembered, _) = engine.memory.len();
        let issuer = engine.issuer.as_str();
        engine
            .tally
            .status(issuer, engine.server.place(), remembered)
    }

    /// Whether it is the same one.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.engine, &other.engine)
    }

    /// Finds out where to ask, so that a mistake shows before the first token comes. In vain, it is tried
    /// again in the background: who is not ready gets no token that would make it try.
    pub(crate) async fn warm(&self) {
        if let Err(trouble) = self.engine.server.prepare().await {
            self.engine.failed(&trouble);
            if self.engine.in_background {
                tokio::spawn(find_at_last(Arc::downgrade(&self.engine)));
            }
        }
    }

    /// What the authorization server says about this token.
    ///
    /// # Errors
    /// `introspection_unavailable`, `introspection_refused`, `inactive_token`.
    pub(crate) async fn ask(
        &self,
        token: &str,
        bearer: Option<Bearer>,
    ) -> Result<Arc<Answered>, Denial> {
        let digest = self.engine.memory.place_of(token);
        if let Ok(known) = self.engine.recalled(&digest) {
            return known.verdict();
        }
        let flight = match self.board(digest, token, bearer) {
            Joined::Passenger(flight) | Joined::Pilot(flight) => flight,
            Joined::Full => {
                Tally::count(&self.engine.tally.turned_away);
                let trouble = Trouble::unavailable("too many questions are under way");
                return Err(trouble.into());
            }
        };
        match tokio::time::timeout(PATIENCE, flight).await {
            Ok(landed) => landed.map_err(Denial::from)?.verdict(),
            Err(_) => {
                let trouble =
                    Trouble::unavailable(format!("no answer within {} s", PATIENCE.as_secs()));
                Err(trouble.into())
            }
        }
    }

    /// The flight about this token. An answer may have come since the memory was looked at.
    fn board(&self, digest: Digest, token: &str, bearer: Option<Bearer>) -> Joined<Known> {
        let lane = match self.engine.recalled(&digest) {
            Ok(known) => return Joined::Passenger(async { Ok(known) }.boxed().shared()),
            Err(lane) => lane,
        };
        let joined = self.engine.flights.join(digest, lane, bearer, |slot| {
            fly(Arc::clone(&self.engine), token.to_owned(), digest, slot)
        });
        if let Joined::Pilot(flight) = &joined
            && self.engine.in_background
        {
            tokio::spawn(flight.clone());
        }
        joined
    }
}

impl Known {
    fn verdict(self) -> Result<Arc<Answered>, Denial> {
        match self {
            Self::Good(answered) => Ok(answered),
            Self::Inactive => Err(Denial::new(Reason::InactiveToken)
                .with_detail("the authorization server says that the token is not active")),
        }
    }
}

/// Looks until it is known where to ask, or nobody wants to know.
async fn find_at_last(engine: Weak<Engine>) {
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        let Some(engine) = engine.upgrade() else {
            return;
        };
        if engine.server.prepare().await.is_ok() {
            return engine.well();
        }
    }
}

/// One question, from the wait for its turn to what is remembered of the answer. The token lives as long.
fn fly(engine: Arc<Engine>, token: String, digest: Digest, slot: Slot<Known>) -> Flight<Known> {
    async move {
        let turns = engine.flights.turns(slot.lane());
        let landed = match tokio::time::timeout(WAIT_FOR_TURN, turns.acquire()).await {
            Ok(_turn) => engine.ask(&token, digest).await,
            Err(_) => {
                Tally::count(&engine.tally.turned_away);
                Err(Trouble::unavailable(
                    "its turn did not come: too many questions are under way",
                ))
            }
        };
        drop(slot);
        landed
    }
    .boxed()
    .shared()
}

impl Engine {
    /// What is remembered, or in which lane to ask.
    fn recalled(&self, digest: &Digest) -> Result<Known, Lane> {
        let (elapsed, now) = (self.clock.elapsed(), self.clock.now());
        match self.memory.recall(digest, elapsed, now) {
            Recalled::Good(answered) => {
                Tally::count(&self.tally.hits);
                Ok(Known::Good(answered))
            }
            Recalled::Inactive => {
                Tally::count(&self.tally.inactive_hits);
                Ok(Known::Inactive)
            }
            Recalled::Due => Err(Lane::Due),
            Recalled::Unknown => Err(Lane::Unknown),
        }
    }

    async fn ask(&self, token: &str, digest: Digest) -> Result<Known, Trouble> {
        Tally::count(&self.tally.asked);
        // An answer is as old as its question.
        let asked_at = (self.clock.elapsed(), self.clock.now());
        let (answer, length) = match self.server.ask(token).await {
            Ok(verdict) => verdict,
            Err(trouble) => {
                self.failed(&trouble);
                return Err(trouble);
            }
        };
        self.well();
        match answer {
            IntrospectionAnswer::Active(claims) => {
                Tally::count(&self.tally.active);
                let answered = self.memory.keep(digest, claims, length, asked_at);
                Ok(Known::Good(answered))
            }
            IntrospectionAnswer::Inactive => {
                Tally::count(&self.tally.inactive);
                self.memory.keep_inactive(digest, asked_at.0);
                Ok(Known::Inactive)
            }
        }
    }

    /// Said once for each kind of trouble, until it ends.
    fn well(&self) {
        if self.tally.well() {
            tracing::info!(target: "oauthgate::introspection", issuer = %self.issuer, "introspection works again");
        }
    }

    fn failed(&self, trouble: &Trouble) {
        if self.tally.failed(trouble) {
            let detail = oauthgate_core::text::Printable(trouble.detail());
            tracing::warn!(target: "oauthgate::introspection", issuer = %self.issuer, code = trouble.code(), %detail, "introspection fails");
        }
    }
}
