//! Keys under attack, outage and rotation, seen from outside: the figures R1 to R9 that are promised.

mod flood;
mod issuers;
mod matrix;
mod operator;
mod outage;
mod replicas;
mod restart;
mod stampede;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use oauthgate_e2e::{Gate, GateBuilder, Issuer, RawResponse, Recorder};

/// No test waits longer for anything; everything that is promised comes much earlier.
const PATIENCE: Duration = Duration::from_secs(45);
const POLL: Duration = Duration::from_millis(50);

/// One gate, one issuer, one upstream.
struct Scene {
    /// First, because it goes first: it must not ask whoever gets the issuer's port next.
    gate: Gate,
    issuer: Issuer,
    upstream: Recorder,
}

impl Scene {
    async fn set() -> Self {
        Self::with(|gate| gate).await
    }

    async fn with(adapt: impl FnOnce(GateBuilder) -> GateBuilder) -> Self {
        let issuer = Issuer::start().await;
        let upstream = Recorder::start().await;
        let gate = adapt(GateBuilder::trusting(&upstream.url(), issuer.name()));
        let gate = gate.start().await;
        Self {
            issuer,
            upstream,
            gate,
        }
    }

    fn token(&self) -> String {
        self.issuer.token(&self.gate.resource)
    }

    /// Every kind of forged token is refused, and none reaches the upstream.
    async fn assert_refuses_forged(&self, status: u16, what: &str) {
        assert_refuses_forged(&self.gate, &self.issuer, &self.upstream, status, what).await;
    }
}

async fn assert_refuses_forged(
    gate: &Gate,
    issuer: &Issuer,
    upstream: &Recorder,
    status: u16,
    what: &str,
) {
    drop(upstream.take());
    let forged = issuer.forged(&gate.resource).into_iter();
    join_all(forged.map(async |(forgery, token)| {
        let answer = gate.call(&token).await;
        // What is no signed token at all needs no keys to be refused.
        let is_signed = !matches!(forgery, "alg none" | "an opaque token");
        let expected = if is_signed { status } else { 401 };
        assert_eq!(
            answer.status, expected,
            "{what}, {forgery}: {}",
            answer.text
        );
    }))
    .await;
    let passed = upstream.take();
    assert!(
        passed.is_empty(),
        "{what}: a forged token passed: {passed:?}"
    );
}

/// 503 with a time to come back, and without a challenge: nobody should log in again.
fn assert_unavailable(answer: &RawResponse, what: &str) {
    assert_eq!(answer.status, 503, "{what}: {}", answer.text);
    let after = answer.header("retry-after").map(str::parse::<u64>);
    assert!(
        matches!(after, Some(Ok(1..=300))),
        "{what}: {}",
        answer.head
    );
    assert_eq!(answer.header("www-authenticate"), None, "{what}");
}

/// Looks again and again until it holds.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begin = Instant::now();
    while !holds().await {
        assert!(begin.elapsed() < PATIENCE, "not in {PATIENCE:?}: {what}");
        tokio::time::sleep(POLL).await;
    }
}
