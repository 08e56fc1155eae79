//! A cluster: one connection to each server, and a map of who has which keys that the servers themselves
//! keep right. A server that is away takes its own keys with it and nobody else's.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use redis::Value;
use tokio::{runtime::Handle, sync::watch, time::timeout_at};

use super::{
    RedisAddress,
    node::Node,
    place::Place,
    script,
    slots::{MOST_SERVERS, Server, Slots, slot_of},
    terms::{Limits, LinkStatus, Patience, Redirect, Refusal},
    trouble::Trouble,
    wire::{Dialer, Question},
};
use crate::{clock::Clock, jwks::KeySnapshot};

/// A slot that moves on while we follow it is followed so often.
const MOST_HOPS: usize = 4;
/// How old the map may become while nothing contradicts it.
const LIFE: Duration = Duration::from_secs(30);

/// A cluster.
pub(super) struct Cluster {
    dialer: Dialer,
    probe: String,
    limits: Limits,
    clock: Arc<dyn Clock>,
    seeds: Vec<Server>,
    map: Mutex<Map>,
    /// The number of the last reading of the map that ended.
    ended: watch::Sender<u64>,
}

/// What is known of a cluster.
struct Map {
    slots: Option<Slots>,
    nodes: BTreeMap<Server, Arc<Node>>,
    trouble: Option<Trouble>,
    readings: u64,
    is_reading: bool,
    rest_until: Duration,
    read_at: Duration,
    since: Duration,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("nodes", &self.map().nodes)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Of servers that are all reached like `dialer`.
    pub(super) fn new(
        dialer: Dialer,
        addresses: &[RedisAddress],
        probe: String,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let seeds = addresses
            .iter()
            .map(|address| (address.host().to_owned(), address.port()));
        let map = Map {
            slots: None,
            nodes: BTreeMap::new(),
            trouble: None,
            readings: 0,
            is_reading: false,
            rest_until: Duration::ZERO,
            read_at: Duration::ZERO,
            since: clock.elapsed(),
        };
        Self {
            seeds: seeds.collect(),
            dialer,
            probe,
            limits,
            clock,
            map: Mutex::new(map),
            ended: watch::Sender::new(0),
        }
    }

    /// Asks the server that has this key, and follows it when it moves.
    pub(super) async fn ask<T>(
        self: &Arc<Self>,
        key: &str,
        question: &Question,
        patience: Patience,
        read: &impl Fn(Value) -> Option<T>,
    ) -> Result<T, Refusal> {
        let mut node = self.owner(slot_of(key), patience).await?;
        let mut answer = node.ask(question, patience, read).await;
        for _ in 0..MOST_HOPS {
            answer = match answer {
                Err(Refusal::Moved(redirect)) => {
                    node = self.moved(redirect)?;
                    node.ask(question, patience, read).await
                }
                Err(Refusal::Ask(redirect)) => {
                    node = self.node(&(redirect.host, redirect.port))?;
                    node.ask_in_advance(question, patience, read).await
                }
                Err(Refusal::Away) => {
                    // It may have been replaced.
                    self.read_map();
                    return Err(Refusal::Away);
                }
                answer => return answer,
            };
        }
        Err(Refusal::Away)
    }

    /// Connected while every slot's server is.
    pub(super) fn status(&self) -> LinkStatus {
        let (map_since, map_trouble, is_complete) = {
            let map = self.map();
            let is_complete = map.slots.as_ref().is_some_and(Slots::are_complete);
            (map.since, map.trouble.clone(), is_complete)
        };
        let statuses: Vec<_> = self.owners().iter().map(|node| node.status()).collect();
        let away: Vec<_> = statuses.iter().filter(|node| !node.connected).collect();
        let connected = is_complete && away.is_empty();
        let map_since = self.clock.elapsed().saturating_sub(map_since);
        let since = if away.is_empty() {
            let latest = statuses.iter().map(|node| node.since).min();
            latest.map_or(map_since, |latest| latest.min(map_since))
        } else {
            let longest = away.iter().map(|node| node.since).max();
            longest.unwrap_or(map_since)
        };
        let trouble = away.iter().find_map(|node| node.trouble.clone());
        LinkStatus {
            connected,
            since,
            trouble: trouble.or(map_trouble).filter(|_| !connected),
        }
    }

    /// Looks after every server, and after the map.
    pub(super) async fn tend(self: &Arc<Self>) {
        let owners = self.owners();
        join_all(owners.iter().map(Node::tend)).await;
        let is_old = {
            let map = self.map();
            let is_complete = map.slots.as_ref().is_some_and(Slots::are_complete);
            !is_complete || self.clock.elapsed() > map.read_at + LIFE
        };
        if is_old || owners.iter().any(|node| !node.status().connected) {
            self.read_map();
        }
    }

    async fn owner(self: &Arc<Self>, slot: u16, patience: Patience) -> Result<Arc<Node>, Refusal> {
        if let Some(node) = self.owner_now(slot) {
            return Ok(node);
        }
        let reading = self.read_map().ok_or(Refusal::Away)?;
        if patience.awaits_connection {
            let mut ended = self.ended.subscribe();
            let _ = timeout_at(patience.until, ended.wait_for(|ended| *ended >= reading)).await;
        }
        self.owner_now(slot).ok_or(Refusal::Away)
    }

    fn owner_now(&self, slot: u16) -> Option<Arc<Node>> {
        let mut map = self.map();
        let server = map.slots.as_ref()?.owner(slot)?.clone();
        self.node_in(&mut map, &server)
    }

