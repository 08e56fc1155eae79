//! R1 and R8: strangers' kids cost a bounded number of fetches, no good request, and no memory.

use std::{
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use oauthgate_e2e::{Behaviour, Connection, GateBuilder, Issuer, Recorder};
use tokio::task::JoinSet;

use super::{Scene, replicas::Replicas};

/// Longer than one cooldown, so that the second look is seen as well.
const FLOOD: Duration = Duration::from_secs(12);
const COOLDOWN: Duration = Duration::from_secs(10);
const WORKERS: usize = 9;
/// After so many strangers, each worker sends a good token.
const STRANGERS_TO_ONE: u64 = 10;
/// In kilobytes: what a gate may grow by, whoever comes.
const MOST_GROWTH: u64 = 32 * 1024;

#[derive(Debug, Default)]
struct Count {
    strangers: AtomicU64,
    good: AtomicU64,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A token of its own `kid` each time: only the header differs, so one signature serves all.
fn stranger(token: &str) -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"stranger-{number}"}}"#);
    let (_, rest) = token.split_once('.').expect("a compact token");
    format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(header))
}

/// A request from an address that nobody else has.
fn request(port: u16, token: &str) -> Vec<u8> {
    let [.., high, middle, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    format!(
        "GET /mcp HTTP/1.1\r\nHost: localhost:{port}\r\nX-Forwarded-For: 10.{high}.{middle}.{low}\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

async fn flood(scene: &Scene, lasting: Duration) -> Count {
    flood_all(&[(scene.gate.port, scene.token())], lasting).await
}

/// Every worker floods one of these gates, between tokens that are good there.
async fn flood_all(gates: &[(u16, String)], lasting: Duration) -> Count {
    let count = Arc::new(Count::default());
    let begin = Instant::now();
    let mut workers = JoinSet::new();
    for (port, token) in gates.iter().cycle().take(WORKERS).cloned() {
        let count = Arc::clone(&count);
        workers.spawn(async move {
            let mut connection = Connection::open(port).await;
            while begin.elapsed() < lasting {
                for _ in 0..STRANGERS_TO_ONE {
                    let status = connection.send(&request(port, &stranger(&token))).await;
                    assert_eq!(status, 401, "a stranger");
                    count.strangers.fetch_add(1, Ordering::Relaxed);
                }
                let status = connection.send(&request(port, &token)).await;
                assert_eq!(status, 200, "a good token in the flood");
                count.good.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    workers.join_all().await;
    Arc::into_inner(count).expect("all workers ended")
}

async fn flooded() -> Scene {
    // Each stranger comes from an address of its own, as behind a proxy that says who called.
    Scene::with(|gate| gate.set("OAUTHGATE_TRUSTED_PROXIES", "127.0.0.1")).await
}

/// One fetch at the start of the flood, and one more for every whole cooldown.
async fn assert_budget_holds(state: &'static str, behaviour: Behaviour) -> String {
    let scene = flooded().await;
    assert_eq!(scene.gate.status(&scene.token()).await, 200);
    scene.issuer.keys.behave(behaviour.clone()).await;
    scene.issuer.metadata.behave(behaviour).await;
    let (fetches, asked) = (scene.gate.fetches().await, scene.issuer.keys.requests());
    let begin = Instant::now();
    let count = flood(&scene, FLOOD).await;
    let fetches = scene.gate.fetches().await - fetches;
    let asked = scene.issuer.keys.requests() - asked;
    let allowed = 1 + begin.elapsed().as_secs() / COOLDOWN.as_secs();
    let (strangers, good) = (count.strangers.into_inner(), count.good.into_inner());
    let line = format!("{state:<10} {strangers:>9} {good:>6} {fetches:>8} {allowed:>8}");
    assert!((1..=allowed).contains(&fetches), "{line}");
    assert!(asked <= fetches, "{asked} requests for keys: {line}");
    line
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_d3_strangers_cause_one_fetch_per_cooldown_whatever_state_the_issuer_is_in() {
    let states = [
        ("fast", Behaviour::Well),
        ("slow 2 s", Behaviour::Slow(Duration::from_secs(2))),
        ("dead", Behaviour::Refused),
        ("hanging", Behaviour::Silent),
        ("500", Behaviour::Status(500)),
        ("empty set", Behaviour::Says(r#"{"keys":[]}"#)),
    ];
    let floods = states.map(|(state, behaviour)| assert_budget_holds(state, behaviour));
    let lines = futures_util::future::join_all(floods).await;
    eprintln!(
        "state      strangers   good  fetches  allowed\n{}",
        lines.join("\n")
    );
}

/// Strangers spread over replicas gain nothing: what one has looked up, all know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_d3_strangers_at_three_replicas_cause_one_fetch_per_cooldown_together() {
    let site = Replicas::new().await;
    let gates = site
        .start_all(|gate| gate.set("OAUTHGATE_TRUSTED_PROXIES", "127.0.0.1"))
        .await;
    let asked = site.issuer.keys.requests();
    let places: Vec<_> = gates
        .iter()
        .map(|gate| (gate.port, site.issuer.token(&gate.resource)))
        .collect();
    let begin = Instant::now();
    let count = flood_all(&places, FLOOD).await;
    let asked = site.issuer.keys.requests() - asked;
    let together = Replicas::were_together(&gates);
    let budgets = if together { 1 } else { 3 };
    let allowed = budgets * (1 + begin.elapsed().as_secs() / COOLDOWN.as_secs());
    assert!(
        (1..=allowed).contains(&asked),
        "{asked} of {allowed}, together: {together}: {count:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r8_h3_kids_and_addresses_without_end_do_not_fill_memory() {
    let scene = flooded().await;
    flood(&scene, Duration::from_secs(2)).await;
    let before = scene.gate.process.resident_kib();
    let count = flood(&scene, Duration::from_secs(8)).await;
    let after = scene.gate.process.resident_kib();
    let strangers = count.strangers.into_inner();
    eprintln!("{strangers} kids and addresses: {before} KiB before, {after} KiB after");
    assert!(
        after.saturating_sub(before) < MOST_GROWTH,
        "{before} KiB, then {after} KiB"
    );
}

/// Nothing is held, so every token is one whose key is missing: upkeep backs off, strangers have their
/// cooldown, and however many come, they change neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_d3_a_gate_without_keys_is_not_made_to_ask_more_often() {
    let floods = [
        Behaviour::Refused,
        Behaviour::Status(500),
        Behaviour::Says(r#"{"keys":[]}"#),
    ];
    let floods = floods.map(async |behaviour| {
        let issuer = Issuer::start().await;
        issuer.keys.behave(behaviour.clone()).await;
        let upstream = Recorder::start().await;
        let gate = GateBuilder::trusting(&upstream.url(), issuer.name());
        let begin = Instant::now();
        let gate = gate.start_unready().await;
        let token = issuer.token(&gate.resource);
        let mut connection = Connection::open(gate.port).await;
        let mut answers = 0_u64;
        while begin.elapsed() < FLOOD {
            let status = connection
                .send(&request(gate.port, &stranger(&token)))
                .await;
            assert_eq!(status, 503, "{behaviour:?}");
            answers += 1;
        }
        // Upkeep after 0, 1, 3, 7, 15, 31 and 63 seconds, and strangers once in ten.
        let fetches = gate.fetches().await;
        let upkeep = 1 + u64::from((begin.elapsed().as_secs() + 1).ilog2());
        let allowed = upkeep + 1 + begin.elapsed().as_secs() / COOLDOWN.as_secs();
        eprintln!("{behaviour:?}: {answers} answers, {fetches} fetches, {allowed} allowed");
        assert!((2..=allowed).contains(&fetches), "{fetches} of {allowed}");
        assert!(upstream.take().is_empty());
    });
    futures_util::future::join_all(floods).await;
}
