//! What may be under way at a time, against the real gate: what is too much is turned away readably, the rest goes
//! on, and everything is free again afterwards, however its client went.

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use oauthgate_dev_issuer::TokenSpec;
use oauthgate_e2e::{
    AuthorizationServer, Gate, GateBuilder, Http2Connection, Kind, RawResponse, exchange,
    http2_request, http2_reset, request_head,
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

use super::{PATIENCE, eventually};

const IN_FLIGHT: &str = "oauthgate_requests_in_flight ";
const STREAMS: &str = "oauthgate_open_streams ";
const CONNECTIONS: &str = "oauthgate_connections ";
const SLOW: &str = "/mcp/slow";
const STREAM: &str = "/mcp/stream";

/// An upstream: `/mcp/slow` answers when it is told to, `/mcp/stream` sends one event and then nothing, everything else
/// is answered at once, its body unread.
struct Upstream {
    url: String,
    goes: watch::Sender<bool>,
    _task: JoinHandle<()>,
}

impl Upstream {
    async fn start() -> Self {
        let (goes, told) = watch::channel(false);
        let service = Router::new()
            .route(SLOW, any(slow))
            .route(STREAM, any(stream))
            .fallback(get(|| async { "good" }).post(|| async { "good" }))
            .with_state(told);
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            axum::serve(listener, service).await.expect("it serves");
        });
        Self {
            url: format!("http://{address}/mcp"),
            goes,
            _task: task,
        }
    }
}

async fn slow(State(mut told): State<watch::Receiver<bool>>) -> &'static str {
    let _ = told.wait_for(|goes| *goes).await;
    "slow"
}

async fn stream() -> Response {
    use futures_util::{StreamExt, stream};
    let event = stream::once(async { Ok::<_, std::io::Error>(Bytes::from("data: first\n\n")) });
    let events = Body::from_stream(event.chain(stream::pending()));
    ([(header::CONTENT_TYPE, "text/event-stream")], events).into_response()
}

struct Scene {
    server: AuthorizationServer,
    upstream: Upstream,
    gate: Gate,
}

impl Scene {
    async fn set(settings: &[(&str, &str)]) -> Self {
        let server = AuthorizationServer::start(Kind::DevIssuer).await;
        let upstream = Upstream::start().await;
        let gate = GateBuilder::new(&upstream.url, &server);
        let gate = settings
            .iter()
            .fold(gate, |gate, (name, value)| gate.set(name, *value));
        Self {
            server,
            upstream,
            gate: gate.start().await,
        }
    }

    fn bearer(&self, subject: &str) -> String {
        let spec = TokenSpec::new(self.gate.resource.as_str());
        let spec = spec.subject(subject).scope("mcp:read");
        format!("Bearer {}", self.server.as_dev_issuer().mint(spec))
    }

    /// A head, on a connection that may live on.
    fn head(&self, subject: &str, method: &str, path: &str, lines: &str) -> String {
        let (port, bearer) = (self.gate.port, self.bearer(subject));
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: {bearer}\r\n{lines}\r\n"
        )
    }

    async fn said(&self, words: &str) -> TcpStream {
        self.said_from("127.0.0.1", words).await
    }

    async fn said_from(&self, address: &str, words: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        let from: SocketAddr = format!("{address}:0").parse().expect("an address");
        socket.bind(from).expect("an address of ours");
        let gate = SocketAddr::from(([127, 0, 0, 1], self.gate.port));
        let mut stream = socket.connect(gate).await.expect("the gate listens");
        // A connection that is closed already hears nothing; what it answers says so.
        let _ = stream.write_all(words.as_bytes()).await;
        stream
    }

    async fn asked(&self, subject: &str, path: &str) -> RawResponse {
        let bearer = self.bearer(subject);
        let head = request_head(
            "GET",
            path,
            self.gate.port,
            &[("Authorization", bearer.as_str())],
        );
        exchange(self.gate.port, &head).await
    }

    async fn gauge(&self, name: &str) -> i64 {
        let text = self.gate.metrics().await;
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        let value = value.unwrap_or_else(|| panic!("no {name}: {text}"));
        value.trim().parse().expect("a number")
    }

    async fn becomes(&self, name: &str, expected: i64) {
        let what = format!("{name}is {expected}");
        eventually(&what, async || self.gauge(name).await == expected).await;
    }

    async fn is_free(&self) {
        for gauge in [IN_FLIGHT, STREAMS, CONNECTIONS] {
            self.becomes(gauge, 0).await;
        }
    }
}

/// Everything until these words.
async fn heard(stream: &mut TcpStream, words: &str) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.contains(words) {
            return text;
        }
        let read = timeout(PATIENCE, stream.read_buf(&mut bytes)).await;
        assert!(matches!(read, Ok(Ok(1..))), "no {words:?} in {text:?}");
    }
}

