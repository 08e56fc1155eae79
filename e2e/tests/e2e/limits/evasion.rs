//! However a caller dresses up, it is one caller: whoever has a good token for a subject gets that subject's quota,
//! and what a tool costs does not depend on how its name is spelled.

use futures_util::future::join_all;
use oauthgate_dev_issuer::TokenSpec;
use oauthgate_e2e::{Gate, GateBuilder, Issuer, Recorder};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::json;

const BURST: usize = 6;
const TRIES: usize = 40;
const LIMITS: &str = r#"
[[resource.limit]]
name = "per-user"
by = ["subject"]
rate = "1/day"
burst = 6
"#;
const TOOLS: &str = r#"
[[resource.limit]]
name = "exports"
by = ["subject"]
tools = ["export_*"]
rate = "1/day"
burst = 6

[resource.costs]
"export_large" = 2
"#;

struct Scene {
    gate: Gate,
    issuer: Issuer,
    upstream: Recorder,
}

impl Scene {
    async fn with(limits: &str) -> Self {
        let issuer = Issuer::start().await;
        let upstream = Recorder::start().await;
        let gate = GateBuilder::trusting(&upstream.url(), issuer.name());
        let gate = gate.with_policy(limits).start().await;
        Self {
            gate,
            issuer,
            upstream,
        }
    }

    fn token(&self, change: impl FnOnce(TokenSpec) -> TokenSpec) -> String {
        let token = self.issuer.specification(&self.gate.resource);
        self.issuer.signer.mint(change(token))
    }

    fn request(&self, client: &Client, method: Method, path: &str) -> RequestBuilder {
        let host = format!("localhost:{}", self.gate.port);
        let url = format!("http://127.0.0.1:{}{path}", self.gate.port);
        client.request(method, url).header("host", host)
    }

    fn call(&self, client: &Client, subject: &str, body: String) -> RequestBuilder {
        self.request(client, Method::POST, "/mcp")
            .bearer_auth(self.token(|token| token.subject(subject)))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-03-26")
            .body(body)
    }
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.expect("an answer").status().as_u16()
}

/// How often somebody is let through who sends all this at once.
async fn granted(requests: impl IntoIterator<Item = RequestBuilder>) -> usize {
    let statuses = join_all(requests.into_iter().map(status)).await;
    statuses.iter().filter(|status| **status == 200).count()
}

/// One way to look like somebody else, number so and so.
type Disguise = fn(&Scene, RequestBuilder, usize) -> RequestBuilder;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subject_has_one_quota_however_it_comes() {
    let scene = Scene::with(LIMITS).await;
    let disguises: [(&str, Disguise); 9] = [
        ("as it is", |_, request, _| request),
        ("an address of a stranger's making", |_, request, number| {
            let address = format!("203.0.113.{number}");
            let forwarded = format!("for={address}");
            request
                .header("x-forwarded-for", &address)
                .header("x-real-ip", &address)
                .header("forwarded", forwarded)
        }),
        (
            "an identity of a stranger's making",
            |_, request, number| {
                request
                    .header("x-auth-request-user", format!("user-{number}"))
                    .header("x-auth-tier", "enterprise")
                    .header("x-auth-tenant", format!("tenant-{number}"))
            },
        ),
        ("a page of its own", |scene, request, number| {
            let port = scene.gate.port;
            request
                .header("origin", format!("http://localhost:{port}"))
                .header("user-agent", format!("agent {number}"))
        }),
        ("a session of its own", |_, request, number| {
            request.header("x-request-id", format!("{number}"))
        }),
        ("a query of its own", |_, request, number| {
            request.query(&[("number", number.to_string())])
        }),
        ("a version of its own", |_, request, _| {
            request.header("mcp-protocol-version", "2025-06-18")
        }),
        ("limits of a stranger's making", |_, request, _| {
            request
                .header("ratelimit", "\"per-user\";r=1000000;t=1")
                .header("x-ratelimit-reset", "0")
                .header("retry-after", "0")
        }),
        ("another method", |_, request, _| request),
    ];
    let client = Client::new();
    for (what, disguise) in disguises {
        let methods = [Method::GET, Method::DELETE, Method::POST, Method::HEAD];
        let requests = (0..TRIES).map(|number| {
            let method = match what {
                "another method" => methods[number % methods.len()].clone(),
                _ => Method::GET,
            };
            let path = ["/mcp", "/mcp/"][number % 2];
            let token = scene.token(|token| {
                token
                    .subject(what)
                    .claim("jti", format!("{what} {number}"))
                    .claim("client_id", format!("client-{number}"))
                    .claim("tier", format!("tier-{number}"))
            });
            let request = scene.request(&client, method, path).bearer_auth(token);
            disguise(&scene, request, number)
        });
        assert_eq!(granted(requests).await, BURST, "{what}");
    }
    assert_eq!(scene.upstream.take().len(), 9 * BURST);
}

