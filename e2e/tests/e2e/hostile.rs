//! Hostile requests, byte by byte, against the real binary: a clear status, nothing reaches the upstream,
//! memory stays bounded.

use oauthgate_dev_issuer::{SignatureForgery, TokenSpec};
use oauthgate_e2e::{
    AuthorizationServer, Gate, GateBuilder, Kind, RawResponse, Recorded, Recorder, exchange,
    request_head,
};

const MEGABYTE: usize = 1024 * 1024;
/// Far more than the gate may grow by, far less than it would if it kept what it was sent.
const MAX_GROWTH_KIB: u64 = 48 * 1024;

struct Scene {
    server: AuthorizationServer,
    upstream: Recorder,
    gate: Gate,
}

impl Scene {
    async fn set() -> Self {
        let server = AuthorizationServer::start(Kind::DevIssuer).await;
        let upstream = Recorder::start().await;
        let gate = GateBuilder::new(&upstream.url(), &server).start().await;
        Self {
            server,
            upstream,
            gate,
        }
    }

    fn token(&self) -> String {
        let issuer = self.server.as_dev_issuer();
        issuer.mint(
            TokenSpec::new(self.gate.resource.as_str())
                .subject("ada")
                .scope("mcp:read"),
        )
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token())
    }

    async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> RawResponse {
        exchange(
            self.gate.port,
            &request_head(method, target, self.gate.port, headers),
        )
        .await
    }

    /// Sends a request whose head is written by hand; `{port}` and `{token}` are filled in.
    async fn send_text(&self, text: &str) -> RawResponse {
        let filled = text
            .replace("{port}", &self.gate.port.to_string())
            .replace("{token}", &self.token());
        exchange(self.gate.port, filled.as_bytes()).await
    }

    /// What reached the upstream of one good request with more headers.
    async fn reached(&self, headers: &[(&str, &str)]) -> Recorded {
        let bearer = self.bearer();
        let all: Vec<_> = [("Authorization", bearer.as_str())]
            .into_iter()
            .chain(headers.iter().copied())
            .collect();
        let answer = self.send("GET", "/mcp", &all).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.upstream
            .take()
            .pop()
            .expect("the request reached the upstream")
    }

    fn assert_nothing_passed(&self, what: &str) {
        let passed = self.upstream.take();
        assert!(
            passed.is_empty(),
            "{what}: reached the upstream: {passed:?}"
        );
    }

    /// The gate still serves, after whatever was done to it.
    async fn assert_still_serves(&self) {
        let reached = self.reached(&[]).await;
        assert_eq!(reached.line, "GET /mcp HTTP/1.1");
    }
}

