//! The layer before a service in memory.

use std::{
    convert::Infallible,
    future::{Ready, pending, ready},
    sync::Arc,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use oauthgate_core::{Denial, Issuer, ProtectedResource, Reason, ResourceIdentifier};
use proptest::prelude::*;
use rstest::rstest;
use tokio::sync::oneshot;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
use crate::ClientAddress;

type Answer = UnsyncBoxBody<Bytes, Infallible>;

fn resource() -> ProtectedResource {
    ProtectedResource::new(
        ResourceIdentifier::parse("https://mcp.example.com/mcp").unwrap(),
        vec![Issuer::new("https://issuer.example").unwrap()],
    )
}

fn layer(in_flight: usize, streams: usize) -> (ConcurrencyLayer<PerCaller>, Ledger<Caller>) {
    let callers = PerCaller::new(Allowance {
        in_flight: Some(in_flight),
        streams: Some(streams),
    });
    let ledger = callers.ledger().clone();
    (ConcurrencyLayer::new(&resource(), callers), ledger)
}

/// From an address of its own.
fn request(method: Method, client: u8) -> http::request::Builder {
    let address = ClientAddress([192, 0, 2, client].into());
    Request::builder().method(method).extension(address)
}

fn plain(method: Method) -> Request<Empty<Bytes>> {
    request(method, 1).body(Empty::new()).unwrap()
}

/// An answer of this type whose body never ends.
fn endless(media_type: &str) -> Response<Answer> {
    let never = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
    Response::builder()
        .header(header::CONTENT_TYPE, media_type)
        .body(StreamBody::new(never).boxed_unsync())
        .unwrap()
}

fn short() -> Response<Answer> {
    Response::new(Full::new(Bytes::from_static(b"done")).boxed_unsync())
}

/// Answers at once, as `with` says.
fn answering<F: Fn() -> Response<Answer> + Clone>(
    with: F,
) -> impl Service<
    Request<Empty<Bytes>>,
    Response = Response<Answer>,
    Error = Infallible,
    Future = Ready<Result<Response<Answer>, Infallible>>,
> + Clone {
    tower::util::service_fn(move |_: Request<Empty<Bytes>>| ready(Ok(with())))
}

fn reason<B>(response: &Response<B>) -> Option<Reason> {
    response.extensions().get::<Denial>().map(Denial::reason)
}

fn under_way(ledger: &Ledger<Caller>, client: u8) -> (usize, usize) {
    let caller = Caller::from(std::net::IpAddr::from([192, 0, 2, client]));
    (
        ledger.in_flight.taken(&caller),
        ledger.streams.taken(&caller),
    )
}

#[tokio::test]
async fn a_request_has_its_place_until_its_answer_has_ended() {
    let (layer, ledger) = layer(1, 1);
    let service = layer.layer(answering(short));
    let first = service.clone().oneshot(plain(Method::GET)).await.unwrap();
    assert_eq!(under_way(&ledger, 1), (1, 0));
    let second = service.clone().oneshot(plain(Method::GET)).await.unwrap();
    assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(second.headers()[header::RETRY_AFTER], "1");
    assert_eq!(reason(&second), Some(Reason::TooManyInFlight));
    first.into_body().collect().await.unwrap();
    assert_eq!(under_way(&ledger, 1), (0, 0));
    let third = service.oneshot(plain(Method::GET)).await.unwrap();
    assert_eq!(third.status(), StatusCode::OK);
}

#[tokio::test]
async fn callers_do_not_take_each_others_places() {
    let (layer, _) = layer(1, 1);
    let service = layer.layer(answering(short));
    let held = service.clone().oneshot(plain(Method::GET)).await.unwrap();
    let other = request(Method::GET, 2).body(Empty::new()).unwrap();
    let other = service.oneshot(other).await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
    drop(held);
}

#[tokio::test]
async fn who_leaves_before_the_answer_gives_the_place_back() {
    let (layer, ledger) = layer(1, 1);
    let mut service = layer.layer(service_fn(|_: Request<Empty<Bytes>>| {
        pending::<Result<Response<Answer>, Infallible>>()
    }));
    let waiting = service.ready().await.unwrap().call(plain(Method::GET));
    assert_eq!(under_way(&ledger, 1), (1, 0));
    drop(waiting);
    assert_eq!(under_way(&ledger, 1), (0, 0));
}

#[tokio::test]
async fn a_service_that_fails_gives_the_place_back() {
    let (layer, ledger) = layer(1, 1);
    let failing = service_fn(|_: Request<Empty<Bytes>>| ready(Err::<Response<Answer>, _>("no")));
    let error = layer.layer(failing).oneshot(plain(Method::GET)).await;
    assert_eq!(error.err(), Some("no"));
    assert_eq!(under_way(&ledger, 1), (0, 0));
}

#[tokio::test]
async fn a_service_that_panics_gives_the_place_back() {
    let (layer, ledger) = layer(1, 1);
    let panicking = service_fn(|_: Request<Empty<Bytes>>| async {
        assert!(std::hint::black_box(false), "the service failed");
        Ok::<_, Infallible>(short())
    });
    let call = tokio::spawn(layer.layer(panicking).oneshot(plain(Method::GET)));
    assert!(call.await.is_err());
    assert_eq!(under_way(&ledger, 1), (0, 0));
}

#[tokio::test]
async fn streams_take_no_places_of_requests() {
    let (layer, ledger) = layer(1, 2);
    let service = layer.layer(answering(|| endless("text/event-stream; charset=utf-8")));
    let streams = [
        service.clone().oneshot(plain(Method::GET)).await.unwrap(),
        service.clone().oneshot(plain(Method::POST)).await.unwrap(),
    ];
    assert_eq!(under_way(&ledger, 1), (0, 2));
    drop(streams);
    assert_eq!(under_way(&ledger, 1), (0, 0));
}

#[tokio::test]
async fn a_stream_too_many_is_dropped_before_its_first_byte() {
    let (layer, ledger) = layer(5, 1);
    let (dropped, mut is_dropped) = oneshot::channel::<()>();
    let dropped = Arc::new(std::sync::Mutex::new(Some(dropped)));
    let service = layer.layer(answering(move || {
        let held = dropped.lock().unwrap().take();
        endless("text/event-stream").map(|body| {
            body.map_frame(move |frame| {
                let _ = &held;
                frame
            })
            .boxed_unsync()
        })
    }));
    let taken = ledger
        .streams
        .try_enter(Caller::from(std::net::IpAddr::from([192, 0, 2, 1])), 1);
    let refused = service.oneshot(plain(Method::GET)).await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reason(&refused), Some(Reason::TooManyStreams));
    assert_eq!(
        is_dropped.try_recv(),
        Err(oneshot::error::TryRecvError::Closed)
    );
    assert_eq!(under_way(&ledger, 1), (0, 1));
    drop(taken);
}

