//! One client spread over three gates gets its quota once, and a gate that starts anew knows what it spent.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rstest::rstest;

use super::fleet::{Caller, Fleet, History, PATIENT, Proxy};

const BURST: f64 = 100.0;
/// Of `300/min`: every machine asks more often than that, so the burst never comes back in the meantime.
const PER_SECOND: f64 = 5.0;
const LIMIT: &str = r#"
[[resource.limit]]
name = "per-user"
by = ["subject"]
rate = "300/min"
burst = 100
"#;
const SCARCE: &str = r#"
[[resource.limit]]
name = "scarce"
by = ["subject"]
rate = "1/day"
burst = 6
"#;
const SHARED: [(&str, &str); 1] = [("OAUTHGATE_REDIS_TIMEOUT", PATIENT)];
/// How long a caller asks for more than it gets.
const GREED: Duration = Duration::from_secs(8);
/// On a busy machine a gate may lose its Redis for a moment; then there are three quotas for that long, and one looks again.
const RUNS: usize = 4;

/// What was granted is what one quota grants in the time that was measured, give or take 2 %.
fn assert_is_one_quota(history: &History) {
    let (least, most) = history.span();
    let granted = history.count(200) as f64;
    let least = BURST + least.as_secs_f64() * PER_SECOND - 1.0;
    let most = BURST + most.as_secs_f64() * PER_SECOND + 1.0;
    eprintln!("{granted} granted, one quota grants from {least:.1} to {most:.1}");
    assert!(
        granted >= least * 0.98 && granted <= most * 1.02,
        "{granted} granted, one quota grants from {least:.1} to {most:.1}: {:?}",
        history.statuses()
    );
}

/// Asks for more than it gets, on three connections, until it was refused after all that time.
async fn greedy(caller: &Caller) -> History {
    let begin = Instant::now();
    let one = || caller.until(|heard| begin.elapsed() > GREED && heard.status == 429);
    History::together(join_all([one(), one(), one()]).await)
}

/// Never more than half of what its quota grants in any time, and never refused.
async fn modest(caller: &Caller, until: impl Fn() -> bool) -> History {
    let mut history = History::default();
    while !until() {
        history.0.push(caller.ask().await);
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    history
}

#[rstest]
#[case::behind_haproxy(Proxy::Haproxy)]
#[case::behind_nginx(Proxy::Nginx)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_spread_over_three_gates_gets_its_quota_once(#[case] proxy: Proxy) {
    let fleet = Fleet::start(proxy, LIMIT, &SHARED).await;
    let mut runs = 0;
    let (alice, greedy) = loop {
        runs += 1;
        let losses = fleet.losses();
        let [alice, bob] =
            ["alice", "bob"].map(|name| fleet.caller(&format!("{name}-{runs}"), "free"));
        let begin = Instant::now();
        let (greedy, modest) =
            tokio::join!(greedy(&alice), modest(&bob, || begin.elapsed() > GREED));
        greedy.assert_only(&[200, 429], "the greedy");
        modest.assert_only(&[200], "another subject at the same address");
        if fleet.losses() == losses || runs == RUNS {
            break (alice, greedy);
        }
    };
    assert_is_one_quota(&greedy);
    for refused in greedy.0.iter().filter(|heard| heard.status == 429) {
        assert!(refused.wait() >= Duration::from_secs(1), "{refused:?}");
        let told = refused.header("ratelimit");
        assert!(told.starts_with("\"per-user\";r=0"), "{refused:?}");
    }
    for gate in &fleet.gates {
        let metrics = gate.metrics().await;
        for reason in ["ok", "quota_exceeded"] {
            let counted = metrics.contains(&format!("reason=\"{reason}\""));
            assert!(counted, "every gate took part: {metrics}");
        }
    }
    let last = greedy.0.iter().rfind(|heard| heard.status == 429);
    tokio::time::sleep(last.expect("somebody was refused").wait()).await;
    assert_eq!(alice.ask().await.status, 200, "Retry-After tells the truth");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_that_is_started_anew_knows_what_was_spent() {
    let mut fleet = Fleet::start(Proxy::Haproxy, SCARCE, &SHARED).await;
    let first = fleet.caller_of_gate(0, "alice", "free").times(7).await;
    assert_eq!((first.count(200), first.count(429)), (6, 1));
    fleet.restart_gate(0).await;
    for number in 0..3 {
        let caller = fleet.caller_of_gate(number, "alice", "free");
        assert_eq!(caller.ask().await.status, 429, "gate {number}");
        let other = fleet.caller_of_gate(number, "bob", "free");
        assert_eq!(other.ask().await.status, 200, "gate {number}");
    }
}
