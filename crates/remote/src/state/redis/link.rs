//! The connection to Redis, and the breaker in front of it. Nobody waits here longer than
//! [`Limits::command`]: whatever Redis does, the answer is then that it is away.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, Value, aio::MultiplexedConnection};
use tokio::{net::TcpStream, runtime::Handle, sync::watch};

use super::{
    RedisAddress,
    ration::{Driver, Ration, Rationed},
    script,
    trouble::Trouble,
};
use crate::clock::Clock;

/// How long things may take, and how often they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// One command, and the wait for a connection.
    pub(super) command: Duration,
    /// One attempt to connect, which nobody waits for.
    pub(super) connect: Duration,
    /// Between the first failure and the next attempt; doubles.
    pub(super) first_pause: Duration,
    /// The longest such pause.
    pub(super) longest_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command: Duration::from_millis(100),
            connect: Duration::from_secs(2),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(5),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// Redis is away: go on alone.
    Away,
    /// Redis is there; this key holds something else than text.
    WrongType,
}

/// A connection that comes and goes.
pub(super) struct Link {
    address: RedisAddress,
    client: Client,
    probe: String,
    limits: Limits,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// The number of the last attempt to connect that ended.
    ended: watch::Sender<u64>,
}

struct State {
    phase: Phase,
    since: Duration,
    /// Failures since the last command that was answered.
    failures: u32,
    retry_at: Duration,
    attempts: u64,
    connecting: bool,
}

enum Phase {
    Untried,
    Away(Trouble),
    Connected { connection: Open, number: u64 },
}

/// A connection, and what the server may still say.
#[derive(Clone)]
struct Open {
    connection: MultiplexedConnection,
    ration: Option<Ration>,
    /// Of a connection over TLS, the client library keeps it.
    _driver: Option<Arc<Driver>>,
}