    /// The servers that have slots.
    fn owners(&self) -> Vec<Arc<Node>> {
        let mut map = self.map();
        let servers = map
            .slots
            .as_ref()
            .map(|slots| slots.servers().to_vec())
            .unwrap_or_default();
        let nodes = servers
            .iter()
            .filter_map(|server| self.node_in(&mut map, server));
        nodes.collect()
    }

    fn moved(self: &Arc<Self>, redirect: Redirect) -> Result<Arc<Node>, Refusal> {
        let server = (redirect.host, redirect.port);
        if let Some(slots) = &mut self.map().slots {
            slots.moved(redirect.slot, server.clone());
        }
        self.read_map();
        self.node(&server)
    }

    fn node(&self, server: &Server) -> Result<Arc<Node>, Refusal> {
        self.node_in(&mut self.map(), server).ok_or(Refusal::Away)
    }

    fn node_in(&self, map: &mut Map, server: &Server) -> Option<Arc<Node>> {
        if let Some(node) = map.nodes.get(server) {
            return Some(Arc::clone(node));
        }
        if map.nodes.len() >= MOST_SERVERS {
            return None;
        }
        let place = Place::InCluster {
            dialer: self.dialer.at(&server.0, server.1),
            probe: self.probe.clone(),
        };
        let node = Arc::new(Node::new(place, self.limits, Arc::clone(&self.clock)));
        map.nodes.insert(server.clone(), Arc::clone(&node));
        Some(node)
    }

    /// The reading of the map that is under way, or a new one when it is time.
    fn read_map(self: &Arc<Self>) -> Option<u64> {
        let runtime = Handle::try_current().ok()?;
        let mut map = self.map();
        if map.is_reading {
            return Some(map.readings);
        }
        if self.clock.elapsed() < map.rest_until {
            return None;
        }
        map.is_reading = true;
        map.readings += 1;
        let reading = Reading {
            cluster: Arc::clone(self),
            number: map.readings,
        };
        let number = map.readings;
        drop(map);
        runtime.spawn(reading.run());
        Some(number)
    }

    /// Whom to ask for the map: first who is there, and not always the same one, for it may be one that the
    /// others have left behind.
    fn candidates(&self, reading: u64) -> Vec<Arc<Node>> {
        let mut map = self.map();
        let mut nodes: Vec<_> = map.nodes.values().map(Arc::clone).collect();
        for seed in &self.seeds {
            let is_known = map.nodes.contains_key(seed);
            nodes.extend(self.node_in(&mut map, seed).filter(|_| !is_known));
        }
        drop(map);
        let first = usize::try_from(reading).unwrap_or(0) % nodes.len().max(1);
        nodes.rotate_left(first);
        nodes.sort_by_key(|node| !node.status().connected);
        nodes
    }

    async fn read_from_any(&self, reading: u64) -> Result<Slots, Trouble> {
        let question = Question {
            command: script::cluster_slots(),
            longest: KeySnapshot::MAX_LENGTH,
        };
        let mut trouble = Trouble::new("no_map", "no server tells who has which keys");
        for node in self.candidates(reading) {
            let patience = Patience::of(self.limits.connect / 2);
            let host = node.place().in_cluster().map_or("", RedisAddress::host);
            let read = |answer| Slots::read(&answer, host);
            match node.ask(&question, patience, read).await {
                Ok(slots) => return Ok(slots),
                Err(_) => trouble = node.status().trouble.unwrap_or(trouble),
            }
        }
        Err(trouble)
    }

    fn reading_ended(self: &Arc<Self>, number: u64, result: Result<Slots, Trouble>) {
        let mut map = self.map();
        if map.is_reading && map.readings == number {
            let now = self.clock.elapsed();
            map.is_reading = false;
            map.rest_until = now + self.limits.first_pause;
            match result {
                Ok(slots) => {
                    if map.slots.is_none() {
                        map.since = now;
                    }
                    map.read_at = now;
                    map.trouble = None;
                    let is_needed = |server: &Server| {
                        slots.servers().contains(server) || self.seeds.contains(server)
                    };
                    map.nodes.retain(|server, _| is_needed(server));
                    map.slots = Some(slots);
                }
                Err(trouble) => map.trouble = Some(trouble),
            }
        }
        drop(map);
        for node in self.owners() {
            node.begin();
        }
        self.ended.send_if_modified(|ended| {
            let newer = number > *ended;
            *ended = number.max(*ended);
            newer
        });
    }

    fn map(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reading of the map that reports its end whatever happens to it.
struct Reading {
    cluster: Arc<Cluster>,
    number: u64,
}

impl Reading {
    async fn run(self) {
        let result = self.cluster.read_from_any(self.number).await;
        self.cluster.reading_ended(self.number, result);
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // After `run` it is no longer the current one, and this changes nothing.
        self.cluster
            .reading_ended(self.number, Err(Trouble::aborted()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn e9_servers_without_end_are_not_connected_to() {
        let address = RedisAddress::parse("redis://127.0.0.1").unwrap();
        let cluster = Cluster::new(
            Dialer::new(address.clone()).unwrap(),
            &[address],
            "probe".to_owned(),
            Limits::default(),
            Arc::new(SystemClock::new()),
        );
        let known = |port| cluster.node(&("127.0.0.1".to_owned(), port)).is_ok();
        assert!((1..=1_000).all(known));
        assert!(!(1_001..=2_000).any(known));
        assert!(known(1));
        assert_eq!(cluster.map().nodes.len(), MOST_SERVERS);
    }
}