/// Ended without a word.
async fn is_closed(mut stream: TcpStream) -> bool {
    let mut bytes = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    end.expect("an end").is_err() || bytes.is_empty()
}

fn is_refused(answer: &RawResponse, status: u16, description: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("retry-after"), Some("1"), "{}", answer.head);
    let body = answer.text.split_once("\r\n\r\n").expect("a body").1;
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["error_description"], description);
}

const OVERLOADED: &str = "Too many requests are under way";
const TWO: &[(&str, &str)] = &[
    ("OAUTHGATE_MAX_IN_FLIGHT", "2"),
    ("OAUTHGATE_MAX_IN_FLIGHT_PER_SUBJECT", "2"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_gate_says_so_and_goes_on_with_what_needs_no_room() {
    let scene = Scene::set(TWO).await;
    let port = scene.gate.port;
    let slow = scene.head("ada", "GET", SLOW, "");
    let mut held = [scene.said(&slow).await, scene.said(&slow).await];
    scene.becomes(IN_FLIGHT, 2).await;
    is_refused(&scene.asked("bob", "/mcp").await, 503, OVERLOADED);
    // Nobody looks at a token, so nobody hears whether it is any good.
    let unknown = exchange(port, &request_head("GET", "/mcp", port, &[])).await;
    is_refused(&unknown, 503, OVERLOADED);
    let document = "/.well-known/oauth-protected-resource/mcp";
    let document = exchange(port, &request_head("GET", document, port, &[])).await;
    assert_eq!(document.status, 200, "{}", document.text);
    let origin = format!("http://localhost:{port}");
    let page = [
        ("Origin", origin.as_str()),
        ("Access-Control-Request-Method", "POST"),
    ];
    let preflight = exchange(port, &request_head("OPTIONS", "/mcp", port, &page)).await;
    assert_eq!(preflight.status, 204, "{}", preflight.text);
    assert_eq!(scene.gate.readiness().await.0, 200);
    scene.upstream.goes.send_replace(true);
    for stream in &mut held {
        heard(stream, "slow").await;
    }
    scene.becomes(IN_FLIGHT, 0).await;
    assert_eq!(scene.asked("bob", "/mcp").await.status, 200);
    drop(held);
    scene.is_free().await;
}

/// What is turned away has a body that nobody read: the next request on the connection must be the next request.
#[rstest]
#[case::whole("Content-Length: 40\r\n", 40)]
#[case::larger_than_a_buffer("Content-Length: 60000\r\n", 60_000)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_outlives_a_refusal_whatever_was_in_the_body(
    #[case] framing: &str,
    #[case] length: usize,
) {
    let scene = Scene::set(TWO).await;
    let slow = scene.head("ada", "GET", SLOW, "");
    let held = [scene.said(&slow).await, scene.said(&slow).await];
    scene.becomes(IN_FLIGHT, 2).await;
    // The body looks like a request; whoever answers it twice took it for one.
    let body = "GET /mcp/smuggled HTTP/1.1\r\nX: ".to_owned();
    let body = body.clone() + &"x".repeat(length - body.len());
    let mut stream = scene
        .said(&(scene.head("bob", "POST", "/mcp", framing) + &body))
        .await;
    heard(&mut stream, OVERLOADED).await;
    scene.upstream.goes.send_replace(true);
    scene.becomes(IN_FLIGHT, 0).await;
    let last = scene.head("bob", "GET", "/mcp", "Connection: close\r\n");
    stream
        .write_all(last.as_bytes())
        .await
        .expect("still there");
    let mut rest = String::new();
    let end = timeout(PATIENCE, stream.read_to_string(&mut rest)).await;
    end.expect("an end").expect("an orderly one");
    assert_eq!(rest.matches("HTTP/1.1 200 OK").count(), 1, "{rest}");
    assert_eq!(rest.matches("HTTP/1.1 ").count(), 1, "{rest}");
    drop(held);
    scene.is_free().await;
}

/// However it goes, its place is there for the next one.
#[rstest]
#[case::while_the_server_thinks("GET", "", "")]
#[case::amid_its_body("POST", "Content-Length: 100\r\n", "half")]
#[case::amid_its_chunks("POST", "Transfer-Encoding: chunked\r\n", "10\r\nhalf")]
#[case::before_it_may_go_on("POST", "Content-Length: 9\r\nExpect: 100-continue\r\n", "")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_gone_takes_up_nothing(
    #[case] method: &str,
    #[case] framing: &str,
    #[case] then: &str,
    #[values(true, false)] abruptly: bool,
) {
    let scene = Scene::set(TWO).await;
    let words = scene.head("ada", method, SLOW, framing) + then;
    for _ in 0..3 {
        let clients = [scene.said(&words).await, scene.said(&words).await];
        scene.becomes(IN_FLIGHT, 2).await;
        for client in clients {
            if abruptly {
                client.set_zero_linger().expect("an option of every system");
            }
            drop(client);
        }
        scene.is_free().await;
    }
    assert_eq!(scene.asked("bob", "/mcp").await.status, 200);
}

