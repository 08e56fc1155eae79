//! Several real servers that belong together: a cluster, or a master with replicas and sentinels.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::{
    server::{RedisServer, free_port},
    until,
};

/// Slots are spread over this many masters.
const MASTERS: usize = 3;
const SLOTS: u16 = 16_384;
pub(super) const MASTER: &str = "mymaster";

/// A cluster of three masters with a third of the slots each.
pub(super) struct Fleet {
    pub(super) servers: Vec<RedisServer>,
    arguments: Vec<String>,
}

impl Fleet {
    pub(super) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(super) async fn with(arguments: &[&str]) -> Self {
        let mut fleet = Self {
            servers: Vec::new(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        };
        for number in 0..MASTERS {
            fleet.add();
            let (first, last) = range(number);
            let (first, last) = (first.to_string(), last.to_string());
            let words = ["CLUSTER", "ADDSLOTSRANGE", &first, &last];
            assert_eq!(fleet.servers[number].say(&words), "+OK\r\n");
        }
        for number in 1..MASTERS {
            fleet.introduce(number);
        }
        fleet.agree().await;
        fleet
    }

    /// Another server, which knows nobody and has no slots.
    fn add(&mut self) -> usize {
        let number = self.servers.len();
        let bus = free_port().to_string();
        let mut arguments = vec![
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            &bus,
            // So that a busy machine looks like no server that is gone.
            "--cluster-node-timeout",
            "20000",
            "--cluster-allow-replica-migration",
            "no",
        ];
        arguments.extend(self.arguments.iter().map(String::as_str));
        let tls = free_port();
        let tls_port = tls.to_string();
        if self.arguments.iter().any(|word| word == "--tls-cluster") {
            arguments.extend(["--tls-port", &tls_port]);
        }
        let mut server = RedisServer::with(&arguments);
        (server.bus, server.tls) = (bus.parse().unwrap(), tls);
        self.servers.push(server);
        number
    }

    /// Makes a server known to the first one, and so to all.
    fn introduce(&self, number: usize) {
        let first = &self.servers[0];
        let over_tls = self.arguments.iter().any(|word| word == "--tls-cluster");
        let port = if over_tls { first.tls } else { first.port() };
        let (port, bus) = (port.to_string(), first.bus.to_string());
        let met = self.servers[number].say(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        assert_eq!(met, "+OK\r\n");
    }

    /// Waits until all know all, and every slot.
    async fn agree(&self) {
        let all = format!("cluster_known_nodes:{}\r\n", self.servers.len());
        let agrees = |server: &RedisServer| {
            let told = server.say(&["CLUSTER", "INFO"]);
            told.contains("cluster_state:ok") && told.contains(&all)
        };
        until("the cluster agrees", || self.servers.iter().all(agrees)).await;
    }

    /// A replica of a master.
    pub(super) async fn add_replica_of(&mut self, master: usize) -> usize {
        let number = self.add();
        self.introduce(number);
        self.agree().await;
        let id = self.id(master);
        let replicate = || self.servers[number].say(&["CLUSTER", "REPLICATE", &id]);
        until("the replica knows its master", || replicate() == "+OK\r\n").await;
        let is_linked = || {
            let told = self.servers[number].say(&["INFO", "replication"]);
            told.contains("master_link_status:up")
        };
        until("the replica is up to date", is_linked).await;
        number
    }

    pub(super) fn id(&self, number: usize) -> String {
        let answer = self.servers[number].say(&["CLUSTER", "MYID"]);
        answer.split("\r\n").nth(1).unwrap().to_owned()
    }

    /// The server that has a slot at the start.
    pub(super) fn owner_of(slot: u16) -> usize {
        (0..MASTERS)
            .find(|number| slot <= range(*number).1)
            .unwrap()
    }

    /// `redis://` URLs of these servers.
    pub(super) fn urls(&self, numbers: &[usize]) -> Vec<String> {
        let servers = numbers.iter().map(|number| &self.servers[*number]);
        servers.map(RedisServer::url).collect()
    }
}

fn range(number: usize) -> (u16, u16) {
    let size = SLOTS.div_ceil(u16::try_from(MASTERS).unwrap());
    let first = size * u16::try_from(number).unwrap();
    (first, (first + size).min(SLOTS) - 1)
}

/// A master with a replica, and sentinels that watch them.
pub(super) struct Watched {
    pub(super) master: RedisServer,
    pub(super) replica: RedisServer,
    pub(super) sentinels: Vec<RedisServer>,
    _directory: TempDir,
}

impl Watched {
    pub(super) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The arguments are for all of them.
    pub(super) async fn with(arguments: &[&str]) -> Self {
        let is_tls = arguments.contains(&"--tls-replication");
        let start = |more: &[&str]| {
            let tls = free_port();
            let mut words = [arguments, more].concat();
            let tls_port = tls.to_string();
            if is_tls {
                words.extend(["--tls-port", &tls_port]);
            }
            let mut server = RedisServer::with(&words);
            server.tls = tls;
            server
        };
        let master = start(&[]);
        let port = if is_tls { master.tls } else { master.port() };
        let replica = start(&["--replicaof", "127.0.0.1", &port.to_string()]);
        let directory = TempDir::new().unwrap();
        let start = |number| sentinel(directory.path(), number, port, arguments);
        let watched = Self {
            sentinels: (0..3).map(start).collect(),
            master,
            replica,
            _directory: directory,
        };
        watched.agree().await;
        watched
    }

    /// Waits until every sentinel knows the replica and the other sentinels.
    async fn agree(&self) {
        let others = self.sentinels.len() - 1;
        let knows_all = |sentinel: &RedisServer| {
            let told = sentinel.say(&["SENTINEL", "MASTER", MASTER]);
            let field = |name: &str| {
                let mut words = told.split("\r\n").skip_while(|word| *word != name);
                words.nth(2).and_then(|number| number.parse().ok())
            };
            field("num-slaves") == Some(1) && field("num-other-sentinels") == Some(others)
        };
        let what = "the sentinels know everybody";
        until(what, || self.sentinels.iter().all(knows_all)).await;
    }

    /// Lets the other be the master while the first is alive.
    pub(super) async fn swap(&self) {
        let order = || self.sentinels[0].say(&["SENTINEL", "FAILOVER", MASTER]);
        until("the order is taken", || order() == "+OK\r\n").await;
        let is_replica = || self.master.say(&["ROLE"]).contains("slave");
        until("the master is a replica", is_replica).await;
    }
}

fn sentinel(directory: &Path, number: usize, master: u16, arguments: &[&str]) -> RedisServer {
    let file = directory.join(format!("sentinel-{number}.conf"));
    let mut told = vec![
        format!("sentinel monitor {MASTER} 127.0.0.1 {master} 2"),
        format!("sentinel down-after-milliseconds {MASTER} 2000"),
        format!("sentinel failover-timeout {MASTER} 5000"),
    ];
    let tls = arguments.chunks(2).map(|words| words.join(" "));
    told.extend(tls.filter_map(|line| line.strip_prefix("--tls").map(|line| format!("tls{line}"))));
    fs::write(&file, told.join("\n")).unwrap();
    RedisServer::sentinel(file.to_str().unwrap())
}
