//! Strangers with bad tokens, and the good clients that share their address.

use std::{net::IpAddr, time::Duration};

use futures_util::{StreamExt, stream};
use oauthgate_dev_issuer::{SignatureForgery, TokenSpec};
use oauthgate_e2e::{AuthorizationServer, Gate, GateBuilder, Kind, Recorder};
use reqwest::Client;

/// Two addresses of this machine.
const HERE: &str = "127.0.0.1";
const ELSEWHERE: &str = "127.0.0.2";

/// How often a patient client comes back.
const PATIENCE: usize = 20;

struct Scene {
    server: AuthorizationServer,
    _upstream: Recorder,
    gate: Gate,
}

/// What a client heard.
struct Heard {
    status: u16,
    retry_after: Option<u64>,
}

impl Scene {
    async fn set(variables: &[(&str, &str)]) -> Self {
        let server = AuthorizationServer::start(Kind::DevIssuer).await;
        let upstream = Recorder::start().await;
        let gate = GateBuilder::new(&upstream.url(), &server);
        let gate = variables
            .iter()
            .fold(gate, |gate, (name, value)| gate.set(name, *value));
        Self {
            server,
            gate: gate.start().await,
            _upstream: upstream,
        }
    }

    fn token(&self, change: impl FnOnce(TokenSpec) -> TokenSpec) -> String {
        let token = TokenSpec::new(self.gate.resource.as_str()).scope("mcp:read");
        self.server.as_dev_issuer().mint(change(token))
    }

    fn good(&self, subject: &str) -> String {
        self.token(|token| token.subject(subject))
    }

    /// Another one for each number, signed by nobody whom the gate trusts.
    fn forged(&self, number: usize) -> String {
        self.token(|token| {
            token
                .subject(format!("nobody-{number}"))
                .signature(SignatureForgery::Flipped)
        })
    }

    async fn send(&self, client: &Client, token: &str, chain: Option<&str>) -> Heard {
        let url = format!("http://127.0.0.1:{}/mcp", self.gate.port);
        let mut request = client
            .get(url)
            .header("host", format!("localhost:{}", self.gate.port))
            .bearer_auth(token);
        if let Some(chain) = chain {
            request = request.header("x-forwarded-for", chain);
        }
        let answer = request.send().await.expect("an answer");
        let retry_after = answer.headers().get("retry-after");
        Heard {
            status: answer.status().as_u16(),
            retry_after: retry_after
                .map(|seconds| seconds.to_str().unwrap().parse().expect("whole seconds")),
        }
    }

    /// So many bad tokens, eight at a time.
    async fn attack(
        &self,
        client: &Client,
        tokens: std::ops::Range<usize>,
        chain: impl Fn(usize) -> Option<String>,
    ) -> Vec<Heard> {
        let heard = stream::iter(tokens.map(|number| (self.forged(number), chain(number))))
            .map(async |(token, chain)| self.send(client, &token, chain.as_deref()).await)
            .buffer_unordered(8);
        heard.collect().await
    }

    async fn metric(&self, name: &str) -> u64 {
        let metrics = self.gate.metrics().await;
        let mut lines = metrics.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_else(|| panic!("{name}: {metrics}"))
    }
}

fn client_at(address: &str) -> Client {
    let address: IpAddr = address.parse().unwrap();
    let client = Client::builder().local_address(address).no_proxy();
    client.build().expect("a client")
}

