//! How long a session lasts when gates come and go.

use oauthgate_e2e::{Gate, GateBuilder, Upstream, free_port};
use serde_json::Value;

use super::wire::{Site, Wire, call_echo};
use crate::limit;

const SECRET: (&str, &str) = (
    "OAUTHGATE_SESSION_SECRET",
    "Ee1c9Jm0wq2VtYp4rKd7uSbXzLhNfGa3",
);

/// A session is opened at the first gate; whether the second knows it.
async fn outlives(site: &Site, builder: &GateBuilder) -> (bool, Gate) {
    let gate = builder.clone().start().await;
    let ada = site.ada(&gate.resource);
    let session = Wire::to(&gate).open(&ada).await;
    drop(gate);
    let gate = builder.clone().start().await;
    let goes_on = Wire::to(&gate).echoes(&ada, &session, "still here").await;
    if !goes_on {
        let wire = Wire::to(&gate);
        assert_eq!(wire.statuses(Some(&ada), &session).await, [404; 3]);
        let anew = wire.open(&ada).await;
        assert!(wire.echoes(&ada, &anew, "anew").await);
    }
    (goes_on, gate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_outlives_a_gate_with_a_secret() {
    let _turn = limit::turn().await;
    let site = Site::before(Upstream::everything().await).await;
    let (goes_on, _) = outlives(&site, &site.gate().set(SECRET.0, SECRET.1)).await;
    assert!(goes_on);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_outlives_a_gate_with_a_state_directory() {
    let _turn = limit::turn().await;
    let site = Site::before(Upstream::everything().await).await;
    let state = tempfile::tempdir().expect("a directory");
    let path = state.path().join("gate").display().to_string();
    let builder = site.gate().set("OAUTHGATE_STATE_DIRECTORY", path);
    assert!(outlives(&site, &builder).await.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_with_a_gate_that_keeps_nothing_and_the_log_says_what_to_set() {
    let _turn = limit::turn().await;
    let site = Site::before(Upstream::everything().await).await;
    let (goes_on, gate) = outlives(&site, &site.gate()).await;
    assert!(!goes_on);
    let output = gate.process.output();
    let lines = output.lines();
    let told = lines.filter(|line| line.contains("OAUTHGATE_SESSION_SECRET"));
    let told: Vec<Value> = told
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert!(
        told.len() >= 2,
        "at the start, and at the refusal: {output}"
    );
    assert!(output.contains("unknown_session"), "{output}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gates_with_one_secret_share_sessions_and_others_do_not() {
    let _turn = limit::turn().await;
    let site = Site::before(Upstream::everything().await).await;
    let public = free_port();
    let builder = || site.gate().known_at(public);
    let (first, second, stranger) = (
        builder().set(SECRET.0, SECRET.1).start().await,
        builder().set(SECRET.0, SECRET.1).start().await,
        builder().start().await,
    );
    assert_eq!(first.resource, second.resource);
    let ada = site.ada(&first.resource);
    let session = Wire::to(&first).open(&ada).await;
    for round in ["one", "two"] {
        for gate in [&first, &second] {
            assert!(Wire::to(gate).echoes(&ada, &session, round).await);
        }
    }
    let bob = site.bob(&first.resource);
    let foreign = Wire::to(&second).statuses(Some(&bob), &session).await;
    assert_eq!(foreign, [404; 3], "on no replica");
    let answer = Wire::to(&stranger)
        .post(Some(&ada), Some(&session), &call_echo("lost"))
        .await;
    assert_eq!(answer.status().as_u16(), 404);
}
