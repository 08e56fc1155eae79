//! HAProxy and nginx in front of the real gate, with the configurations that the guide prints.
//!
//! The proxies end TLS as they would; a client comes from an address of loopback that nobody trusts, and the gate
//! trusts 127.0.0.1, from which the proxies come.

use std::{
    convert::Infallible,
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use oauthgate_dev_issuer::TokenSpec;
use oauthgate_e2e::{
    AuthorizationServer, Gate, GateBuilder, Haproxy, Kind, Nginx, Recorder, exchange,
    workspace_root,
};
use reqwest::{Certificate, Client, StatusCode};
use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::mpsc};

const RESOURCE: &str = "https://mcp.example.com/mcp";
const HOST: &str = "mcp.example.com";
/// An address of this machine that is no proxy's.
const CLIENT: &str = "127.0.0.5";
const OTHER_CLIENT: &str = "127.0.0.6";

/// What a client may write to become somebody else.
const SPOOFS: [(&str, &str); 12] = [
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-for", "203.0.113.9, 127.0.0.1"),
    ("x-forwarded-for", "garbage, 127.0.0.1"),
    ("forwarded", "for=203.0.113.9;host=evil.example;proto=http"),
    ("forwarded", "for=\"203.0.113.9, for=127.0.0.1"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-port", "1"),
    ("x-real-ip", "203.0.113.9"),
    ("true-client-ip", "203.0.113.9"),
    ("cf-connecting-ip", "203.0.113.9"),
    ("x-original-url", "/admin"),
];

/// A text of the guide: the first block of code below this heading, and the variables that follow it.
fn of_the_guide(heading: &str) -> (String, Vec<(String, String)>) {
    let path = workspace_root().join("docs/guides/behind-a-proxy.md");
    let guide = fs::read_to_string(path).expect("the guide");
    let (_, section) = guide
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("the guide has no {heading}"));
    let mut blocks = section.split("```").skip(1).step_by(2);
    let mut block = || {
        let block = blocks.next().expect("a block");
        let (_, text) = block.split_once('\n').expect("a language");
        text.to_owned()
    };
    let (configuration, variables) = (block(), block());
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    (configuration, variables.collect())
}

/// What the guide's texts name and no test machine has.
struct Ground {
    server: AuthorizationServer,
    upstream: Recorder,
    certificate: Certificate,
    directory: TempDir,
}

impl Ground {
    async fn prepare() -> Self {
        let signed = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate");
        let directory = tempfile::tempdir().expect("a directory");
        let (pem, key) = (signed.cert.pem(), signed.signing_key.serialize_pem());
        let write = |name: &str, text: &str| {
            fs::write(directory.path().join(name), text).expect("a file");
        };
        // HAProxy wants both in one file; nginx finds what it needs in either.
        write("mcp.example.com.pem", &format!("{pem}{key}"));
        write("mcp.example.com.key", &key);
        Self {
            server: AuthorizationServer::start(Kind::DevIssuer).await,
            upstream: Recorder::start().await,
            certificate: Certificate::from_pem(pem.as_bytes()).expect("a certificate"),
            directory,
        }
    }

    async fn gate(&self, variables: &[(String, String)]) -> Gate {
        let gate = GateBuilder::new(&self.upstream.url(), &self.server)
            .set("MCP_SERVER_URL", RESOURCE)
            .set("OAUTH_AUDIENCE", RESOURCE);
        let gate = variables
            .iter()
            .fold(gate, |gate, (name, value)| gate.set(name, value));
        gate.start().await
    }

    /// The guide's text with ports and files of this machine.
    fn on_this_machine(&self, text: &str, port: u16, gate: u16) -> String {
        on_this_machine(text, self.directory.path(), port, gate)
    }

    fn token(&self) -> String {
        let specification = TokenSpec::new(RESOURCE).subject("ada").scope("mcp:read");
        self.server.as_dev_issuer().mint(specification)
    }

