//! One decision of a quota that replicas share, beside bare commands over one connection to the same Redis.

use std::{
    num::NonZeroU32,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use oauthgate_core::quota::Quota;
use oauthgate_remote::{
    clock::SystemClock,
    state::{
        SharedState,
        quotas::{Charge, LocalQuotas, QuotaKey, Quotas},
        redis::{QuotaSettings, RedisAddress, RedisState},
    },
};
use redis::{Client, aio::MultiplexedConnection, cmd};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    process::{Process, free_port},
    report::{Goal, Report, median},
};

/// Of one contender in one round.
const DECISIONS: usize = 4_000;
/// Requests under way at once, in the second table.
const AT_ONCE: usize = 32;
const CALLERS: usize = 1_000;
const SECRET: &[u8] = b"of this bench alone: thirty-two bytes";
/// A busy machine must not make a decision local.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contender {
    Ping,
    Get,
    One,
    Three,
}

impl Contender {
    const ALL: [Self; 4] = [Self::Ping, Self::Get, Self::One, Self::Three];

    fn name(self) -> &'static str {
        match self {
            Self::Ping => "PING",
            Self::Get => "GET",
            Self::One => "a decision on one limit",
            Self::Three => "a decision on three limits",
        }
    }
}

/// A Redis, and both ways to it.
struct Stand {
    quotas: Arc<dyn Quotas>,
    bare: MultiplexedConnection,
    keys: Vec<[Charge; 3]>,
    _process: Process,
    _directory: TempDir,
}

/// The contenders take turns in every round.
pub(crate) fn run(runtime: &Runtime, rounds: usize, report: &mut Report) -> Result<(), String> {
    runtime.block_on(async {
        let stand = Stand::start().await?;
        for at_once in [1, AT_ONCE] {
            stand.measure(at_once, rounds, report).await?;
        }
        Ok(())
    })
}

impl Stand {
    async fn start() -> Result<Self, String> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let port = free_port().map_err(|error| error.to_string())?;
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(directory.path());
        let process = Process::start(command, port)?;
        let url = format!("redis://127.0.0.1:{port}");
        let client = Client::open(url.as_str()).map_err(|error| error.to_string())?;
        let bare = client.get_multiplexed_async_connection().await;
        let stand = Self {
            quotas: quotas(&url)?,
            bare: bare.map_err(|error| error.to_string())?,
            keys: (0..CALLERS).map(charges).collect(),
            _process: process,
            _directory: directory,
        };
        Ok(stand)
    }

    async fn measure(
        &self,
        at_once: usize,
        rounds: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        let mut costs = Contender::ALL.map(|_| Vec::new());
        for round in 0..=rounds {
            for (contender, costs) in Contender::ALL.into_iter().zip(&mut costs) {
                let before = self.quotas.decisions();
                let begin = Instant::now();
                let tasks = (0..at_once).map(|task| self.ask(contender, task, DECISIONS / at_once));
                let asked: Result<Vec<()>, String> = join_all(tasks).await.into_iter().collect();
                asked?;
                let took = begin.elapsed().as_nanos() as f64 / 1e3 / DECISIONS as f64;
                let alone = self.quotas.decisions().local - before.local;
                // The first round warms everything up, and connects.
                if round > 0 {
                    if alone > 0 {
                        return Err(format!("{alone} decisions were made without Redis"));
                    }
                    costs.push(took);
                }
            }
        }
        let [ping, ..] = &costs;
        let ping = median(ping.clone());
        for (contender, costs) in Contender::ALL.into_iter().zip(costs) {
            let cost = median(costs);
            let text = format!("{cost:.1} µs ({:.2}x)", cost / ping);
            let what = format!("Redis, {at_once} at a time: {}", contender.name());
            report.line(&what, cost / ping, &text, Goal::None);
        }
        Ok(())
    }

    async fn ask(&self, contender: Contender, task: usize, times: usize) -> Result<(), String> {
        let mut bare = self.bare.clone();
        let failed = |error: redis::RedisError| error.to_string();
        for number in 0..times {
            let charges = &self.keys[(task + number) % CALLERS];
            match contender {
                Contender::Ping => cmd("PING").query_async(&mut bare).await.map_err(failed)?,
                Contender::Get => {
                    let key = number.to_string();
                    let get: Option<String> = cmd("GET")
                        .arg(key)
                        .query_async(&mut bare)
                        .await
                        .map_err(failed)?;
                    drop(get);
                }
                Contender::One => drop(self.quotas.spend(&charges[..1]).await),
                Contender::Three => drop(self.quotas.spend(charges).await),
            }
        }
        Ok(())
    }
}

fn quotas(url: &str) -> Result<Arc<dyn Quotas>, String> {
    let address = RedisAddress::parse(url).map_err(|error| error.to_string())?;
    let local = Arc::new(LocalQuotas::new(100_000, Arc::new(SystemClock::new())));
    let settings = QuotaSettings {
        timeout: PATIENCE,
        ..QuotaSettings::default()
    };
    let state = RedisState::new(address, SECRET, local, settings);
    let state = state.map_err(|error| error.to_string())?;
    state.begin();
    Ok(state.quotas())
}

/// Three limits of one caller, none of which it reaches.
fn charges(caller: usize) -> [Charge; 3] {
    let rate = NonZeroU32::new(Quota::MOST_PER_SECOND).expect("not zero");
    ["user", "client", "tenant"].map(|by| Charge {
        key: QuotaKey::of(&[by, &caller.to_string()]),
        quota: Quota::new(rate, Duration::from_secs(1)),
        cost: 1,
    })
}
