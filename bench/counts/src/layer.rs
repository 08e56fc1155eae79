//! The whole tower layer before a service that does nothing, its provider's keys in memory.

use std::{
    convert::Infallible,
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use http_body_util::Empty;
use oauthgate_core::{Audience, Issuer, ResourceIdentifier, UnixTime};
use oauthgate_remote::{
    IssuerSettings, KeyStores, OAuth21Provider, ProviderSettings,
    clock::{Clock, SystemClock},
    jwks::{Ask, Fetched, FetchedSet, JwksSource, KeySourceError},
};
use oauthgate_tower::{ClientAddress, ResourceServerLayer};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service, service_fn};

use crate::{
    Case, REPETITIONS, WARM_UP,
    token::{AUDIENCE, Fixture, ISSUER},
};

type Body = Empty<&'static [u8]>;

/// Later than any token of ours lives.
const TOO_LATE: i64 = 30 * 24 * 60 * 60;

/// A provider with its key set, asked for one kind of token.
struct Setup<'f> {
    fixture: &'f Fixture,
    /// Whether it remembers tokens that it verified.
    remembers: bool,
    /// By how many seconds its clock is ahead.
    later: i64,
}

/// A token that was verified before; one that is verified each time; tokens whose signature is wrong, and one
/// that is over.
pub(crate) fn cases(fixture: &Fixture) -> [Case; 5] {
    let good = |_| fixture.token.clone();
    let forged = |number| forged(&fixture.token, number);
    let setup = |remembers, later| Setup {
        fixture,
        remembers,
        later,
    };
    let (ok, refused) = (StatusCode::OK, StatusCode::UNAUTHORIZED);
    [
        recall(&setup(true, 0)),
        case("layer, known token", &setup(true, 0), ok, good),
        case("layer, new token", &setup(false, 0), ok, good),
        case("layer, bad signature", &setup(true, 0), refused, forged),
        case("layer, expired", &setup(false, TOO_LATE), refused, good),
    ]
}

/// The provider alone, with a token that it verified before.
fn recall(setup: &Setup<'_>) -> Case {
    let runtime = runtime();
    let provider = setup.provider(&runtime);
    let (parts, _) = request(&setup.fixture.token, 0).into_parts();
    let known = runtime.block_on(provider.user_context(&parts, None));
    known.expect("a good token");
    Case::new("recall", move || {
        let _entered = runtime.enter();
        black_box(provider.recall(black_box(&parts)).expect("a known token"));
    })
}

fn case(
    name: &str,
    setup: &Setup<'_>,
    expected: StatusCode,
    token: impl Fn(usize) -> String,
) -> Case {
    let runtime = runtime();
    let mut service = ResourceServerLayer::new(setup.provider(&runtime))
        .without_refusal_log()
        .layer(service_fn(|_: Request<Body>| {
            ready(Ok::<_, Infallible>(Response::new(Body::new())))
        }));
    let mut requests: Vec<_> = (0..WARM_UP + REPETITIONS)
        .map(|number| request(&token(number), number))
        .collect();
    Case::new(name, move || {
        let request = requests.pop().expect("as many as are asked for");
        let _entered = runtime.enter();
        let answer = service.call(request).now_or_never();
        let Ok(answer) = answer.expect("nothing to wait for");
        assert_eq!(answer.status(), expected);
    })
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().build().expect("a runtime")
}

impl Setup<'_> {
    fn provider(&self, runtime: &Runtime) -> OAuth21Provider {
        let issuer = Issuer::new(ISSUER).expect("an issuer");
        let audience = Audience::new(AUDIENCE).expect("an audience");
        let resource = ResourceIdentifier::parse(AUDIENCE).expect("a resource");
        let keys = KeyStores::builder()
            .clock(Arc::new(LaterClock {
                clock: SystemClock::new(),
                later: self.later,
            }))
            .source(issuer.clone(), Arc::new(InMemory::new(self.fixture)))
            .without_background_tasks()
            .build();
        let issuer = IssuerSettings::new(issuer, vec![audience]);
        let mut settings = ProviderSettings::new(resource, issuer);
        if !self.remembers {
            settings.token_cache.ttl = Duration::ZERO;
        }
        let provider = OAuth21Provider::with_key_stores(settings, &keys).expect("a provider");
        runtime.block_on(provider.warm_up());
        provider
    }
}

/// From an address of its own, so that no request is one too many.
fn request(token: &str, number: usize) -> Request<Body> {
    let last = u8::try_from(number).expect("few requests");
    Request::get("/mcp")
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .extension(ClientAddress(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))))
        .body(Body::new())
        .expect("a request")
}

/// The same token with another signature for each number.
fn forged(token: &str, number: usize) -> String {
    let (signed, signature) = token.rsplit_once('.').expect("a token has dots");
    let mut signature = signature.as_bytes().to_vec();
    let wrong = &mut signature[number];
    *wrong = if *wrong == b'A' { b'B' } else { b'A' };
    format!("{signed}.{}", String::from_utf8_lossy(&signature))
}

/// The machine's clock; the time of day may be ahead.
#[derive(Debug)]
struct LaterClock {
    clock: SystemClock,
    /// Seconds.
    later: i64,
}

impl Clock for LaterClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.clock.now().as_secs() + self.later)
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }
}

/// A key set that needs no network.
#[derive(Debug)]
struct InMemory {
    document: Vec<u8>,
}

impl InMemory {
    fn new(fixture: &Fixture) -> Self {
        Self {
            document: json!({"keys": [fixture.jwk]}).to_string().into_bytes(),
        }
    }
}

impl JwksSource for InMemory {
    fn fetch(&self, _: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>> {
        let set = FetchedSet::Document {
            body: self.document.clone(),
            validator: None,
        };
        ready(Ok(Fetched::now(set, None))).boxed()
    }
}
