//! One server, the connection to it, and the breaker in front of it. Nobody waits here longer than its own
//! [`Patience`]: whatever Redis does, the answer is then that it is away.
//!
//! A broken connection opens the breaker at once. Silence opens it when it lasted for as long as the
//! keys' commands may take: one late answer to an impatient question says nothing about Redis on a busy
//! machine. Behind the open breaker one attempt at a time looks whether the server is back.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{RedisError, Value};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    place::Place,
    terms::{Limits, LinkStatus, Patience, Redirect, Refusal},
    trouble::Trouble,
    wire::{Question, Wire},
};
use crate::clock::Clock;

/// So many impatient questions in a row without an answer, at least, before a server is given up.
const FEWEST_STRIKES: u32 = 3;
/// Of the time of a command, some is gone when it is sent.
const ENOUGH: f32 = 0.9;

/// A server whose connection comes and goes.
pub(super) struct Node {
    place: Place,
    limits: Limits,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// The number of the last attempt to connect that ended.
    ended: watch::Sender<u64>,
    randomness: RandomState,
}

struct State {
    phase: Phase,
    since: Duration,
    /// Failures since the last command that was answered.
    failures: u32,
    retry_at: Duration,
    attempts: u64,
    connecting: bool,
    silence: Silence,
    /// Whether anything was asked since [`Node::tend`].
    asked: bool,
}

/// Questions in a row that nobody answered in time.
#[derive(Debug, Clone, Copy, Default)]
struct Silence {
    strikes: u32,
    lasted: Duration,
    /// Grows with each strike: of questions that were asked at the same time one counts.
    round: u64,
}

enum Phase {
    Untried,
    Away(Trouble),
    Connected { wire: Wire, number: u64 },
}

/// A connection that somebody is about to use.
struct Taken {
    wire: Wire,
    number: u64,
    round: u64,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("place", &self.place)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl Node {
    /// Connects at the first question.
    pub(super) fn new(place: Place, limits: Limits, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            phase: Phase::Untried,
            since: clock.elapsed(),
            failures: 0,
            retry_at: Duration::ZERO,
            attempts: 0,
            connecting: false,
            silence: Silence::default(),
            asked: false,
        };
        Self {
            place,
            limits,
            clock,
            state: Mutex::new(state),
            ended: watch::Sender::new(0),
            randomness: RandomState::new(),
        }
    }

