//! Several issuers behind one gate: none can speak for another, and none can delay another.

use futures_util::future::join_all;
use oauthgate_e2e::{Behaviour, Gate, GateBuilder, Issuer, Recorder, Signer};
use serde_json::{Value, json};

use super::{assert_refuses_forged, assert_unavailable, eventually};

const KID: &str = "the-same";

async fn gate(upstream: &Recorder, issuers: &[&Issuer]) -> Gate {
    let names: Vec<_> = issuers.iter().map(|issuer| issuer.name()).collect();
    let gate = GateBuilder::trusting_all(&upstream.url(), &names);
    gate.start_unready().await
}

/// Publishes its one key under the `kid` that all share.
fn share_kid(issuer: &Issuer) {
    let mut set = issuer.signer.jwk_set();
    set["keys"][0]["kid"] = json!(KID);
    issuer.keys.publish(set.to_string());
}

/// A token that `signer` signs and that names `issuer`.
fn token(issuer: &Issuer, signer: &Issuer, gate: &Gate) -> String {
    let mut specification = issuer.specification(&gate.resource);
    specification.kid = Some(KID.to_owned());
    signer.signer.mint(specification)
}

async fn is_ready(gate: &Gate) -> bool {
    gate.readiness().await.0 == 200
}

fn issuer_in<'report>(report: &'report Value, issuer: &Issuer) -> &'report Value {
    let issuers = report["issuers"].as_array().expect("a list");
    let found = issuers.iter().find(|it| it["issuer"] == issuer.name());
    found.expect("every issuer is reported")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c9_d2_two_issuers_with_one_kid_are_never_mixed_up() {
    let (one, other) = (Issuer::start().await, Issuer::start().await);
    share_kid(&one);
    share_kid(&other);
    let upstream = Recorder::start().await;
    let gate = gate(&upstream, &[&one, &other]).await;
    eventually("keys", async || is_ready(&gate).await).await;
    for _ in 0..3 {
        assert_eq!(gate.status(&token(&one, &one, &gate)).await, 200);
        assert_eq!(gate.status(&token(&one, &other, &gate)).await, 401);
        assert_eq!(gate.status(&token(&other, &other, &gate)).await, 200);
        assert_eq!(gate.status(&token(&other, &one, &gate)).await, 401);
    }
    let foreign = Issuer::start().await;
    assert_eq!(gate.status(&token(&foreign, &one, &gate)).await, 401);
    assert_eq!(
        foreign.metadata.requests(),
        0,
        "nobody asks a foreign issuer"
    );
    assert_eq!(upstream.take().len(), 6);
}