fn count(heard: &[Heard], status: u16) -> usize {
    heard.iter().filter(|heard| heard.status == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h6_three_hundred_bad_tokens_refuse_no_good_call_from_the_same_address() {
    let scene = Scene::set(&[]).await;
    let (attacker, user) = (client_at(HERE), client_at(HERE));
    let good = scene.good("ada");
    assert_eq!(scene.send(&user, &good, None).await.status, 200);
    let calls = async {
        let mut heard = Vec::new();
        for _ in 0..300 {
            heard.push(scene.send(&user, &good, None).await);
        }
        heard
    };
    let (attacks, calls) = tokio::join!(scene.attack(&attacker, 0..300, |_| None), calls);
    assert_eq!(count(&calls, 200), 300, "good calls from the same address");
    let (challenged, limited) = (count(&attacks, 401), count(&attacks, 429));
    assert_eq!(challenged + limited, 300);
    assert!(challenged >= 60 && limited > 100, "{challenged} {limited}");
    let mut limited = attacks.iter().filter(|heard| heard.status == 429);
    assert!(limited.all(|heard| heard.retry_after.is_some_and(|seconds| seconds > 0)));
    let unverified = "oauthgate_refused_tokens_total{answer=\"unverified\"}";
    assert!(scene.metric(unverified).await > 0);
    let log = scene.gate.process.output();
    let lines = log
        .lines()
        .filter(|line| line.contains("used up its budget"));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("127.0.0.1/32") && lines[0].contains("OAUTHGATE_REFUSED_TOKENS"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_new_token_gets_in_while_its_address_is_over_budget() {
    let scene = Scene::set(&[]).await;
    let (attacker, newcomer) = (client_at(HERE), client_at(HERE));
    scene.attack(&attacker, 0..200, |_| None).await;
    let good = scene.good("grace");
    let gets_in = async {
        for _ in 0..PATIENCE {
            let heard = scene.send(&newcomer, &good, None).await;
            match (heard.status, heard.retry_after) {
                (200, _) => return true,
                (429, Some(seconds)) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                other => panic!("{other:?}"),
            }
        }
        false
    };
    // The attack goes on until the newcomer is in.
    let attack = async {
        for round in 1.. {
            let tokens = round * 1_000..round * 1_000 + 100;
            scene.attack(&attacker, tokens, |_| None).await;
        }
    };
    let is_in = tokio::select! {
        is_in = gets_in => is_in,
        () = attack => false,
    };
    assert!(is_in, "not in after {PATIENCE} times");
    scene.attack(&attacker, 0..100, |_| None).await;
    for _ in 0..50 {
        assert_eq!(scene.send(&newcomer, &good, None).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h5_a_spoofed_address_neither_evades_nor_blames_another() {
    let scene = Scene::set(&[("OAUTHGATE_REFUSED_TOKENS", "10/h")]).await;
    let (attacker, victim) = (client_at(HERE), client_at(ELSEWHERE));
    let spoofed = |number: usize| match number % 2 {
        0 => Some(ELSEWHERE.to_owned()),
        _ => Some(format!("203.0.113.{number}")),
    };
    scene.attack(&attacker, 0..10, spoofed).await;
    let evading = scene.attack(&attacker, 10..110, spoofed).await;
    assert_eq!(count(&evading, 429), 100);
    let blamed = scene.send(&victim, &scene.forged(1_000), None).await;
    assert_eq!(blamed.status, 401, "nobody else spent the victim's budget");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h5_behind_a_trusted_proxy_the_right_most_untrusted_hop_pays() {
    let scene = Scene::set(&[
        ("OAUTHGATE_REFUSED_TOKENS", "10/h"),
        ("OAUTHGATE_TRUSTED_PROXIES", HERE),
    ])
    .await;
    let proxy = client_at(HERE);
    // What stands further left is what the attacker wrote itself.
    let chain = |number: usize| Some(format!("198.51.100.{number}, 203.0.113.9"));
    scene.attack(&proxy, 0..10, chain).await;
    let further = scene.attack(&proxy, 10..110, chain).await;
    assert_eq!(count(&further, 429), 100);
    let named = scene.attack(&proxy, 200..201, |_| Some("198.51.100.1".to_owned()));
    assert_eq!(count(&named.await, 401), 1, "whom the attacker named");
    let good = scene.good("ada");
    let neighbour = scene.send(&proxy, &good, Some("203.0.113.10")).await;
    assert_eq!(neighbour.status, 200);
}
