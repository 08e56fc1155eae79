//! Slow and greedy peers against the real gate: they are not waited for without an end, what they held is free
//! afterwards, and nobody else notices.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use oauthgate_dev_issuer::TokenSpec;
use oauthgate_e2e::{
    AuthorizationServer, Gate, GateBuilder, Http2Connection, Http2Event, Kind, exchange,
    http2_continuation, http2_field, http2_half_head, http2_request, http2_reset, http2_room,
    request_head,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// For what ends in a second or two, unless the machine is busy.
const LIMIT: Duration = Duration::from_secs(30);
/// What the gate may grow by while it is flooded.
const MAX_GROWTH_KIB: u64 = 48 * 1024;

/// An upstream: `/mcp/endless` never ends, everything else is answered at once, after its whole body. Knows how
/// many of its connections are open, and how many whole bodies it saw.
struct Upstream {
    url: String,
    open: watch::Receiver<usize>,
    whole: watch::Receiver<usize>,
    _task: JoinHandle<()>,
}

impl Upstream {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (opened, open) = watch::channel(0);
        let (ended, whole) = watch::channel(0);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (opened, ended) = (opened.clone(), ended.clone());
                opened.send_modify(|open| *open += 1);
                tokio::spawn(async move {
                    let _ = answer(stream, &ended).await;
                    opened.send_modify(|open| *open -= 1);
                });
            }
        });
        Self {
            url: format!("http://127.0.0.1:{port}/mcp"),
            open,
            whole,
            _task: task,
        }
    }

    /// Every connection is closed; the gate closes those that nobody uses after four seconds.
    async fn is_free(&mut self) {
        let free = self.open.wait_for(|open| *open == 0);
        let free = tokio::time::timeout(LIMIT, free).await;
        free.expect("the upstream is let go").expect("it lives");
    }
}

