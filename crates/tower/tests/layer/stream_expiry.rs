//! A stream ends when its token does, between two events, and the service behind sees it at once.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use oauthgate_core::UnixTime;
use oauthgate_remote::clock::Clock;
use oauthgate_tower::{
    Reference, ResourceServerLayer, ResponseBody, StreamDeadline, StreamExpiry, StreamFarewell,
    stream_expiry::LastWords,
};
use rstest::rstest;
use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tower::{Layer, ServiceExt, service_fn};

use crate::{issuer, support::*};

const SKEW: u64 = 60;
/// How long the tokens of these tests are good for, without the skew.
const LIFE: u64 = 100;
/// When streams are ended: within the grace, and a little before its end.
const END: u64 = LIFE + SKEW + 3;
const _: () = assert!(END <= LIFE + SKEW + 5);

/// A clock that goes with Tokio's, unless somebody sets it.
#[derive(Debug)]
struct TestClock {
    started: Instant,
    set_by: AtomicI64,
}

impl TestClock {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            set_by: AtomicI64::new(0),
        })
    }

    fn set_by(&self, seconds: i64) {
        self.set_by.store(seconds, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixTime {
        let passed = i64::try_from(self.started.elapsed().as_secs()).unwrap();
        UnixTime::from_secs(issuer::NOW + passed + self.set_by.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

type Events = mpsc::UnboundedSender<Frame<Bytes>>;
type Stream = UnsyncBoxBody<Bytes, Infallible>;

fn stream_of() -> (Events, Stream) {
    let (events, receiver) = mpsc::unbounded_channel();
    let frames = stream::unfold(receiver, |mut receiver| async {
        Some((Ok(receiver.recv().await?), receiver))
    });
    (events, StreamBody::new(frames).boxed_unsync())
}

/// How a stream is opened.
struct Opening {
    method: Method,
    expiry: StreamExpiry,
    headers: Vec<(&'static str, &'static str)>,
    farewell: Option<StreamFarewell>,
    expires_in: u64,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            method: Method::GET,
            expiry: StreamExpiry::default(),
            headers: vec![("content-type", "text/event-stream")],
            farewell: None,
            expires_in: LIFE,
        }
    }
}

impl Opening {
    async fn open(self) -> Open {
        let (clock, reported) = (TestClock::new(), Arc::new(AtomicUsize::new(0)));
        let layer = self.layer(&clock, &reported);
        let (events, response) = self.response();
        let response = Arc::new(Mutex::new(Some(response)));
        let inner = service_fn(move |request: Request<String>| {
            let mut response = response.lock().unwrap().take().unwrap();
            let deadline = request.extensions().get::<StreamDeadline>();
            response.extensions_mut().insert(deadline.cloned());
            async { Ok::<_, Infallible>(response) }
        });
        let response = layer.layer(inner).oneshot(self.request()).await.unwrap();
        Open {
            started: Instant::now(),
            clock,
            events,
            response,
            reported,
        }
    }

    fn layer(
        &self,
        clock: &Arc<TestClock>,
        reported: &Arc<AtomicUsize>,
    ) -> ResourceServerLayer<Provider> {
        let (clock, reported) = (Arc::clone(clock), Arc::clone(reported));
        let provider = Provider {
            clock,
            ..Provider::default()
        };
        ResourceServerLayer::new(provider)
            .stream_expiry(self.expiry)
            .on_stream_expiry(move |reference| {
                assert_eq!(reference.map(Reference::as_str), Some("request-1"));
                reported.fetch_add(1, Ordering::Relaxed);
            })
    }

    fn response(&self) -> (Events, Response<Stream>) {
        let (events, body) = stream_of();
        let mut response = Response::new(body);
        for (name, value) in &self.headers {
            response.headers_mut().append(*name, value.parse().unwrap());
        }
        if let Some(farewell) = &self.farewell {
            response.extensions_mut().insert(farewell.clone());
        }
        (events, response)
    }

    fn request(&self) -> Request<String> {
        let expires_at = issuer::NOW + i64::try_from(self.expires_in).unwrap();
        let token = issuer::token(&issuer::claims_with(&json!({ "exp": expires_at })));
        Request::builder()
            .method(self.method.clone())
            .header("authorization", format!("Bearer {token}"))
            .extension(Reference::parse("request-1").unwrap())
            .body(String::new())
            .unwrap()
    }
}

/// An open stream, from both sides.
struct Open {
    started: Instant,
    clock: Arc<TestClock>,
    events: Events,
    response: Response<ResponseBody<Stream>>,
    reported: Arc<AtomicUsize>,
}

impl Open {
    fn send(&self, text: &str) {
        let data = Bytes::copy_from_slice(text.as_bytes());
        self.events.send(Frame::data(data)).unwrap();
    }

    /// What comes next, or nothing at the end.
    async fn next(&mut self) -> Option<String> {
        let frame = self.response.body_mut().frame().await?;
        let data = frame.unwrap().into_data().unwrap();
        Some(String::from_utf8(data.to_vec()).unwrap())
    }

    /// Everything until the end, and when that was.
    async fn rest(&mut self) -> (String, u64) {
        let mut text = String::new();
        while let Some(piece) = self.next().await {
            text.push_str(&piece);
        }
        (text, self.started.elapsed().as_secs())
    }

    fn reported(&self) -> usize {
        self.reported.load(Ordering::Relaxed)
    }
}

fn comment() -> String {
    String::from_utf8(StreamFarewell::comment().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn g9_a_stream_ends_between_two_events_when_its_token_does() {
    let mut open = Opening::default().open().await;
    open.send("data: 1\n\n");
    assert_eq!(open.next().await.unwrap(), "data: 1\n\n");
    assert_eq!(open.rest().await, (comment(), END));
    assert!(open.events.is_closed(), "the service behind goes on");
    assert_eq!(open.reported(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_service_behind_sees_the_end_before_the_client_has_read_it() {
    let mut open = Opening::default().open().await;
    assert_eq!(open.next().await.unwrap(), comment());
    assert!(open.events.is_closed());
    assert_eq!(open.next().await, None);
}

#[rstest]
#[case::nothing(0, LIFE + SKEW)]
#[case::a_second(1, LIFE + SKEW)]
#[case::two(2, LIFE + SKEW)]
#[case::half_a_minute(30, LIFE + SKEW + 28)]
#[tokio::test(start_paused = true)]
async fn the_end_comes_within_the_grace(#[case] grace: u64, #[case] expected: u64) {
    let expiry = StreamExpiry::Close {
        grace: Duration::from_secs(grace),
    };
    let opening = Opening {
        expiry,
        ..Opening::default()
    };
    assert_eq!(opening.open().await.rest().await, (comment(), expected));
}

#[tokio::test(start_paused = true)]
async fn an_event_under_way_is_waited_for() {
    let mut open = Opening::default().open().await;
    open.send("data: 1\n\ndata: 2\n");
    let events = open.events.clone();
    tokio::spawn(async move {
        sleep(Duration::from_millis(END * 1000 + 500)).await;
        let rest = Bytes::from_static(b"data: 3\n\ndata: 4\n");
        events.send(Frame::data(rest)).unwrap();
    });
    assert_eq!(open.next().await.unwrap(), "data: 1\n\n");
    let (text, at) = open.rest().await;
    assert_eq!(text, format!("data: 2\ndata: 3\n\n{}", comment()));
    assert_eq!(at, END);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_does_not_end_is_left_out() {
    let mut open = Opening::default().open().await;
    open.send("data: 1\n\nda");
    open.send("ta: 2\n");
    let (text, at) = open.rest().await;
    assert_eq!(text, format!("data: 1\n\n{}", comment()));
    assert_eq!(at, END + 1);
    assert!(open.events.is_closed());
}

#[tokio::test(start_paused = true)]
async fn an_endless_run_of_events_ends_too() {
    let mut open = Opening::default().open().await;
    let events = open.events.clone();
    // Never at rest between two events: each piece has the end of one and the beginning of the next.
    tokio::spawn(async move {
        let mut piece = "data: a";
        while events.send(Frame::data(Bytes::from(piece))).is_ok() {
            piece = "b\n\ndata: a";
            sleep(Duration::from_millis(700)).await;
        }
    });
    let (text, at) = open.rest().await;
    let expected = format!("data: ab\n\n{}", comment());
    assert!(text.ends_with(&expected), "{text}");
    assert!((END..=END + 1).contains(&at), "{at}");
}

#[tokio::test(start_paused = true)]
async fn of_an_event_too_long_to_hold_back_no_reader_takes_half() {
    let mut open = Opening::default().open().await;
    open.send("data: 1\n\ndata: ");
    let piece = "x".repeat(16 * 1024);
    for _ in 0..8 {
        open.send(&piece);
    }
    let (text, at) = open.rest().await;
    assert_eq!(text.len(), "data: 1\n\ndata: ".len() + 8 * piece.len());
    assert!(
        !text.contains(&comment()),
        "it would become part of the event"
    );
    assert_eq!(at, END + 1);
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_while_an_event_does_not_end() {
    let mut open = Opening::default().open().await;
    let mut sent = 0;
    loop {
        open.send("x");
        sent += 1;
        let next = timeout(Duration::from_millis(1), open.next()).await;
        if next.is_ok() {
            break;
        }
    }
    assert!(sent <= 64 * 1024 + 1, "{sent} bytes were held back");
}

#[rstest]
#[case("data: 1\n\n")]
#[case("data: 1\r\n\r\n")]
#[case("id: 1\nevent: x\ndata: 1\n\n: ping\n")]
#[case(":\n")]
#[tokio::test(start_paused = true)]
async fn events_and_comments_pass_as_they_come(#[case] text: &str) {
    let mut open = Opening::default().open().await;
    for _ in 0..3 {
        open.send(text);
        let next = timeout(Duration::from_secs(1), open.next()).await;
        assert_eq!(next.expect("nothing is held back").unwrap(), text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_by_itself_is_not_changed() {
    let open = Opening::default().open().await;
    open.send("data: 1\n\ndata: 2");
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-checksum", "1".parse().unwrap());
    open.events.send(Frame::trailers(trailers.clone())).unwrap();
    let reported = Arc::clone(&open.reported);
    let Open {
        response, events, ..
    } = open;
    drop(events);
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers(), Some(&trailers));
    assert_eq!(collected.to_bytes(), "data: 1\n\ndata: 2");
    assert_eq!(reported.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn kept_streams_and_other_answers_are_left_alone() {
    let keep = Opening {
        expiry: StreamExpiry::Keep,
        ..Opening::default()
    };
    let json = Opening {
        headers: vec![("content-type", "application/json")],
        ..Opening::default()
    };
    let head = Opening {
        method: Method::HEAD,
        ..Opening::default()
    };
    for opening in [keep, json, head] {
        let mut open = opening.open().await;
        let end = timeout(Duration::from_secs(1_000_000), open.next()).await;
        assert!(end.is_err(), "{end:?}");
        assert_eq!(open.reported(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_announced_its_length_no_longer_does() {
    let announcing = |method| Opening {
        method,
        headers: vec![
            ("content-type", "Text/Event-Stream; charset=utf-8"),
            ("content-length", "1000"),
        ],
        ..Opening::default()
    };
    let mut open = announcing(Method::GET).open().await;
    assert!(!open.response.headers().contains_key(header::CONTENT_LENGTH));
    assert_eq!(open.response.body().size_hint().exact(), None);
    assert_eq!(open.rest().await, (comment(), END));
    let head = announcing(Method::HEAD).open().await;
    assert_eq!(head.response.headers()[header::CONTENT_LENGTH], "1000");
}

#[tokio::test(start_paused = true)]
async fn a_compressed_stream_ends_without_a_word() {
    let mut open = Opening {
        headers: vec![
            ("content-type", "text/event-stream"),
            ("content-encoding", "gzip"),
        ],
        ..Opening::default()
    }
    .open()
    .await;
    open.send("data: 1");
    assert_eq!(open.rest().await, ("data: 1".to_owned(), END));
    assert_eq!(open.reported(), 1);
}

#[rstest]
#[case::back(-1_000_000, END)]
#[case::back_by_a_little(-30, END)]
#[case::ahead(1_000_000, 45)]
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_keeps_no_stream_open(#[case] by: i64, #[case] expected: u64) {
    let mut open = Opening::default().open().await;
    let clock = Arc::clone(&open.clock);
    tokio::spawn(async move {
        sleep(Duration::from_secs(31)).await;
        clock.set_by(by);
    });
    assert_eq!(open.rest().await, (comment(), expected));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_begins_after_the_end_ends_at_once() {
    let mut open = Opening {
        expires_in: 0,
        expiry: StreamExpiry::Close {
            grace: Duration::ZERO,
        },
        ..Opening::default()
    }
    .open()
    .await;
    open.clock.set_by(i64::try_from(SKEW).unwrap() + 10);
    let (text, at) = open.rest().await;
    assert_eq!(text, comment());
    assert!(at <= 15, "{at}");
}

struct Word(AtomicUsize);

impl LastWords for Word {
    fn last_words(&self) -> Bytes {
        let asked = self.0.fetch_add(1, Ordering::Relaxed);
        Bytes::from(format!("event: farewell\ndata: {asked}\n\n"))
    }
}

#[tokio::test(start_paused = true)]
async fn who_knows_better_has_the_last_word() {
    let word = Arc::new(Word(AtomicUsize::new(1)));
    let mut open = Opening {
        farewell: Some(StreamFarewell::new(word.clone())),
        ..Opening::default()
    }
    .open()
    .await;
    open.send("data: 1\n\n");
    let (text, _) = open.rest().await;
    assert_eq!(text, "data: 1\n\nevent: farewell\ndata: 1\n\n");
    assert_eq!(word.0.load(Ordering::Relaxed), 2, "asked once");
}

#[tokio::test(start_paused = true)]
async fn a_service_can_wait_for_the_deadline_itself() {
    let open = Opening::default().open().await;
    let deadline = open.response.extensions().get::<Option<StreamDeadline>>();
    let deadline = deadline.cloned().flatten().unwrap();
    deadline.countdown().await;
    assert_eq!(open.started.elapsed().as_secs(), END);
    deadline.report();
    assert_eq!(open.reported(), 1);
    let kept = Opening {
        expiry: StreamExpiry::Keep,
        ..Opening::default()
    };
    let kept = kept.open().await;
    let deadline = kept.response.extensions().get::<Option<StreamDeadline>>();
    assert!(deadline.is_some_and(Option::is_none));
}

#[tokio::test(start_paused = true)]
async fn row_48_a_client_that_leaves_ends_the_stream_behind() {
    let open = Opening::default().open().await;
    assert!(!open.events.is_closed());
    drop(open.response);
    assert!(open.events.is_closed());
}

#[tokio::test(start_paused = true)]
async fn g9_a_stream_that_nobody_reads_is_let_go_too() {
    let mut open = Opening::default().open().await;
    open.send("data: 1\n\n");
    sleep(Duration::from_secs(END + 1)).await;
    tokio::task::yield_now().await;
    assert!(open.events.is_closed(), "the service behind goes on");
    assert_eq!(open.reported(), 1);
    // What was not read by then is lost, and the end is a clean one.
    assert_eq!(open.rest().await.0, comment());
    assert_eq!(open.reported(), 1);
}

/// Whatever was under way when it stopped reading: nobody will ever hear the rest of it.
#[rstest]
#[case("data: 1\n\n", "data: 1\n\n")]
#[case("data: 1\n\ndata: 2", "data: 1\n\n")]
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_on_too_late_hears_why_its_stream_ended(
    #[case] sent: &str,
    #[case] heard: &str,
) {
    let mut open = Opening::default().open().await;
    open.send(sent);
    assert_eq!(open.next().await.unwrap(), heard);
    let nothing = timeout(Duration::from_secs(1), open.next()).await;
    assert!(nothing.is_err());
    sleep(Duration::from_secs(END + 1)).await;
    assert!(open.events.is_closed());
    assert!(
        !open.response.body().is_end_stream(),
        "a server that believes it would ask for no more"
    );
    assert_eq!(open.rest().await.0, comment());
    assert_eq!(open.reported(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ended_is_not_reported_later() {
    let open = Opening::default().open().await;
    let Open {
        response,
        events,
        reported,
        ..
    } = open;
    drop(events);
    response.into_body().collect().await.unwrap();
    sleep(Duration::from_secs(END * 2)).await;
    assert_eq!(reported.load(Ordering::Relaxed), 0);
}
