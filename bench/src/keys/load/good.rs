//! Clients with good tokens: a closed loop over a few connections, with a pause after each answer.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;

use super::{Connection, PATIENCE, Sample, Samples, Verdict};

/// How many connections are opened at a time, so that no contender's queue of them overflows.
const OPENING_AT_A_TIME: usize = 32;

/// Who asks, and how often.
#[derive(Debug, Clone)]
pub(crate) struct GoodClients {
    pub(crate) target: SocketAddr,
    pub(crate) tokens: Arc<[String]>,
    pub(crate) connections: usize,
    /// After each answer.
    pub(crate) pause: Duration,
}

impl GoodClients {
    /// Asks until a moment; what is under way then is waited for.
    pub(crate) async fn until(&self, end: Instant) -> Samples {
        let clients = (0..self.connections).map(|number| {
            let client = self.clone();
            tokio::spawn(async move { client.one(number, end).await })
        });
        let samples = join_all(clients).await.into_iter();
        samples
            .flat_map(|one| one.expect("no client panics"))
            .collect()
    }

    /// Asks once on each of so many connections, all at the same moment.
    pub(crate) async fn all_at_once(&self, requests: usize) -> Samples {
        let barrier = Arc::new(tokio::sync::Barrier::new(requests));
        let doors = Arc::new(tokio::sync::Semaphore::new(OPENING_AT_A_TIME));
        let clients = (0..requests).map(|number| {
            let (client, barrier, doors) = (self.clone(), Arc::clone(&barrier), Arc::clone(&doors));
            tokio::spawn(async move {
                let mut connection = {
                    let _door = doors.acquire().await;
                    Connection::open(client.target, Ipv4Addr::LOCALHOST)
                        .await
                        .ok()
                };
                barrier.wait().await;
                client.ask(&mut connection, number).await
            })
        });
        let samples = join_all(clients).await.into_iter();
        samples.map(|one| one.expect("no client panics")).collect()
    }

    async fn one(&self, number: usize, end: Instant) -> Vec<Sample> {
        let mut samples = Vec::new();
        let mut connection = None;
        let mut asked = number;
        while Instant::now() < end {
            samples.push(self.ask(&mut connection, asked).await);
            asked += 1;
            tokio::time::sleep(self.pause).await;
        }
        samples
    }

    /// A connection that broke while it was idle is opened anew once, as every HTTP client does.
    async fn ask(&self, connection: &mut Option<Connection>, number: usize) -> Sample {
        let token = &self.tokens[number % self.tokens.len()];
        let begin = Instant::now();
        let verdict = tokio::time::timeout(PATIENCE, async {
            if let Some(open) = connection
                && let Ok(status) = open.ask(token).await
            {
                return Verdict::of(status);
            }
            match Connection::open(self.target, Ipv4Addr::LOCALHOST).await {
                Ok(fresh) => match connection.insert(fresh).ask(token).await {
                    Ok(status) => Verdict::of(status),
                    Err(_) => Verdict::Broken,
                },
                Err(_) => Verdict::Broken,
            }
        })
        .await
        .unwrap_or(Verdict::TimedOut);
        if matches!(verdict, Verdict::Broken | Verdict::TimedOut) {
            *connection = None;
        }
        Sample {
            begin,
            took: begin.elapsed(),
            verdict,
        }
    }
}
