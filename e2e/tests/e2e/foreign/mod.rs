//! Authorization servers that others wrote, each with a JOSE library of its own. Their tokens come from them,
//! not from us, and are judged by the gate over HTTP.

mod glewlwyd;
mod moto;
mod oidc_provider;
mod opaque;

use std::time::{Duration, Instant};

use oauthgate_e2e::{Gate, GateBuilder, Recorded, Recorder};

/// A resource that is not the gate's.
const ELSEWHERE: &str = "http://localhost:1/elsewhere";

/// How long an answer of introspection is believed where a test waits for its end, in seconds.
const ANSWER_TTL: u64 = 2;
/// By then everything must have been noticed that takes as long as an answer is believed.
const PATIENCE: Duration = Duration::from_secs(ANSWER_TTL + 8);

/// A gate that trusts one foreign server.
struct Scene {
    /// First, because it goes first: it must not ask whoever gets the server's port next.
    gate: Gate,
    upstream: Recorder,
}

impl Scene {
    /// What this token's caller looks like to the upstream.
    async fn passes(&self, token: &str) -> Recorded {
        let (status, reason) = self.gate.verdict(token).await;
        assert_eq!((status, reason.as_str()), (200, "ok"));
        let mut passed = self.upstream.take();
        assert_eq!(passed.len(), 1, "one request was sent: {passed:?}");
        passed.remove(0)
    }

    async fn refuses(&self, token: &str, expected: &str) {
        let (status, reason) = self.gate.verdict(token).await;
        assert_eq!((status, reason.as_str()), (401, expected));
        let passed = self.upstream.take();
        assert!(passed.is_empty(), "{expected}: {passed:?}");
    }

    /// Why the token is refused that was good a moment ago: the gate may believe the last answer about it
    /// for a while, and no longer.
    async fn refuses_at_last(&self, token: &str) -> String {
        let begin = Instant::now();
        loop {
            let (status, reason) = self.gate.verdict(token).await;
            if status == 401 {
                drop(self.upstream.take());
                return reason;
            }
            assert_eq!(status, 200, "{reason}");
            assert!(begin.elapsed() < PATIENCE, "still good after {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A gate for this issuer, which trusts nobody's throw-away keys.
fn gate(upstream: &Recorder, issuer: &str) -> GateBuilder {
    GateBuilder::trusting(&upstream.url(), issuer)
        .set("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "false")
}

/// The first value of each header.
fn identity<const N: usize>(request: &Recorded, names: [&str; N]) -> [String; N] {
    names.map(|name| {
        let values = request.values(name);
        assert!(values.len() <= 1, "{name} is said twice: {values:?}");
        values.first().copied().unwrap_or_default().to_owned()
    })
}

const KIND: &str = "x-auth-kind";
const USER: &str = "x-auth-request-user";
const CLIENT: &str = "x-auth-client";
const SCOPES: &str = "x-auth-scopes";
