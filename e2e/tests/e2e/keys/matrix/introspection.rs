//! The life of a gate whose introspection endpoint fails: what it answers to opaque tokens, and that JWTs
//! of the same issuer do not care.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use oauthgate_e2e::{Behaviour, Gate, GateBuilder, Issuer, Outlet, Recorder, Signer};
use serde_json::json;

use super::{
    super::{assert_refuses_forged, assert_unavailable, eventually},
    column::Fault,
};

/// How long an answer is believed. Long enough that the fault is met before, on a busy machine, too.
const TTL: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

struct Life<'a> {
    name: &'a str,
    /// First, because it goes first: it must not ask whoever gets the endpoint's port next.
    gate: Gate,
    issuer: Issuer,
    upstream: Recorder,
    endpoint: Outlet,
    fault: Fault,
    tokens: AtomicUsize,
}

/// What was seen when every assertion held.
pub(super) async fn live(name: &str, fault: Fault, signer: &Signer) -> String {
    let life = Life::begin(name, fault, signer).await;
    life.cold().await;
    let token = life.healed().await;
    life.warm(&token).await;
    format!(
        "cold 503 ({}) and JWT 200; healed 200; warm 200 for {} s, then 503; revoked 401",
        life.reason(),
        TTL.as_secs()
    )
}

impl<'a> Life<'a> {
    async fn begin(name: &'a str, fault: Fault, signer: &Signer) -> Self {
        let issuer = Issuer::with(signer.clone()).await;
        let upstream = Recorder::start().await;
        let endpoint = Outlet::start(Vec::new()).await;
        let url = format!("http://127.0.0.1:{}/introspect", endpoint.port());
        let gate = GateBuilder::trusting(&upstream.url(), issuer.name())
            .set("OAUTHGATE_TOKEN_MODE", "auto")
            .set("OAUTHGATE_INTROSPECTION_URL", url)
            .set("OAUTHGATE_INTROSPECTION_CLIENT_ID", "gate")
            .set("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", "of these tests")
            .set(
                "OAUTHGATE_INTROSPECTION_CACHE_TTL",
                TTL.as_secs().to_string(),
            );
        let life = Self {
            name,
            // It has keys: it is ready, whatever becomes of opaque tokens.
            gate: gate.start().await,
            issuer,
            upstream,
            endpoint,
            fault,
            tokens: AtomicUsize::new(0),
        };
        life.knows_every_token();
        life.fails().await;
        life
    }

    /// Nothing was ever answered: no opaque token is let in, and none is called bad.
    async fn cold(&self) {
        for _ in 0..2 {
            self.assert_unknown(&self.new_token()).await;
        }
        self.assert_jwts_go_on().await;
    }

    /// Nobody does anything to the gate, and it serves. A token that was answered a moment ago.
    async fn healed(&self) -> Remembered {
        self.endpoint.behave(Behaviour::Well).await;
        let token = self.new_token();
        eventually(&format!("{}: healed", self.name), async || {
            let status = self.gate.status(&token).await;
            assert!(matches!(status, 200 | 503), "{}: {status}", self.name);
            status == 200
        })
        .await;
        self.knows_no_token();
        self.assert_jwts_go_on().await;
        assert_refuses_forged(&self.gate, &self.issuer, &self.upstream, 401, self.name).await;
        let made_up = self.gate.verdict(&self.new_token()).await;
        assert_eq!(made_up, (401, "inactive_token".to_owned()), "{}", self.name);
        self.knows_every_token();
        let token = self.new_token();
        let not_before = Instant::now();
        let status = self.gate.status(&token).await;
        assert_eq!(status, 200, "{}", self.name);
        Remembered {
            token,
            not_before,
            not_after: Instant::now(),
        }
    }

    /// What is remembered is good for its time, and nothing takes its place; then the truth comes back.
    async fn warm(&self, remembered: &Remembered) {
        self.fails().await;
        let mut served = 0;
        loop {
            let asked = Instant::now();
            let answer = self.gate.call(&remembered.token).await;
            let answered = Instant::now();
            if answer.status != 200 {
                assert!(
                    answered >= remembered.not_before + TTL,
                    "{}: forgotten early: {}",
                    self.name,
                    answer.text
                );
                assert_unavailable(&answer, self.name);
                break;
            }
            assert!(
                asked < remembered.not_after + TTL,
                "{}: believed for {:?}",
                self.name,
                remembered.not_before.elapsed()
            );
            served += 1;
            tokio::time::sleep(POLL).await;
        }
        assert!(served > 0, "{}: the fault was met too late", self.name);
        self.assert_unknown(&remembered.token).await;
        self.assert_unknown(&self.new_token()).await;
        self.assert_jwts_go_on().await;
        self.knows_no_token();
        self.endpoint.behave(Behaviour::Well).await;
        eventually(&format!("{}: revoked", self.name), async || {
            let status = self.gate.status(&remembered.token).await;
            assert!(matches!(status, 401 | 503), "{}: {status}", self.name);
            status == 401
        })
        .await;
    }

    /// 503 that says when to come back, and nothing passes.
    async fn assert_unknown(&self, token: &str) {
        drop(self.upstream.take());
        assert_unavailable(&self.gate.call(token).await, self.name);
        let (status, reason) = self.gate.verdict(token).await;
        assert_eq!(
            (status, reason.as_str()),
            (503, self.reason()),
            "{}",
            self.name
        );
        let passed = self.upstream.take();
        assert!(passed.is_empty(), "{}: {passed:?}", self.name);
    }

    async fn assert_jwts_go_on(&self) {
        let status = self
            .gate
            .status(&self.issuer.token(&self.gate.resource))
            .await;
        assert_eq!(status, 200, "{}", self.name);
        let stranger = self.issuer.stranger(&self.gate.resource, "unknown");
        assert_eq!(self.gate.status(&stranger).await, 401, "{}", self.name);
        assert_eq!(self.gate.readiness().await.0, 200, "{}", self.name);
    }

    async fn fails(&self) {
        // What a strict reader refuses, and a lenient one takes for a good token.
        let behaviour = self.fault.of_http(r#"{"active":"true"}"#);
        self.endpoint.behave(behaviour).await;
    }

    /// An answer that is none is one; all else is silence.
    fn reason(&self) -> &'static str {
        match self.fault {
            Fault::Garbage | Fault::WrongType => "introspection_refused",
            _ => "introspection_unavailable",
        }
    }

    fn knows_every_token(&self) {
        let answer = json!({
            "active": true, "iss": self.issuer.name(), "aud": self.gate.resource, "sub": "ana",
            "client_id": "demo", "scope": "mcp:read", "token_type": "Bearer",
        });
        self.endpoint.publish(answer.to_string());
    }

    fn knows_no_token(&self) {
        self.endpoint.publish(r#"{"active":false}"#);
    }

    /// One that was never seen.
    fn new_token(&self) -> String {
        let number = self.tokens.fetch_add(1, Ordering::Relaxed);
        format!("never-seen-before-{number}")
    }
}

/// A token, and when it was answered.
struct Remembered {
    token: String,
    not_before: Instant,
    not_after: Instant,
}