    /// A client at this address that takes the proxy for the resource's host.
    fn client(&self, address: &str, port: u16) -> Client {
        Client::builder()
            .tls_certs_only([self.certificate.clone()])
            .resolve(HOST, ([127, 0, 0, 1], port).into())
            .local_address(Some(address.parse().expect("an address")))
            .timeout(Duration::from_secs(20))
            .no_proxy()
            .build()
            .expect("a client")
    }
}

fn on_this_machine(text: &str, files: &Path, port: u16, gate: u16) -> String {
    let files = files.display();
    let replaced = [
        ("listen 443 ", format!("listen 127.0.0.1:{port} ")),
        ("bind :443 ", format!("bind 127.0.0.1:{port} ")),
        ("127.0.0.1:8080", format!("127.0.0.1:{gate}")),
        ("/etc/ssl/", format!("{files}/")),
    ];
    replaced
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// A proxy of one kind or the other.
enum Proxy {
    Nginx(Nginx),
    Haproxy(Haproxy),
}

impl Proxy {
    fn port(&self) -> u16 {
        match self {
            Self::Nginx(nginx) => nginx.port,
            Self::Haproxy(haproxy) => haproxy.port,
        }
    }
}

/// A gate behind a proxy, both as the guide has it.
struct Scene {
    ground: Ground,
    gate: Gate,
    proxy: Proxy,
}

impl Scene {
    async fn as_in(heading: &str) -> Self {
        Self::with(heading, str::to_owned).await
    }

    async fn with(heading: &str, change: impl Fn(&str) -> String) -> Self {
        let (text, variables) = of_the_guide(heading);
        Self::set(heading, &change(&text), &variables).await
    }

    /// As the guide has it, before another server.
    async fn before(upstream: &str, heading: &str) -> Self {
        let (text, mut variables) = of_the_guide(heading);
        variables.push(("OAUTHGATE_UPSTREAM".to_owned(), upstream.to_owned()));
        Self::set(heading, &text, &variables).await
    }

    async fn set(heading: &str, text: &str, variables: &[(String, String)]) -> Self {
        let ground = Ground::prepare().await;
        let gate = ground.gate(variables).await;
        let fill = |port| ground.on_this_machine(text, port, gate.port);
        let proxy = if heading.contains("nginx") {
            Proxy::Nginx(Nginx::start(fill).await)
        } else {
            Proxy::Haproxy(Haproxy::start(fill).await)
        };
        Self {
            ground,
            gate,
            proxy,
        }
    }

    async fn ask(&self, from: &str, token: &str, spoof: Option<(&str, &str)>) -> StatusCode {
        let client = self.ground.client(from, self.proxy.port());
        let request = client.get(RESOURCE).bearer_auth(token);
        let request = spoof.into_iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        request.send().await.expect("an answer").status()
    }

    /// What the access log says of the requests so far, in order.
    async fn clients(&self, count: usize) -> Vec<String> {
        clients(&self.gate, count).await
    }
}

/// The log is written beside the answers, not before them.
async fn clients(gate: &Gate, count: usize) -> Vec<String> {
    for _ in 0..500 {
        let output = gate.process.so_far();
        let lines = output
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let clients: Vec<_> = lines
            .filter(|line| line["target"] == "oauthgate::access")
            .map(|line| line["client"].as_str().expect("an address").to_owned())
            .collect();
        if clients.len() >= count {
            return clients;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not {count} lines:\n{}", gate.process.output());
}

#[rstest]
#[case::nginx("## nginx")]
#[case::haproxy("## HAProxy")]
#[case::haproxy_with_bytes("### HAProxy, passing bytes on")]
#[tokio::test]
async fn h5_f6_behind_the_guides_proxies_the_client_is_who_it_is(#[case] heading: &str) {
    let scene = Scene::as_in(heading).await;
    let token = scene.ground.token();
    assert_eq!(scene.ask(CLIENT, &token, None).await, 200);
    for spoof in SPOOFS {
        assert_eq!(
            scene.ask(CLIENT, &token, Some(spoof)).await,
            200,
            "{spoof:?}"
        );
    }
    assert_eq!(scene.ask(OTHER_CLIENT, &token, None).await, 200);

    let mut expected = vec![CLIENT; 1 + SPOOFS.len()];
    expected.push(OTHER_CLIENT);
    assert_eq!(scene.clients(expected.len()).await, expected);
    let passed = scene.ground.upstream.take();
    assert_eq!(passed.len(), expected.len());
    for (request, client) in passed.iter().zip(expected) {
        assert_eq!(request.values("x-forwarded-for"), [client], "{request:?}");
        assert_eq!(request.values("x-forwarded-proto"), ["https"]);
        assert_eq!(request.values("x-forwarded-host"), [HOST]);
        let told = format!("{request:?}");
        assert!(
            !told.contains("evil") && !told.contains("203.0.113.9"),
            "{told}"
        );
    }
}

#[rstest]
#[case::nginx("## nginx")]
#[case::haproxy("## HAProxy")]
#[case::haproxy_with_bytes("### HAProxy, passing bytes on")]
#[tokio::test]
async fn h5_refused_tokens_are_charged_to_who_sent_them(#[case] heading: &str) {
    let scene = Scene::as_in(heading).await;
    let client = scene.ground.client(CLIENT, scene.proxy.port());
    let mut refused = Vec::new();
    for number in 0..150 {
        // Somebody else each time, if anybody believed it.
        let spoof = format!("203.0.113.{number}");
        let request = client.get(RESOURCE).bearer_auth("a.b.c");
        let request = request
            .header("x-forwarded-for", &spoof)
            .header("x-real-ip", &spoof);
        refused.push(request.send().await.expect("an answer").status());
    }
    assert!(
        refused[..50].iter().all(|status| *status == 401),
        "{refused:?}"
    );
    assert!(
        refused.contains(&StatusCode::TOO_MANY_REQUESTS),
        "{refused:?}"
    );
    // Neither whom it named nor its neighbour behind the same proxy pays for it.
    assert_eq!(scene.ask(OTHER_CLIENT, "a.b.c", None).await, 401);
    let token = scene.ground.token();
    assert_eq!(scene.ask(OTHER_CLIENT, &token, None).await, 200);
}

#[rstest]
#[case::version_1("send-proxy")]
#[case::version_2("send-proxy-v2")]
#[case::version_2_with_a_checksum("send-proxy-v2 proxy-v2-options crc32c,ssl,cert-cn,unique-id")]
#[case::with_its_own_checks("send-proxy-v2 check inter 100ms check-send-proxy")]
#[tokio::test]
async fn h5_every_header_that_haproxy_writes_is_read(#[case] option: &str) {
    let with_option = |text: &str| text.replace("send-proxy-v2", option);
    let scene = Scene::with("### HAProxy, passing bytes on", with_option).await;
    let token = scene.ground.token();
    for _ in 0..3 {
        assert_eq!(scene.ask(CLIENT, &token, None).await, 200);
    }
    assert_eq!(scene.clients(3).await, [CLIENT; 3]);
    let metrics = scene.gate.metrics().await;
    let bad = |line: &&str| line.contains("proxy_headers_refused_total{") && !line.ends_with(" 0");
    assert_eq!(metrics.lines().find(bad), None);
}

/// HTTP/2 to HAProxy, byte for byte to the gate: it takes the protocol as the client chose it.
#[tokio::test]
async fn http_2_passes_behind_a_proxy_header() {
    let scene = Scene::as_in("### HAProxy, passing bytes on").await;
    let client = scene.ground.client(CLIENT, scene.proxy.port());
    let request = client.get(RESOURCE).bearer_auth(scene.ground.token());
    let answer = request.send().await.expect("an answer");
    assert_eq!(
        (answer.status(), answer.version()),
        (StatusCode::OK, reqwest::Version::HTTP_2)
    );
}

/// A server that sends each event when the test says it.
async fn announcer() -> (String, mpsc::UnboundedSender<String>) {
    let (sender, receiver) = mpsc::unbounded_channel::<String>();
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let events = move || {
        let receiver = receiver.lock().expect("no holder panics").take();
        let receiver = receiver.expect("one request");
        let events = futures_util::stream::unfold(receiver, async |mut receiver| {
            let event = receiver.recv().await?;
            Some((Ok::<_, Infallible>(format!("data: {event}\n\n")), receiver))
        });
        async move {
            (
                [("content-type", "text/event-stream")],
                Body::from_stream(events),
            )
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
    let app = Router::new().route("/mcp", get(events));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, sender)
}

#[rstest]
#[case::nginx("## nginx")]
#[case::haproxy("## HAProxy")]
#[case::haproxy_with_bytes("### HAProxy, passing bytes on")]
#[tokio::test]
async fn events_pass_the_guides_proxies_one_by_one(#[case] heading: &str) {
    let (upstream, events) = announcer().await;
    let scene = Scene::before(&upstream, heading).await;
    events.send("first".to_owned()).expect("a listener");
    let client = scene.ground.client(CLIENT, scene.proxy.port());
    let request = client.get(RESOURCE).bearer_auth(scene.ground.token());
    let mut answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    for (event, next) in [("first", "second"), ("second", "third"), ("third", "none")] {
        // The next one is sent only when this one was read.
        let piece = answer.chunk().await.expect("an event").expect("no end yet");
        assert_eq!(piece, format!("data: {event}\n\n"));
        events.send(next.to_owned()).expect("a listener");
    }
}

/// nginx as most people have it: one line for the address, and everything else as it comes.
#[tokio::test]
async fn h5_what_nginx_lets_through_is_refused_until_a_setting_names_its_header() {
    let ground = Ground::prepare().await;
    for (header, expected) in [("auto", 400), ("x-forwarded", 200)] {
        let trusting = [
            ("OAUTHGATE_TRUSTED_PROXIES", "127.0.0.1"),
            ("OAUTHGATE_FORWARDED_HEADER", header),
        ];
        let gate = ground
            .gate(&trusting.map(|(name, value)| (name.to_owned(), value.to_owned())))
            .await;
        let nginx = Nginx::start(|port| {
            format!(
                "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{}; \
                 proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }}",
                gate.port
            )
        })
        .await;
        let client = Client::builder()
            .local_address(Some(CLIENT.parse().expect("an address")))
            .no_proxy()
            .build()
            .expect("a client");
        let ask = async |lines: &[(&str, &str)]| {
            let request = client.get(format!("http://127.0.0.1:{}/mcp", nginx.port));
            let request = request.bearer_auth(ground.token());
            let request = lines.iter().fold(request, |request, (name, value)| {
                request.header(*name, *value)
            });
            request.send().await.expect("an answer").status()
        };
        assert_eq!(ask(&[]).await, 200);
        assert_eq!(ask(&[("x-forwarded-for", "203.0.113.9")]).await, 200);
        assert_eq!(ask(&[("forwarded", "for=203.0.113.9")]).await, expected);
        let blamed = if expected == 400 { "127.0.0.1" } else { CLIENT };
        assert_eq!(clients(&gate, 3).await, [CLIENT, CLIENT, blamed]);
    }
}

/// A proxy that passes bytes on, behind one that passes requests on: the header of the connection names the
/// first, and that one's header names the client.
#[tokio::test]
async fn h5_a_chain_of_proxies_is_followed_from_bytes_to_headers() {
    let (_, variables) = of_the_guide("### HAProxy, passing bytes on");
    let ground = Ground::prepare().await;
    let gate = ground.gate(&variables).await;
    let (bytes, _) = of_the_guide("### HAProxy, passing bytes on");
    let inner = Haproxy::start(|port| {
        let plain = bytes.replace(" ssl crt /etc/ssl/mcp.example.com.pem alpn h2,http/1.1", "");
        // Without what stood behind it, the port ends the line.
        let plain = plain.replace("bind :443", "bind :443 ");
        on_this_machine(&plain, Path::new("/"), port, gate.port)
    })
    .await;
    let (requests, _) = of_the_guide("## HAProxy");
    let outer = Haproxy::start(|port| ground.on_this_machine(&requests, port, inner.port)).await;
    let scene = Scene {
        ground,
        gate,
        proxy: Proxy::Haproxy(outer),
    };
    let token = scene.ground.token();
    assert_eq!(scene.ask(CLIENT, &token, None).await, 200);
    for spoof in SPOOFS {
        assert_eq!(
            scene.ask(CLIENT, &token, Some(spoof)).await,
            200,
            "{spoof:?}"
        );
    }
    let count = 1 + SPOOFS.len();
    assert_eq!(scene.clients(count).await, vec![CLIENT; count]);
}

/// The standard header as HAProxy 2.8 and later write it: one more element behind the client's own words.
#[tokio::test]
async fn h5_the_standard_header_of_a_proxy_is_read_behind_the_clients_words() {
    let standard = |text: &str| {
        let lines = text
            .lines()
            .filter(|line| !line.contains("X-Forwarded-Host"));
        let lines = lines.map(|line| {
            if line.contains("option forwardfor") {
                "    http-request add-header Forwarded proto=https;host=\\\"%[req.hdr(Host)]\\\";for=%[src]".to_owned()
            } else if line.contains("X-Forwarded-Proto") || line.contains("del-header") {
                String::new()
            } else {
                line.to_owned()
            }
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    };
    let (text, _) = of_the_guide("## HAProxy");
    let ground = Ground::prepare().await;
    let variables = [
        ("OAUTHGATE_TRUSTED_PROXIES", "127.0.0.1"),
        ("OAUTHGATE_FORWARDED_HEADER", "forwarded"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let gate = ground.gate(&variables).await;
    let fill = |port| ground.on_this_machine(&standard(&text), port, gate.port);
    let proxy = Proxy::Haproxy(Haproxy::start(fill).await);
    let scene = Scene {
        ground,
        gate,
        proxy,
    };
    let token = scene.ground.token();
    for spoof in SPOOFS {
        // An open quotation mark would swallow what the proxy adds.
        let expected = if spoof.1.contains('"') { 400 } else { 200 };
        assert_eq!(
            scene.ask(CLIENT, &token, Some(spoof)).await,
            expected,
            "{spoof:?}"
        );
    }
    let refused = SPOOFS
        .iter()
        .filter(|(_, value)| value.contains('"'))
        .count();
    let clients = scene.clients(SPOOFS.len()).await;
    let found = clients.iter().filter(|client| *client == CLIENT).count();
    assert_eq!(found, SPOOFS.len() - refused, "{clients:?}");
    for request in scene.ground.upstream.take() {
        assert_eq!(request.values("x-forwarded-for"), [CLIENT]);
        assert_eq!(request.values("x-forwarded-host"), [HOST]);
    }
}

/// A client that reaches the gate past its proxies, and plays one.
#[rstest]
#[case::a_line(&b"PROXY TCP4 203.0.113.9 127.0.0.1 5000 80\r\n"[..])]
#[case::binary(&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\x7f\0\0\x01\x13\x88\0\x50"[..])]
#[tokio::test]
async fn f6_nobody_but_a_proxy_may_begin_like_one(#[case] header: &[u8]) {
    let ground = Ground::prepare().await;
    let variables = [
        ("OAUTHGATE_TRUSTED_PROXIES", "192.0.2.1"),
        ("OAUTHGATE_PROXY_PROTOCOL", "on"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let gate = ground.gate(&variables).await;
    let request = format!(
        "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        ground.token()
    );
    let answer = exchange(gate.port, &[header, request.as_bytes()].concat()).await;
    assert_eq!((answer.status, answer.text.as_str()), (0, ""));
    assert_eq!(exchange(gate.port, request.as_bytes()).await.status, 200);
    assert_eq!(ground.upstream.take().len(), 1);
    assert!(
        gate.process.output().contains("PROXY_PROTOCOL"),
        "{}",
        gate.process.output()
    );
}
