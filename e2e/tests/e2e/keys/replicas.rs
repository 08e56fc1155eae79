//! Replicas over one Redis: one fetch serves all, one withdrawal reaches all, and Redis is trusted with nothing.

use std::time::Duration;

use futures_util::future::join_all;
use oauthgate_e2e::{Behaviour, Gate, GateBuilder, Issuer, Recorder, RedisServer};

use super::{assert_refuses_forged, eventually};

const SECRET: &str = "of these tests alone: thirty-two bytes";

pub(super) struct Replicas {
    pub(super) issuer: Issuer,
    upstream: Recorder,
    redis: RedisServer,
}

impl Replicas {
    pub(super) async fn new() -> Self {
        Self {
            issuer: Issuer::start().await,
            upstream: Recorder::start().await,
            redis: RedisServer::start().await,
        }
    }

    fn replica(&self) -> GateBuilder {
        let gate = GateBuilder::trusting(&self.upstream.url(), self.issuer.name());
        let gate = gate.set("OAUTHGATE_REDIS_URL", self.redis.url());
        gate.set("OAUTHGATE_STATE_SECRET", SECRET)
    }

    async fn start(&self) -> Gate {
        self.start_as(self.replica()).await
    }

    async fn start_as(&self, replica: GateBuilder) -> Gate {
        let gate = replica.start_unready().await;
        eventually("keys", async || self.status(&gate).await == 200).await;
        gate
    }

    async fn replicas(&self) -> Vec<Gate> {
        self.start_all(|gate| gate).await
    }

    /// Three replicas, started together.
    pub(super) async fn start_all(&self, adapt: impl Fn(GateBuilder) -> GateBuilder) -> Vec<Gate> {
        join_all((0..3).map(|_| self.start_as(adapt(self.replica())))).await
    }

    async fn status(&self, gate: &Gate) -> u16 {
        gate.status(&self.issuer.token(&gate.resource)).await
    }

    /// Whether all of them had their Redis all the time. On a machine so busy that it took more than the
    /// 100 ms that a replica waits for it, one has gone on alone, as it should, and has said so.
    pub(super) fn were_together(gates: &[Gate]) -> bool {
        let alone = |gate: &Gate| gate.process.output().contains("this replica goes on alone");
        !gates.iter().any(alone)
    }

    async fn assert_serve(&self, gates: &[Gate], what: &str) {
        for gate in gates {
            assert_eq!(self.status(gate).await, 200, "{what}");
            assert_refuses_forged(gate, &self.issuer, &self.upstream, 401, what).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r5_three_replicas_that_start_together_fetch_once() {
    let site = Replicas::new().await;
    let slow = Behaviour::Slow(Duration::from_millis(500));
    site.issuer.keys.behave(slow).await;
    let gates = site.replicas().await;
    let most = if Replicas::were_together(&gates) {
        1
    } else {
        3
    };
    assert!((1..=most).contains(&site.issuer.keys.requests()));
    site.assert_serve(&gates, "one fetch for all").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_what_is_withdrawn_at_one_replica_is_refused_at_all() {
    let site = Replicas::new().await;
    let gates = site.replicas().await;
    let path = format!("/keys/{}", site.issuer.signer.key_id());
    let tokens: Vec<_> = gates
        .iter()
        .map(|gate| site.issuer.token(&gate.resource))
        .collect();
    assert_eq!(gates[0].admin("DELETE", &path).await.status, 200);
    for (gate, token) in gates.iter().zip(&tokens) {
        eventually("refused here as well", async || {
            gate.status(token).await != 200
        })
        .await;
    }
    let late = site.replica().start_unready().await;
    let token = site.issuer.token(&late.resource);
    for _ in 0..3 {
        assert_ne!(
            late.status(&token).await,
            200,
            "a replica that starts later"
        );
    }
    site.issuer.rotate(true);
    for gate in &gates {
        assert_eq!(gate.admin("POST", "/keys/refresh").await.status, 200);
        assert_eq!(site.status(gate).await, 200, "another key of the issuer");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r2_r9_a_replica_that_starts_in_the_outage_serves_at_once() {
    let site = Replicas::new().await;
    let first = site.start().await;
    for outage in [
        Behaviour::Refused,
        Behaviour::Silent,
        Behaviour::Status(500),
    ] {
        site.issuer.metadata.behave(outage.clone()).await;
        site.issuer.keys.behave(outage.clone()).await;
        let late = site.replica().start_unready().await;
        assert_eq!(site.status(&late).await, 200, "{outage:?}");
        site.assert_serve(&[late], "started in the outage").await;
    }
    site.assert_serve(&[first], "there before").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e9_replicas_without_their_redis_go_on_alone() {
    let mut site = Replicas::new().await;
    let gates = site.replicas().await;
    site.redis.kill();
    site.assert_serve(&gates, "Redis is gone").await;
    site.issuer.rotate(true);
    for gate in &gates {
        assert_eq!(gate.admin("POST", "/keys/refresh").await.status, 200);
    }
    site.assert_serve(&gates, "a new key without Redis").await;
    let late = site.start().await;
    site.assert_serve(&[late], "started without Redis").await;
}

/// Whoever can write to Redis can neither plant a key nor close a gate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e9_what_strangers_write_to_redis_opens_nothing_and_closes_nothing() {
    let site = Replicas::new().await;
    let gates = site.replicas().await;
    let foreign = Issuer::start().await;
    let planted = foreign.signer.jwk_set().to_string();
    let names = site.redis.keys().await;
    assert!(!names.is_empty(), "replicas share something");
    for name in &names {
        site.redis.command(&["DEL", name]).await;
        site.redis.command(&["SET", name, &planted]).await;
    }
    for gate in &gates {
        let answer = gate.admin("POST", "/keys/refresh").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    site.assert_serve(&gates, "planted keys").await;
    for name in site.redis.keys().await {
        site.redis.command(&["DEL", &name]).await;
        site.redis.command(&["LPUSH", &name, "a list"]).await;
    }
    for gate in &gates {
        let mut specification = site.issuer.specification(&gate.resource);
        specification.kid = Some(foreign.signer.key_id());
        let token = foreign.signer.mint(specification);
        assert_eq!(gate.status(&token).await, 401, "signed with a planted key");
        assert_eq!(gate.admin("POST", "/keys/refresh").await.status, 200);
    }
    site.assert_serve(&gates, "values of another type").await;
    let late = site.start().await;
    site.assert_serve(&[late], "started among all this").await;
}

/// Whoever has another secret is a stranger: nothing that it says is believed, and both go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e9_a_replica_with_another_secret_is_a_stranger() {
    let site = Replicas::new().await;
    let one = site.start().await;
    let other = site.replica().set(
        "OAUTHGATE_STATE_SECRET",
        "another secret than that of the rest",
    );
    let other = site.start_as(other).await;
    let gates = [one, other];
    site.assert_serve(&gates, "two secrets").await;
    let [one, other] = &gates;
    let path = format!("/keys/{}", site.issuer.signer.key_id());
    assert_eq!(one.admin("DELETE", &path).await.status, 200);
    // Replicas listen to each other every half second.
    for _ in 0..8 {
        assert_ne!(site.status(one).await, 200, "withdrawn here");
        assert_eq!(site.status(other).await, 200, "not by anybody it knows");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