    pub(super) fn status(&self) -> LinkStatus {
        let state = self.state();
        let (connected, trouble) = match &state.phase {
            Phase::Untried => (false, None),
            Phase::Away(trouble) => (false, Some(trouble.clone())),
            Phase::Connected { .. } => (true, None),
        };
        LinkStatus {
            connected,
            since: self.clock.elapsed().saturating_sub(state.since),
            trouble,
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Asks one question. What the answer cannot be (`read` makes nothing of it) comes from no Redis.
    pub(super) async fn ask<T>(
        self: &Arc<Self>,
        question: &Question,
        patience: Patience,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<T, Refusal> {
        let mut taken = self.take(patience).await?;
        let begun = Instant::now();
        let answer = timeout_at(patience.until, taken.wire.ask(question)).await;
        let waited = patience.until.saturating_duration_since(begun);
        self.judge(&taken, answer.ok(), waited, read)
    }

    /// As [`Self::ask`], of a server that [`Refusal::Ask`] named.
    pub(super) async fn ask_in_advance<T>(
        self: &Arc<Self>,
        question: &Question,
        patience: Patience,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<T, Refusal> {
        let mut taken = self.take(patience).await?;
        let begun = Instant::now();
        let answer = timeout_at(patience.until, taken.wire.ask_in_advance(question)).await;
        let waited = patience.until.saturating_duration_since(begun);
        self.judge(&taken, answer.ok(), waited, read)
    }

    /// Looks whether a server is back, or still there, if nobody else does.
    pub(super) async fn tend(self: &Arc<Self>) {
        let (is_connected, is_idle) = {
            let mut state = self.state();
            let is_idle = !std::mem::take(&mut state.asked);
            (matches!(state.phase, Phase::Connected { .. }), is_idle)
        };
        if !is_connected {
            self.attempt();
        } else if is_idle {
            let patience = Patience::of(self.limits.command);
            let _ = self.ask(&self.place.greeting(), patience, Some).await;
            self.state().asked = false;
        }
    }

    /// The connection is to be made anew, because it leads to the wrong server.
    pub(super) fn leave(&self, trouble: Trouble) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Connected { .. }) {
            self.rest(&mut state, trouble);
            state.retry_at = Duration::ZERO;
        }
    }

    /// Begins an attempt to connect, if there is no connection, none is under way, and it is time.
    pub(super) fn begin(self: &Arc<Self>) {
        if self.connected().is_none() {
            self.attempt();
        }
    }

    /// Every failure but a refusal that says nothing about the server closes the connection: what comes
    /// after nonsense is nonsense, and a server that refuses one command has to be probed before it is
    /// believed again.
    fn judge<T>(
        &self,
        taken: &Taken,
        answer: Option<Result<Value, RedisError>>,
        waited: Duration,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<T, Refusal> {
        match answer {
            Some(Ok(Value::ServerError(error))) => Err(self.refused(taken.number, &error.into())),
            Some(Ok(value)) => {
                self.answered();
                read(value).ok_or_else(|| self.lose(taken.number, Trouble::nonsense()))
            }
            Some(Err(error)) => Err(self.lose(taken.number, Trouble::of(&error))),
            None => Err(self.strike(taken, waited)),
        }
    }

    fn refused(&self, number: u64, error: &RedisError) -> Refusal {
        match error.code() {
            Some("WRONGTYPE") => Refusal::WrongType,
            Some("NOSCRIPT") => Refusal::NoScript,
            Some("MOVED" | "ASK") => self
                .redirected(error)
                .unwrap_or_else(|| self.lose(number, Trouble::in_a_cluster())),
            _ => self.lose(number, Trouble::of(error)),
        }
    }

    fn redirected(&self, error: &RedisError) -> Option<Refusal> {
        let here = self.place.in_cluster()?;
        let (address, slot) = error.redirect_node()?;
        let (host, port) = address.rsplit_once(':')?;
        let redirect = Redirect {
            slot,
            // A server that does not know its own name leaves it out.
            host: if host.is_empty() { here.host() } else { host }.to_owned(),
            port: port.parse().ok()?,
        };
        Some(match error.code() {
            Some("ASK") => Refusal::Ask(redirect),
            _ => Refusal::Moved(redirect),
        })
    }

    fn answered(&self) {
        let mut state = self.state();
        state.failures = 0;
        state.asked = true;
        state.silence.strikes = 0;
        state.silence.lasted = Duration::ZERO;
    }

    /// Nobody answered in time.
    fn strike(&self, taken: &Taken, waited: Duration) -> Refusal {
        let mut state = self.state();
        let is_current =
            matches!(&state.phase, Phase::Connected { number, .. } if *number == taken.number);
        if is_current && state.silence.round == taken.round {
            let silence = &mut state.silence;
            silence.round += 1;
            silence.strikes += 1;
            silence.lasted += waited;
            let enough = self.limits.command.mul_f32(ENOUGH);
            let is_patient = waited >= enough;
            let is_long = silence.lasted >= enough;
            if is_patient || (is_long && silence.strikes >= FEWEST_STRIKES) {
                let lasted = silence.lasted;
                self.rest(&mut state, Trouble::slow(lasted));
            }
        }
        Refusal::Away
    }

    /// The connection, if there is one in time.
    async fn take(self: &Arc<Self>, patience: Patience) -> Result<Taken, Refusal> {
        if let Some(taken) = self.connected() {
            return Ok(taken);
        }
        let attempt = self.attempt().ok_or(Refusal::Away)?;
        if patience.awaits_connection {
            let mut ended = self.ended.subscribe();
            let _ = timeout_at(patience.until, ended.wait_for(|ended| *ended >= attempt)).await;
        }
        self.connected().ok_or(Refusal::Away)
    }

    fn connected(&self) -> Option<Taken> {
        let state = self.state();
        match &state.phase {
            Phase::Connected { wire, number } => Some(Taken {
                wire: wire.clone(),
                number: *number,
                round: state.silence.round,
            }),
            Phase::Untried | Phase::Away(_) => None,
        }
    }

    /// The attempt to connect that is under way, or a new one when it is time.
    fn attempt(self: &Arc<Self>) -> Option<u64> {
        let runtime = Handle::try_current().ok()?;
        let mut state = self.state();
        if state.connecting {
            return Some(state.attempts);
        }
        if self.clock.elapsed() < state.retry_at {
            return None;
        }
        state.attempts += 1;
        state.connecting = true;
        let attempt = Attempt {
            node: Arc::clone(self),
            number: state.attempts,
        };
        let number = state.attempts;
        drop(state);
        runtime.spawn(attempt.run());
        Some(number)
    }

    async fn connect(&self) -> Result<Wire, Trouble> {
        tokio::time::timeout(self.limits.connect, self.place.open(self.limits))
            .await
            .unwrap_or_else(|_| Err(Trouble::slow(self.limits.connect)))
    }

    fn attempt_ended(&self, number: u64, result: Result<Wire, Trouble>) {
        let mut state = self.state();
        if state.connecting && state.attempts == number {
            state.connecting = false;
            match result {
                Ok(wire) => {
                    state.silence.strikes = 0;
                    state.silence.lasted = Duration::ZERO;
                    self.enter(&mut state, Phase::Connected { wire, number });
                }
                Err(trouble) => self.rest(&mut state, trouble),
            }
        }
        drop(state);
        self.ended.send_if_modified(|ended| {
            let newer = number > *ended;
            *ended = number.max(*ended);
            newer
        });
    }

    /// Drops this connection, unless another has taken its place.
    fn lose(&self, lost: u64, trouble: Trouble) -> Refusal {
        let mut state = self.state();
        if matches!(&state.phase, Phase::Connected { number, .. } if *number == lost) {
            self.rest(&mut state, trouble);
        }
        Refusal::Away
    }

    fn rest(&self, state: &mut State, trouble: Trouble) {
        let doublings = state.failures.min(16);
        let pause = self.limits.first_pause.saturating_mul(1 << doublings);
        let pause = pause.min(self.limits.longest_pause);
        state.failures = state.failures.saturating_add(1);
        state.retry_at = self.clock.elapsed() + self.shortened(pause, state.attempts);
        self.enter(state, Phase::Away(trouble));
    }

    /// By up to a quarter, so that replicas which lost Redis together do not come back together.
    fn shortened(&self, pause: Duration, attempt: u64) -> Duration {
        let share = u32::try_from(self.randomness.hash_one(attempt) % 1024).unwrap_or(0);
        pause - pause * share / 4096
    }

    /// Says so once for each change.
    fn enter(&self, state: &mut State, phase: Phase) {
        let changed = match (&state.phase, &phase) {
            (Phase::Away(_), Phase::Away(_)) => false,
            (_, Phase::Away(trouble)) => {
                self.warn_of(trouble);
                true
            }
            _ => {
                tracing::info!(target: "oauthgate::shared", redis = %self.place, "state is shared through Redis");
                true
            }
        };
        if changed {
            state.since = self.clock.elapsed();
        }
        state.phase = phase;
    }

    fn warn_of(&self, trouble: &Trouble) {
        let Trouble { code, detail } = trouble;
        if self.place.in_cluster().is_some() {
            tracing::warn!(target: "oauthgate::shared", redis = %self.place, outcome = code, detail = %detail, "a server of the Redis cluster is away: for what lies there this replica goes on alone");
        } else {
            tracing::warn!(target: "oauthgate::shared", redis = %self.place, outcome = code, detail = %detail, "Redis is away: this replica goes on alone");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt to connect that reports its end whatever happens to it.
struct Attempt {
    node: Arc<Node>,
    number: u64,
}

impl Attempt {
    async fn run(self) {
        let result = self.node.connect().await;
        self.node.attempt_ended(self.number, result);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        // After `run` it is no longer the current one, and this changes nothing.
        self.node
            .attempt_ended(self.number, Err(Trouble::aborted()));
    }
}