fn assert_refused(answer: &RawResponse, what: &str) {
    assert!(
        (400..500).contains(&answer.status),
        "{what}: {} {}",
        answer.status,
        answer.head
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huge_tokens_and_headers_are_refused_without_being_kept() {
    let scene = Scene::set().await;
    scene.assert_still_serves().await;
    let before = scene.gate.process.resident_kib();
    let huge = format!("Bearer {}", "a".repeat(MEGABYTE));
    let dots = format!("Bearer {}", ".".repeat(MEGABYTE));
    let other = "x".repeat(MEGABYTE);
    for _ in 0..20 {
        let headers = [
            [("Authorization", huge.as_str())],
            [("Authorization", &dots)],
            [("X-Large", &other)],
        ];
        let requests = headers
            .iter()
            .map(|headers| scene.send("POST", "/mcp", headers));
        for answer in futures_util::future::join_all(requests).await {
            // A gate that stops reading may close before the client has read the answer.
            assert!(
                answer.status == 0 || (400..500).contains(&answer.status),
                "{}",
                answer.head
            );
        }
    }
    scene.assert_nothing_passed("a huge header");
    scene.assert_still_serves().await;
    let growth = scene.gate.process.resident_kib().saturating_sub(before);
    assert!(growth < MAX_GROWTH_KIB, "the gate grew by {growth} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_above_the_limit_that_fits_a_head_is_refused_as_too_large() {
    let scene = Scene::set().await;
    let token = format!(
        "Bearer {}.e30.{}",
        "eyJhbGciOiJSUzI1NiJ9",
        "a".repeat(20 * 1024)
    );
    let answer = scene
        .send("GET", "/mcp", &[("Authorization", &token)])
        .await;
    assert_refused(&answer, "20 KiB token");
    scene.assert_nothing_passed("20 KiB token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_refused_tokens_leave_memory_bounded() {
    let scene = Scene::set().await;
    // A new one would have to come back: its address is that of the flood.
    let good = scene.token();
    assert_eq!(scene.gate.status(&good).await, 200);
    drop(scene.upstream.take());
    let before = scene.gate.process.resident_kib();
    for round in 0..40 {
        let requests = (0..50).map(|number| {
            let token = format!(
                "Bearer {}.{}.c2ln",
                "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ",
                round * 50 + number
            );
            let scene = &scene;
            async move {
                scene
                    .send("GET", "/mcp", &[("Authorization", &token)])
                    .await
            }
        });
        for answer in futures_util::future::join_all(requests).await {
            assert!(matches!(answer.status, 401 | 429), "{}", answer.head);
        }
    }
    scene.assert_nothing_passed("a bad token");
    assert_eq!(scene.gate.status(&good).await, 200);
    let growth = scene.gate.process.resident_kib().saturating_sub(before);
    assert!(growth < MAX_GROWTH_KIB, "the gate grew by {growth} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_and_foreign_tokens_are_challenged() {
    let scene = Scene::set().await;
    let issuer = scene.server.as_dev_issuer();
    let spec = || TokenSpec::new(scene.gate.resource.as_str()).scope("mcp:read");
    let forgeries = [
        (
            "flipped bit",
            issuer.mint(spec().signature(SignatureForgery::Flipped)),
        ),
        (
            "foreign key",
            issuer.mint(spec().signature(SignatureForgery::ForeignKey)),
        ),
        (
            "no signature",
            issuer.mint(spec().signature(SignatureForgery::Stripped)),
        ),
        (
            "alg none",
            issuer.mint(
                spec()
                    .header("alg", "none")
                    .signature(SignatureForgery::Stripped),
            ),
        ),
        ("expired", issuer.mint(spec().lifetime(-3600))),
        (
            "foreign issuer",
            issuer.mint(spec().claim("iss", "https://evil.example.com")),
        ),
        (
            "foreign audience",
            issuer.mint(TokenSpec::new("https://other.example.com")),
        ),
        (
            "ID token",
            issuer.mint(
                TokenSpec::new(scene.gate.resource.as_str())
                    .header("typ", "JWT")
                    .claim("client_id", scene.gate.resource.as_str())
                    .claim("nonce", "n"),
            ),
        ),
    ];
    for (what, token) in forgeries {
        let answer = scene
            .send(
                "GET",
                "/mcp",
                &[("Authorization", &format!("Bearer {token}"))],
            )
            .await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.head);
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(
            challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""),
            "{what}: {challenge}"
        );
        assert!(
            !answer.text.contains(&token),
            "{what}: the token comes back"
        );
    }
    scene.assert_nothing_passed("a forged token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_authorization_headers_are_refused_even_when_both_are_good() {
    let scene = Scene::set().await;
    let good = scene.bearer();
    for second in [good.as_str(), "Bearer x", "Basic YTpi"] {
        let answer = scene
            .send(
                "GET",
                "/mcp",
                &[("Authorization", &good), ("Authorization", second)],
            )
            .await;
        assert_eq!(answer.status, 400, "{second}: {}", answer.head);
    }
    scene.assert_nothing_passed("two credentials");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_the_query_is_no_credential() {
    let scene = Scene::set().await;
    let target = format!("/mcp?access_token={}", scene.token());
    let answer = scene.send("GET", &target, &[]).await;
    assert_eq!(answer.status, 401, "{}", answer.head);
    assert!(
        !answer
            .header("www-authenticate")
            .unwrap_or_default()
            .contains("error="),
        "{}",
        answer.head
    );
    let both = scene
        .send("GET", &target, &[("Authorization", &scene.bearer())])
        .await;
    assert_eq!(both.status, 400, "{}", both.head);
    scene.assert_nothing_passed("a token in the query");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_the_body_is_no_credential() {
    let scene = Scene::set().await;
    let body = format!("access_token={}", scene.token());
    let answer = scene
        .send_text(&format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost:{{port}}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    assert_eq!(answer.status, 401, "{}", answer.head);
    scene.assert_nothing_passed("a token in the body");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_that_two_readers_could_read_differently_never_pass() {
    let scene = Scene::set().await;
    let bearer = scene.bearer();
    let targets = [
        "//mcp",
        "/./mcp",
        "/mcp/./x",
        "/mcp/../admin",
        "/mcp/..",
        "/%2e%2e/mcp",
        "/mcp/%2e%2e/admin",
        "/mcp/%2E%2E%2Fadmin",
        "/mcp%2fadmin",
        "/mcp%2Fadmin",
        "/mcp/..;/admin",
        "/mcp/%5c..%5cadmin",
        "/mcp\\admin",
        "/mcp/%00",
        "/mcp%00",
        "/mcp//x",
        "/mcp/%zz",
        "/mcp/%c0%ae%c0%ae/admin",
        "/admin",
        "/mcpx",
        "/",
        "*",
        "mcp",
        "http://evil.example.com/mcp",
    ];
    for target in targets {
        for headers in [vec![("Authorization", bearer.as_str())], vec![]] {
            let answer = scene.send("GET", target, &headers).await;
            assert!(
                (400..500).contains(&answer.status),
                "{target}: {}",
                answer.head
            );
            scene.assert_nothing_passed(target);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trailing_slash_is_served_and_never_redirected() {
    let scene = Scene::set().await;
    let answer = scene
        .send("GET", "/mcp/", &[("Authorization", &scene.bearer())])
        .await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    let stranger = scene.send("GET", "/mcp/", &[]).await;
    assert_eq!(stranger.status, 401, "{}", stranger.head);
    assert_eq!(scene.upstream.take().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identity_headers_of_a_caller_never_reach_the_upstream() {
    let scene = Scene::set().await;
    let spoofed = [
        "X-Auth-Request-User",
        "x-auth-request-user",
        "X_Auth_Request_User",
        "X-Auth_Request-User",
        "X-Auth-Request-Email",
        "X-Auth-Request-Groups",
        "X-Auth-Tenant",
        "X_Auth_Tenant",
        "X-Auth-Tier",
        "X-Auth-Scopes",
        "X-Auth-Client",
        "X-Forwarded-User",
        "X_Forwarded_User",
        "X-Forwarded-Email",
        "X-Forwarded-Groups",
        "X-Forwarded-Access-Token",
        "Remote-User",
        "Remote_User",
        "REMOTE-USER",
        "Remote-Groups",
        "X-Remote-User",
    ];
    for name in spoofed {
        let reached = scene.reached(&[(name, "evil")]).await;
        let evil: Vec<_> = reached
            .headers
            .iter()
            .filter(|(_, value)| value.contains("evil"))
            .collect();
        assert!(
            evil.is_empty() || name == "X-Remote-User",
            "{name}: {evil:?}"
        );
        assert_eq!(reached.values("x-auth-request-user"), ["ada"], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_header_cannot_strip_what_the_gate_writes() {
    let scene = Scene::set().await;
    for named in [
        "x-auth-request-user",
        "X-Auth-Request-User, X-Auth-Scopes",
        "close, x-auth-request-user",
    ] {
        let text = format!(
            "GET /mcp HTTP/1.1\r\nHost: localhost:{{port}}\r\nConnection: close\r\nConnection: {named}\r\nX-Auth-Request-User: evil\r\nAuthorization: Bearer {{token}}\r\n\r\n"
        );
        let answer = scene.send_text(&text).await;
        if answer.status == 200 {
            let reached = scene
                .upstream
                .take()
                .pop()
                .expect("it reached the upstream");
            assert_eq!(reached.values("x-auth-request-user"), ["ada"], "{named}");
        } else {
            assert_eq!(answer.status, 400, "{named}: {}", answer.head);
            scene.assert_nothing_passed(named);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_stays_at_the_gate() {
    let scene = Scene::set().await;
    let reached = scene
        .reached(&[("Proxy-Authorization", "Basic ZXZpbDpldmls")])
        .await;
    assert!(reached.values("authorization").is_empty(), "{reached:?}");
    assert!(
        reached.values("proxy-authorization").is_empty(),
        "{reached:?}"
    );
    assert!(
        !reached
            .headers
            .iter()
            .any(|(_, value)| value.contains("eyJ")),
        "{reached:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forwarded_headers_of_strangers_are_not_believed() {
    let scene = Scene::set().await;
    let reached = scene
        .reached(&[
            ("X-Forwarded-For", "203.0.113.66"),
            ("X-Forwarded-Host", "evil.example.com"),
            ("X-Forwarded-Proto", "gopher"),
            ("Forwarded", "for=203.0.113.66;host=evil.example.com"),
            ("X-Real-IP", "203.0.113.66"),
            ("X-Original-URL", "/admin"),
            ("X-Rewrite-URL", "/admin"),
        ])
        .await;
    for lie in ["203.0.113.66", "evil.example.com", "gopher", "/admin"] {
        assert!(
            !reached.headers.iter().any(|(_, value)| value.contains(lie)),
            "{lie}: {reached:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_hosts_and_origins_get_403_without_a_challenge() {
    let scene = Scene::set().await;
    let heads = [
        "GET /mcp HTTP/1.1\r\nHost: evil.example.com\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n",
        "GET /mcp HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nOrigin: http://evil.example.com\r\nAuthorization: Bearer {token}\r\n\r\n",
        "GET /mcp HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nOrigin: null\r\nAuthorization: Bearer {token}\r\n\r\n",
    ];
    for head in heads {
        let answer = scene.send_text(head).await;
        assert_eq!(answer.status, 403, "{head}: {}", answer.head);
        assert_eq!(answer.header("www-authenticate"), None, "{head}");
    }
    scene.assert_nothing_passed("a foreign host or origin");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_or_no_hosts_are_refused() {
    let scene = Scene::set().await;
    let heads = [
        "GET /mcp HTTP/1.1\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n",
        "GET /mcp HTTP/1.1\r\nHost: localhost:{port}\r\nHost: evil.example.com\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n",
        "GET /mcp HTTP/1.1\r\nHost: localhost:{port}, evil.example.com\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n",
        "GET http://evil.example.com/mcp HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n",
    ];
    for head in heads {
        assert_refused(&scene.send_text(head).await, head);
    }
    scene.assert_nothing_passed("an unclear host");
}

/// Each head ends a request early for one reader and not for another; what follows is the smuggled one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smuggled_requests_never_reach_the_upstream() {
    let scene = Scene::set().await;
    let framings = [
        "Content-Length: 6\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Content-Length: 5\r\nTransfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding : chunked\r\nContent-Length: 5",
        "Transfer-Encoding:\tchunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked, identity\r\nContent-Length: 5",
        "X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\nTransfer-Encoding: chunked",
    ];
    for framing in framings {
        let text = format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost:{{port}}\r\nAuthorization: Bearer {{token}}\r\n{framing}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost:{{port}}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        let _ = scene.send_text(&text).await;
        for recorded in scene.upstream.take() {
            assert!(
                !recorded.line.contains("smuggled"),
                "{framing}: {recorded:?}"
            );
            assert!(
                !String::from_utf8_lossy(&recorded.body).contains("smuggled"),
                "{framing}: {recorded:?}"
            );
            assert!(
                recorded.values("transfer-encoding").is_empty()
                    || recorded.values("content-length").is_empty(),
                "{framing}: {recorded:?}"
            );
        }
    }
    scene.assert_still_serves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_heads_are_refused() {
    let scene = Scene::set().await;
    let heads = [
        "GET /mcp HTTP/1.1\r\nHost: localhost:{port}\r\nBad Name: x\r\nConnection: close\r\n\r\n",
        "GET /mcp HTTP/1.1\r\nHost: localhost:{port}\r\nX: a\0b\r\nConnection: close\r\n\r\n",
        "GET  /mcp  HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n",
        "GET /mcp HTTP/9.9\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
    ];
    for head in heads {
        let answer = scene.send_text(head).await;
        assert!(
            answer.status == 0 || answer.status >= 400,
            "{head:?}: {}",
            answer.head
        );
    }
    scene.assert_nothing_passed("a malformed head");
    scene.assert_still_serves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_without_a_token_gets_the_same_challenge() {
    let scene = Scene::set().await;
    let metadata = format!(
        "resource_metadata=\"http://localhost:{}/.well-known/oauth-protected-resource/mcp\"",
        scene.gate.port
    );
    for method in ["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH"] {
        let answer = scene.send(method, "/mcp", &[]).await;
        assert_eq!(answer.status, 401, "{method}: {}", answer.head);
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(
            challenge.starts_with("Bearer ") && challenge.contains(&metadata),
            "{method}: {challenge}"
        );
        assert!(!challenge.contains("error="), "{method}: {challenge}");
    }
    scene.assert_nothing_passed("a stranger");
}