/// One connection, and forty requests on it at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subject_has_one_quota_over_http_2_and_over_both_versions_together() {
    let scene = Scene::with(LIMITS).await;
    let h2 = Client::builder().http2_prior_knowledge();
    let clients = [h2.build().expect("a client"), Client::new()];
    let requests = (0..TRIES).map(|number| {
        let token = scene.token(|token| token.subject("alice"));
        let client = &clients[number % 2];
        scene
            .request(client, Method::GET, "/mcp")
            .bearer_auth(token)
    });
    assert_eq!(granted(requests).await, BURST);
}

/// Two names that look alike are two subjects; neither gets the other's quota, and none does harm.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subjects_that_look_alike_are_counted_apart_and_change_no_header() {
    let scene = Scene::with(LIMITS).await;
    let client = Client::new();
    let names = [
        "alice",
        "Alice",
        "alice ",
        "alice\u{0}",
        "alice\r\nRateLimit: \"x\";r=9",
        "al\u{200b}ice",
        "\u{1b}[31malice",
    ];
    for name in names {
        let requests = (0..BURST + 2).map(|_| {
            let token = scene.token(|token| token.subject(name));
            scene
                .request(&client, Method::GET, "/mcp")
                .bearer_auth(token)
        });
        let granted = granted(requests).await;
        // A name that cannot be passed on is no caller at all.
        assert!([0, BURST].contains(&granted), "{name:?}: {granted}");
        let token = scene.token(|token| token.subject(name));
        let request = scene
            .request(&client, Method::GET, "/mcp")
            .bearer_auth(token);
        let answer = request.send().await.expect("an answer");
        assert_ne!(answer.status(), 200, "{name:?}");
        assert!(answer.headers().get_all("ratelimit").iter().count() <= 1);
        assert_eq!(answer.headers().get("x"), None, "{name:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_costs_the_same_however_its_name_is_spelled() {
    let scene = Scene::with(TOOLS).await;
    let client = Client::new();
    let spellings = [
        "export_large",
        "EXPORT_LARGE",
        "Export_Large",
        " export_large",
        "export_large\t",
        "export_large\u{200b}",
        "\u{feff}export_large",
    ];
    for (number, spelling) in spellings.into_iter().enumerate() {
        let subject = format!("subject-{number}");
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": spelling}});
        let calls = (0..TRIES).map(|_| scene.call(&client, &subject, body.to_string()));
        let granted = granted(calls).await;
        assert!(granted <= BURST / 2, "{spelling:?}: {granted}");
        assert_eq!(scene.upstream.take().len(), granted, "{spelling:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_cannot_hide_from_its_price() {
    let scene = Scene::with(TOOLS).await;
    let client = Client::new();
    let call = |name: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{name}}}}}"#)
    };
    let ping = r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#;
    let bodies = [
        ("escaped", call(r#""\u0065xport_large""#)),
        ("in a batch", format!("[{ping},{}]", call(r#""export_large""#))),
        (
            "as a notification",
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"export_large"}}"#.to_owned(),
        ),
        (
            "with a second name",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"status","name":"export_large"}}"#.to_owned(),
        ),
        (
            "with a second method",
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"export_large"}}"#.to_owned(),
        ),
        (
            "in the case of a careless reader",
            r#"{"jsonrpc":"2.0","id":1,"Method":"tools/call","method":"ping","params":{"name":"export_large"}}"#.to_owned(),
        ),
        (
            "method in capitals",
            r#"{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{"name":"export_large"}}"#.to_owned(),
        ),
        ("after a byte order mark", format!("\u{feff}{}", call(r#""export_large""#))),
        ("twice", format!("{0}\n{0}", call(r#""export_large""#))),
    ];
    for (what, body) in bodies {
        for kind in [
            "application/json",
            "text/plain",
            "application/json; charset=utf-16",
            "",
        ] {
            let subject = format!("{what}, content type {kind:?}");
            let mut statuses = Vec::new();
            for _ in 0..BURST + 2 {
                let mut request = scene
                    .request(&client, Method::POST, "/mcp")
                    .bearer_auth(scene.token(|token| token.subject(subject.as_str())))
                    .header("accept", "application/json, text/event-stream")
                    .header("mcp-protocol-version", "2025-03-26")
                    .body(body.clone());
                if !kind.is_empty() {
                    request = request.header("content-type", kind);
                }
                statuses.push(status(request).await);
            }
            let reached = scene.upstream.take().len();
            assert!(
                reached <= BURST / 2 && !statuses.contains(&401),
                "{subject}: {statuses:?}"
            );
        }
    }
}
