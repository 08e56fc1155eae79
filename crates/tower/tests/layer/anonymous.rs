//! Requests without credentials, where something is open to everybody.

use std::{
    convert::Infallible,
    num::NonZeroU32,
    sync::{Arc, Mutex},
};

use axum::body::Body;
use http::{Request, Response, StatusCode, header};
use oauthgate_core::{Denial, Reason, UserContext, danger};
use oauthgate_tower::{
    Anonymous, AuthenticationOff, DecidesOnAnonymous, RefusedTokenBudget, ResourceServerLayer,
};
use proptest::prelude::*;
use rstest::rstest;
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};

use crate::support::*;

/// What the layer behind found in the extensions of each request.
#[derive(Debug, Clone, PartialEq)]
struct Met {
    anonymous: Option<Anonymous>,
    user: Option<String>,
    off: bool,
}

/// Notes whom it meets, and lets everybody by.
#[derive(Debug, Clone, Default)]
struct Porter {
    is_asleep: bool,
    met: Arc<Mutex<Vec<Met>>>,
}

impl DecidesOnAnonymous for Porter {
    fn admits_anonymous(&self) -> bool {
        !self.is_asleep
    }
}

impl<S> Layer<S> for Porter
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    type Service = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

    fn layer(&self, inner: S) -> Self::Service {
        let met = Arc::clone(&self.met);
        BoxCloneSyncService::new(inner.map_request(move |mut request: Request<Body>| {
            let extensions = request.extensions_mut();
            met.lock().unwrap().push(Met {
                anonymous: extensions.remove(),
                user: extensions
                    .get::<UserContext>()
                    .map(|user| user.user_id().to_owned()),
                off: extensions.get::<AuthenticationOff>().is_some(),
            });
            request
        }))
    }
}

struct House {
    porter: Porter,
    service: BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>,
}

impl House {
    fn of(provider: Provider, porter: Porter) -> Self {
        Self::with(ResourceServerLayer::new(provider), porter)
    }

    fn with(layer: ResourceServerLayer<Provider>, porter: Porter) -> Self {
        let hello = service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Response::new(Body::from("hello")))
        });
        let service = layer
            .require(requires("notes:read"))
            .strip_authorization()
            .optional_authentication(porter.clone())
            .layer(hello)
            .map_response(|response| response.map(Body::new));
        Self {
            porter,
            service: BoxCloneSyncService::new(service),
        }
    }

    fn open() -> Self {
        Self::of(Provider::default(), Porter::default())
    }

    async fn ask(&self, request: Request<Body>) -> Answered {
        Answered::read(self.service.clone().oneshot(request).await.unwrap()).await
    }

    fn met(&self) -> Vec<Met> {
        self.porter.met.lock().unwrap().clone()
    }
}