/// How the link is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LinkStatus {
    pub(super) connected: bool,
    pub(super) since: Duration,
    pub(super) trouble: Option<Trouble>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("address", &self.address)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Connects at the first command. `probe` is a key that nobody else writes.
    pub(super) fn new(
        address: RedisAddress,
        probe: String,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RedisError> {
        let client = address.client()?;
        let state = State {
            phase: Phase::Untried,
            since: clock.elapsed(),
            failures: 0,
            retry_at: Duration::ZERO,
            attempts: 0,
            connecting: false,
        };
        Ok(Self {
            address,
            client,
            probe,
            limits,
            clock,
            state: Mutex::new(state),
            ended: watch::Sender::new(0),
        })
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

    /// Sends one command. Every failure but a key of the wrong type closes the connection: what comes
    /// after it could not be told from a late answer, and a server that refuses one command has to be
    /// probed before it is believed again.
    pub(super) async fn ask(self: &Arc<Self>, command: &Cmd) -> Result<Value, NoAnswer> {
        let (mut open, number) = self.connection().await.ok_or(NoAnswer::Away)?;
        let answer = tokio::time::timeout(self.limits.command, open.ask(command));
        match answer.await {
            Ok(Ok(Value::ServerError(error))) => self.refused(number, &error.into()),
            Ok(Ok(value)) => {
                self.state().failures = 0;
                Ok(value)
            }
            Ok(Err(error)) => self.refused(number, &error),
            Err(_) => {
                self.lose(number, Trouble::slow(self.limits.command));
                Err(NoAnswer::Away)
            }
        }
    }

    /// Redis answered with something that this command cannot bring: whatever it is, it is no Redis.
    pub(super) fn distrust(&self) -> NoAnswer {
        let number = match &self.state().phase {
            Phase::Connected { number, .. } => *number,
            Phase::Untried | Phase::Away(_) => return NoAnswer::Away,
        };
        self.lose(number, Trouble::nonsense());
        NoAnswer::Away
    }

    fn refused(&self, number: u64, error: &RedisError) -> Result<Value, NoAnswer> {
        if error.code() == Some("WRONGTYPE") {
            return Err(NoAnswer::WrongType);
        }
        self.lose(number, Trouble::of(error));
        Err(NoAnswer::Away)
    }

    /// The connection, if there is one within the time of a command.
    async fn connection(self: &Arc<Self>) -> Option<(Open, u64)> {
        if let Some(connection) = self.connected() {
            return Some(connection);
        }
        let attempt = self.attempt()?;
        let mut ended = self.ended.subscribe();
        let _ = tokio::time::timeout(
            self.limits.command,
            ended.wait_for(|ended| *ended >= attempt),
        )
        .await;
        self.connected()
    }

    fn connected(&self) -> Option<(Open, u64)> {
        match &self.state().phase {
            Phase::Connected { connection, number } => Some((connection.clone(), *number)),
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
            link: Arc::clone(self),
            number: state.attempts,
        };
        let number = state.attempts;
        drop(state);
        runtime.spawn(attempt.run());
        Some(number)
    }

    async fn connect(&self) -> Result<Open, Trouble> {
        let connecting = async {
            let mut open = self.open().await?;
            match open.ask(&script::probe(&self.probe)).await? {
                Value::Int(1) => Ok(open),
                Value::ServerError(error) => Err(Trouble::of(&error.into())),
                _ => Err(Trouble::nonsense()),
            }
        };
        tokio::time::timeout(self.limits.connect, connecting)
            .await
            .unwrap_or_else(|_| Err(Trouble::slow(self.limits.connect)))
    }

    async fn open(&self) -> Result<Open, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        match self.address.in_the_clear() {
            Some(place) => self.open_in_the_clear(place, config).await,
            None => {
                let opening = self
                    .client
                    .get_multiplexed_async_connection_with_config(&config);
                Ok(Open {
                    connection: opening.await?,
                    ration: None,
                    _driver: None,
                })
            }
        }
    }

    /// Anybody may have taken the place of this server.
    async fn open_in_the_clear(
        &self,
        place: (&str, u16),
        config: AsyncConnectionConfig,
    ) -> Result<Open, RedisError> {
        let stream = TcpStream::connect(place).await?;
        stream.set_nodelay(true)?;
        let ration = Ration::new();
        let rationed = Rationed {
            stream,
            ration: ration.clone(),
        };
        let settings = self.address.redis_settings();
        let (connection, driver) =
            MultiplexedConnection::new_with_config(settings, rationed, config).await?;
        let driver = Driver(tokio::spawn(driver).abort_handle());
        Ok(Open {
            connection,
            ration: Some(ration),
            _driver: Some(Arc::new(driver)),
        })
    }

    fn attempt_ended(&self, number: u64, result: Result<Open, Trouble>) {
        let mut state = self.state();
        if state.connecting && state.attempts == number {
            state.connecting = false;
            match result {
                Ok(connection) => self.enter(&mut state, Phase::Connected { connection, number }),
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
    fn lose(&self, lost: u64, trouble: Trouble) {
        let mut state = self.state();
        if matches!(&state.phase, Phase::Connected { number, .. } if *number == lost) {
            self.rest(&mut state, trouble);
        }
    }

    fn rest(&self, state: &mut State, trouble: Trouble) {
        let doublings = state.failures.min(16);
        let pause = self.limits.first_pause.saturating_mul(1 << doublings);
        state.failures = state.failures.saturating_add(1);
        state.retry_at = self.clock.elapsed() + pause.min(self.limits.longest_pause);
        self.enter(state, Phase::Away(trouble));
    }

    /// Says so once for each change.
    fn enter(&self, state: &mut State, phase: Phase) {
        let changed = match (&state.phase, &phase) {
            (Phase::Away(_), Phase::Away(_)) => false,
            (_, Phase::Away(trouble)) => {
                tracing::warn!(target: "oauthgate::shared", redis = %self.address, outcome = trouble.code, detail = %trouble.detail, "Redis is away: this replica goes on alone");
                true
            }
            _ => {
                tracing::info!(target: "oauthgate::shared", redis = %self.address, "keys and withdrawals are shared through Redis");
                true
            }
        };
        if changed {
            state.since = self.clock.elapsed();
        }
        state.phase = phase;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    async fn ask(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        if let Some(ration) = &self.ration {
            ration.add();
        }
        self.connection.send_packed_command(command).await
    }
}

/// An attempt to connect that reports its end whatever happens to it.
struct Attempt {
    link: Arc<Link>,
    number: u64,
}

impl Attempt {
    async fn run(self) {
        let result = self.link.connect().await;
        self.link.attempt_ended(self.number, result);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        // After `run` it is no longer the current one, and this changes nothing.
        self.link
            .attempt_ended(self.number, Err(Trouble::aborted()));
    }
}
