//! Gates that share keys and withdrawals, and what they say about it.

use std::{
    net::TcpListener,
    num::NonZeroU32,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use oauthgate_remote::state::redis::{QuotaSettings, RedisAddress, WhenAway};
use oauthgate_tower::quota::{By, Limit};
use serde_json::{Value, json};

use super::support::{PATIENCE, Running, issuing, resource};
use crate::config::{Settings, SharedState};

/// A real `redis-server` that ends with the value.
struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    fn start() -> Self {
        // The port may be taken between its choice and the start.
        for _ in 0..10 {
            let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let mut redis = Self::on(port);
            for _ in 0..400 {
                if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return redis;
                }
                if redis.process.try_wait().unwrap().is_some() {
                    break;
                }
                nap();
            }
        }
        panic!("redis-server does not start: `cargo xtask setup` installs it");
    }

    fn on(port: u16) -> Self {
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--loglevel", "warning"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed: `cargo xtask setup` does it");
        Self { process, port }
    }

    fn share(&self, settings: &mut Settings) {
        let address = RedisAddress::parse(&format!("redis://127.0.0.1:{}", self.port)).unwrap();
        let secret = "a secret of more than thirty-two bytes".into();
        settings.shared_state = Some(SharedState::new(address, secret));
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a moment at the start of a test")]
fn nap() {
    std::thread::sleep(Duration::from_millis(10));
}

/// Two gates that trust the same issuer.
async fn replicas(redis: &Redis) -> [Running; 2] {
    let signer = issuing("test-1").await;
    let settings = || {
        let mut settings = Settings::new(vec![resource(
            "https://mcp.example.com/mcp",
            &signer.issuer,
        )]);
        redis.share(&mut settings);
        settings
    };
    let gates = [
        Running::over(settings(), Arc::clone(&signer)).await,
        Running::over(settings(), Arc::clone(&signer)).await,
    ];
    for gate in &gates {
        gate.ready().await;
    }
    gates
}

async fn readiness(gate: &Running) -> Value {
    gate.ask_admin("/readyz").await.json()
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn r4_a_key_that_one_gate_withdraws_all_gates_refuse() {
    let redis = Redis::start();
    let [first, second] = replicas(&redis).await;
    assert_eq!((first.status().await, second.status().await), (200, 200));
    let answer = first.call_admin("DELETE /keys/test-1", &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(first.status().await, 401);
    until("refused", async || second.status().await == 401).await;
}

#[tokio::test]
async fn what_replicas_remember_needs_no_setting() {
    let redis = Redis::start();
    let [first, second] = replicas(&redis).await;
    until("connected", async || {
        readiness(&first).await["sharing"]["connected"] == true
    })
    .await;
    let answer = first.call_admin("DELETE /keys/test-1", &[]).await.json();
    assert_eq!(
        (&answer["shared"], &answer["issuers"][0]["saved"]),
        (&json!(true), &json!("nowhere"))
    );
    assert_eq!(answer["to_keep"], Value::Null, "{answer}");
    until("told", async || second.status().await == 401).await;
    let signer = Arc::clone(&first.signer);
    let mut settings = Settings::new(vec![resource(
        "https://mcp.example.com/mcp",
        &signer.issuer,
    )]);
    redis.share(&mut settings);
    for mut gate in [first, second] {
        gate.stop();
        gate.ended.await.unwrap();
    }
    let third = Running::over(settings, signer).await;
    third.ready().await;
    until("remembered", async || third.status().await == 401).await;
}

#[tokio::test]
async fn a_gate_tells_whether_it_is_alone() {
    let mut redis = Redis::start();
    let [first, second] = replicas(&redis).await;
    for gate in [&first, &second] {
        until("connected", async || {
            readiness(gate).await["sharing"]["connected"] == true
        })
        .await;
        let report = readiness(gate).await;
        assert_eq!(report["warnings"], json!([]), "{report}");
    }
    let metrics = first.ask_admin("/metrics").await.body;
    assert!(
        metrics.contains("oauthgate_shared_connected 1"),
        "{metrics}"
    );
    redis.process.kill().unwrap();
    redis.process.wait().unwrap();
    until("alone", async || {
        readiness(&first).await["sharing"]["connected"] == false
    })
    .await;
    let report = readiness(&first).await;
    assert_eq!(report["ready"], true, "{report}");
    let warning = &report["warnings"][0];
    assert_eq!(warning["warning"], "replicas_unreachable", "{report}");
    assert_eq!(warning.get("issuer"), None);
    let metrics = first.ask_admin("/metrics").await.body;
    assert!(
        metrics.contains("oauthgate_shared_connected 0"),
        "{metrics}"
    );
    assert_eq!(first.status().await, 200);
    let port = redis.port;
    redis = Redis::on(port);
    until("connected again", async || {
        readiness(&first).await["sharing"]["connected"] == true
    })
    .await;
    drop(redis);
}

/// Gates whose callers may do ten things in an hour, whatever the machine is busy with.
async fn counting(redis: &Redis, when_away: WhenAway, gates: usize) -> Vec<Running> {
    let limit = Limit::new("per-user", [By::Subject]).unwrap();
    limited(redis, when_away, gates, limit.rate("10/h".parse().unwrap())).await
}

/// Gates with this limit.
async fn limited(redis: &Redis, when_away: WhenAway, gates: usize, limit: Limit) -> Vec<Running> {
    let signer = issuing("test-1").await;
    let mut counting = Vec::new();
    for _ in 0..gates {
        let mut resource = resource("https://mcp.example.com/mcp", &signer.issuer);
        resource.quotas.limits.push(limit.clone());
        let mut settings = Settings::new(vec![resource]);
        redis.share(&mut settings);
        let shared = settings.shared_state.take().unwrap();
        let patient = QuotaSettings {
            timeout: Duration::from_secs(10),
            when_away,
        };
        settings.shared_state = Some(shared.with_quotas(patient));
        counting.push(Running::over(settings, Arc::clone(&signer)).await);
    }
    for gate in &counting {
        until("connected", async || {
            readiness(gate).await["sharing"]["connected"] == true
        })
        .await;
        gate.ready().await;
    }
    counting
}

/// Three gates that were asked in turn, and what they answered. A machine that stands still for a tenth of
/// a second looks like a Redis that does: then a gate decides alone, and all begin anew.
async fn undisturbed() -> (Redis, Vec<Running>, Vec<u16>) {
    for _ in 0..10 {
        let redis = Redis::start();
        let gates = counting(&redis, WhenAway::Fallback { share: 100 }, 3).await;
        let mut answers = Vec::new();
        for round in 0..15 {
            answers.push(gates[round % 3].status().await);
        }
        let mut alone = 0;
        for gate in &gates {
            let metrics = gate.ask_admin("/metrics").await.body;
            let none = "oauthgate_quota_decisions_total{by=\"alone\"} 0";
            alone += usize::from(!metrics.contains(none));
        }
        if alone == 0 {
            return (redis, gates, answers);
        }
    }
    panic!("Redis was away each time");
}

#[tokio::test]
async fn a_caller_has_its_quota_once_over_all_gates() {
    let (mut redis, gates, answers) = undisturbed().await;
    assert_eq!(answers, [vec![200; 10], vec![429; 5]].concat());
    redis.process.kill().unwrap();
    redis.process.wait().unwrap();
    // Where Redis stood, as far as each gate knows: nobody fails because it is gone.
    for gate in &gates {
        assert_eq!(gate.status().await, 429);
    }
}

#[tokio::test]
async fn a_gate_that_must_not_count_alone_says_so_and_does_not() {
    let mut redis = Redis::start();
    let gates = counting(&redis, WhenAway::Require, 1).await;
    let gate = &gates[0];
    assert_eq!(gate.status().await, 200);
    assert_eq!(gate.ask_admin("/readyz").await.status, 200);
    redis.process.kill().unwrap();
    redis.process.wait().unwrap();
    until("not ready", async || {
        gate.ask_admin("/readyz").await.status == 503
    })
    .await;
    let report = readiness(gate).await;
    assert_eq!(report["ready"], false, "{report}");
    assert_eq!(report["warnings"][0]["warning"], "replicas_unreachable");
    assert_eq!(gate.status().await, 503);
    let metrics = gate.ask_admin("/metrics").await.body;
    let uncounted = "oauthgate_quota_decisions_total{by=\"nobody\"} 1";
    assert!(metrics.contains(uncounted), "{metrics}");
    let port = redis.port;
    redis = Redis::on(port);
    until("ready again", async || {
        gate.ask_admin("/readyz").await.status == 200
    })
    .await;
    assert_eq!(gate.status().await, 200);
    drop(redis);
}

#[tokio::test]
async fn a_gate_where_nothing_is_counted_together_needs_no_others() {
    let mut redis = Redis::start();
    let limit = Limit::new("per-user", [By::Subject]).unwrap();
    let limit = limit.in_flight(NonZeroU32::MIN);
    let gates = limited(&redis, WhenAway::Require, 1, limit).await;
    redis.process.kill().unwrap();
    redis.process.wait().unwrap();
    until("away", async || {
        readiness(&gates[0]).await["sharing"]["connected"] == false
    })
    .await;
    assert_eq!(gates[0].status().await, 200);
    assert_eq!(gates[0].ask_admin("/readyz").await.status, 200);
}
