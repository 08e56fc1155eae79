//! Three gates with one Redis, behind a real proxy that spreads requests over them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use http::HeaderMap;
use oauthgate_e2e::{Gate, GateBuilder, Haproxy, Issuer, Nginx, Recorder, RedisServer};

use crate::limits::eventually;

const SECRET: &str = "of these tests alone: thirty-two bytes";
/// Longer than a busy machine keeps a Redis waiting: tests about sharing are not about slow machines.
pub(super) const PATIENT: &str = "1000";
/// Between two requests of one caller.
const PAUSE: Duration = Duration::from_millis(10);

/// What stands before the gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proxy {
    Haproxy,
    Nginx,
}

#[derive(Debug)]
enum Front {
    Haproxy(Haproxy),
    Nginx(Nginx),
}

impl Front {
    async fn start(proxy: Proxy, gates: &[GateBuilder]) -> Self {
        let ports: Vec<_> = gates.iter().map(GateBuilder::port).collect();
        match proxy {
            Proxy::Haproxy => Self::Haproxy(Haproxy::start(|port| haproxy(port, &ports)).await),
            Proxy::Nginx => Self::Nginx(Nginx::start(|port| nginx(port, &ports)).await),
        }
    }

    fn port(&self) -> u16 {
        match self {
            Self::Haproxy(haproxy) => haproxy.port,
            Self::Nginx(nginx) => nginx.port,
        }
    }
}

/// Every request goes to the next gate, whatever connection it came on.
fn haproxy(port: u16, gates: &[u16]) -> String {
    let servers: String = gates
        .iter()
        .map(|gate| format!("  server gate-{gate} 127.0.0.1:{gate}\n"))
        .collect();
    format!(
        "global\n  maxconn 1000\ndefaults\n  mode http\n  timeout connect 20s\n  timeout client 60s\n  timeout server 60s\n\
         frontend public\n  bind 127.0.0.1:{port}\n  default_backend gates\n\
         backend gates\n  balance roundrobin\n  retries 0\n  option forwardfor\n{servers}"
    )
}

/// The same. A gate that answers is never asked a second time for the same request.
fn nginx(port: u16, gates: &[u16]) -> String {
    let servers: String = gates
        .iter()
        .map(|gate| format!("server 127.0.0.1:{gate} max_fails=0;\n"))
        .collect();
    format!(
        "upstream gates {{\n{servers}keepalive 16;\n}}\n\
         server {{\nlisten 127.0.0.1:{port};\nlocation / {{\nproxy_pass http://gates;\nproxy_next_upstream off;\n\
         proxy_http_version 1.1;\nproxy_set_header Connection \"\";\nproxy_set_header Host $http_host;\n\
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n}}\n}}\n"
    )
}

/// The whole site.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) gates: Vec<Gate>,
    pub(super) redis: RedisServer,
    builders: Vec<GateBuilder>,
    front: Front,
    issuer: Issuer,
    resource: String,
    client: reqwest::Client,
    /// Last, because what asks it goes first.
    _upstream: Recorder,
}

impl Fleet {
    /// Three gates with these lines about the resource, and these settings beside the usual ones.
    pub(super) async fn start(proxy: Proxy, limits: &str, settings: &[(&str, &str)]) -> Self {
        let issuer = Issuer::start().await;
        let upstream = Recorder::start().await;
        let redis = RedisServer::start().await;
        let builder = || {
            let gate = GateBuilder::trusting(&upstream.url(), issuer.name())
                .with_policy(limits)
                .set("OAUTHGATE_TRUSTED_PROXIES", "127.0.0.1")
                .set("OAUTHGATE_REDIS_URL", redis.url())
                .set("OAUTHGATE_STATE_SECRET", SECRET);
            settings
                .iter()
                .fold(gate, |gate, (name, value)| gate.set(name, *value))
        };
        let builders: Vec<_> = (0..3).map(|_| builder()).collect();
        let front = Front::start(proxy, &builders).await;
        let builders: Vec<_> = builders
            .into_iter()
            .map(|builder| builder.public_port(front.port()))
            .collect();
        let gates = join_all(builders.iter().cloned().map(GateBuilder::start)).await;
        let resource = builders[0].resource().to_owned();
        let fleet = Self {
            gates,
            redis,
            builders,
            front,
            issuer,
            resource,
            client: reqwest::Client::new(),
            _upstream: upstream,
        };
        fleet.until_together().await;
        fleet
    }

    /// Until every gate has its Redis and lets good tokens pass.
    pub(super) async fn until_together(&self) {
        for gate in &self.gates {
            eventually("a gate with its Redis", async || {
                gate.readiness().await.1["sharing"]["connected"] == true
            })
            .await;
        }
    }

    /// Ends a gate and starts it anew.
    pub(super) async fn restart_gate(&mut self, number: usize) {
        let gate = self.gates.remove(number);
        drop(gate);
        let gate = self.builders[number].clone().start().await;
        self.gates.insert(number, gate);
        self.until_together().await;
    }