/// With more words unread on the connection nobody sees that the client is gone before it is written to; then all of it
/// is free, and what it said beforehand is not answered for nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_said_more_and_is_gone_takes_up_nothing_after_its_answer() {
    let scene = Scene::set(TWO).await;
    let words = scene.head("ada", "GET", SLOW, "") + "GET /mcp HTTP/1.1\r\nHost: loc";
    let clients = [scene.said(&words).await, scene.said(&words).await];
    scene.becomes(IN_FLIGHT, 2).await;
    drop(clients);
    scene.upstream.goes.send_replace(true);
    scene.is_free().await;
    assert_eq!(scene.asked("bob", "/mcp").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f20_http2_streams_that_are_reset_take_up_nothing() {
    let scene = Scene::set(TWO).await;
    let (port, bearer) = (scene.gate.port, scene.bearer("ada"));
    let fields = [("authorization", bearer.as_str())];
    let mut client = Http2Connection::open(port, 65_535).await;
    for stream in (1..).step_by(4).take(10) {
        for stream in [stream, stream + 2] {
            let request = http2_request(stream, port, SLOW, &fields);
            assert!(client.send(&request).await);
        }
        scene.becomes(IN_FLIGHT, 2).await;
        for stream in [stream, stream + 2] {
            assert!(client.send(&http2_reset(stream)).await);
        }
        scene.becomes(IN_FLIGHT, 0).await;
    }
    assert_eq!(scene.asked("bob", "/mcp").await.status, 200);
    drop(client);
    scene.is_free().await;
}

#[rstest]
#[case::that_it_asks_for("Accept: text/event-stream\r\n")]
#[case::that_it_did_not_ask_for("")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subject_has_so_many_streams_and_others_have_theirs(#[case] accept: &str) {
    let scene = Scene::set(&[("OAUTHGATE_MAX_STREAMS_PER_SUBJECT", "1")]).await;
    let open = |subject| scene.head(subject, "GET", STREAM, accept);
    let mut first = scene.said(&open("ada")).await;
    heard(&mut first, "data: first").await;
    scene.becomes(STREAMS, 1).await;
    scene.becomes(IN_FLIGHT, 0).await;
    let second = scene
        .head("ada", "GET", STREAM, accept)
        .replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let second = exchange(scene.gate.port, second.as_bytes()).await;
    is_refused(&second, 429, "This caller has too many open streams");
    assert_eq!(scene.asked("ada", "/mcp").await.status, 200);
    let mut other = scene.said(&open("bob")).await;
    heard(&mut other, "data: first").await;
    drop(first);
    scene.becomes(STREAMS, 1).await;
    let mut again = scene.said(&open("ada")).await;
    heard(&mut again, "data: first").await;
    drop((other, again));
    scene.is_free().await;
}

/// A call's stream that finds no place stays a request, so a subject never has more than both numbers together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subject_evades_nothing_by_calls_that_are_answered_with_streams() {
    let scene = Scene::set(&[
        ("OAUTHGATE_MAX_STREAMS_PER_SUBJECT", "1"),
        ("OAUTHGATE_MAX_IN_FLIGHT_PER_SUBJECT", "2"),
    ])
    .await;
    let call = scene.head("ada", "POST", STREAM, "Content-Length: 0\r\n");
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = scene.said(&call).await;
        heard(&mut stream, "data: first").await;
        open.push(stream);
    }
    let further = scene.asked("ada", "/mcp").await;
    let description = "Too many requests of this caller are under way";
    is_refused(&further, 429, description);
    assert_eq!(scene.asked("bob", "/mcp").await.status, 200);
    open.pop();
    eventually("there is room again", async || {
        scene.asked("ada", "/mcp").await.status == 200
    })
    .await;
    drop(open);
    scene.is_free().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f28_an_address_has_so_many_connections_and_others_have_theirs() {
    // Whoever waited for the gate to listen did it from 127.0.0.1.
    const ONE: &str = "127.0.0.3";
    let scene = Scene::set(&[("OAUTHGATE_MAX_CONNECTIONS_PER_ADDRESS", "2")]).await;
    let stream = scene.head("ada", "GET", STREAM, "");
    let mut held = [
        scene.said_from(ONE, &stream).await,
        scene.said_from(ONE, "").await,
    ];
    heard(&mut held[0], "data: first").await;
    scene.becomes(CONNECTIONS, 2).await;
    let request = scene.head("ada", "GET", "/mcp", "Connection: close\r\n");
    assert!(is_closed(scene.said_from(ONE, &request).await).await);
    let mut other = scene.said_from("127.0.0.2", &request).await;
    heard(&mut other, "good").await;
    assert_eq!(scene.gate.readiness().await.0, 200);
    drop((held, other));
    scene.is_free().await;
    heard(&mut scene.said_from(ONE, &request).await, "good").await;
}

