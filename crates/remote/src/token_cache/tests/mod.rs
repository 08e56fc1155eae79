//! A provider over scripted keys and a clock that stands still, asked as a layer asks.

mod bounds;
mod differential;
mod identity;
mod keys;
mod life;
mod refusals;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{Request, request::Parts};
use oauthgate_core::{Audience, Denial, Issuer, Reason, ResourceIdentifier, UnixTime, UserContext};
use serde_json::{Value, json};

use crate::{
    IssuerSettings, KeyStores, OAuth21Provider, ProviderSettings, TokenCacheSettings,
    TokenCacheStatus,
    clock::Clock,
    jwks::{KeyStore, WithdrawnName},
    key_stores::KeyStoresBuilder,
    testing::{AUDIENCE, ScriptedSource, TestKey, jwks},
};

const ISSUER: &str = "https://auth.example.com";
/// When tests begin, and tokens are issued.
const NOW: i64 = 1_800_000_000;
const SECOND: Duration = Duration::from_secs(1);
/// As much as the verifier tolerates unless told otherwise.
const SKEW: i64 = 60;

/// Two clocks that move when they are told to.
#[derive(Debug)]
struct StillClock {
    day: AtomicI64,
    elapsed_ms: AtomicU64,
}

impl StillClock {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            day: AtomicI64::new(NOW),
            elapsed_ms: AtomicU64::new(366 * 24 * 60 * 60 * 1_000),
        })
    }

    /// Sets the time of day, to so many seconds after [`NOW`].
    fn set(&self, seconds: i64) {
        self.day.store(NOW + seconds, Ordering::SeqCst);
    }

    /// Lets time pass for the schedule of fetches only.
    fn elapse(&self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap();
        self.elapsed_ms.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Lets time pass.
    fn pass(&self, time: Duration) {
        self.elapse(time);
        let seconds = i64::try_from(time.as_secs()).unwrap();
        self.day.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for StillClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.day.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms.load(Ordering::SeqCst))
    }
}

/// One resource, its issuer's keys, and the clock.
struct Gate {
    provider: OAuth21Provider,
    keys: KeyStores,
    source: Arc<ScriptedSource>,
    clock: Arc<StillClock>,
    key: TestKey,
}

impl Gate {
    fn new() -> Self {
        Self::with(|_| (), |builder| builder)
    }

    fn with(
        adjust: impl FnOnce(&mut ProviderSettings),
        build: impl FnOnce(KeyStoresBuilder) -> KeyStoresBuilder,
    ) -> Self {
        let key = TestKey::new("1");
        let source = Arc::new(ScriptedSource::serving(jwks(&[&key])));
        let clock = StillClock::new();
        let keys = KeyStores::builder()
            .clock(clock.clone())
            .source(issuer(), source.clone());
        let keys = build(keys).build();
        let mut settings = settings(AUDIENCE);
        adjust(&mut settings);
        Self {
            provider: OAuth21Provider::with_key_stores(settings, &keys).unwrap(),
            keys,
            source,
            clock,
            key,
        }
    }

    /// Another resource whose tokens are signed by the same keys.
    fn other(&self, settings: ProviderSettings) -> OAuth21Provider {
        OAuth21Provider::with_key_stores(settings, &self.keys).unwrap()
    }

    fn store(&self) -> Arc<KeyStore> {
        self.keys.stores().remove(0)
    }

    fn token(&self, claims: &Value) -> String {
        self.key.sign(claims)
    }

    async fn validate(&self, token: &str) -> Result<UserContext, Denial> {
        self.provider.validate(token).await
    }

    async fn reason(&self, token: &str) -> Option<Reason> {
        let refused = self.validate(token).await.err();
        refused.map(|denial| denial.reason())
    }

    fn recall(&self, token: &str) -> Option<UserContext> {
        self.provider.recall(&bearing(token))
    }

    fn recalls(&self, token: &str) -> bool {
        self.recall(token).is_some()
    }

    /// Verifies a good token, which is remembered then: unless it came first and had the keys fetched, which are
    /// others then than before.
    async fn learn(&self, token: &str) {
        self.validate(token).await.unwrap();
        if !self.recalls(token) {
            self.validate(token).await.unwrap();
        }
        assert!(self.recalls(token), "a good token is remembered");
    }

    /// A gate that remembers one good token for an hour's claims.
    async fn that_learnt() -> (Self, String) {
        let gate = Self::new();
        let token = gate.token(&claims("ada"));
        gate.learn(&token).await;
        (gate, token)
    }

    fn status(&self) -> TokenCacheStatus {
        self.provider.token_cache_status()
    }
}

fn issuer() -> Issuer {
    Issuer::new(ISSUER).unwrap()
}

fn settings(audience: &str) -> ProviderSettings {
    let audiences = vec![Audience::new(audience).unwrap()];
    let resource = ResourceIdentifier::parse(audience).unwrap();
    ProviderSettings::new(resource, IssuerSettings::new(issuer(), audiences))
}

/// Of a token that lives for an hour.
fn claims(subject: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "client_id": "app", "scope": "tools:read",
        "iat": NOW, "exp": NOW + 3_600,
    })
}

fn claims_with(more: &Value) -> Value {
    let mut claims = claims("ada");
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn bearing(token: &str) -> Parts {
    request(&[&format!("Bearer {token}")], "/mcp")
}

/// A request with these `Authorization` lines.
fn request(lines: &[&str], target: &str) -> Parts {
    let request = lines.iter().fold(Request::get(target), |request, line| {
        request.header("authorization", *line)
    });
    request.body(()).unwrap().into_parts().0
}

/// Lets tasks end that wait for nothing.
async fn settle() {
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn key_named(name: &str) -> WithdrawnName {
    WithdrawnName::key(name).unwrap()
}