fn bearing(lines: &[&str], path: &str) -> Request<Body> {
    let mut request = get(path);
    for line in lines {
        request
            .headers_mut()
            .append(header::AUTHORIZATION, line.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn a_request_without_credentials_goes_on_as_nobodys() {
    let house = House::open();
    assert_eq!(house.ask(get("/")).await.status(), StatusCode::OK);
    let [met] = house.met().try_into().unwrap();
    assert_eq!((met.user, met.off), (None, false));
    let anonymous = met.anonymous.expect("marked");
    assert_eq!(
        anonymous.requirement().needed_scopes(),
        &scopes("notes:read")
    );
}

#[tokio::test]
async fn a_request_with_a_good_token_goes_on_as_its_callers() {
    let house = House::open();
    let answered = house.ask(with_token("good")).await;
    assert_eq!(answered.status(), StatusCode::OK);
    let [met] = house.met().try_into().unwrap();
    assert_eq!(
        (met.anonymous, met.user.as_deref()),
        (None, Some("alice")),
        "never both"
    );
}

#[rstest]
#[case::forged(&["Bearer forged"], "/", Reason::BadSignature)]
#[case::expired(&["Bearer stale"], "/", Reason::Expired)]
#[case::rubbish(&["Bearer x.y.z"], "/", Reason::MalformedToken)]
#[case::no_token(&["Bearer"], "/", Reason::MalformedAuthorization)]
#[case::empty(&[""], "/", Reason::MalformedAuthorization)]
#[case::two_words(&["Bearer a b"], "/", Reason::MalformedAuthorization)]
#[case::twice(&["Bearer good", "Bearer good"], "/", Reason::MultipleCredentials)]
#[case::twice_in_a_line(&["Basic YTpi, Bearer good"], "/", Reason::MultipleCredentials)]
#[case::header_and_query(&["Bearer good"], "/?access_token=good", Reason::MultipleCredentials)]
#[case::query_only(&[], "/?access_token=good", Reason::NoCredentials)]
#[case::query_only_encoded(&[], "/?a=1&%61ccess%5Ftoken=good", Reason::NoCredentials)]
#[case::another_scheme(&["Basic YTpi"], "/", Reason::NoCredentials)]
#[case::sender_constrained(&["DPoP good"], "/", Reason::NoCredentials)]
#[tokio::test]
async fn c22_bad_credentials_are_never_anonymous(
    #[case] lines: &[&str],
    #[case] path: &str,
    #[case] reason: Reason,
) {
    let house = House::open();
    let answered = house.ask(bearing(lines, path)).await;
    let strict = Server::paved().ask(bearing(lines, path)).await;
    assert_eq!(answered.reason(), Some(reason));
    assert_eq!(
        (answered.status(), answered.challenge()),
        (strict.status(), strict.challenge()),
        "the answer is the same as where nothing is open"
    );
    assert!(house.met().is_empty());
}

#[tokio::test]
async fn c22_an_outage_makes_nobody_anonymous() {
    let denial = Denial::new(Reason::JwksUnavailable);
    let house = House::of(Provider::refusing(denial), Porter::default());
    assert_eq!(house.ask(get("/")).await.status(), 503);
    assert!(house.met().is_empty());
}

#[tokio::test]
async fn asks_for_a_token_where_no_rule_is_for_everybody() {
    let porter = Porter {
        is_asleep: true,
        ..Porter::default()
    };
    let house = House::of(Provider::default(), porter);
    let answered = house.ask(get("/")).await;
    assert_eq!(answered.reason(), Some(Reason::NoCredentials));
    assert!(house.met().is_empty());
}

#[tokio::test]
async fn marks_nobody_as_anonymous_where_authentication_is_off() {
    let house = House::of(Provider::disabled(), Porter::default());
    assert_eq!(house.ask(get("/")).await.status(), StatusCode::OK);
    let [met] = house.met().try_into().unwrap();
    assert_eq!((met.anonymous, met.off), (None, true));
}

#[tokio::test]
async fn h6_requests_without_credentials_spend_no_budget() {
    let budget = Arc::new(RefusedTokenBudget::per_minute(NonZeroU32::MIN));
    let layer = ResourceServerLayer::new(Provider::default()).refused_token_budget(budget);
    let house = House::with(layer, Porter::default());
    for _ in 0..100 {
        let answered = house.ask(from_address(get("/"), "192.0.2.1")).await;
        assert_eq!(answered.status(), StatusCode::OK);
    }
    let forged = || from_address(with_token("forged"), "192.0.2.1");
    assert_eq!(house.ask(forged()).await.status(), 401);
    assert_eq!(house.ask(forged()).await.status(), 429);
}

#[tokio::test]
async fn a_mark_of_an_outer_layer_counts_for_nothing() {
    let inner = House::of(
        Provider::default(),
        Porter {
            is_asleep: true,
            ..Porter::default()
        },
    );
    let mut marked = with_token("good");
    let outer = House::open();
    outer.ask(get("/")).await;
    let mark = outer.met()[0].anonymous.clone().unwrap();
    marked.extensions_mut().insert(mark);
    assert_eq!(inner.ask(marked).await.status(), StatusCode::OK);
    assert_eq!(inner.met()[0].anonymous, None);
}

#[tokio::test]
async fn tells_outer_layers_whom_a_scope_was_refused() {
    let layer = ResourceServerLayer::new(Provider::default()).require(requires("notes:write"));
    let answered = Server::new(layer.clone()).ask(with_token("good")).await;
    assert_eq!(answered.status(), StatusCode::FORBIDDEN);
    let user = answered.parts.extensions.get::<UserContext>();
    assert_eq!(user.map(UserContext::user_id), Some("alice"));

    let mut pretending = with_token("forged");
    let mallory = danger::caller("mallory", scopes("admin"));
    pretending.extensions_mut().insert(mallory);
    let answered = Server::new(layer).ask(pretending).await;
    assert_eq!(answered.status(), StatusCode::UNAUTHORIZED);
    assert!(answered.parts.extensions.get::<UserContext>().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn c22_nothing_that_offers_credentials_goes_on_as_nobodys(
        lines in prop::collection::vec("[ -~]{0,40}|[Bb]earer [A-Za-z0-9.=]{0,30}|(Basic|DPoP|Bearer|bearer)[ ,]{0,2}", 1..3),
    ) {
        prop_assume!(!lines.iter().any(|line| line.trim().ends_with("good") || line.contains("user-")));
        let mut request = get("/");
        for line in &lines {
            request.headers_mut().append(header::AUTHORIZATION, line.parse().unwrap());
        }
        let house = House::open();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answered = runtime.block_on(house.ask(request));
        prop_assert!(matches!(answered.status().as_u16(), 400 | 401), "{}", answered.status());
        prop_assert!(house.met().is_empty());
    }
}