    /// A good token of somebody in a tier.
    pub(super) fn token(&self, subject: &str, tier: &str) -> String {
        let token = self.issuer.specification(&self.resource);
        let token = token.subject(subject).claim("tier", tier);
        self.issuer.signer.mint(token)
    }

    /// Somebody who asks through the proxy.
    pub(super) fn caller(&self, subject: &str, tier: &str) -> Caller {
        self.caller_at(self.front.port(), subject, tier)
    }

    /// Somebody who asks one gate.
    pub(super) fn caller_of_gate(&self, number: usize, subject: &str, tier: &str) -> Caller {
        self.caller_at(self.gates[number].port, subject, tier)
    }

    fn caller_at(&self, port: u16, subject: &str, tier: &str) -> Caller {
        Caller {
            client: self.client.clone(),
            url: format!("http://127.0.0.1:{port}/mcp"),
            host: format!("localhost:{}", self.front.port()),
            token: self.token(subject, tier),
        }
    }

    /// What every gate said about Redis, in order: whether it is there.
    pub(super) fn told_of_redis(&self) -> Vec<Vec<bool>> {
        let told = |gate: &Gate| {
            let output = gate.process.so_far();
            let lines = output.lines().filter_map(|line| {
                let is_there = line.contains("shared through Redis");
                (is_there || line.contains("this replica goes on alone")).then_some(is_there)
            });
            lines.collect()
        };
        self.gates.iter().map(told).collect()
    }

    /// How often a gate lost its Redis. On a machine so busy that it was silent for a tenth of a second, that happens
    /// without cause.
    pub(super) fn losses(&self) -> usize {
        let told = self.told_of_redis().into_iter().flatten();
        told.filter(|is_there| !is_there).count()
    }

    /// Until every gate has said that it is alone.
    pub(super) async fn until_alone(&self) {
        eventually("every gate says it is alone", async || {
            let told = self.told_of_redis();
            told.iter().all(|told| told.last() == Some(&false))
        })
        .await;
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    #[expect(dead_code, reason = "shown when a test fails")]
    pub(super) body: String,
    begin: Instant,
    end: Instant,
}

impl Heard {
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// How long the caller was told to wait.
    pub(super) fn wait(&self) -> Duration {
        let seconds = self.header("retry-after").parse();
        Duration::from_secs(seconds.unwrap_or_else(|_| panic!("no Retry-After: {self:?}")))
    }
}

/// Somebody with a good token.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    client: reqwest::Client,
    url: String,
    host: String,
    token: String,
}

impl Caller {
    pub(super) async fn ask(&self) -> Heard {
        let begin = Instant::now();
        let request = self
            .client
            .get(&self.url)
            .header("host", &self.host)
            .bearer_auth(&self.token);
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.text().await.expect("a body");
        Heard {
            status,
            headers,
            body,
            begin,
            end: Instant::now(),
        }
    }

    /// Asks again and again until this holds.
    pub(super) async fn until(&self, mut holds: impl FnMut(&Heard) -> bool) -> History {
        let mut history = History::default();
        loop {
            let heard = self.ask().await;
            let is_last = holds(&heard);
            history.0.push(heard);
            if is_last {
                return history;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks so often, one request after the other.
    pub(super) async fn times(&self, count: usize) -> History {
        let mut left = count;
        self.until(|_| {
            left -= 1;
            left == 0
        })
        .await
    }
}

/// What was heard.
#[derive(Debug, Clone, Default)]
pub(super) struct History(pub(super) Vec<Heard>);

impl History {
    pub(super) fn together(histories: impl IntoIterator<Item = Self>) -> Self {
        Self(histories.into_iter().flat_map(|one| one.0).collect())
    }

    pub(super) fn statuses(&self) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        for heard in &self.0 {
            *statuses.entry(heard.status).or_default() += 1;
        }
        statuses
    }

    pub(super) fn count(&self, status: u16) -> usize {
        self.0.iter().filter(|heard| heard.status == status).count()
    }

    /// The statuses, which are these and no others.
    pub(super) fn assert_only(&self, allowed: &[u16], what: &str) {
        let odd = self.0.iter().find(|heard| !allowed.contains(&heard.status));
        assert!(odd.is_none(), "{what}: {:?}, {odd:?}", self.statuses());
    }

    /// The least time that can lie between the first decision and the last refusal, and the most between any two.
    pub(super) fn span(&self) -> (Duration, Duration) {
        let first_end = self.0.iter().map(|heard| heard.end).min();
        let refused = self.0.iter().filter(|heard| heard.status == 429);
        let last_refused = refused.map(|heard| heard.begin).max();
        let begin = self.0.iter().map(|heard| heard.begin).min();
        let end = self.0.iter().map(|heard| heard.end).max();
        let least = last_refused
            .zip(first_end)
            .map(|(last, first)| last.saturating_duration_since(first));
        let most = end.zip(begin).map(|(end, begin)| end - begin);
        (least.unwrap_or_default(), most.unwrap_or_default())
    }
}
