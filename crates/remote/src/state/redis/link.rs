//! The way to what is shared, wherever it lies: to one server, to the master that sentinels know, or to the
//! server of a cluster that has the key. Keys and quotas go over the same connections.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use oauthgate_core::SettingError;
use redis::Value;
use tokio::runtime::Handle;

pub(super) use super::terms::{Limits, LinkStatus};
use super::{
    RedisServers,
    cluster::Cluster,
    node::Node,
    place::Place,
    script::{Call, Script},
    sentinel::Sentinels,
    servers::Layout,
    terms::{Patience, Refusal},
    trouble::Trouble,
    wire::{Dialer, Question},
};
use crate::clock::Clock;

/// What a script may answer: some numbers.
const LONGEST_RESULT: usize = 1024;
/// How many times servers are looked after before sentinels are asked whether the master is still the same.
const LOOKS_PER_ROUND: u32 = 10;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// Redis is away: go on alone.
    Away,
    /// Redis is there; this key holds something else than text.
    WrongType,
}

/// The way to what is shared.
pub(super) struct Link {
    servers: RedisServers,
    way: Way,
    limits: Limits,
    is_tended: AtomicBool,
}

#[derive(Debug)]
enum Way {
    One(Arc<Node>),
    Cluster(Arc<Cluster>),
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("servers", &self.servers)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl From<Refusal> for NoAnswer {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::WrongType => Self::WrongType,
            Refusal::Away | Refusal::NoScript | Refusal::Moved(_) | Refusal::Ask(_) => Self::Away,
        }
    }
}

impl Link {
    /// Connects at the first question. `probe` is a key that nobody else writes.
    ///
    /// # Errors
    /// Addresses with TLS, and no authorities to check the servers against.
    pub(super) fn new(
        servers: impl Into<RedisServers>,
        probe: String,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingError> {
        let servers = servers.into();
        let node = |place| Way::One(Arc::new(Node::new(place, limits, Arc::clone(&clock))));
        let way = match &servers.0 {
            Layout::One(address) => {
                let dialer = Dialer::new(address.clone())?;
                node(Place::Fixed { dialer, probe })
            }
            Layout::Sentinels {
                sentinels,
                name,
                master,
            } => {
                let dialers = sentinels
                    .iter()
                    .map(|sentinel| Dialer::new(sentinel.clone()));
                let dialers = dialers.collect::<Result<_, _>>()?;
                let master = Dialer::new(master.clone())?;
                let sentinels = Sentinels::new(dialers, name.clone(), master);
                node(Place::Master { sentinels, probe })
            }
            Layout::Cluster(addresses) => {
                let nowhere = || SettingError::new("no server is named", "at least one");
                let dialer = Dialer::new(addresses.first().ok_or_else(nowhere)?.clone())?;
                let cluster = Cluster::new(dialer, addresses, probe, limits, clock);
                Way::Cluster(Arc::new(cluster))
            }
        };
        Ok(Self {
            servers,
            way,
            limits,
            is_tended: AtomicBool::new(false),
        })
    }

    /// How it is doing. A cluster is connected while all of it is.
    pub(super) fn status(&self) -> LinkStatus {
        match &self.way {
            Way::One(node) => node.status(),
            Way::Cluster(cluster) => cluster.status(),
        }
    }

    /// `single`, `cluster` or `sentinel`.
    pub(super) fn mode(&self) -> &'static str {
        self.servers.mode()
    }

    /// Asks about a key, with the patience that keys have. What `read` makes nothing of comes from no
    /// Redis, and closes the connection.
    pub(super) async fn ask<T>(
        self: &Arc<Self>,
        key: &str,
        question: &Question,
        read: impl Fn(Value) -> Option<T>,
    ) -> Result<T, NoAnswer> {
        let patience = Patience::of(self.limits.command);
        Ok(self.send(key, question, patience, &read).await?)
    }

    /// Runs a script once for each call, all in one round trip, and waits for the answers no longer than
    /// `limit`; for a connection nobody waits here. The answers are in the order of the calls.
    pub(super) async fn run<T>(
        self: &Arc<Self>,
        script: &Script,
        calls: &[Call],
        limit: Duration,
        read: impl Fn(Value) -> Option<T>,
    ) -> Vec<Result<T, NoAnswer>> {
        let patience = Patience::without_waiting(limit);
        let runs = calls
            .iter()
            .map(|call| self.run_once(script, call, patience, &read));
        join_all(runs).await
    }

    async fn run_once<T>(
        self: &Arc<Self>,
        script: &Script,
        call: &Call,
        patience: Patience,
        read: &impl Fn(Value) -> Option<T>,
    ) -> Result<T, NoAnswer> {
        let question = |command| Question {
            command,
            longest: LONGEST_RESULT,
        };
        let by_name = question(script.by_name(call));
        match self.send(&call.key, &by_name, patience, read).await {
            Err(Refusal::NoScript) => {
                let by_text = question(script.by_text(call));
                Ok(self.send(&call.key, &by_text, patience, read).await?)
            }
            answer => Ok(answer?),
        }
    }

    async fn send<T>(
        self: &Arc<Self>,
        key: &str,
        question: &Question,
        patience: Patience,
        read: &impl Fn(Value) -> Option<T>,
    ) -> Result<T, Refusal> {
        self.begin();
        match &self.way {
            Way::One(node) => node.ask(question, patience, read).await,
            Way::Cluster(cluster) => cluster.ask(key, question, patience, read).await,
        }
    }

    /// Begins to look after the servers, if nobody does: whoever is away is found again though nobody asks
    /// it anything, and whoever left is missed before somebody needs it.
    pub(super) fn begin(self: &Arc<Self>) {
        if self.is_tended.load(Ordering::Relaxed) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if !self.is_tended.swap(true, Ordering::Relaxed) {
            let pause = self.limits.first_pause;
            runtime.spawn(Tender(Arc::downgrade(self)).run(pause));
        }
    }

    async fn tend(&self, round: u32) {
        match &self.way {
            Way::One(node) => {
                node.tend().await;
                if round.is_multiple_of(LOOKS_PER_ROUND) {
                    follow(node).await;
                }
            }
            Way::Cluster(cluster) => cluster.tend().await,
        }
    }
}

/// A master that was replaced may be alive, and even take writes that nobody will ever see.
async fn follow(node: &Node) {
    let Place::Master { sentinels, .. } = node.place() else {
        return;
    };
    if node.status().connected && sentinels.name_another(node.limits()).await {
        node.leave(Trouble::new(
            "replaced",
            "the sentinels name another master",
        ));
    }
}

/// Looks after the servers for as long as somebody has the link.
struct Tender(Weak<Link>);

impl Tender {
    async fn run(self, pause: Duration) {
        let mut round = 0_u32;
        loop {
            match self.0.upgrade() {
                Some(link) => link.tend(round).await,
                None => return,
            }
            round = round.wrapping_add(1);
            tokio::time::sleep(pause).await;
        }
    }
}

impl Drop for Tender {
    /// With the runtime; another may need the link.
    fn drop(&mut self) {
        if let Some(link) = self.0.upgrade() {
            link.is_tended.store(false, Ordering::Relaxed);
        }
    }
}
