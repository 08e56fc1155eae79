//! What is promised about keys, over whole days: the figures R1, R2, R4, R6 and R8, from a token to the
//! answer, in paused time.

mod clock;
mod flood;
mod names;
mod outage;
mod rotation;
mod rows;

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use oauthgate_core::{Answer, Audience, Denial, Issuer, Reason, ResourceIdentifier};

use crate::{
    IssuerSettings, KeyStores, ProviderSettings,
    authenticator::Authenticator,
    clock::Clock,
    jwks::{Ask, Fetched, JwksSource, KeySourceError},
    testing::{AUDIENCE, ScriptedSource, TestKey, claims, jwks},
};

const ISSUER: &str = "https://auth.example.com";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// One resource, one issuer.
struct Scene {
    keys: KeyStores,
    authenticator: Authenticator,
}

impl Scene {
    fn over(source: Arc<dyn JwksSource>) -> Self {
        Self::of(KeyStores::builder().source(issuer(), source).build())
    }

    fn with_clock(source: Arc<dyn JwksSource>, clock: Arc<dyn Clock>) -> Self {
        let keys = KeyStores::builder().source(issuer(), source).clock(clock);
        Self::of(keys.build())
    }

    fn of(keys: KeyStores) -> Self {
        let trusted = IssuerSettings::new(issuer(), vec![Audience::new(AUDIENCE).unwrap()]);
        let resource = ResourceIdentifier::parse(AUDIENCE).unwrap();
        let settings = ProviderSettings::new(resource, trusted);
        Self {
            authenticator: Authenticator::new(&settings, &keys).unwrap(),
            keys,
        }
    }

    /// The status that a client would see, and the reason behind it; 200 when there is none.
    async fn answer(&self, token: &str) -> (u16, Option<Reason>) {
        match self.authenticator.validate(token).await {
            Ok(_) => (200, None),
            Err(denial) => (self.told(&denial), Some(denial.reason())),
        }
    }

    async fn status(&self, token: &str) -> u16 {
        self.answer(token).await.0
    }

    fn told(&self, denial: &Denial) -> u16 {
        let answer = Answer::to(denial, self.authenticator.resource());
        let status = answer.status().as_u16();
        if status == 503 {
            let after = answer.retry_after().unwrap();
            assert!(
                after >= Duration::from_secs(1) && after <= 5 * MINUTE,
                "{after:?}"
            );
            assert_eq!(answer.challenge(), None);
        }
        status
    }
}

fn issuer() -> Issuer {
    Issuer::new(ISSUER).unwrap()
}

/// A token like this key's, which another key signed.
fn forged_for(key_id: &str) -> String {
    TestKey::new(key_id).sign(&claims(ISSUER))
}

/// A source with this key.
fn serving(key: &TestKey) -> Arc<ScriptedSource> {
    Arc::new(ScriptedSource::serving(jwks(&[key])))
}

/// Well at first; asks another source once it was switched.
#[derive(Debug)]
struct Switched {
    well: Arc<ScriptedSource>,
    faulty: Arc<dyn JwksSource>,
    is_faulty: std::sync::atomic::AtomicBool,
}

impl Switched {
    fn new(well: Arc<ScriptedSource>, faulty: Arc<dyn JwksSource>) -> Arc<Self> {
        let is_faulty = std::sync::atomic::AtomicBool::new(false);
        Arc::new(Self {
            well,
            faulty,
            is_faulty,
        })
    }

    fn switch(&self, faulty: bool) {
        self.is_faulty
            .store(faulty, std::sync::atomic::Ordering::SeqCst);
    }
}

impl JwksSource for Switched {
    fn fetch(&self, ask: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>> {
        if self.is_faulty.load(std::sync::atomic::Ordering::SeqCst) {
            self.faulty.fetch(ask)
        } else {
            self.well.fetch(ask).boxed()
        }
    }
}
