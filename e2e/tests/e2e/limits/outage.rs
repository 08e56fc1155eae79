//! Redis goes away in the middle of all: nobody who keeps to a quota notices, and the quotas come back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinHandle;

use super::{
    eventually,
    fleet::{Caller, Fleet, History, PATIENT, Proxy},
};

/// `pro` callers keep to their quota whatever they do; `free` ones have six requests a day.
const TIERS: &str = r#"
[[resource.limit]]
name = "per-user"
by = ["subject"]
[resource.limit.tiers]
free = { rate = "1/day", burst = 6 }
pro = { rate = "10000/s", burst = 10000 }
"#;
const BURST: usize = 6;
const CALLERS: usize = 8;

/// Callers who keep to their quota, in the background.
struct Load {
    ends: Arc<AtomicBool>,
    callers: Vec<JoinHandle<History>>,
}

impl Load {
    fn start(fleet: &Fleet) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let caller = fleet.caller(&format!("good-{number}"), "pro");
                let ends = Arc::clone(&ends);
                tokio::spawn(async move { caller.until(|_| ends.load(Ordering::Relaxed)).await })
            })
            .collect();
        Self { ends, callers }
    }

    /// What they heard.
    async fn end(self) -> History {
        self.ends.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for caller in self.callers {
            all.push(caller.await.expect("a caller gets its answers"));
        }
        History::together(all)
    }
}

/// How much somebody gets who was never there, one gate after the other.
async fn granted_to(fleet: &Fleet, newcomer: &str) -> usize {
    let history = fleet.caller(newcomer, "free").times(3 * BURST + 3).await;
    history.assert_only(&[200, 429], newcomer);
    history.count(200)
}

/// Newcomers come until one gets no more from three gates than from one.
async fn until_quotas_are_shared(fleet: &Fleet) {
    let mut number = 0;
    eventually("one quota for all gates", async || {
        number += 1;
        granted_to(fleet, &format!("newcomer-{number}")).await == BURST
    })
    .await;
}

fn spent(caller: &Caller) -> impl Future<Output = History> {
    caller.until(|heard| heard.status == 429)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e9_no_good_request_fails_when_redis_is_killed_and_limits_resume_when_it_is_back() {
    let settings = [("OAUTHGATE_REDIS_TIMEOUT", PATIENT)];
    let mut fleet = Fleet::start(Proxy::Haproxy, TIERS, &settings).await;
    let load = Load::start(&fleet);
    let alice = fleet.caller("alice", "free");
    let before = spent(&alice).await;
    assert_eq!(before.count(200), BURST);
    fleet.redis.kill();
    fleet.until_alone().await;
    // Each gate alone has a limit still, and what was spent before is not forgotten by a gate that saw it.
    let meanwhile = alice.times(6 * BURST).await;
    meanwhile.assert_only(&[200, 429], "over the quota, without Redis");
    assert!(
        meanwhile.count(200) <= 3 * BURST,
        "{:?}",
        meanwhile.statuses()
    );
    assert!(
        meanwhile.count(429) >= 3 * BURST,
        "{:?}",
        meanwhile.statuses()
    );
    for gate in &fleet.gates {
        assert!(
            gate.metrics()
                .await
                .contains("oauthgate_shared_connected 0")
        );
    }
    fleet.redis.restart().await;
    fleet.until_together().await;
    until_quotas_are_shared(&fleet).await;
    let history = load.end().await;
    history.assert_only(&[200], "callers who keep to their quota");
    eprintln!("{} good requests, none refused", history.0.len());
    for told in fleet.told_of_redis() {
        assert!(told.len() >= 3, "there, away, and there again: {told:?}");
        let alternate = told.windows(2).all(|pair| pair[0] != pair[1]);
        assert!(alternate && told[0], "one line for each change: {told:?}");
    }
    let resumed = spent(&alice).await;
    assert!(resumed.count(200) <= BURST, "{:?}", resumed.statuses());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gates_that_require_redis_say_503_without_it_and_serve_again_with_it() {
    let settings = [
        ("OAUTHGATE_REDIS_TIMEOUT", PATIENT),
        ("OAUTHGATE_REDIS_LIMITS", "require"),
    ];
    let mut fleet = Fleet::start(Proxy::Haproxy, TIERS, &settings).await;
    let bob = fleet.caller("bob", "pro");
    assert_eq!(bob.ask().await.status, 200);
    fleet.redis.kill();
    fleet.until_alone().await;
    let history = bob.times(9).await;
    history.assert_only(&[503], "nobody can count");
    for heard in &history.0 {
        assert!(heard.wait() >= Duration::from_secs(1));
        assert_eq!(heard.header("www-authenticate"), "");
    }
    for gate in &fleet.gates {
        assert!(gate.metrics().await.contains("quota_unavailable"));
    }
    fleet.redis.restart().await;
    fleet.until_together().await;
    bob.times(9).await.assert_only(&[200], "Redis is back");
    until_quotas_are_shared(&fleet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e9_no_good_request_fails_when_redis_hangs_and_quotas_are_shared_when_it_wakes() {
    // Short, so that the hanging is noticed; on a busy machine it is noticed now and then without cause.
    let settings = [("OAUTHGATE_REDIS_TIMEOUT", "100")];
    let fleet = Fleet::start(Proxy::Nginx, TIERS, &settings).await;
    let load = Load::start(&fleet);
    fleet.redis.pause();
    fleet.until_alone().await;
    let alice = fleet.caller("alice", "free").times(6 * BURST).await;
    alice.assert_only(&[200, 429], "over the quota, while Redis hangs");
    assert!(alice.count(200) <= 3 * BURST, "{:?}", alice.statuses());
    fleet.redis.resume();
    fleet.until_together().await;
    until_quotas_are_shared(&fleet).await;
    let history = load.end().await;
    history.assert_only(&[200], "callers who keep to their quota");
}

/// Whoever can write to Redis can make a caller wait for as long as its burst takes to come back, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e9_what_strangers_write_to_redis_fails_no_request_and_grants_no_second_quota() {
    let settings = [("OAUTHGATE_REDIS_TIMEOUT", PATIENT)];
    let fleet = Fleet::start(Proxy::Haproxy, TIERS, &settings).await;
    let (alice, bob) = (fleet.caller("alice", "free"), fleet.caller("bob", "pro"));
    assert_eq!(alice.times(3 * BURST + 3).await.count(200), BURST);
    let long = "9".repeat(1_000_000);
    let texts = [
        "",
        "0",
        "-1",
        "x",
        "nan",
        "inf",
        "1e400",
        "0x10",
        "1.5",
        &long,
        "18446744073709551616",
    ];
    for text in texts {
        bob.times(3).await;
        for name in fleet.redis.keys().await {
            fleet.redis.command(&["SET", &name, text]).await;
        }
        let shown = &text[..text.len().min(20)];
        // A number of the future is cut to a burst, which comes back to this caller in a second.
        let is_served = async || bob.times(3).await.count(200) == 3;
        eventually(&format!("served with {shown:?} in Redis"), is_served).await;
    }
    for name in fleet.redis.keys().await {
        fleet.redis.command(&["DEL", &name]).await;
        fleet.redis.command(&["LPUSH", &name, "a list"]).await;
    }
    bob.times(12)
        .await
        .assert_only(&[200], "values of another type");
    // Every gate that saw her spend remembers; none lets through more than its own quota.
    let more = alice.times(6 * BURST).await;
    more.assert_only(&[200, 429], "over the quota, with lists in Redis");
    assert!(more.count(200) <= 2 * BURST, "{:?}", more.statuses());
}