/// Its caller would call again, and what the call did would be done twice.
#[tokio::test]
async fn the_answer_to_a_call_is_never_thrown_away() {
    let (layer, ledger) = layer(2, 1);
    let service = layer.layer(answering(|| endless("text/event-stream")));
    let streams = [
        service.clone().oneshot(plain(Method::GET)).await.unwrap(),
        service.clone().oneshot(plain(Method::POST)).await.unwrap(),
        service.clone().oneshot(plain(Method::POST)).await.unwrap(),
    ];
    assert!(
        streams
            .iter()
            .all(|stream| stream.status() == StatusCode::OK)
    );
    assert_eq!(under_way(&ledger, 1), (2, 1), "both numbers together");
    let further = service.clone().oneshot(plain(Method::POST)).await.unwrap();
    assert_eq!(reason(&further), Some(Reason::TooManyInFlight));
    drop(streams);
    assert_eq!(under_way(&ledger, 1), (0, 0));
}

#[rstest]
#[case::events(header::ACCEPT, "text/event-stream")]
#[case::a_websocket(header::UPGRADE, "WebSocket")]
#[tokio::test]
async fn who_asks_for_a_stream_is_refused_before_anybody_hears_of_it(
    #[case] name: header::HeaderName,
    #[case] value: &str,
) {
    let (layer, ledger) = layer(0, 1);
    let unreachable = service_fn(|_: Request<Empty<Bytes>>| {
        assert!(std::hint::black_box(false), "the service heard of it");
        ready(Ok::<_, Infallible>(short()))
    });
    let caller = Caller::from(std::net::IpAddr::from([192, 0, 2, 1]));
    let taken = ledger.streams.try_enter(caller, 1);
    let asking = || request(Method::GET, 1).header(&name, value);
    let refused = layer
        .clone()
        .layer(unreachable)
        .oneshot(asking().body(Empty::new()).unwrap())
        .await
        .unwrap();
    assert_eq!(reason(&refused), Some(Reason::TooManyStreams));
    drop(taken);
    // Among the streams from the beginning: it needs no place of a request.
    let opened = layer.layer(answering(|| endless("text/event-stream")));
    let opened = opened.oneshot(asking().body(Empty::new()).unwrap()).await;
    assert_eq!(opened.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_head_request_opens_no_stream() {
    let (layer, ledger) = layer(1, 0);
    let service = layer.layer(answering(|| {
        endless("text/event-stream").map(|_| Empty::new().boxed_unsync())
    }));
    let head = service.oneshot(plain(Method::HEAD)).await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert!(head.into_body().is_end_stream());
    assert_eq!(under_way(&ledger, 1), (0, 0));
}

#[tokio::test]
async fn a_tunnel_holds_the_place_after_its_response_is_over() {
    let (layer, ledger) = layer(1, 1);
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let service = layer.layer(service_fn(move |request: Request<Empty<Bytes>>| {
        keep.send(request.extensions().get::<HeldPlaces>().cloned())
            .unwrap();
        let mut response = Response::new(Empty::<Bytes>::new().boxed_unsync());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        ready(Ok::<Response<Answer>, Infallible>(response))
    }));
    let switched = service.clone().oneshot(plain(Method::GET)).await.unwrap();
    switched.into_body().collect().await.unwrap();
    assert_eq!(under_way(&ledger, 1), (0, 1));
    let second = service.oneshot(plain(Method::GET)).await.unwrap();
    assert_eq!(reason(&second), Some(Reason::TooManyStreams));
    let (tunnel, refused) = (kept.recv().await.unwrap(), kept.recv().await.unwrap());
    drop(refused);
    assert_eq!(under_way(&ledger, 1), (0, 1));
    drop(tunnel);
    assert_eq!(under_way(&ledger, 1), (0, 0));
}

#[tokio::test]
async fn without_an_allowance_nothing_is_counted() {
    let callers = PerCaller::default();
    let ledger = callers.ledger().clone();
    let service = ConcurrencyLayer::new(&resource(), callers).layer(answering(short));
    let held = service.oneshot(plain(Method::GET)).await.unwrap();
    assert_eq!((ledger.in_flight.keys(), ledger.streams.keys()), (0, 0));
    drop(held);
}

#[rstest]
#[case("GET", "accept", "text/event-stream", true)]
#[case("GET", "accept", " Text/Event-Stream ; q=0.9", true)]
#[case("GET", "accept", "text/event-stream, application/json", false)]
#[case("GET", "accept", "*/*", false)]
#[case("GET", "accept", "", false)]
#[case("POST", "accept", "text/event-stream", false)]
#[case("HEAD", "accept", "text/event-stream", false)]
#[case("GET", "upgrade", "websocket", true)]
#[case("GET", "upgrade", "h2c", false)]
#[case("POST", "upgrade", "websocket", false)]
fn knows_who_can_only_be_answered_with_a_stream(
    #[case] method: &str,
    #[case] name: &str,
    #[case] value: &str,
    #[case] expected: bool,
) {
    let request = Request::builder().method(method).header(name, value);
    let (parts, ()) = request.body(()).unwrap().into_parts();
    assert_eq!(asks_for_stream(&parts), expected);
}

/// Rooms of one number each, counted the plain way.
#[derive(Clone, Debug)]
struct Hall(Places<Kind>, [usize; 2]);

impl Room for Hall {
    type Place = Place<Kind>;

    fn enter(&self, kind: Kind) -> Option<Place<Kind>> {
        self.0.try_enter(kind, self.1[kind as usize])
    }
}

#[derive(Debug, Clone)]
enum Step {
    Arrive {
        asks: bool,
        safe: bool,
    },
    Answer {
        which: prop::sample::Index,
        streams: bool,
    },
    Leave {
        which: prop::sample::Index,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<bool>(), any::<bool>()).prop_map(|(asks, safe)| Step::Arrive { asks, safe }),
        2 => (any::<prop::sample::Index>(), any::<bool>())
            .prop_map(|(which, streams)| Step::Answer { which, streams }),
        2 => any::<prop::sample::Index>().prop_map(|which| Step::Leave { which }),
    ]
}

proptest! {
    #[test]
    fn no_room_is_ever_over_full_and_everything_comes_back(
        steps in prop::collection::vec(step(), 1..200),
        most in prop::array::uniform2(prop::array::uniform2(0_usize..4)),
    ) {
        let halls = most.map(|most| Hall(Places::default(), most));
        let mut inside: Vec<Stay<Hall>> = Vec::new();
        for step in steps {
            match step {
                Step::Arrive { asks, safe } => {
                    let kind = if asks { Kind::Stream } else { Kind::Request };
                    let method = if safe { Method::GET } else { Method::POST };
                    let has_room = halls.iter().all(|hall| hall.0.taken(&kind) < hall.1[kind as usize]);
                    let stay = Stay::of_kind(kind, &method, halls.clone());
                    prop_assert_eq!(stay.is_ok(), has_room);
                    inside.extend(stay);
                }
                Step::Answer { which, streams } if !inside.is_empty() => {
                    let which = which.index(inside.len());
                    let answer = if streams { endless("text/event-stream") } else { short() };
                    if inside[which].settle(&answer).is_err() {
                        prop_assert!(inside[which].is_safe(), "a call lost its answer");
                        drop(inside.swap_remove(which));
                    }
                }
                Step::Leave { which } if !inside.is_empty() => {
                    drop(inside.swap_remove(which.index(inside.len())));
                }
                Step::Answer { .. } | Step::Leave { .. } => {}
            }
            for hall in &halls {
                let taken = [Kind::Request, Kind::Stream].map(|kind| hall.0.taken(&kind));
                prop_assert!(taken[0] <= hall.1[0] && taken[1] <= hall.1[1]);
                prop_assert_eq!(taken[0] + taken[1], inside.len(), "one place for each in each");
            }
        }
        drop(inside);
        prop_assert!(halls.iter().all(|hall| hall.0.keys() == 0));
    }
}