/// The balancer may have as many as it likes, those whom it speaks for may not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f28_an_address_in_a_proxy_header_has_so_many_connections() {
    let scene = Scene::set(&[
        ("OAUTHGATE_MAX_CONNECTIONS_PER_ADDRESS", "2"),
        ("OAUTHGATE_TRUSTED_PROXIES", "127.0.0.1"),
        ("OAUTHGATE_PROXY_PROTOCOL", "on"),
    ])
    .await;
    let request = scene.head("ada", "GET", "/mcp", "");
    let of = |client: &str| format!("PROXY TCP4 {client} 127.0.0.1 5000 80\r\n{request}");
    let mut held = Vec::new();
    for client in ["203.0.113.9", "203.0.113.9", "203.0.113.10"] {
        let mut stream = scene.said(&of(client)).await;
        heard(&mut stream, "good").await;
        held.push(stream);
    }
    assert!(is_closed(scene.said(&of("203.0.113.9")).await).await);
    for _ in 0..3 {
        let mut stream = scene.said(&format!("PROXY UNKNOWN\r\n{request}")).await;
        heard(&mut stream, "good").await;
        held.push(stream);
    }
    drop(held);
    scene.is_free().await;
    let mut again = scene.said(&of("203.0.113.9")).await;
    heard(&mut again, "good").await;
}

/// A stranger whose tokens have to wait for their issuer fills a part of the gate only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h3_strangers_of_one_network_do_not_fill_the_gate_while_an_issuer_is_slow() {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
    // Accepts connections and says nothing.
    let issuer = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let issuer = format!("http://{}", issuer.local_addr().expect("an address"));
    let upstream = Upstream::start().await;
    let gate = GateBuilder::trusting(&upstream.url, &issuer)
        .set("OAUTHGATE_MAX_IN_FLIGHT", "40")
        .start_unready()
        .await;
    let scene = Scene {
        server: AuthorizationServer::start(Kind::DevIssuer).await,
        upstream,
        gate,
    };
    let claims =
        json!({ "iss": issuer, "aud": scene.gate.resource, "sub": "x", "exp": 4_102_444_800_u64 });
    let head = json!({ "alg": "ES256", "typ": "at+jwt", "kid": "made-up" });
    let [head, claims, signature] =
        [head.to_string(), claims.to_string(), "x".repeat(64)].map(|part| BASE64.encode(part));
    let port = scene.gate.port;
    let request = format!(
        "GET /mcp HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {head}.{claims}.{signature}\r\n\r\n"
    );
    let mut strangers = Vec::new();
    for _ in 0..40 {
        strangers.push(scene.said(&request).await);
    }
    let refused = "oauthgate_requests_total{resource=\"mcp\",outcome=\"refused\",reason=\"too_many_in_flight\"} ";
    let counted = async || {
        let text = scene.gate.metrics().await;
        let value = text.lines().find_map(|line| line.strip_prefix(refused));
        value.map_or(0, |value| value.trim().parse().expect("a number"))
    };
    eventually("all but 16 are turned away", async || counted().await == 24).await;
    let other = scene.said_from("127.0.0.2", &request).await;
    scene.becomes(IN_FLIGHT, 17).await;
    drop((strangers, other));
    scene.is_free().await;
}

/// Whoever floods a full gate does not fill its disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h3_a_hundred_refusals_write_one_warning() {
    let scene = Scene::set(TWO).await;
    let slow = scene.head("ada", "GET", SLOW, "");
    let held = [scene.said(&slow).await, scene.said(&slow).await];
    scene.becomes(IN_FLIGHT, 2).await;
    for _ in 0..100 {
        assert_eq!(scene.asked("bob", "/mcp").await.status, 503);
    }
    let warned = || {
        let output = scene.gate.process.so_far();
        let lines = output.lines();
        lines
            .filter(|line| line.contains("further ones are answered 503"))
            .count()
    };
    eventually("it is told", async || warned() > 0).await;
    assert_eq!(warned(), 1);
    let shed = "oauthgate_shed_total{what=\"requests\"} ";
    assert_eq!(scene.gauge(shed).await, 100);
    drop(held);
    scene.is_free().await;
}