async fn answer(mut stream: TcpStream, whole: &watch::Sender<usize>) -> std::io::Result<()> {
    let mut read = Vec::new();
    loop {
        let (head, length) = loop {
            let end = read.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if let Some(end) = end {
                let head: Vec<u8> = read.drain(..end + 4).collect();
                let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
                let length = head.lines().find_map(|line| {
                    let value = line.strip_prefix("content-length: ")?;
                    value.parse().ok()
                });
                break (head, length);
            }
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        if head.contains("/mcp/endless") {
            return endless(stream).await;
        }
        let is_whole = |read: &[u8]| match length {
            Some(length) => read.len() >= length,
            None if head.contains("chunked") => read.ends_with(b"0\r\n\r\n"),
            None => true,
        };
        while !is_whole(&read) {
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        }
        if head.starts_with("post") {
            whole.send_modify(|whole| *whole += 1);
        }
        read.clear();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood")
            .await?;
    }
}

async fn endless(mut stream: TcpStream) -> std::io::Result<()> {
    stream
        .write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n",
        )
        .await?;
    let chunk = [b"1000\r\n".as_slice(), &[b'x'; 4096], b"\r\n"].concat();
    loop {
        stream.write_all(&chunk).await?;
    }
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

    fn token(&self) -> String {
        let spec = TokenSpec::new(self.gate.resource.as_str());
        let issuer = self.server.as_dev_issuer();
        issuer.mint(spec.subject("ada").scope("mcp:read"))
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token())
    }

    /// A connection on which this was said, after a head of a good request to the path.
    async fn begun(&self, method: &str, path: &str, framing: &str, then: &[u8]) -> TcpStream {
        let (port, bearer) = (self.gate.port, self.bearer());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: {bearer}\r\n{framing}\r\n"
        );
        self.said(&[head.as_bytes(), then].concat()).await
    }

    async fn said(&self, bytes: &[u8]) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.gate.port)).await;
        let mut stream = stream.expect("the gate listens");
        stream.write_all(bytes).await.expect("bytes are taken");
        stream
    }

    /// Good requests pass while something else goes on.
    async fn is_untouched<T>(&self, meanwhile: impl Future<Output = T>) -> T {
        let token = self.token();
        let mut meanwhile = std::pin::pin!(meanwhile);
        let mut good = 0;
        loop {
            tokio::select! {
                biased;
                status = self.gate.status(&token) => assert_eq!(status, 200, "after {good}"),
                done = &mut meanwhile => {
                    assert_eq!(self.gate.status(&token).await, 200);
                    return done;
                }
            }
            good += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn gauge(&self, name: &str) -> u64 {
        let text = self.gate.metrics().await;
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        let value = value.unwrap_or_else(|| panic!("no {name}: {text}"));
        value.trim().parse().expect("a number")
    }

    async fn slow_peers(&self, reason: &str) -> u64 {
        let name = format!("oauthgate_slow_peers_total{{reason=\"{reason}\"}}");
        self.gauge(&name).await
    }

    /// Nothing is held any more, on either side.
    async fn is_free(&mut self) {
        for gauge in ["oauthgate_requests_in_flight", "oauthgate_connections"] {
            let begun = Instant::now();
            while self.gauge(gauge).await != 0 {
                assert!(begun.elapsed() < LIMIT, "{gauge}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        self.upstream.is_free().await;
    }
}

/// Everything until the gate ends the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let end = tokio::time::timeout(LIMIT, stream.read_to_end(&mut bytes)).await;
    let _ = end.expect("an end");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Writes a byte now and then, until an answer or the end.
async fn dripped(mut stream: TcpStream, drop: &[u8]) -> String {
    let (mut reading, mut writing) = stream.split();
    let drip = async {
        while writing.write_all(drop).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let heard = async {
        let _ = reading.read_buf(&mut answer).await;
    };
    let either = async {
        tokio::select! { () = drip => {}, () = heard => {} }
    };
    tokio::time::timeout(LIMIT, either).await.expect("an end");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f21_heads_that_come_byte_by_byte_hold_nothing_for_long() {
    let mut scene = Scene::set(&[("OAUTHGATE_HEADER_TIMEOUT", "1")]).await;
    let begins: [&[u8]; 3] = [
        b"GET /mcp HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        b"GET /m",
        b"PRI * HTTP/2.0\r\n",
    ];
    let attacks = async {
        let scene = &scene;
        join_all((0..30).map(|number| async move {
            let stream = scene.said(begins[number % begins.len()]).await;
            match number % 2 {
                0 => rest(stream).await,
                _ => dripped(stream, b"x").await,
            }
        }))
        .await
    };
    for heard in scene.is_untouched(attacks).await {
        assert!(
            heard.is_empty() || heard.starts_with("HTTP/1.1 400"),
            "{heard}"
        );
    }
    scene.is_free().await;
    assert!(scene.slow_peers("slow_head").await >= 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f21_bodies_that_come_byte_by_byte_are_answered_408_and_never_look_whole() {
    let mut scene = Scene::set(&[("OAUTHGATE_BODY_TIMEOUT", "1")]).await;
    let kinds = [
        ("Content-Length: 1000\r\n", &b"x"[..]),
        ("Transfer-Encoding: chunked\r\n", &b"1\r\nx\r\n"[..]),
    ];
    let attacks = async {
        let scene = &scene;
        join_all((0..20).map(|number| async move {
            let (framing, drop) = kinds[number % kinds.len()];
            let stream = scene.begun("POST", "/mcp", framing, b"").await;
            dripped(stream, drop).await
        }))
        .await
    };
    for answer in scene.is_untouched(attacks).await {
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    assert_eq!(*scene.upstream.whole.borrow(), 0);
    assert_eq!(scene.slow_peers("slow_request").await, 20);
    scene.is_free().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_upload_takes_longer_than_any_limit_and_arrives() {
    let mut scene = Scene::set(&[
        ("OAUTHGATE_BODY_TIMEOUT", "5"),
        ("OAUTHGATE_HEADER_TIMEOUT", "5"),
        ("OAUTHGATE_SEND_TIMEOUT", "5"),
        ("OAUTHGATE_RESPONSE_TIMEOUT", "5"),
    ])
    .await;
    let mut stream = scene
        .begun("POST", "/mcp", "Content-Length: 5000\r\n", b"")
        .await;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        stream.write_all(&[b'x'; 250]).await.expect("it is taken");
    }
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 200");
    assert_eq!(*scene.upstream.whole.borrow(), 1);
    drop(stream);
    scene.is_free().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_do_not_read_lose_their_answer() {
    let mut scene = Scene::set(&[("OAUTHGATE_SEND_TIMEOUT", "1")]).await;
    let attacks = async {
        let held = (0..8).map(|_| scene.begun("GET", "/mcp/endless", "", b""));
        let held = join_all(held).await;
        let begun = Instant::now();
        while scene.slow_peers("stalled_client").await < 8 {
            assert!(begun.elapsed() < LIMIT);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        held
    };
    let held = scene.is_untouched(attacks).await;
    scene.is_free().await;
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f20_a_window_that_stays_shut_costs_its_own_stream_alone() {
    let mut scene = Scene::set(&[("OAUTHGATE_SEND_TIMEOUT", "1")]).await;
    let (port, bearer) = (scene.gate.port, scene.bearer());
    let headers = [("authorization", bearer.as_str())];
    let mut client = Http2Connection::open(port, 0).await;
    let attack = async {
        let asked = [1, 3, 5].map(|stream| http2_request(stream, port, "/mcp/endless", &headers));
        assert!(client.send(&asked.concat()).await);
        let mut reset = Vec::new();
        while reset.len() < 3 {
            match client.next().await {
                Http2Event::Reset(stream) => reset.push(stream),
                Http2Event::Head(_) => {}
                other => panic!("{other:?}"),
            }
        }
        reset.sort_unstable();
        (client, reset)
    };
    let (mut client, reset) = scene.is_untouched(attack).await;
    assert_eq!(reset, [1, 3, 5]);
    assert_eq!(scene.slow_peers("stalled_client").await, 3);
    let good = [http2_request(7, port, "/mcp", &headers), http2_room(7, 100)];
    assert!(client.send(&good.concat()).await);
    assert_eq!(client.next().await, Http2Event::Head(7));
    assert_eq!(client.next().await, Http2Event::Data(7, b"good".to_vec()));
    drop(client);
    scene.is_free().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f20_floods_of_frames_end_their_connection_and_leave_memory_flat() {
    let mut scene = Scene::set(&[]).await;
    let (port, bearer) = (scene.gate.port, scene.bearer());
    let before = scene.gate.process.resident_kib();
    let filler = http2_field("x-filler", &"a".repeat(1000));
    let resets = |round: u32| {
        let headers = [("authorization", bearer.as_str())];
        let streams = (0..100).map(|number| 1 + 2 * (100 * round + number));
        let pairs = streams.map(|stream| {
            let asked = http2_request(stream, port, "/mcp/endless", &headers);
            [asked, http2_reset(stream)].concat()
        });
        pairs.collect::<Vec<_>>().concat()
    };
    let attacks = async {
        for kind in ["resets", "heads", "empty heads"] {
            for _ in 0..5 {
                let mut client = Http2Connection::open(port, 0).await;
                if kind != "resets" {
                    assert!(client.send(&http2_half_head(1, &filler)).await);
                }
                let begun = Instant::now();
                for round in 0.. {
                    assert!(begun.elapsed() < LIMIT, "{kind}: nobody minds");
                    let flood = match kind {
                        "resets" => resets(round),
                        "heads" => http2_continuation(1, &filler).repeat(100),
                        _ => http2_continuation(1, &[]).repeat(1000),
                    };
                    if !client.send(&flood).await {
                        break;
                    }
                }
            }
        }
    };
    scene.is_untouched(attacks).await;
    let growth = scene.gate.process.resident_kib().saturating_sub(before);
    assert!(growth < MAX_GROWTH_KIB, "the gate grew by {growth} KiB");
    scene.is_free().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f21_a_head_of_64_kib_passes_and_one_byte_more_does_not() {
    let mut scene = Scene::set(&[]).await;
    let bearer = scene.bearer();
    let head = |filler: usize| {
        let filler = "a".repeat(filler);
        let headers = [("Authorization", bearer.as_str()), ("X-Filler", &filler)];
        request_head("GET", "/mcp", scene.gate.port, &headers)
    };
    let room = 64 * 1024 - head(0).len();
    for (filler, expected) in [
        (room, &[200][..]),
        (room + 1, &[400, 431]),
        (100 * room, &[0, 431]),
    ] {
        let answer = exchange(scene.gate.port, &head(filler)).await;
        assert!(
            expected.contains(&answer.status),
            "{filler}: {}",
            answer.head.len()
        );
    }
    scene.is_free().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f21_a_body_beyond_the_limit_is_answered_413_and_never_looks_whole() {
    let mut scene = Scene::set(&[("OAUTHGATE_MAX_BODY_BYTES", "100000")]).await;
    let chunk = [b"2710\r\n".as_slice(), &[b'x'; 10_000], b"\r\n"].concat();
    let attacks = async {
        let announced = scene.begun("POST", "/mcp", "Content-Length: 100001\r\n", b"");
        let announced = rest(announced.await).await;
        // It goes on sending after it was answered, as clients do that look for answers at the end.
        let unannounced = [chunk.repeat(50), b"0\r\n\r\n".to_vec()].concat();
        let framing = "Transfer-Encoding: chunked\r\n";
        let mut stream = scene.begun("POST", "/mcp", framing, b"").await;
        let _ = stream.write_all(&unannounced).await;
        [announced, rest(stream).await]
    };
    for answer in scene.is_untouched(attacks).await {
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }
    assert_eq!(*scene.upstream.whole.borrow(), 0);
    let within = [chunk.repeat(10), b"0\r\n\r\n".to_vec()].concat();
    let framing = "Transfer-Encoding: chunked\r\nConnection: close\r\n";
    let answer = scene.begun("POST", "/mcp", framing, &within).await;
    assert!(rest(answer).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(*scene.upstream.whole.borrow(), 1);
    scene.is_free().await;
}
