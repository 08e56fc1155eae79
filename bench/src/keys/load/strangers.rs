//! Strangers: tokens with a new `kid` each time, at a bounded rate, over many connections and addresses.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::MissedTickBehavior};

use super::{Connection, PATIENCE};
use crate::token::Stranger;

/// A stranger moves on to another address after so many requests: nobody's limit per client is measured here.
const REQUESTS_PER_ADDRESS: u32 = 32;

/// Who floods, and how fast at most.
#[derive(Debug, Clone)]
pub(crate) struct Strangers {
    target: SocketAddr,
    tokens: Arc<Stranger>,
    connections: u32,
    per_second: u32,
    addresses: Arc<AtomicU32>,
}

impl Strangers {
    pub(crate) fn new(
        target: SocketAddr,
        tokens: Stranger,
        connections: u32,
        per_second: u32,
    ) -> Self {
        Self {
            target,
            tokens: Arc::new(tokens),
            connections,
            per_second,
            addresses: Arc::default(),
        }
    }

    /// Floods until a moment, or until this future is dropped; returns how many requests were sent.
    pub(crate) async fn until(&self, end: Instant) -> u32 {
        let sent = Arc::new(AtomicU32::new(0));
        let mut strangers = JoinSet::new();
        for number in 0..self.connections {
            let (stranger, sent) = (self.clone(), Arc::clone(&sent));
            strangers.spawn(async move { stranger.one(number, &sent).await });
        }
        tokio::time::sleep_until(end.into()).await;
        strangers.shutdown().await;
        sent.load(Ordering::Relaxed)
    }

    /// Never ends by itself. It waits for each answer, so a stuck contender is not sent more.
    async fn one(&self, number: u32, sent: &AtomicU32) -> Infallible {
        let every = Duration::from_secs(1) * self.connections / self.per_second;
        // Spread over the first interval, or all would come at the same moments.
        let first = tokio::time::Instant::now() + every * number / self.connections;
        let mut ticks = tokio::time::interval_at(first, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Ok(mut connection) = Connection::open(self.target, self.next_address()).await
            else {
                continue;
            };
            for _ in 0..REQUESTS_PER_ADDRESS {
                sent.fetch_add(1, Ordering::Relaxed);
                let token = self.tokens.token();
                let answer = tokio::time::timeout(PATIENCE, connection.ask(&token)).await;
                if !matches!(answer, Ok(Ok(_))) {
                    break;
                }
                ticks.tick().await;
            }
        }
    }

    /// 127.1.0.0/16 of loopback, one after the other.
    fn next_address(&self) -> Ipv4Addr {
        let [.., third, fourth] = self.addresses.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Ipv4Addr::new(127, 1, third, fourth)
    }
}
