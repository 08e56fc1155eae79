//! R3 and R5: a thousand first requests are one fetch, and a slow issuer keeps nobody waiting who need not.

use std::time::Duration;

use oauthgate_e2e::{Behaviour, Gate, GateBuilder, Issuer, Recorder, exchange, request_head};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

use super::{Scene, eventually};

const REQUESTS: usize = 1_000;
/// Requests share connections (HTTP/2), because descriptors may be scarce.
const CONNECTIONS: usize = 20;

fn clients() -> Vec<reqwest::Client> {
    let client = |_| {
        let client = reqwest::Client::builder().no_proxy();
        client.http2_prior_knowledge().build().expect("a client")
    };
    (0..CONNECTIONS).map(client).collect()
}

/// Sends them all at once; the statuses come when they come.
fn stampede(gate: &Gate, token: &str) -> JoinSet<u16> {
    let clients = clients();
    let mut requests = JoinSet::new();
    for number in 0..REQUESTS {
        let client = &clients[number % CONNECTIONS];
        let request = client.get(&gate.resource).bearer_auth(token).send();
        requests.spawn(async move { request.await.expect("an answer").status().as_u16() });
    }
    requests
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r5_a_thousand_first_requests_are_one_fetch_and_no_error() {
    let issuer = Issuer::start().await;
    let upstream = Recorder::start().await;
    // First requests wait two seconds: a busy machine gets most of them.
    issuer
        .keys
        .behave(Behaviour::Slow(Duration::from_millis(500)))
        .await;
    let gate = GateBuilder::trusting(&upstream.url(), issuer.name());
    let gate = gate.start_unready().await;
    let requests = stampede(&gate, &issuer.token(&gate.resource));
    let statuses = requests.join_all().await;
    let refused = statuses.iter().filter(|status| **status != 200).count();
    assert_eq!((statuses.len(), refused), (REQUESTS, 0));
    assert_eq!(
        (issuer.metadata.requests(), issuer.keys.requests()),
        (1, 1),
        "metadata, keys"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_d8_known_kids_are_answered_while_the_issuer_still_holds_its_answer() {
    let scene = Scene::set().await;
    let (token, stranger) = (
        scene.token(),
        scene.issuer.stranger(&scene.gate.resource, "new"),
    );
    assert_eq!(scene.gate.status(&token).await, 200);
    scene.issuer.keys.behave(Behaviour::Held).await;
    let refused = scene.gate.status(&stranger);
    let known = async {
        eventually("a stranger causes a fetch", async || {
            scene.issuer.keys.holding() == 1
        })
        .await;
        // These are over before the issuer answers, because it answers when they are over.
        let statuses = stampede(&scene.gate, &token).join_all().await;
        let refused = statuses.iter().filter(|status| **status != 200).count();
        assert_eq!((statuses.len(), refused), (REQUESTS, 0));
    };
    let (refused, ()) = tokio::join!(refused, known);
    assert_eq!(refused, 401, "the stranger is answered without the issuer");
    scene.issuer.keys.release();
}

/// Envoy crashed so: the fetch came back to requests that were gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_a_thousand_clients_that_leave_during_a_pending_fetch_harm_nobody() {
    let issuer = Issuer::start().await;
    let upstream = Recorder::start().await;
    issuer.keys.behave(Behaviour::Held).await;
    let gate = GateBuilder::trusting(&upstream.url(), issuer.name());
    let gate = gate.start_unready().await;
    let token = issuer.token(&gate.resource);
    let bearer = format!("Bearer {token}");
    let once = request_head("GET", "/mcp", gate.port, &[("Authorization", &bearer)]);
    let twice = [
        ("Authorization", bearer.as_str()),
        ("Authorization", &bearer),
    ];
    let twice = request_head("GET", "/mcp", gate.port, &twice);
    for number in 0..REQUESTS {
        let stream = TcpStream::connect(("127.0.0.1", gate.port)).await;
        let mut stream = stream.expect("the gate listens");
        stream.write_all(&once).await.expect("a request is taken");
        drop(stream);
        if number % 100 == 0 {
            gate.process.signal("HUP");
            let answer = exchange(gate.port, &twice).await;
            assert_eq!(answer.status, 400, "a second token: {}", answer.text);
        }
    }
    issuer.keys.behave(Behaviour::Well).await;
    issuer.keys.release();
    eventually("keys", async || gate.status(&token).await == 200).await;
    let statuses = stampede(&gate, &token).join_all().await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let output = gate.process.output();
    assert!(!output.contains("panicked"), "{output}");
}