/// The slow one holds its first answer until the other one's callers have been served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_a_slow_issuer_delays_nobody_but_its_own() {
    let (slow, quick) = (Issuer::start().await, Issuer::start().await);
    share_kid(&slow);
    share_kid(&quick);
    slow.metadata.behave(Behaviour::Held).await;
    let upstream = Recorder::start().await;
    let gate = gate(&upstream, &[&slow, &quick]).await;
    eventually("the slow one is asked", async || {
        slow.metadata.holding() > 0
    })
    .await;
    for _ in 0..20 {
        assert_eq!(gate.status(&token(&quick, &quick, &gate)).await, 200);
        assert_eq!(gate.status(&token(&quick, &slow, &gate)).await, 401);
    }
    assert!(slow.metadata.requests() > 0 && slow.keys.requests() == 0);
    let answer = gate.call(&token(&slow, &slow, &gate)).await;
    assert_unavailable(&answer, "no key of the slow one was ever seen");
    slow.metadata.behave(Behaviour::Well).await;
    eventually("the slow one is served as well", async || {
        gate.status(&token(&slow, &slow, &gate)).await == 200
    })
    .await;
    assert_eq!(gate.status(&token(&slow, &quick, &gate)).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_starts_while_all_issuers_are_down_says_so_and_heals_by_itself() {
    let (one, other) = (Issuer::start().await, Issuer::start().await);
    let upstream = Recorder::start().await;
    for issuer in [&one, &other] {
        issuer.metadata.behave(Behaviour::Refused).await;
    }
    let gate = gate(&upstream, &[&one, &other]).await;
    eventually("both were tried", async || gate.fetches().await >= 2).await;
    for issuer in [&one, &other] {
        let answer = gate.call(&issuer.token(&gate.resource)).await;
        assert_unavailable(&answer, "every issuer is down");
        assert_refuses_forged(&gate, issuer, &upstream, 503, "every issuer is down").await;
    }
    let (status, report) = gate.readiness().await;
    assert_eq!((status, &report["ready"]), (503, &json!(false)));
    for issuer in [&one, &other] {
        let told = issuer_in(&report, issuer);
        assert_eq!(told["last_failure"], "metadata_unavailable", "{told}");
        let detail = told["failure_detail"].as_str().unwrap_or_default();
        assert!(detail.contains(issuer.name()), "{told}");
    }
    one.metadata.behave(Behaviour::Well).await;
    // Nobody sends anything meanwhile: the probe alone tells.
    eventually("readiness comes back", async || is_ready(&gate).await).await;
    assert_eq!(gate.status(&one.token(&gate.resource)).await, 200);
    assert_unavailable(&gate.call(&other.token(&gate.resource)).await, "still down");
    assert_refuses_forged(&gate, &one, &upstream, 401, "one is up").await;
    other.metadata.behave(Behaviour::Well).await;
    eventually("the other one comes back", async || {
        gate.status(&other.token(&gate.resource)).await == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_issuer_down_does_not_close_the_gate() {
    let (down, up) = (Issuer::start().await, Issuer::start().await);
    down.metadata.behave(Behaviour::Refused).await;
    let upstream = Recorder::start().await;
    let gate = gate(&upstream, &[&down, &up]).await;
    eventually("ready with one issuer", async || is_ready(&gate).await).await;
    let (_, report) = gate.readiness().await;
    assert_eq!(issuer_in(&report, &up)["usable"], true);
    assert_eq!(issuer_in(&report, &down)["usable"], false);
    assert_eq!(gate.status(&up.token(&gate.resource)).await, 200);
    assert_unavailable(&gate.call(&down.token(&gate.resource)).await, "down");
}

/// Nine issuers, each away in its own way, and one that is well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_d5_of_ten_issuers_the_one_that_is_well_is_served_as_if_it_were_alone() {
    let faults = [
        Behaviour::Refused,
        Behaviour::Reset,
        Behaviour::Silent,
        Behaviour::Held,
        Behaviour::Drip,
        Behaviour::Status(500),
        Behaviour::Status(302),
        Behaviour::Says("[]"),
        Behaviour::Says("<!doctype html>"),
    ];
    let signer = Signer::start().await;
    let mut bad = Vec::new();
    for (number, fault) in faults.into_iter().enumerate() {
        let issuer = Issuer::with(signer.clone()).await;
        // Half of them have no metadata, half of them no keys.
        let outlet = if number % 2 == 0 {
            &issuer.metadata
        } else {
            &issuer.keys
        };
        outlet.behave(fault).await;
        bad.push(issuer);
    }
    let well = Issuer::with(signer).await;
    let all: Vec<_> = bad.iter().chain([&well]).collect();
    let upstream = Recorder::start().await;
    let gate = gate(&upstream, &all).await;
    eventually("ready with one of ten", async || is_ready(&gate).await).await;
    assert_eq!(gate.status(&well.token(&gate.resource)).await, 200);
    assert_refuses_forged(&gate, &well, &upstream, 401, "nine are away").await;
    let tokens: Vec<_> = bad
        .iter()
        .map(|issuer| issuer.token(&gate.resource))
        .collect();
    for answer in join_all(tokens.iter().map(|token| gate.call(token))).await {
        assert_unavailable(&answer, "one of the nine");
    }
    assert_eq!(gate.status(&well.token(&gate.resource)).await, 200);
    assert!(
        upstream.take().len() == 1,
        "nothing but the good one passed"
    );
    let asked = well.keys.requests();
    assert!(
        asked <= 3,
        "the other nine cost the good one {asked} fetches"
    );
}
